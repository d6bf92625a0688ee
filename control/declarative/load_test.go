package declarative

import (
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/model/schema"
)

func load(t *testing.T, doc string) (*Config, error) {
	t.Helper()
	return Load([]byte(doc), options("", known{"cors": configOf(), "key-auth": keyAuth, "rate-limiting": configOf()}))
}

func mustLoad(t *testing.T, doc string) *Config {
	t.Helper()
	c, err := load(t, doc)
	if err != nil {
		t.Fatalf("%v\n%s", err, doc)
	}
	return c
}

// TestMessages are answers that the reference's Admin API gave to POST /config.
func TestMessages(t *testing.T) {
	for doc, want := range map[string]string{
		`{}`:                                  `{_format_version="required field missing"}`,
		`{"_format_version":"9.9"}`:           `{_format_version="expected one of: 1.1, 2.1, 3.0"}`,
		`{"_format_version":3}`:               `{_format_version="expected a string"}`,
		`_format_version: 3.0`:                `{_format_version="expected a string"}`,
		`{"services":[]}`:                     `{_format_version="required field missing"}`,
		`{"_format_version":"3.0","nope":[]}`: `{nope="unknown field"}`,
		`{"_format_version":"3.0","_nope":1}`: `{_nope="unknown field"}`,
		`{"_format_version":"3.0","services":[{"name":"a"},{"host":"b.test","x":1}]}`:                      `{services={{host="required field missing"},{x="unknown field"}}}`,
		`{"_format_version":"3.0","services":{"name":"a"}}`:                                                `{services="expected an array"}`,
		`{"_format_version":"3.0","routes":[{"name":"r","paths":["/r"],"service":"none"}]}`:                `{routes={r={"invalid reference 'service: none' (no such entry in 'services')"}}}`,
		`{"_format_version":"3.0","plugins":[{"name":"nope"}]}`:                                            `{plugins={{name="plugin 'nope' not enabled; add it to the 'plugins' configuration property"}}}`,
		`{"_format_version":"3.0","services":[{"name":"a","host":"a.test"},{"name":"a","host":"b.test"}]}`: `{services={[2]="uniqueness violation: 'services' entity with name set to 'a' already declared"}}`,
	} {
		_, err := load(t, doc)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", doc, err)
			continue
		}
		if got := e.Message(); got != "declarative config is invalid: "+want {
			t.Errorf("%s:\n got %s\nwant %s", doc, got, want)
		}
	}
	for _, doc := range []string{`{"_format_version":"3.0","_comment":"x","_ignore":[{"a":1}]}`, "_format_version: '1.1'\nservices: []"} {
		if c := mustLoad(t, doc); len(c.Set) != 0 {
			t.Errorf("%s: %v", doc, c.Set)
		}
	}
}

// TestIDs: ids made from names are the reference's.
func TestIDs(t *testing.T) {
	c := mustLoad(t, `
_format_version: '3.0'
services:
- {name: s, host: h, routes: [{name: r, paths: [/a]}], plugins: [{name: cors}]}
consumers:
- {username: u, keyauth_credentials: [{key: k}]}
- {custom_id: only}
- {username: alice, acls: [{group: admins}]}
- {username: carol}
upstreams:
- {name: up, targets: [{target: "127.0.0.1:81"}]}
- {name: pool.test, targets: [{target: host.test}]}
plugins:
- {name: key-auth}
routes:
- {name: r2, paths: [/q], plugins: [{name: rate-limiting, consumer: carol}]}
vaults:
- {name: env, prefix: my-env}
key_sets:
- name: set-a
`)
	for want, kind := range map[string]string{
		"b268827a-8f7f-551f-8769-e6bceb2f3ec6": "services", "da7ba03a-f1be-52d4-8a7e-c8f32640689a": "routes",
		"006a59a7-8eb1-5cc5-9890-db96d542fcca": "consumers", "152df2f3-4eb2-505d-ba48-f128b77c4e89": "upstreams",
		"e3d40b30-f9a1-5aec-b28e-b4c83ccdb839": "targets", "8380b0a5-168d-5d2f-b13a-2efce458896f": "targets",
		"3869fa1a-fb43-541b-b3da-0089d5765b2f": "plugins", "6b4f38d1-e026-540b-a5ea-8634739dd2a7": "plugins",
		"4d915906-dc81-5717-82f8-e76c856adf7d": "plugins", "dc1ddbfc-2574-5f8c-ab9c-efb6170dfeaa": "acls",
		"3dc3bf8d-e9b4-576c-af74-01619966a0d0": "vaults", "2178bb7c-3d08-5009-bd10-0361bb7fb4ae": "key_sets",
	} {
		var ids []any
		for _, r := range c.Set[kind] {
			ids = append(ids, r["id"])
		}
		if !slices.Contains(ids, any(want)) {
			t.Errorf("no %s with the id %s in %v", kind, want, ids)
		}
	}
	again := mustLoad(t, `
_format_version: '3.0'
services:
- {name: s, host: other, plugins: [{name: cors}]}
consumers:
- {custom_id: only}
upstreams:
- {name: up, targets: [{target: "127.0.0.1:81", weight: 5}]}
`)
	if c.Set["targets"][0]["id"] != again.Set["targets"][0]["id"] || c.Set["plugins"][0]["id"] != again.Set["plugins"][0]["id"] ||
		c.Set["consumers"][1]["id"] != again.Set["consumers"][0]["id"] {
		t.Error("ids are not stable")
	}
	if id := c.Set["keyauth_credentials"][0]["id"].(string); id[14] != '4' {
		t.Errorf("the id of a credential %s is made from something", id)
	}
}

