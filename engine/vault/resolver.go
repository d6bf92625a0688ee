package vault

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"sync"
	"time"
)

// ErrKnownMissing is returned (alone, with this value) for a reference whose
// value was not found a moment ago and is not looked for again yet;
// kong.vault.get then returns nil without a reason.
var ErrKnownMissing = errors.New("no value found, as before")

// Vault is a vault entity: a kind of vault with options, under a prefix that references name.
type Vault struct {
	Prefix string
	// Kind is the entity's name: env is the only one there is.
	Kind string
	// Options are the entity's config: prefix, ttl, neg_ttl, resurrect_ttl (seconds, decimal).
	Options map[string]string
}

// Options is what a Resolver needs; the zero value resolves {vault://env/…} from the process's environment.
type Options struct {
	// Environ looks a variable up; nil = os.LookupEnv.
	Environ func(name string) (string, bool)
	// Defaults are the options of kinds by kind, from the settings vault_KIND_OPTION.
	Defaults map[string]map[string]string
	// Find looks a vault entity up by its prefix; nil = there are none. It must answer from memory.
	Find func(prefix string) (Vault, bool)
	// Enabled lists the kinds that may be used; nil = all.
	Enabled []string
	// Now is the clock; nil = time.Now.
	Now func() time.Time
}

// Resolver finds the values of references and remembers them: for their ttl,
// or until Flush when there is none. Safe for concurrent use.
type Resolver struct {
	o     Options
	kinds map[string]kind
	mu    sync.RWMutex
	known map[string]answer
}

// kind is one kind of vault.
type kind interface {
	get(options map[string]string, r Reference) (string, error)
}

// answer is a remembered value, or that there is none (missing).
type answer struct {
	value   string
	missing bool
	until   time.Time // zero = until Flush
}

// maxKnown bounds the memory for answers: references come from configuration,
// so there are few, but kong.vault.get takes any string.
const maxKnown = 10000

// New makes a Resolver.
func New(o Options) *Resolver {
	if o.Environ == nil {
		o.Environ = os.LookupEnv
	}
	if o.Now == nil {
		o.Now = time.Now
	}
	return &Resolver{o: o, kinds: map[string]kind{"env": env{o.Environ}}, known: map[string]answer{}}
}

// Resolve returns the value of a reference. The errors are the texts of
// kong.vault.get, but ErrKnownMissing.
func (v *Resolver) Resolve(reference string) (string, error) {
	v.mu.RLock()
	a, ok := v.known[reference]
	v.mu.RUnlock()
	if ok && (a.until.IsZero() || v.o.Now().Before(a.until)) {
		if a.missing {
			return "", ErrKnownMissing
		}
		return a.value, nil
	}
	r, err := Parse(reference)
	if err != nil {
		return "", err
	}
	k, options, err := v.vault(r)
	if err != nil {
		return "", err
	}
	value, err := k.get(options, r)
	if err == nil && r.Key != "" {
		value, err = subfield(value, r.Key)
	}
	if err != nil {
		v.remember(reference, answer{missing: true}, options["neg_ttl"])
		return "", fmt.Errorf("could not get value from external vault (%w)", err)
	}
	v.remember(reference, answer{value: value}, options["ttl"])
	return value, nil
}

// Renew is Resolve that asks the vault, whatever the last answer was.
func (v *Resolver) Renew(reference string) (string, error) {
	v.mu.Lock()
	delete(v.known, reference)
	v.mu.Unlock()
	return v.Resolve(reference)
}

// Flush forgets all answers: the next Resolve asks the vaults again.
func (v *Resolver) Flush() {
	v.mu.Lock()
	clear(v.known)
	v.mu.Unlock()
}

// vault finds the kind of vault that r names and the options that hold for r:
// the reference's, else the entity's, else the settings'.
func (v *Resolver) vault(r Reference) (kind, map[string]string, error) {
	name := r.Name
	var own map[string]string
	if v.o.Find != nil {
		if entity, ok := v.o.Find(r.Name); ok {
			name, own = entity.Kind, entity.Options
		}
	}
	k, ok := v.kinds[name]
	if !ok || !v.enabled(name) {
		return nil, nil, fmt.Errorf("could not find vault (%s)", r.Name)
	}
	options := map[string]string{}
	for _, from := range []map[string]string{v.o.Defaults[name], own, r.Options} {
		for key, value := range from {
			options[key] = value
		}
	}
	return k, options, nil
}

func (v *Resolver) enabled(name string) bool {
	if v.o.Enabled == nil {
		return true
	}
	for _, e := range v.o.Enabled {
		if e == name || e == "bundled" {
			return true
		}
	}
	return false
}

// remember keeps an answer for ttl seconds; an empty or broken ttl means until Flush.
func (v *Resolver) remember(reference string, a answer, ttl string) {
	if s, err := strconv.ParseFloat(ttl, 64); err == nil && s > 0 && s < 1e9 {
		a.until = v.o.Now().Add(time.Duration(s * float64(time.Second)))
	}
	v.mu.Lock()
	defer v.mu.Unlock()
	if len(v.known) >= maxKnown {
		clear(v.known)
	}
	v.known[reference] = a
}
