package conf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"sort"
	"strconv"
	"strings"
)

// DefaultFiles are the settings files that are tried, in order, when none is named.
var DefaultFiles = []string{"/etc/gibbon/gibbon.conf", "/etc/gibbon.conf", "/etc/kong/kong.conf", "/etc/kong.conf"}

// Warning is something about the settings that does not keep the gateway from
// starting: a name without meaning here, an old name, a value out of use.
type Warning struct {
	Setting string // the setting, or empty when it is about the file or the environment
	Text    string // what is wrong and what happens instead
}

// String is the warning as a log line's message.
func (w Warning) String() string {
	if w.Setting == "" {
		return w.Text
	}
	return w.Setting + ": " + w.Text
}

// Request says where settings come from. Later sources win: defaults, File,
// Environ (KONG_NAME, then GIBBON_NAME), Flags.
type Request struct {
	// File is kong.conf; empty = the first of DefaultFiles that exists, or none.
	File string
	// Environ has NAME=VALUE entries as os.Environ does.
	Environ []string
	// Flags are settings given on the command line, by name.
	Flags map[string]string
	// KeepReferences leaves {vault://…} values alone and treats them as valid; `check` does so.
	KeepReferences bool
	// Written says that File was written by WriteEnv: values in quotes are Go strings.
	Written bool
}

// Load reads, checks and types the settings; see Request. All problems found
// are in the error, one a line; each names the setting.
func Load(file string, environ []string, flags map[string]string) (*Config, []Warning, error) {
	return Request{File: file, Environ: environ, Flags: flags}.Load()
}

// Place finds the prefix only, and so succeeds when other settings are broken;
// no other field of the Config is filled in but File.
func (r Request) Place() (*Config, error) {
	b, err := r.read()
	if err == nil {
		b.prefix()
		err = errors.Join(b.problems...)
	}
	return b.c, err
}

// read gathers the values of all sources.
func (r Request) read() (*builder, error) {
	b := &builder{keep: r.KeepReferences, environ: r.Environ, values: defaults(), c: &Config{}}
	if err := b.readFile(r.File, r.Written); err != nil {
		return b, err
	}
	b.readEnviron("KONG_")
	b.readEnviron("GIBBON_")
	for name, text := range r.Flags {
		b.values[name] = Value{Text: text, Source: FromFlag, Origin: "the command line"}
	}
	return b, nil
}

// Load does what the function Load describes.
func (r Request) Load() (*Config, []Warning, error) {
	b, err := r.read()
	if err != nil {
		return nil, b.warnings, err
	}
	b.followAliases()
	b.resolveReferences()
	b.checkValues()
	if len(b.problems) == 0 {
		b.build()
	}
	if len(b.problems) > 0 {
		return nil, b.warnings, errors.Join(b.problems...)
	}
	return b.c, b.warnings, nil
}

// defaults are the values of the table.
func defaults() map[string]Value {
	values := make(map[string]Value, len(rows))
	for name, s := range rows {
		if s.Tier == Open {
			values[name] = Value{Text: s.Default, Unset: s.Default == ""}
		}
	}
	return values
}

// builder is the state of one Load.
type builder struct {
	keep     bool
	environ  []string
	values   map[string]Value
	c        *Config
	problems []error
	warnings []Warning
}

func (b *builder) fail(format string, args ...any) {
	b.problems = append(b.problems, fmt.Errorf(format, args...))
}

func (b *builder) warn(setting, format string, args ...any) {
	b.warnings = append(b.warnings, Warning{setting, fmt.Sprintf(format, args...)})
}

// readFile adds the values of a settings file.
func (b *builder) readFile(path string, written bool) error {
	if path == "" {
		for _, p := range DefaultFiles {
			if _, err := os.Stat(p); err == nil {
				path = p
				break
			}
		}
		if path == "" {
			return nil
		}
	}
	text, err := os.ReadFile(path)
	if errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("no file at: %s", path)
	} else if err != nil {
		return fmt.Errorf("could not read the settings: %w", err)
	}
	b.c.File, _ = filepath.Abs(path)
	lines, skipped := parseFile(string(text))
	for _, n := range skipped {
		b.warn("", "%s:%d is no setting (key = value) and is ignored", path, n)
	}
	for _, l := range lines {
		origin := fmt.Sprintf("%s:%d", path, l.line)
		if _, ok := Lookup(l.key); !ok {
			b.warn("", "%s: %q is not the name of a setting and is ignored", origin, l.key)
			continue
		}
		if u, err := strconv.Unquote(l.value); written && err == nil {
			l.value = u
		}
		b.values[l.key] = Value{Text: l.value, Unset: l.value == "", Source: FromFile, Origin: origin}
	}
	return nil
}

// readEnviron adds the variables that begin with prefix; those that name no
// setting are warned about in one line, since platforms set many of their own.
func (b *builder) readEnviron(prefix string) {
	var unknown []string
	for _, e := range b.environ {
		variable, text, ok := strings.Cut(e, "=")
		name, mine := strings.CutPrefix(variable, prefix)
		if !ok || !mine {
			continue
		}
		name = strings.ToLower(name)
		if _, ok := Lookup(name); !ok {
			if !strings.HasPrefix(variable, "GIBBON_INTERNAL_") {
				unknown = append(unknown, variable)
			}
			continue
		}
		text = strings.TrimSpace(text)
		b.values[name] = Value{Text: text, Unset: text == "", Source: FromEnv, Origin: variable}
	}
	if len(unknown) > 0 {
		sort.Strings(unknown)
		b.warn("", "no setting has the name of %s: ignored", strings.Join(unknown, ", "))
	}
}

// followAliases gives a value set under another name to the setting it means,
// unless that one is set as well, and shows it under both names.
func (b *builder) followAliases() {
	for name, s := range rows {
		if s.AliasOf == "" {
			continue
		}
		v, target := b.values[name], b.values[s.AliasOf]
		if v.Source > FromDefault && s.Deprecated {
			b.warn(name, "is an old name, use %s", s.AliasOf)
		}
		if v.Source > target.Source {
			b.values[s.AliasOf] = v
		} else {
			b.values[name] = target
		}
	}
	for name, v := range b.values {
		s, _ := Lookup(name)
		if v.Source == FromDefault || s == nil {
			continue
		}
		switch {
		case s.Tier == Enterprise:
			b.warn(name, "belongs to the Enterprise edition and has no effect")
		case s.NoEffect != "":
			b.warn(name, "has no effect, since %s", s.NoEffect)
		case s.Part != "" && !Parts[s.Part] && v.Text != "off":
			b.warn(name, "has no effect yet, since the part %q is not there", s.Part)
		}
	}
	sort.Slice(b.warnings, func(i, j int) bool { return b.warnings[i].String() < b.warnings[j].String() })
}

// Parts says which parts of the gateway are there; settings of the others are warned about.
// Whoever adds a part sets it here.
var Parts = map[string]bool{}
