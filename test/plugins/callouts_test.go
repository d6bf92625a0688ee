package plugins

import (
	"compress/gzip"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha1"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

var calloutConfigs = map[string]string{
	"middleman":              `{url: "$SERVICES/middleman"}`,
	"opa":                    `{host: 127.0.0.1, port: $PORT, policy: gate}`,
	"response-size-limiting": `{allowed_payload_size: 600, unit: bytes}`,
	"tx-debugger":            `{}`,
	"response-gzip":          `{}`,
	"qos-classifier":         `{}`,
	"usage-logger":           `{url: "$SERVICES/usage"}`,
	"wsse":                   `{}`,
	"google-logging":         `{client_email: a@b.test, private_key: $KEY, token_uri: "$SERVICES/google-token", endpoint: "$SERVICES/entries", max_batch_size: 3, flush_timeout: 0.2}`,
	"otlp-log":               `{endpoint: "$SERVICES/otlp", headers: {X-Token: "{vault://env/IDIOMS_SECRET}"}, queue: {max_batch_size: 2, max_coalescing_delay: 0.1}}`,
	"analytics":              `{endpoint: "$SERVICES/events"}`,
	"api-transformer":        `{request_transformer: $REQUEST, response_transformer: $RESPONSE}`,
	"template-transformer":   `{request_template: $TEMPLATE1, response_template: $TEMPLATE2}`,
	"kafka-log":              `{bootstrap_servers: ["$KAFKA"], topic: logs, producer_async_flush_timeout: 100, uuid: 5db0b4cf-2dd9-4c13-8d42-0a50c4f4d7b9}`,
	"soap2rest":              `{model: $MODEL}`,
	"jwt-claims-headers":     `{claims_to_include: [sub, "team.*"]}`,
	"jwt2header":             "global",
	"proxy-cache":            `{cache_policy_uris: ["/proxy%-cache/kept/.*"], vary_by_query: [a], vary_by_headers: [x-lang], redis_host: 127.0.0.1, redis_port: $REDIS, redis_password: pass}`,
	"flexible-limit":         `{redis_host: 127.0.0.1, redis_port: $REDIS, redis_auth: pass, rules: {"^/flexible%-limit/a": {redis_key: "${method}:${header.x-who}:${url}", window: 60, limit: 2}}}`,
}

const requestTransformer = `ngx.ctx.req_uri_args.added = "1" ngx.ctx.req_uri_args.gone = nil ngx.req.set_header("X-Was", ngx.ctx.req_method .. " " .. ngx.ctx.req_uri)
if ngx.ctx.req_json_body then ngx.ctx.req_json_body.extra = { 1, 2 } return true, cjson.encode(ngx.ctx.req_json_body) end return true`

const responseTransformer = `local b = ngx.ctx.resp_json_body if not b then error("no json") end return true, cjson.encode({ uri = b.uri, body = b.body, was = b.headers["x-was"], up = ngx.ctx.resp_headers["x-up"] })`

const (
	requestTemplate  = `{ "name": "{{body.user.name}}", "first": "{*body.tags[1]*}", "lang": "{{headers["x-lang"] or "none"}}", "q": {*cjson_encode(query_string)*}, "all": [{% for i, t in ipairs(body.tags) do %}{% if i > 1 then %},{% end %}"{{t}}"{% end %}] }`
	responseTemplate = `{"status":{{status}},"server":"{{body.server}}","sent":{*body.body*}}`
	soapModel        = "path: /soap\noperations:\n  price.get:\n    request: GetPrice\n    action: urn:price\n    status: 203\n  broken.get:\n    request: Broken\n    action: urn:broken\n"
)

func TestCalloutShapes(t *testing.T) {
	sv := newServices(t)
	broker := kafkaBroker(t, sv)
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	private := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	configs := map[string]string{}
	for name, c := range calloutConfigs {
		configs[name] = strings.NewReplacer("$SERVICES", sv.URL, "$PORT", sv.URL[strings.LastIndexByte(sv.URL, ':')+1:], "$KEY", jsonText(private), "$REQUEST", jsonText(requestTransformer),
			"$RESPONSE", jsonText(responseTransformer), "$TEMPLATE1", jsonText(requestTemplate), "$TEMPLATE2", jsonText(responseTemplate), "$MODEL", jsonText(soapModel), "$KAFKA", broker).Replace(c)
	}
	s := open(t, configs, `
plugins:
- {name: jwt2header}
- {name: jwt2header, route: jwt2header, config: {strip_claims: "true", token_required: "true"}}
consumers:
- {username: ada, id: 8f7b6bd4-9cdd-4c13-8d42-0a50c4f4d7b1, custom_id: app-1}
wsse_keys:
- {key: alice, secret: s3cret, consumer: ada}
`)
	for _, one := range []struct {
		name string
		test func(*testing.T, *site, *services)
	}{{"middleman", middleman}, {"opa", opa}, {"response-size-limiting", responseSizeLimiting}, {"tx-debugger", txDebugger}, {"response-gzip", responseGzip}, {"qos-classifier", qosClassifier},
		{"usage-logger", usageLogger}, {"wsse", wsse}, {"google-logging", googleLogging}, {"otlp-log", otlpLog}, {"analytics", analytics}, {"api-transformer", apiTransformer},
		{"template-transformer", templateTransformer}, {"soap2rest", soap2rest}, {"kafka-log", kafkaLog}, {"jwt-claims-headers", jwtClaimsHeaders}, {"jwt2header", jwt2header}, {"proxy-cache", proxyCache}, {"flexible-limit", flexibleLimit}} {
		t.Run(one.name, func(t *testing.T) { one.test(t, s, sv) })
	}
}

func middleman(t *testing.T, s *site, sv *services) {
	wants(t, s.do(t, "POST /middleman/x?a=1", "", "data").StatusCode, 200)
	a := s.do(t, "POST /middleman/x?a=1", "X-Bad: really", "", "data")
	var m map[string]any
	wants(t, a.StatusCode, 403, json.Unmarshal([]byte(a.body), &m), nil, fmt.Sprint(m), "map[args:map[a:1] body:data target:/middleman/x?a=1 why:really]")
}

func opa(t *testing.T, s *site, sv *services) {
	ask := func(user string) *answer { return s.do(t, "GET /opa/a/b", "X-User: "+user, "X-Groups: g1,g2") }
	a := ask("teapot")
	wants(t, ask("root").StatusCode, 200, ask("nobody").body, `{"message":"Access denied"}`, ask("nobody").StatusCode, 403, a.StatusCode, 418, a.Header.Get("X-Why"), "tea", a.body, "[opa a b] [g1 g2]\n", ask("crash").StatusCode, 500)
}

func responseSizeLimiting(t *testing.T, s *site, sv *services) {
	a := s.do(t, "POST /response-size-limiting/", "", strings.Repeat("x", 700))
	wants(t, a.StatusCode, 413, a.body, `{"message":"Response size limit exceeded","limit":600}`, s.do(t, "GET /response-size-limiting/").StatusCode, 200)
}

func txDebugger(t *testing.T, s *site, sv *services) {
	a := s.do(t, "POST /tx-debugger/chunked?q=1&q=2", "X-Mark: m-17", "", "sent")
	for _, line := range []string{"TX status: 200", "TX request header x-mark: m-17", "TX query q: 1, 2", "TX request body: sent", "TX response header x-up: stable", "TX response body: " + a.body} {
		eventually(t, line, func() bool { return strings.Contains(s.log(), line) })
	}
}

func responseGzip(t *testing.T, s *site, sv *services) {
	for _, path := range []string{"/response-gzip/a", "/response-gzip/chunked"} {
		a := s.do(t, "GET "+path, "Accept-Encoding: gzip")
		z, err := gzip.NewReader(strings.NewReader(a.body))
		if err != nil {
			t.Fatalf("%v %v %q", err, a.Header, a.body)
		}
		b, _ := io.ReadAll(z)
		wants(t, a.Header.Get("Content-Encoding"), "gzip", a.Header.Get("Vary"), "Accept-Encoding", strings.Contains(string(b), `"server":"stable"`), true)
	}
	wants(t, s.do(t, "GET /response-gzip/html", "Accept-Encoding: gzip").Header.Get("Content-Encoding"), "gzip", s.do(t, "GET /response-gzip/soap", "Accept-Encoding: identity").Header.Get("Content-Encoding"), "")
}

func qosClassifier(t *testing.T, s *site, sv *services) {
	eventually(t, "the timer", func() bool { return s.do(t, "GET /qos-classifier/").Header.Get("X-QoS") != "unknown" })
	a := s.do(t, "GET /qos-classifier/")
	wants(t, strings.HasSuffix(a.echo.Headers["x-qos-class"], ";qos-classifier;echo;timer"), true, a.Header.Get("X-QoS-Phase"), "access")
}

func usageLogger(t *testing.T, s *site, sv *services) {
	a := s.do(t, "POST /usage-logger/chunked", "", "in")
	note := sv.noted(t, "/usage ", `["request_body","in"]`)
	_, text, _ := strings.Cut(note, "  ")
	var pairs [][]any
	wants(t, json.Unmarshal([]byte(text), &pairs), nil, a.StatusCode, 200)
	got := map[any]any{}
	for _, p := range pairs {
		if len(p) == 2 {
			got[p[0]] = p[1]
		}
	}
	wants(t, got["response_body"], a.body, got["response_code"], "200", got["request_method"], "POST")
}

func wsse(t *testing.T, s *site, sv *services) {
	header := func(user, secret string, at time.Time) string {
		created := at.UTC().Format("2006-01-02T15:04:05Z")
		sum := sha1.Sum([]byte("n0nce" + created + secret))
		return fmt.Sprintf(`X-WSSE: UsernameToken Username="%s", PasswordDigest="%s", Nonce="n0nce", Created="%s"`, user, base64.StdEncoding.EncodeToString([]byte(hex.EncodeToString(sum[:]))), created)
	}
	a := s.do(t, "GET /wsse/", header("alice", "s3cret", time.Now()))
	wants(t, a.StatusCode, 200, a.echo.Headers["x-consumer-username"], "ada", a.echo.Headers["x-consumer-custom-id"], "app-1", a.echo.Headers["x-credential-username"], "alice")
	wants(t, s.do(t, "GET /wsse/", header("alice", "wrong", time.Now())).body, `{"message":"Credentials are invalid."}`, s.do(t, "GET /wsse/", header("bob", "s3cret", time.Now())).body, `{"message":"Credentials are invalid."}`,
		s.do(t, "GET /wsse/", header("alice", "s3cret", time.Now().Add(-time.Hour))).body, `{"message":"Timeframe is invalid."}`, s.do(t, "GET /wsse/").body, `{"message":"WSSE authentication header is missing."}`)
}

func googleLogging(t *testing.T, s *site, sv *services) {
	for i := range 3 {
		s.do(t, fmt.Sprintf("POST /google-logging/%d", i), "", "abc")
	}
	note := sv.noted(t, "/entries ", " Splunk gt ", "/google-logging/2")
	_, text, _ := strings.Cut(note, "gt ")
	var sent struct {
		Entries []struct {
			Severity    string
			HTTPRequest map[string]any
			Labels      map[string]string
		}
	}
	wants(t, json.Unmarshal([]byte(text), &sent), nil, len(sent.Entries) > 0, true)
	if len(sent.Entries) > 0 {
		e := sent.Entries[len(sent.Entries)-1]
		wants(t, e.Severity, "INFO", e.Labels["service"], "echo", e.HTTPRequest["requestSize"], 3, e.HTTPRequest["ended"], true, e.HTTPRequest["status"], 200)
	}
	wants(t, sv.times("/google-token"), 1)
}

func otlpLog(t *testing.T, s *site, sv *services) {
	a := s.do(t, "GET /otlp-log/one")
	wants(t, a.echo.Headers["x-configured"], "1;1;true;nil")
	s.do(t, "GET /otlp-log/two")
	note := sv.noted(t, "/otlp ", "GET /otlp-log/one", "GET /otlp-log/two")
	_, text, _ := strings.Cut(note, "  ")
	var sent []map[string]any
	wants(t, json.Unmarshal([]byte(text), &sent), nil, len(sent), 2)
	if len(sent) == 2 {
		wants(t, sent[0]["route"], "otlp-log", sent[0]["client"], "127.0.0.1", sent[0]["status"], 200, sent[0]["wait"].(float64) >= 0, true, len(fmt.Sprint(sent[0]["node"])), 36)
	}
}

func analytics(t *testing.T, s *site, sv *services) {
	a := s.do(t, "POST /analytics/x?y=1", "Authorization: secret", "Content-Type: application/json", "", `{"in":1}`)
	wants(t, len(a.Header.Get("X-Transaction-Id")), 32, a.echo.Headers["x-transaction-id"], a.Header.Get("X-Transaction-Id"))
	s.do(t, "POST /analytics/bin", "X-Transaction-Id: mine", "", "\x00\x01")
	note := sv.noted(t, "/events ", `"in":1`)
	_, text, _ := strings.Cut(note, "  ")
	var sent []struct {
		Request struct{ Headers map[string]any }
	}
	wants(t, json.Unmarshal([]byte(text), &sent), nil, len(sent) > 0 && sent[0].Request.Headers["authorization"] == nil && sent[0].Request.Headers["content-type"] != nil, true)
	wants(t, strings.Contains(note, `"server":"stable"`), true, strings.Contains(note, `"direction":"Incoming"`), true)
	sv.noted(t, "/events ", `"body":"AAE="`, `"x-transaction-id":"mine"`)
}

func apiTransformer(t *testing.T, s *site, sv *services) {
	a := s.do(t, "POST /api-transformer/a?gone=1&b=2", "Content-Type: application/json", "", `{"x":1}`)
	var got map[string]string
	wants(t, a.StatusCode, 200, json.Unmarshal([]byte(a.body), &got), nil, strings.Contains(got["uri"], "gone"), false, strings.Contains(got["uri"], "added=1"), true, strings.Contains(got["uri"], "b=2"), true,
		strings.Contains(got["body"], `"extra":[1,2]`), true, got["was"], "POST /api-transformer/a", got["up"], "stable")
	bad := s.do(t, "POST /api-transformer/a", "Content-Type: application/json", "", `{`)
	wants(t, bad.StatusCode, 400, strings.Contains(bad.body, `"error":"the body is no JSON"`), true, s.do(t, "GET /api-transformer/html").body, `{"error":"transformer failed"}`)
}

func proxyCache(t *testing.T, s *site, sv *services) {
	get := func(path string, headers ...string) *answer { return s.do(t, "GET /proxy-cache"+path, headers...) }
	first := get("/kept/chunked?a=1")
	wants(t, first.Header.Get("X-Cache-Status"), "MISS", first.Header.Get("X-Cache-Key"), "/proxy-cache/kept/chunked:a=1")
	var hit *answer
	eventually(t, "a hit", func() bool { hit = get("/kept/chunked?a=1&b=2"); return hit.Header.Get("X-Cache-Status") == "HIT" })
	wants(t, hit.body != "", true, hit.Header.Get("Content-Type"), "application/json", hit.StatusCode, 200, get("/kept/chunked?a=2").Header.Get("X-Cache-Status"), "MISS", get("/kept/chunked?a=1", "X-Lang: de").Header.Get("X-Cache-Status"), "MISS",
		get("/other").Header.Get("X-Cache-Status"), "BYPASS", s.do(t, "POST /proxy-cache/kept/x").Header.Get("X-Cache-Status"), "BYPASS")
}

func flexibleLimit(t *testing.T, s *site, sv *services) {
	ask := func(who string) *answer { return s.do(t, "GET /flexible-limit/a", "X-Who: "+who) }
	wants(t, ask("1").StatusCode, 200, ask("1").StatusCode, 200, ask("2").StatusCode, 200)
	a := ask("1")
	wants(t, a.StatusCode, http.StatusTooManyRequests, a.Header.Get("Retry-After"), 60, s.do(t, "GET /flexible-limit/b").StatusCode, 200)
}

func templateTransformer(t *testing.T, s *site, sv *services) {
	a := s.do(t, "POST /template-transformer/?a=1", "X-Lang: de", "Content-Type: application/json", "", `{"user":{"name":"a<b"},"tags":["x","y"]}`)
	var got struct {
		Status int
		Server string
		Sent   map[string]any
	}
	wants(t, a.StatusCode, 200, json.Unmarshal([]byte(a.body), &got), nil, got.Server, "stable", got.Status, 200, fmt.Sprint(got.Sent), "map[all:[x y] first:x lang:de name:a&lt;b q:map[a:1]]")
	wants(t, s.do(t, "POST /template-transformer/html", "Content-Type: application/json", "", `{"user":{},"tags":[]}`).body, "<p>not json</p>")
}

func soap2rest(t *testing.T, s *site, sv *services) {
	a := s.do(t, "GET /soap2rest/price", "", `{"item":"x","n":3}`)
	var got struct{ Answer map[string]string }
	wants(t, a.StatusCode, 203, a.Header.Get("Content-Type"), "application/json; charset=utf-8", json.Unmarshal([]byte(a.body), &got), nil, got.Answer["action"], "urn:price", got.Answer["saw"] != "", true)
	wants(t, s.do(t, "GET /soap2rest/none").StatusCode, 404, s.do(t, "GET /soap2rest/price", "", "{").StatusCode, 400)
}

// unsigned is a token that nobody signed.
func unsigned(claims string) string {
	part := func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }
	return part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(claims) + "." + part("signature")
}