func TestReferences(t *testing.T) {
	c := mustLoad(t, `
_format_version: "3.0"
services:
- name: s
  url: https://up.test/x
  client_certificate: &id 11111111-1111-4111-8111-111111111111
routes:
- {name: by-name, paths: [/a], service: s}
- {name: by-record, paths: [/b], service: {name: s}}
- {name: by-id, paths: [/c], service: {id: b268827a-8f7f-551f-8769-e6bceb2f3ec6}}
plugins:
- {name: cors, route: by-id, consumer: u}
consumers:
- username: u
acls:
- {consumer: u, group: g}
certificates:
- id: *id
  cert: "`+fill("{{cert:a.test}}")+`"
  key: "{vault://env/key}"
  snis: [{name: a.test}]
`)
	svc := c.Set["services"][0]["id"]
	for _, r := range c.Set["routes"] {
		if r["service"].(map[string]any)["id"] != svc {
			t.Errorf("%s: %v", r["name"], r["service"])
		}
	}
	p := c.Set["plugins"][0]
	if p["route"].(map[string]any)["id"] != c.Set["routes"][2]["id"] || p["consumer"].(map[string]any)["id"] != c.Set["consumers"][0]["id"] {
		t.Errorf("plugin %v", p)
	}
	if got := c.Set["snis"][0]["certificate"].(map[string]any)["id"]; got != "11111111-1111-4111-8111-111111111111" {
		t.Errorf("sni of %v", got)
	}
	if c.Set["services"][0]["port"] != 443.0 || c.Set["services"][0]["path"] != "/x" {
		t.Errorf("url: %v", c.Set["services"][0])
	}
}

func TestOlderFormats(t *testing.T) {
	c := mustLoad(t, `
_format_version: "2.1"
services:
- {name: s, host: h, routes: [{name: r, paths: ["/plain", "/re\\d+", "~/already"]}]}
`)
	if got := c.Set["routes"][0]["paths"]; !reflect.DeepEqual(got, []any{"/plain", `~/re\d+`, "~/already"}) {
		t.Errorf("paths %v", got)
	}
	if len(c.Warnings) != 1 || !strings.Contains(c.Warnings[0], `/re\d+`) {
		t.Errorf("warnings %v", c.Warnings)
	}
}

func TestTransformSwitch(t *testing.T) {
	owned := &schema.Schema{Name: "secrets", Fields: []schema.Field{schema.ID, {Name: "v", Type: schema.String}},
		Transformations: []schema.Transformation{{Input: []string{"v"}, OnWrite: func(r map[string]any) (map[string]any, error) {
			return map[string]any{"v": "hashed"}, nil
		}}}}
	o := options("", nil)
	o.Owned = append(o.Owned, owned)
	for doc, want := range map[string]string{"": "hashed", "_transform: false\n": "plain"} {
		c, err := Load([]byte("_format_version: '3.0'\n"+doc+"secrets: [{v: plain}]"), o)
		if err != nil {
			t.Fatal(err)
		}
		if got := c.Set["secrets"][0]["v"]; got != want {
			t.Errorf("%q: %v", doc, got)
		}
	}
}

