package conf

import (
	"os"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/vault"
)

// resolveReferences replaces values that are {vault://env/…} references, whole
// or as entries of a list, by what they refer to.
func (b *builder) resolveReferences() {
	if b.keep {
		b.setReferencesAside()
		return
	}
	prefix := b.values["vault_env_prefix"].Text
	r := vault.New(vault.Options{
		Environ:  b.lookupEnviron,
		Defaults: map[string]map[string]string{"env": {"prefix": prefix}},
	})
	for name, v := range b.values {
		if v.Unset || !strings.Contains(v.Text, "{vault://") {
			continue
		}
		parts := []string{v.Text}
		if s, ok := Lookup(name); ok && s.Type == Array {
			parts = list(v.Text)
		}
		for i, p := range parts {
			if !vault.IsReference(p) {
				continue
			}
			secret, err := r.Resolve(p)
			if err != nil {
				b.fail("failed to dereference '%s': %s for config option '%s'", p, err, name)
				continue
			}
			parts[i] = secret
		}
		v.Reference, v.Text = v.Text, strings.Join(parts, ", ")
		b.values[name] = v
	}
}

// setReferencesAside puts the default in the place of references that only
// their value could be checked of.
func (b *builder) setReferencesAside() {
	for name, v := range b.values {
		s, ok := Lookup(name)
		if !ok || !vault.IsReference(v.Text) || len(s.Enum) == 0 && (s.Type == String || s.Type == Array) {
			continue
		}
		b.values[name] = Value{Text: s.Default, Unset: s.Default == "", Reference: v.Text}
	}
}

// lookupEnviron finds a variable in the environment that Load was given.
func (b *builder) lookupEnviron(name string) (string, bool) {
	for _, e := range b.environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v, true
		}
	}
	return os.LookupEnv(name)
}

// checkValues checks each value against its row: enumeration, number, switch.
func (b *builder) checkValues() {
	for i := range tables {
		for j := range tables[i].rows {
			s := &tables[i].rows[j]
			v := b.values[s.Name]
			if s.Type == Prefix || s.Tier == Enterprise || b.keep && vault.IsReference(v.Text) {
				continue
			}
			b.checkValue(s, v)
		}
	}
}

func (b *builder) checkValue(s *Setting, v Value) {
	if len(s.Enum) > 0 {
		// An empty variable takes the default away, and nothing is not an allowed value.
		if v.Unset && v.Source > FromDefault {
			v.Text = "nil"
		}
		if v.Text != "" && !contains(s.Enum, v.Text) {
			b.fail("%s has an invalid value: '%s' (%s)", s.Name, v.Text, strings.Join(s.Enum, ", "))
		}
		return
	}
	if v.Unset {
		return
	}
	switch s.Type {
	case Number:
		// Settings of a database that is off are not looked at.
		unused := strings.HasPrefix(s.Name, "pg_") && b.values["database"].Text == "off"
		if _, err := strconv.ParseFloat(v.Text, 64); err != nil && !unused {
			b.fail("%s is not a number: '%s'", s.Name, v.Text)
		}
	case Boolean, Switch:
		if _, ok := onOff(v.Text); !ok {
			b.warn(s.Name, "'%s' is neither on nor off, taken as off", v.Text)
		}
	}
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}
