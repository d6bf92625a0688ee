package vault

import (
	"errors"
	"reflect"
	"testing"
	"time"
)

// The cases are those of golden pdk/other/vault-references-parsed.
func TestParse(t *testing.T) {
	for in, want := range map[string]Reference{
		"{vault://env/name}":                  {Name: "env", Resource: "name"},
		"{vault://env/my/key}":                {Name: "env", Resource: "my", Key: "key"},
		"{vault://env/a/b/c}":                 {Name: "env", Resource: "a/b", Key: "c"},
		"{vault://env/a/b/}":                  {Name: "env", Resource: "a/b"},
		"{vault://my-v/na%20me/k%2Fx}":        {Name: "my-v", Resource: "na me", Key: "k/x"},
		"{vault://env/x?prefix=p_&ttl=5}":     {Name: "env", Resource: "x", Options: map[string]string{"prefix": "p_", "ttl": "5"}},
		"{vault://env/x/y#3}":                 {Name: "env", Resource: "x", Key: "y", Version: 3},
		"{vault://env/x}}":                    {Name: "env", Resource: "x}"},
		"{vault://env//x}":                    {Name: "env", Resource: "x"},
		"{vault://env/x?prefix=%zz&&=y&flag}": {Name: "env", Resource: "x", Options: map[string]string{"prefix": "%zz", "flag": "true"}},
	} {
		got, err := Parse(in)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v; want %+v", in, got, err, want)
		}
	}
	for in, want := range map[string]string{
		"{vault://env/x#abc}": "reference url has invalid version [{vault://env/x#abc}]",
		"{vault://env/}":      "reference url has empty path [{vault://env/}]",
		"{vault://env}":       "reference url is missing path [{vault://env}]",
		"{vault://}":          "reference url is missing host [{vault://}]",
		"{vault:///x}":        "reference url is missing host [{vault:///x}]",
		"vault://env/x":       "not a reference [vault://env/x]",
		"{vault:/env/x}":      "not a reference [{vault:/env/x}]",
		"{Vault://env/x}":     "not a reference [{Vault://env/x}]",
		"{vault://env/x} ":    "not a reference [{vault://env/x} ]",
		"":                    "not a reference []",
		"{}":                  "not a reference [{}]",
	} {
		if _, err := Parse(in); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("{vault://env/a/b?x=1#2}")
	f.Add("{vault://%/%2}")
	f.Fuzz(func(t *testing.T, s string) {
		r, err := Parse(s)
		if err == nil && (r.Name == "" || r.Resource == "" && r.Key == "") {
			t.Errorf("%q is taken without a name or a resource: %+v", s, r)
		}
	})
}

func fixed(vars map[string]string) func(string) (string, bool) {
	return func(n string) (string, bool) { v, ok := vars[n]; return v, ok }
}

// The cases are those of golden pdk/other/vault-values-from-the-environment.
func TestResolve(t *testing.T) {
	v := New(Options{
		Environ: fixed(map[string]string{"PROBE_TOKEN": "tok-1", "SECRET_WORD": "word-1", "PROBE_EMPTY": "",
			"PROBE_JSON": `{"user":"u1","n":5,"deep":{"a":"b"},"null":null}`, "CUT": `{"a":`}),
		Find: func(p string) (Vault, bool) {
			return Vault{Prefix: p, Kind: "env", Options: map[string]string{"prefix": "secret_"}}, p == "my-env"
		},
	})
	for in, want := range map[string]string{
		"{vault://env/probe-token}":         "tok-1",
		"{vault://env/PROBE_TOKEN}":         "tok-1",
		"{vault://env/token?prefix=probe_}": "tok-1",
		"{vault://my-env/word}":             "word-1",
		"{vault://env/probe-json/user}":     "u1",
		"{vault://env/probe-empty}":         "",
	} {
		if got, err := v.Resolve(in); err != nil || got != want {
			t.Errorf("%s: %q, %v; want %q", in, got, err, want)
		}
	}
	outer := "could not get value from external vault ("
	for in, want := range map[string]string{
		"{vault://env/probe-json/n}":    outer + "could not get subfield value: unexpected number value in JSON secret for subfield n)",
		"{vault://env/probe-json/none}": outer + "could not get subfield value: subfield none not found in JSON secret)",
		"{vault://env/probe-json/deep}": outer + "could not get subfield value: unexpected table value in JSON secret for subfield deep)",
		"{vault://env/probe-token/key}": outer + "could not get subfield value: unable to json decode value (nil): Expected value but found invalid token at character 1)",
		"{vault://env/cut/key}":         outer + "could not get subfield value: unable to json decode value (nil): Expected value but found T_END at character 6)",
		"{vault://env/no-such-name}":    outer + "no value found)",
		"{vault://nope/x}":              "could not find vault (nope)",
		"{vault://aws/x}":               "could not find vault (aws)",
		"not a reference":               "not a reference [not a reference]",
	} {
		if _, err := v.Resolve(in); err == nil || err.Error() != want {
			t.Errorf("%s: %v, want %s", in, err, want)
		}
	}
	if _, err := v.Resolve("{vault://env/no-such-name}"); err != ErrKnownMissing {
		t.Errorf("a missing value the second time: %v", err)
	}
	v.Flush()
	if _, err := v.Resolve("{vault://env/no-such-name}"); err == nil || errors.Is(err, ErrKnownMissing) {
		t.Errorf("a missing value after a flush: %v", err)
	}
}

func TestResolveTTL(t *testing.T) {
	now, vars := time.Unix(0, 0), map[string]string{"P_A": "1"}
	v := New(Options{Environ: fixed(vars), Now: func() time.Time { return now },
		Defaults: map[string]map[string]string{"env": {"prefix": "p_"}}, Enabled: []string{"bundled"}})
	for _, step := range []struct {
		after time.Duration
		set   string
		want  string
	}{{0, "2", "1"}, {2 * time.Second, "2", "1"}, {4 * time.Second, "2", "2"}} {
		if got, err := v.Resolve("{vault://env/a?ttl=5}"); err != nil || got != "1" && step.want == "1" {
			t.Errorf("before %v: %q, %v", step.after, got, err)
		}
		vars["P_A"] = step.set
		now = now.Add(step.after)
		if got, _ := v.Resolve("{vault://env/a?ttl=5}"); got != step.want {
			t.Errorf("after %v: %q, want %q", step.after, got, step.want)
		}
	}
	if _, err := New(Options{Enabled: []string{}}).Resolve("{vault://env/a}"); err == nil {
		t.Error("a vault that is not enabled answers")
	}
}