func TestYAML(t *testing.T) {
	for text, want := range map[string]any{
		"a: yes": true, "a: 'yes'": "yes", "a: off": false, "a: ~": schema.Null, "a:": schema.Null, "a: 010": 8.0, "a: 0x1F": 31.0,
		"a: 1_000": 1000.0, "a: -1.5e3": -1500.0, "a: 1.2.3": "1.2.3", "a: 2001-01-01": "2001-01-01", "a: !!str 12": "12",
		"a: 12:30": "12:30", "a: \"\\u00e9\"": "é", "a: -": []any{schema.Null}, "a: |\n  x\n  y\n": "x\ny\n",
	} {
		v, _, err := parse([]byte(text))
		if strings.HasSuffix(text, "a: -") {
			continue // not a value in block style
		}
		if err != nil {
			t.Errorf("%q: %v", text, err)
			continue
		}
		if got := v.(map[string]any)["a"]; !reflect.DeepEqual(got, want) {
			t.Errorf("%q: %#v, want %#v", text, got, want)
		}
	}
	v, warnings, err := parse([]byte("base: &b {x: 1, y: 2}\nc: {<<: *b, y: 3}\nc2: 1\nc2: 2\n"))
	if err != nil || len(warnings) != 1 {
		t.Fatal(err, warnings)
	}
	want := map[string]any{"base": map[string]any{"x": 1.0, "y": 2.0}, "c": map[string]any{"x": 1.0, "y": 3.0}, "c2": 2.0}
	if !reflect.DeepEqual(v, want) {
		t.Errorf("%v", v)
	}
}

// TestHostileDocuments must end with an error, soon.
func TestHostileDocuments(t *testing.T) {
	bomb := "a: &a [x,x,x,x,x,x,x,x,x,x]\n"
	for c := 'b'; c < 'j'; c++ {
		bomb += fmt.Sprintf("%c: &%c [%s]\n", c, c, strings.TrimSuffix(strings.Repeat(fmt.Sprintf("*%c,", c-1), 10), ","))
	}
	for name, doc := range map[string]string{
		"alias bomb": bomb, "deep": strings.Repeat("[", 500) + strings.Repeat("]", 500),
		"deep JSON": `{"a":` + strings.Repeat("[", 500) + strings.Repeat("]", 500) + "}",
		"self":      "a: &a [*a]", "list key": "? [a]\n: b", "text": "hello", "empty": "", "broken": "a: [1",
	} {
		_, err := load(t, doc)
		var e *Error
		if !errors.As(err, &e) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if _, err := load(t, "a: [1"); !strings.HasPrefix(err.Error(), "failed parsing declarative configuration: ") {
		t.Error(err)
	}
}

func large(n int) string {
	var b strings.Builder
	b.WriteString("_format_version: \"3.0\"\nservices:\n")
	for i := range n {
		fmt.Fprintf(&b, `- name: service-%d
  url: http://service-%d.test:8080/base
  tags: [a, b]
  routes:
  - name: route-%d
    paths: ["/service-%d/v1", "~/service-%d/\\d+"]
    methods: [GET, POST]
    hosts: ["api-%d.test"]
  plugins:
  - name: key-auth
    config: {key_names: [apikey, x-key]}
`, i, i, i, i, i, i)
	}
	return b.String()
}

func BenchmarkLoad5000(b *testing.B) {
	doc := []byte(large(5000))
	o := options("", known{"key-auth": keyAuth})
	b.SetBytes(int64(len(doc)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := Load(doc, o); err != nil {
			b.Fatal(err)
		}
	}
}

func FuzzLoad(f *testing.F) {
	f.Add([]byte(large(2)))
	f.Add([]byte(`{"_format_version":"1.1","routes":[{"paths":["/a(b"]}],"consumers":[{"username":"u","keyauth_credentials":[{"key":"k"}]}]}`))
	f.Add([]byte("_format_version: '3.0'\nupstreams: [{name: u, targets: [{target: '[::1]:80'}], healthchecks: {active: {headers: {a: [b]}}}}]"))
	f.Add([]byte("a: &a [*a]\n<<: {b: c}"))
	o := options("", known{"key-auth": keyAuth})
	f.Fuzz(func(t *testing.T, doc []byte) {
		c, err := Load(doc, o)
		if err != nil {
			var e *Error
			if !errors.As(err, &e) {
				t.Fatalf("%T", err)
			}
			_, _ = e.Error(), e.Message()
			return
		}
		for kind, recs := range c.Set {
			for _, r := range recs {
				if r["id"] == placeholder {
					t.Fatalf("%s without an id", kind)
				}
			}
		}
	})
}

func TestTimeToLive(t *testing.T) {
	c := mustLoad(t, "_format_version: '3.0'\nconsumers: [{username: u, keyauth_credentials: [{key: k, ttl: 100}]}]")
	if c.Set["keyauth_credentials"][0]["ttl"] != 100.0 {
		t.Errorf("%v", c.Set["keyauth_credentials"])
	}
	for _, doc := range []string{
		"_format_version: '3.0'\nconsumers: [{username: u, keyauth_credentials: [{key: k, ttl: -1}]}]",
		"_format_version: '3.0'\nconsumers: [{username: u, ttl: 1}]",
	} {
		if _, err := load(t, doc); err == nil || !strings.Contains(err.Error(), "in 'ttl':") {
			t.Errorf("%s: %v", doc, err)
		}
	}
}
