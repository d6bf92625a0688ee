package plugintest

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// folder writes files below a new folder called name.
func folder(t testing.TB, name string, files map[string]string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), name)
	for f, text := range files {
		path := filepath.Join(dir, f)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

// results runs everything in a folder.
func results(t testing.TB, dir string) []*Result {
	t.Helper()
	p, err := Find(dir)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	all, err := p.RunAll(RunOptions{})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

const echo = `
local P = { PRIORITY = 7, VERSION = "1.0.0" }
function P:rewrite() kong.log.notice("rewrite") end
function P:access(conf)
  if kong.request.get_query_arg("exit") then return kong.response.exit(403, { message = "no" }) end
  if kong.request.get_query_arg("close") then ngx.exit(444) end
  if kong.request.get_query_arg("target") then kong.service.set_target("other.test", 8080) end
  kong.service.request.set_header("X-Setting", tostring(kong.configuration.real_ip_header))
  kong.service.request.set_header("X-Tag", conf.tag)
  kong.log.warn("tag ", conf.tag)
end
function P:header_filter(conf) kong.response.set_header("X-Tag", conf.tag) end
function P:log() end
return P`

const echoSchema = `return { name = "echo", fields = { { config = { type = "record", fields = {
  { tag = { type = "string", required = true, default = "t" } } } } } } }`

// What each case of a spec comes to: "" passes, else a part of the report.
func TestSpec(t *testing.T) {
	for _, c := range []struct{ name, spec, want string }{
		{"all is well", `
  config: {tag: blue}
  request: {method: POST, path: "/a?b=1", headers: {X-A: [1, 2]}, json: {x: [1]}, client: 192.0.2.7}
  upstream: {status: 201, headers: {Set-Cookie: [a=1, b=2], X-N: 5}, json: {y: null}}
  expect:
    response: {status: 201, headers: {X-Tag: blue, Set-Cookie: [a=1, b=2], X-N: 5, Nope: null}, json: {y: null}}
    upstream: {method: POST, path: "/a?b=1", headers: {X-Tag: {matches: "^b"}, X-A: [1, 2], X-Real-IP: 192.0.2.7}, json: {x: [1]}, to: "upstream.test:80"}
    log: [{matches: "^.warn. .*tag (blue|red)$"}]
    no_log: ["tag red"]
    phases: [access, header_filter, log]`, ""},
		{"exit", `
  request: GET /?exit=1
  expect: {response: {status: 403, json: {message: no}}, upstream: none, phases: [access, header_filter, log]}`, ""},
		{"global runs rewrite", `
  global: true
  request: GET /
  expect: {phases: [rewrite, access, header_filter, log], log: [rewrite]}`, ""},
		{"target by name", `
  request: GET /?target=1
  expect: {upstream: {to: "other.test:8080"}}`, ""},
		{"closed", `
  request: GET /?close=1
  expect: {response: closed}`, ""},
		{"an upstream that is down", `
  request: GET /
  upstream: down
  expect: {response: 502, upstream: none}`, ""},
		{"over TLS", `
  request: {path: /, tls: true}
  kong:
    services:
    - {name: s, url: "https://secure.test", routes: [{name: r, paths: [/]}]}
  global: true
  expect: {response: 200, upstream: {to: "secure.test:443", headers: {X-Forwarded-Proto: https}}}`, ""},
		{"with another plugin", `
  with: [{name: key-auth}]
  kong: {consumers: [{username: u, keyauth_credentials: [{key: k}]}]}
  steps:
  - request: GET /
    expect: {response: 401, phases: [key-auth.access, echo.header_filter, echo.log]}
  - request: {path: /, headers: {apikey: k}}
    expect: {response: 200, phases: [key-auth.access, echo.access, echo.header_filter, echo.log]}`, ""},
		{"replies one after another", `
  steps:
  - request: GET /
    upstream: [hangup, hangup, {status: 200, body: third}]
    expect: {response: {body: third}, upstream: [{}, {}, {path: /}]}`, ""},
		{"refused", `
  config: {tag: 5, more: 1}
  refused: {config.tag: expected a string, config.more: unknown field}`, ""},
		{"parts of json", `
  request: GET /
  upstream: {json: {id: abc1, n: 5, list: [1, {x: yes}]}}
  expect: {response: {json: {id: !matches "^[a-z0-9]+$", n: !any "", list: [!any "", {x: !matches "y"}]}}}`, ""},
		{"parts of json that differ", `
  request: GET /
  upstream: {json: {id: abc1}}
  expect: {response: {json: {id: !matches "^x"}}}`, "-   \"id\": \"!matches ^x\""},
		{"wrong status", "\n  request: GET /\n  expect: {response: 500}", "response.status\n        want \"500\"\n        got  \"200\""},
		{"wrong header", "\n  request: GET /\n  expect: {response: {headers: {X-Tag: null}}}", "response.headers.X-Tag\n        want (absent)\n        got  \"t\""},
		{"wrong body", "\n  request: GET /\n  upstream: {body: \"a\\nb\\n\"}\n  expect: {response: {body: \"a\\nc\\n\"}}", "response.body\n          a\n        - c\n        + b"},
		{"wrong json", "\n  request: GET /\n  upstream: {json: {a: 1}}\n  expect: {response: {json: {a: 2}}}", "-   \"a\": 2\n        +   \"a\": 1"},
		{"not json", "\n  request: GET /\n  expect: {response: {json: {a: 2}}}", "response.json"},
		{"wrong phases", "\n  request: GET /\n  expect: {phases: [access]}", "got  access, header_filter, log"},
		{"no such line", "\n  request: GET /\n  expect: {log: [nope]}", "log[1]\n        want a line with \"nope\""},
		{"unwanted line", "\n  request: GET /\n  expect: {no_log: [tag]}", "no_log[1]"},
		{"came, though none should", "\n  request: GET /\n  expect: {upstream: none}", "want 0 requests\n        got  1 request"},
		{"accepted, though it should be refused", "\n  refused: {config.tag: x}", "it is accepted"},
		{"refused in another way", "\n  config: {tag: 5}\n  refused: {config.tag: x}", "refused.config.tag\n        want \"x\"\n        got  \"expected a string\""},
		{"refused, though it should be fine", "\n  config: {tag: 5}\n  request: GET /", "in 'tag': expected a string"},
		{"second step", "\n  steps:\n  - request: GET /\n  - request: GET /\n    expect: {response: 1}", "step 2 (line"},
		{"a setting that does not exist", "\n  with: [{name: nonesuch}]\n  request: GET /", "nonesuch"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			dir := folder(t, "echo", map[string]string{"handler.lua": echo, "schema.lua": echoSchema,
				"spec.yml": "cases:\n- name: it" + c.spec + "\n"})
			r := results(t, dir)[0]
			var b strings.Builder
			r.Write(&b, false)
			if c.want == "" && r.Failed() || c.want != "" && !strings.Contains(b.String(), c.want) {
				t.Errorf("want %q, got\n%s", c.want, b.String())
			}
		})
	}
}

// What one case leaves in a shared dictionary, another does not see.
func TestCasesAreApart(t *testing.T) {
	dir := folder(t, "count", map[string]string{"schema.lua": `return { name = "count", fields = { { config = { type = "record", fields = {} } } } }`, "handler.lua": `
local P = { PRIORITY = 7, VERSION = "1.0.0" }
function P:access() kong.response.exit(200, tostring(ngx.shared.kong:incr("plugintest", 1, 0))) end
return P`, "spec.yml": `cases:
- {name: a, steps: [{request: GET /, expect: {response: {body: "1"}}}, {request: GET /, expect: {response: {body: "2"}}}]}
- {name: b, request: GET /, expect: {response: {body: "1"}}}`})
	for _, r := range results(t, dir) {
		if r.Failed() {
			t.Errorf("%s: %v %v", r.Name, r.Err, r.Problems)
		}
	}
}

func TestSpecErrors(t *testing.T) {
	for _, c := range []struct{ spec, want string }{
		{"", "it has no cases"},
		{"cases: []", "it has no cases"},
		{"cases:\n- request: GET /", "needs a name"},
		{"cases:\n- {name: a, request: GET /}\n- {name: a, request: GET /}", "s.yml:3: a case needs a name of its own"},
		{"cases:\n- {name: a}", "neither a request, steps nor refused"},
		{"cases:\n- {name: a, request: GET /, steps: [{request: GET /}]}", "both a request and steps"},
		{"cases:\n- {name: a, steps: [{expect: {}}]}", "step 1 has no request"},
		{"cases:\n- {name: a, request: /}", "is not METHOD PATH"},
		{"cases:\n- {name: a, request: {path: x}}", "does not begin with /"},
		{"cases:\n- {name: a, request: {path: /, paht: x}}", "field paht not found"},
		{"cases:\n- {name: a, request: {path: /, client: x}}", "client"},
		{"cases:\n- {name: a, request: {path: /, body: x, json: {}}}", "two bodies"},
		{"cases:\n- {name: a, requests: GET /}", "field requests not found"},
		{"cases:\n- {name: a, request: GET /, expect: {response: {stat: 1}}}", "field stat not found"},
		{"cases:\n- {name: a, request: GET /, expect: {upstream: nothing}}", "want none, a mapping or a list"},
		{"cases:\n- {name: a, request: GET /, expect: {response: {body: {like: x}}}}", "want matches, contains or not"},
		{"cases:\n- {name: a, request: GET /, expect: {response: {body: {matches: '('}}}}", "matches"},
		{"cases:\n- {name: a, request: GET /, upstream: gone}", "neither a status, down, hangup nor a mapping"},
		{"cases:\n- {name: a, request: {path: /, headers: [a]}}", "want a mapping of names"},
	} {
		if _, err := ParseSpec("s.yml", []byte(c.spec)); err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: want %q, got %v", c.spec, c.want, err)
		}
	}
}

func FuzzParseSpec(f *testing.F) {
	f.Add("cases:\n- {name: a, request: GET /, expect: {response: {headers: {A: null}, json: [1]}}}")
	f.Fuzz(func(t *testing.T, text string) {
		s, err := ParseSpec("f", []byte(text))
		if err == nil && len(s.Cases) == 0 {
			t.Error("neither cases nor an error")
		}
	})
}

func TestDiff(t *testing.T) {
	for _, c := range []struct{ want, got, diff string }{
		{"a\nb\n", "a\nb\n", "  a\n  b\n"},
		{"a\nb\nc\n", "a\nc\n", "  a\n- b\n  c\n"},
		{"", "x", "+ x (no line end)\n"},
		{strings.Repeat("a\n", 2000), strings.Repeat("b\n", 2000), "- 4000 bytes wanted\n+ 4000 bytes got\n"},
	} {
		if got := diff(c.want, c.got); got != c.diff {
			t.Errorf("%q → %q: %q", c.want, c.got, got)
		}
	}
}