func jwtClaimsHeaders(t *testing.T, s *site, sv *services) {
	token := unsigned(`{"sub":"ada","team_id":7,"teams":"a","other":"x"}`)
	h := s.do(t, "GET /jwt-claims-headers/", "Authorization: Bearer "+token).echo.Headers
	wants(t, h["x-sub"], "ada", h["x-team-id"]+h["x-team_id"], "7", h["x-teams"], "a", h["x-other"], "", s.do(t, "GET /jwt-claims-headers/?jwt="+token).echo.Headers["x-sub"], "ada")
	wants(t, s.do(t, "GET /jwt-claims-headers/").StatusCode, 401, s.do(t, "GET /jwt-claims-headers/?jwt=x").StatusCode, 500)
}

func jwt2header(t *testing.T, s *site, sv *services) {
	a := s.do(t, "GET /jwt2header/", "Authorization: Bearer "+unsigned(`{"sub":"ada","groups":["a","b"]}`))
	wants(t, a.StatusCode, 200, a.echo.Headers["x-kong-jwt-claim-sub"], "ada", a.echo.Headers["x-kong-jwt-claim-groups"], "a, b", a.echo.Headers["x-kong-jwt-kong-proceed"], "", s.do(t, "GET /jwt2header/").StatusCode, 401)
}
