package plugins

import (
	"crypto/hmac"
	"crypto/sha1"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"
)

const jsonSchema = `{"type":"object","required":["name"],"properties":{"name":{"type":"string","pattern":"^[a-z]+$"},"age":{"type":"integer","minimum":0},"tags":{"type":"array","items":{"type":"string"}}}}`

var configs = map[string]string{
	"phantom-token":      `{introspection_endpoint: "$IDP/introspect", client_id: gw, client_secret: pw, scope: [read], negative_ttl: 60}`,
	"oidc-client":        `{issuer: $IDP, client_id: app, client_secret: s3cret, session_secret: "long enough"}`,
	"json-validator":     `{body_schema: '` + jsonSchema + `', verbose_response: true, error_status: 422}`,
	"redis-limiter":      `{limit: 3, window: 600, limit_by: header, header_name: X-Who, redis_host: 127.0.0.1, redis_port: $REDIS, redis_password: pass, redis_database: 2}`,
	"batch-http-log":     `{http_endpoint: "$COLLECTOR/ingest", token: tok, queue: {max_batch_size: 5, max_coalescing_delay: 0.2, initial_retry_delay: 0.02}, custom_fields_by_lua: {team: "return 'blue'", "request.headers.authorization": "return nil"}}`,
	"tcp-socket-log":     `{host: 127.0.0.1, port: $LINES}`,
	"body-rewriter":      `{remove: [password], add: ["source:gateway"]}`,
	"header-transformer": `{remove: {headers: [X-Old], querystring: [debug]}, add: {headers: ["X-Agent:$(headers.user_agent or headers['user-agent'])", "X-Plain:v"], querystring: ["from:$(query_params.a)"]}, append: {headers: ["X-List:two"]}, replace_path: "/new/$(query_params.a)", response_headers: ["X-Out:$(headers.host)", "X-Up:again"]}`,
	"hmac-verify":        `{secret: key}`,
	"entity-key":         `{hide_credentials: true, anonymous: nobody}`,
	"ip-geo-allow":       `{allow: [10.0.0.0/8, "2001:db8::/32", 127.0.0.1], deny: [10.9.0.0/16], use_forwarded: true, countries: {DE: true}}`,
	"cookie-session":     `{}`,
	"shm-response-cache": `{cache_ttl: 60}`,
	"canary-router":      `{host: $CANARY_HOST, port: $CANARY_PORT, percentage: 0}`,
	"maintenance":        `{}`,
	"trace-propagation":  `global`,
	"graphql-guard":      `{max_depth: 2}`,
	"soap-transformer":   `{method: GetPrice}`,
	"ws-token-auth":      `{secret: hush}`,
	"mtls-headers":       `global`,
	"shm-metrics":        `{}`,
	"aws-signer":         `{access_key: AKIDEXAMPLE, secret_key: wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY, host: bucket.example.test, fixed_time: 1440938160}`,
	"idioms":             idiomsConfig,
	"error-pages":        `{from: 400, messages: {"404": Gone fishing}, map: {"418": 400}}`,
}

const entities = `
plugins:
- name: mtls-headers
  config: {path: /mtls-headers}
- name: trace-propagation
  config: {generator: uuid}
upstreams:
- name: blue
  targets: [{target: "$CANARY_HOST:$CANARY_PORT"}]
consumers:
- {username: ada, id: 8f7b6bd4-9cdd-4c13-8d42-0a50c4f4d7b1, custom_id: c-ada}
- {username: nobody, id: 8f7b6bd4-9cdd-4c13-8d42-0a50c4f4d7b2}
entity_keys:
- {key: k-gold, tier: gold, labels: [a, b], limits: {day: 5}, consumer: ada}
`

func TestShapes(t *testing.T) {
	s := open(t, configs, entities)
	for name, f := range map[string]func(*testing.T, *site){
		"phantom-token": phantomToken, "oidc-client": oidcClient, "json-validator": jsonValidator, "redis-limiter": redisLimiter,
		"batch-http-log": batchHTTPLog, "tcp-socket-log": tcpSocketLog, "body-rewriter": bodyRewriter, "header-transformer": headerTransformer,
		"hmac-verify": hmacVerify, "entity-key": entityKey, "ip-geo-allow": ipGeoAllow, "cookie-session": cookieSession,
		"shm-response-cache": responseCache, "canary-router": canaryRouter, "maintenance": maintenance, "trace-propagation": tracePropagation,
		"graphql-guard": graphqlGuard, "soap-transformer": soapTransformer, "ws-token-auth": wsTokenAuth, "shm-metrics": shmMetrics,
		"aws-signer": awsSigner, "error-pages": errorPages, "mtls-headers": mtlsHeaders, "idioms": checkIdioms,
	} {
		t.Run(name, func(t *testing.T) { f(t, s) })
	}
	for _, bad := range []string{"[error] ", "[crit] "} {
		for _, line := range strings.Split(s.log(), "\n") {
			if strings.Contains(line, bad) && !expectedError.MatchString(line) {
				t.Errorf("the log says: %s", line)
			}
		}
	}
}

// expectedError are lines that tests provoke.
var expectedError = regexp.MustCompile(`cannot introspect|bad session signature|cannot parse: `)

func phantomToken(t *testing.T, s *site) {
	wants(t, s.do(t, "GET /phantom-token/").StatusCode, 401)
	a := s.do(t, "GET /phantom-token/x", "Authorization: Bearer live")
	wants(t, a.StatusCode, 200, a.Header.Get("X-Cache-Level"), "3", a.echo.Headers["authorization"], "Bearer by.value.token", a.echo.Headers["x-consumer-username"], "ada",
		a.echo.Headers["x-consumer-id"], "8f7b6bd4-9cdd-4c13-8d42-0a50c4f4d7b1", a.echo.Headers["x-credential-identifier"], "app")
	info, _ := base64.StdEncoding.DecodeString(a.echo.Headers["x-userinfo"])
	var claims struct {
		Sub   string
		Roles []string
	}
	wants(t, json.Unmarshal(info, &claims), nil, claims.Sub, "42", claims.Roles, "[admin]")
	wants(t, s.do(t, "GET /phantom-token/x", "Authorization: bearer live").Header.Get("X-Cache-Level"), "1")
	a = s.do(t, "GET /phantom-token/x", "Authorization: Bearer dead")
	wants(t, a.StatusCode, 401, a.Header.Get("WWW-Authenticate"), `Bearer error="invalid_token", error_description="Access token is inactive"`)
	s.do(t, "GET /phantom-token/x", "Authorization: Bearer dead")
	a = s.do(t, "GET /phantom-token/x", "Authorization: Bearer narrow")
	wants(t, a.StatusCode, 403, strings.Contains(a.body, `"missing scope read"`), true)
	wants(t, s.do(t, "GET /phantom-token/x", "Authorization: Bearer broken").StatusCode, 502)
	wants(t, s.idp.count("/introspect"), 4)
}

func oidcClient(t *testing.T, s *site) {
	a := s.do(t, "GET /oidc-client/page?x=1")
	loc, err := url.Parse(a.Header.Get("Location"))
	wants(t, a.StatusCode, 302, err, nil, strings.HasPrefix(loc.String(), s.idp.URL+"/authorize?"), true, loc.Query().Get("scope"), "openid email")
	back, _ := url.Parse(loc.Query().Get("redirect_uri"))
	wants(t, back.Path, "/oidc-client/callback")
	var cookies []string
	for _, c := range a.Cookies() {
		cookies = append(cookies, c.Name+"="+c.Value)
	}
	wants(t, len(cookies), 2)
	a = s.do(t, "GET /oidc-client/callback?code=good&state=wrong", "Cookie: "+strings.Join(cookies, "; "))
	wants(t, a.StatusCode, 400)
	a = s.do(t, "GET /oidc-client/callback?code=bad&state="+loc.Query().Get("state"), "Cookie: "+strings.Join(cookies, "; "))
	wants(t, a.StatusCode, 401, a.body, `{"message":"token endpoint: 400"}`)
	a = s.do(t, "GET /oidc-client/callback?code=good&state="+loc.Query().Get("state"), "Cookie: "+strings.Join(cookies, "; "))
	wants(t, a.StatusCode, 302, a.Header.Get("Location"), "/oidc-client/page?x=1", len(a.Cookies()), 1)
	if len(a.Cookies()) != 1 {
		return
	}
	c := a.Cookies()[0]
	wants(t, c.HttpOnly, true, regexp.MustCompile(`^\w{3}, \d\d-\w{3}-\d\d \d\d:\d\d:\d\d GMT$`).MatchString(c.RawExpires), true)
	a = s.do(t, "GET /oidc-client/page", "Cookie: OIDCSession="+c.Value)
	wants(t, a.StatusCode, 200, a.echo.Headers["x-oauth-user"], "ada@example.test")
	wants(t, s.do(t, "GET /oidc-client/page", "Cookie: OIDCSession="+c.Value+"0").StatusCode, 302)
	a = s.do(t, "GET /oidc-client/page", "X-Requested-With: XMLHttpRequest")
	wants(t, a.StatusCode, 401, a.Header.Get("Content-Type"), "application/json", a.body, "{\"message\":\"login required\"}\n")
	wants(t, s.idp.count("/.well-known/openid-configuration"), 1)
}

func jsonValidator(t *testing.T, s *site) {
	post := func(body string) *answer {
		return s.do(t, "POST /json-validator/a", "Content-Type: application/json; charset=utf-8", "", body)
	}
	a := post(`{"name":"ada","age":1,"tags":[]}`)
	wants(t, a.StatusCode, 200, a.echo.Body, `{"name":"ada","age":1,"tags":[]}`)
	a = post(`{"age":-1,"tags":["a",1]}`)
	var said struct {
		Message string
		Errors  json.RawMessage
	}
	wants(t, a.StatusCode, 422, json.Unmarshal([]byte(a.body), &said), nil, said.Message, "request body doesn't conform to schema", string(said.Errors), `["$.age: expected at least 0","$.name: is required","$.tags[2]: wrong type: expected string, got integer"]`)
	wants(t, post(`{"name":`).StatusCode, 400, s.do(t, "POST /json-validator/a", "Content-Type: text/plain", "", "x").StatusCode, 415)
	big := post(`{"name":"` + strings.Repeat("a", 100<<10) + `"}`)
	wants(t, big.StatusCode, 200, len(big.echo.Body), 100<<10+11)
}

func redisLimiter(t *testing.T, s *site) {
	for i := range 3 {
		a := s.do(t, "GET /redis-limiter/", "X-Who: one")
		wants(t, a.StatusCode, 200, a.Header.Get("X-RateLimit-Remaining"), 2-i, a.Header.Get("X-RateLimit-Limit"), 3)
	}
	a := s.do(t, "GET /redis-limiter/", "X-Who: one")
	wants(t, a.StatusCode, 429, a.Header.Get("Retry-After") != "", true, a.body, `{"message":"API rate limit exceeded"}`)
	wants(t, s.do(t, "GET /redis-limiter/", "X-Who: two").StatusCode, 200)
}

func batchHTTPLog(t *testing.T, s *site) {
	for i := range 12 {
		wants(t, s.do(t, fmt.Sprintf("GET /batch-http-log/n/%d", i), "Authorization: secret").StatusCode, 200)
	}
	eventually(t, "12 entries", func() bool { all, _ := s.logs.entries(); return len(all) == 12 })
	all, batches := s.logs.entries()
	if len(all) != 12 {
		return
	}
	wants(t, batches, 3, all[0]["team"], "blue", all[0]["request"].(map[string]any)["uri"], "/batch-http-log/n/0", all[11]["response"].(map[string]any)["status"], 200,
		all[0]["request"].(map[string]any)["headers"].(map[string]any)["authorization"], nil)
}

func tcpSocketLog(t *testing.T, s *site) {
	s.do(t, "POST /tcp-socket-log/a?b=c", "User-Agent: curl", "", "body")
	s.do(t, "GET /tcp-socket-log/status/404")
	eventually(t, "two lines", func() bool { return strings.Count(s.lines.String(), "\n") == 2 })
	var first map[string]any
	line, _, _ := strings.Cut(s.lines.String(), "\n")
	wants(t, json.Unmarshal([]byte(line), &first), nil, first["method"], "POST", first["uri"], "/tcp-socket-log/a?b=c", first["status"], 200, first["agent"], "curl",
		first["resp"], "stable", first["route"], "tcp-socket-log", first["service"], "echo", first["eof"], true, first["took"], true,
		strings.HasPrefix(fmt.Sprint(first["upstream"]), "127.0.0.1:"), true, first["size"].(float64) > 100, true)
	wants(t, strings.Contains(s.lines.String(), `"status":404`), true)
}

func bodyRewriter(t *testing.T, s *site) {
	a := s.do(t, "POST /body-rewriter/", "Content-Type: application/json", "", `{"user":"ada","password":"x"}`)
	var sent map[string]string
	wants(t, json.Unmarshal([]byte(a.echo.Body), &sent), nil, fmt.Sprint(sent), "map[source:gateway user:ada]", a.echo.Headers["content-length"], len(a.echo.Body),
		a.echo.Extra, "body_filter", a.echo.Headers["x-body-rewritten"], "yes")
	a = s.do(t, "POST /body-rewriter/chunked", "", strings.Repeat("my secret ", 5000))
	wants(t, a.echo.Body, strings.Repeat("my ****** ", 5000), a.echo.Extra, "body_filter")
	wants(t, s.do(t, "GET /body-rewriter/html").body, "<p>not json</p>")
}

func headerTransformer(t *testing.T, s *site) {
	a := s.do(t, "GET /header-transformer/old?a=1%2F2&debug=1&z=&z=2", "X-Old: gone", "X-List: one", "User-Agent: me", "X-Plain: mine")
	u, err := url.Parse(a.echo.URI)
	wants(t, err, nil, u.Path, "/new/1/2", u.Query().Get("a"), "1/2", u.Query().Get("from"), "1/2", u.Query().Has("debug"), false, fmt.Sprint(u.Query()["z"]), "[ 2]",
		a.echo.Headers["x-old"], "", a.echo.Headers["x-agent"], "me", a.echo.Headers["x-list"], "one,two", a.echo.Headers["x-plain"], "mine",
		a.Header.Get("X-Out") != "", true, fmt.Sprint(a.Header.Values("X-Up")), "[stable again]")
}

func hmacVerify(t *testing.T, s *site) {
	date := time.Now().UTC().Format(http.TimeFormat)
	sign := func(algorithm, body string) string {
		h := sha256.Sum256([]byte(body))
		text := "POST\n/hmac-verify/a?b=1\n" + date + "\n" + hex.EncodeToString(h[:])
		m := hmac.New(sha256.New, []byte("key"))
		if algorithm == "hmac-sha1" {
			m = hmac.New(sha1.New, []byte("key"))
		}
		m.Write([]byte(text))
		return fmt.Sprintf(`X-Signature: keyId="k1",algorithm="%s",signature="%s"`, algorithm, base64.StdEncoding.EncodeToString(m.Sum(nil)))
	}
	for _, algorithm := range []string{"hmac-sha256", "hmac-sha1"} {
		a := s.do(t, "POST /hmac-verify/a?b=1", "Date: "+date, sign(algorithm, "data"), "", "data")
		wants(t, a.StatusCode, 200, a.echo.Headers["x-verified-key"], "k1", a.echo.Headers["x-signature"], "", a.echo.Body, "data")
	}
	wants(t, s.do(t, "POST /hmac-verify/a?b=1", "Date: "+date, sign("hmac-sha256", "data"), "", "other").Header.Get("X-Why"), "signature")
	wants(t, s.do(t, "POST /hmac-verify/a?b=1", "Date: Mon, 02 Jan 2006 15:04:05 GMT", sign("hmac-sha256", "")).Header.Get("X-Why"), "date")
	wants(t, s.do(t, "GET /hmac-verify/").StatusCode, 401)
}

func entityKey(t *testing.T, s *site) {
	a := s.do(t, "GET /entity-key/", "X-Entity-Key: k-gold")
	wants(t, a.StatusCode, 200, a.echo.Headers["x-consumer-username"], "ada", a.echo.Headers["x-tier"], "gold", a.echo.Headers["x-tags"], "a,b", a.echo.Headers["x-entity-key"], "")
	a = s.do(t, "GET /entity-key/?x-entity-key=k-gold")
	wants(t, a.echo.Headers["x-consumer-username"], "ada")
	a = s.do(t, "GET /entity-key/", "X-Entity-Key: none")
	wants(t, a.StatusCode, 200, a.echo.Headers["x-anonymous-consumer"], "true")
}

func ipGeoAllow(t *testing.T, s *site) {
	from := func(ip string, more ...string) *answer {
		return s.do(t, "GET /ip-geo-allow/", append([]string{"X-Forwarded-For: " + ip}, more...)...)
	}
	a := from("10.1.2.3, 1.1.1.1")
	wants(t, a.StatusCode, 200, a.echo.Headers["x-client-ip"], "10.1.2.3", from("10.9.1.1").StatusCode, 403, from("2001:db8::7").StatusCode, 200, from("nonsense").StatusCode, 400)
	a = from("8.8.8.8", "Accept: application/json")
	wants(t, a.StatusCode, 403, strings.Contains(a.body, "IP address not allowed: 8.8.8.8"), true)
	wants(t, from("10.1.1.1", "X-Country: FR").StatusCode, 451, from("10.1.1.1", "X-Country: DE").StatusCode, 200)
}

func cookieSession(t *testing.T, s *site) {
	a := s.do(t, "GET /cookie-session/")
	wants(t, a.StatusCode, 200, len(a.Cookies()), 1, a.echo.Headers["x-session-id"], "")
	if len(a.Cookies()) != 1 {
		return
	}
	cookie := "sid=" + a.Cookies()[0].Value
	for i := range 2 {
		a = s.do(t, "GET /cookie-session/", "Cookie: a=b; "+cookie+"; c=d")
		wants(t, a.echo.Headers["x-session-count"], i+1, a.echo.Headers["cookie"], "a=b; c=d", len(a.Cookies()), 0, len(a.echo.Headers["x-session-id"]), 36)
	}
	a = s.do(t, "GET /cookie-session/", "Cookie: "+cookie+"x")
	wants(t, a.echo.Headers["x-session-id"], "", len(a.Cookies()), 1, a.echo.Headers["cookie"], "")
}

func responseCache(t *testing.T, s *site) {
	first := s.do(t, "GET /shm-response-cache/chunked?a=1")
	wants(t, first.StatusCode, 200, first.Header.Get("X-Cache-Status"), "Miss")
	second := s.do(t, "GET /shm-response-cache/chunked?a=1")
	wants(t, second.Header.Get("X-Cache-Status"), "Hit", second.body, first.body, second.Header.Get("X-Served"), first.Header.Get("X-Served"), second.Header.Get("Age"), "0",
		second.Header.Get("Content-Type"), "application/json", second.Header.Get("X-Cache-Key"), first.Header.Get("X-Cache-Key"))
	third := s.do(t, "GET /shm-response-cache/chunked?a=1", "Cache-Control: no-cache")
	wants(t, third.Header.Get("X-Cache-Status"), "Miss", third.Header.Get("X-Served") != first.Header.Get("X-Served"), true)
	wants(t, s.do(t, "POST /shm-response-cache/").Header.Get("X-Cache-Status"), "Bypass", s.do(t, "GET /shm-response-cache/nocache").Header.Get("X-Cache-Status"), "Bypass",
		s.do(t, "GET /shm-response-cache/nocache").Header.Get("X-Cache-Status"), "Bypass")
	s.do(t, "GET /shm-response-cache/status/404")
	a := s.do(t, "GET /shm-response-cache/status/404")
	wants(t, a.StatusCode, 404, a.Header.Get("X-Cache-Status"), "Hit")
}

func canaryRouter(t *testing.T, s *site) {
	a := s.do(t, "GET /canary-router/")
	wants(t, a.echo.Server, "stable", a.Header.Get("Set-Cookie"), "variant=stable; Path=/", a.Header.Get("X-Served-By"), "stable")
	a = s.do(t, "GET /canary-router/", "X-Canary-Opt: always")
	wants(t, a.echo.Server, "canary", a.echo.Headers["x-canary"], "1", a.Header.Get("X-Served-By"), "canary")
	wants(t, s.do(t, "GET /canary-router/", "Cookie: variant=canary").echo.Server, "canary", s.do(t, "GET /canary-router/", "X-Canary-Opt: never", "Cookie: variant=canary").echo.Server, "stable")
}

func maintenance(t *testing.T, s *site) {
	a := s.do(t, "GET /maintenance/", "Accept: text/html,*/*")
	wants(t, a.StatusCode, 503, a.Header.Get("Content-Type"), "text/html; charset=utf-8", a.body, "<html><body><h1>Under maintenance</h1></body></html>\n", a.Header.Get("Retry-After"), "120")
	a = s.do(t, "GET /maintenance/", "Accept: application/json")
	wants(t, a.StatusCode, 503, a.body, `{"message":"Under maintenance"}`, a.Header.Get("Retry-After"), "120")
}

func tracePropagation(t *testing.T, s *site) {
	a := s.do(t, "GET /trace-propagation/", "traceparent: 00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-00")
	id := a.Header.Get("X-Correlation-Id")
	parts := strings.Split(a.echo.Headers["traceparent"], "-")
	wants(t, len(id), 36, a.echo.Headers["x-correlation-id"], id, len(parts), 4)
	if len(parts) == 4 {
		wants(t, parts[1], "0af7651916cd43dd8448eb211c80319c", parts[2] != "b7ad6b7169203331", true, parts[3], "00")
	}
	wants(t, s.do(t, "GET /trace-propagation/", "X-Correlation-Id: mine").echo.Headers["x-correlation-id"], "mine")
	wants(t, len(s.do(t, "GET /no/such/route").Header.Get("X-Correlation-Id")), 0)
	eventually(t, "the span is logged", func() bool {
		return strings.Contains(s.log(), "span 0af7651916cd43dd8448eb211c80319c route=trace-propagation service=echo status=200 source=service ip=127.0.0.1 rewrite=true node=36")
	})
	wants(t, strings.Contains(s.log(), "configured with 1 configurations"), true)
}

func graphqlGuard(t *testing.T, s *site) {
	post := func(query string) *answer {
		b, _ := json.Marshal(map[string]string{"query": query})
		return s.do(t, "POST /graphql-guard/graphql", "Content-Type: application/json", "", string(b))
	}
	wants(t, post(`query Q($a: Int) { user(id: 1) { name } }`).StatusCode, 200, post("{ a { b { c } } }").body, `{"errors":[{"message":"query depth 3 exceeds 2"}]}`,
		post("mutation { a }").StatusCode, 403, post("{ __schema }").StatusCode, 403, post("{ a ").StatusCode, 400)
	wants(t, s.do(t, "GET /graphql-guard/graphql?query="+url.QueryEscape("{ a }")).StatusCode, 200)
	a := s.do(t, "POST /graphql-guard/graphql", "Content-Type: application/x-www-form-urlencoded", "", "query="+url.QueryEscape("{ a { b { c } } }"))
	wants(t, a.StatusCode, 400)
	wants(t, post("x").Header.Get("Content-Type"), "application/graphql-response+json")
}

func soapTransformer(t *testing.T, s *site) {
	a := s.do(t, "PUT /soap-transformer/soap", "Content-Type: application/json", "", `{"Item":"a<b","N":[1,2]}`)
	want := `<?xml version="1.0" encoding="UTF-8"?><soap:Envelope xmlns:soap="http://schemas.xmlsoap.org/soap/envelope/"><soap:Body><GetPrice><Item>a&lt;b</Item><N>1</N><N>2</N></GetPrice></soap:Body></soap:Envelope>`
	var answer struct{ Answer map[string]string }
	wants(t, a.StatusCode, 200, a.Header.Get("Content-Type"), "application/json", json.Unmarshal([]byte(a.body), &answer), nil, answer.Answer["saw"], len(want), answer.Answer["action"], "GetPrice",
		a.Header.Get("X-Powered-By"), "")
	a = s.do(t, "POST /soap-transformer/fault", "Content-Type: application/json", "", `{}`)
	wants(t, a.StatusCode, 500, a.body, `{"fault":"no such thing"}`)
	wants(t, s.do(t, "POST /soap-transformer/status/200", "Content-Type: application/json", "", `{}`).StatusCode, 502)
}

func wsTokenAuth(t *testing.T, s *site) {
	part := func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }
	token := func(claims, secret string) string {
		data := part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(claims)
		m := hmac.New(sha256.New, []byte(secret))
		m.Write([]byte(data))
		return data + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	}
	exp := time.Now().Add(time.Minute).Unix()
	good := token(fmt.Sprintf(`{"sub":"ada","exp":%d}`, exp), "hush")
	a := s.do(t, "GET /ws-token-auth/?token="+good+"&k=v")
	wants(t, a.StatusCode, 200, a.echo.Headers["x-subject"], "ada", a.echo.URI, "/?k=v")
	wants(t, s.do(t, "GET /ws-token-auth/", "Authorization: Bearer "+good).StatusCode, 200, s.do(t, "GET /ws-token-auth/", "Sec-WebSocket-Protocol: chat, bearer."+good).StatusCode, 200)
	a = s.do(t, "GET /ws-token-auth/?token="+token(`{"exp":1}`, "hush"))
	wants(t, a.StatusCode, 401, a.body, `{"exp":"token expired"}`)
	wants(t, s.do(t, "GET /ws-token-auth/?token="+token("{}", "wrong")).StatusCode, 403, s.do(t, "GET /ws-token-auth/?token=x").StatusCode, 401, s.do(t, "GET /ws-token-auth/").StatusCode, 401)
}

func shmMetrics(t *testing.T, s *site) {
	for range 3 {
		s.do(t, "GET /shm-metrics/")
	}
	s.do(t, "GET /shm-metrics/status/500")
	a := s.do(t, "GET /shm-metrics/metrics")
	wants(t, a.StatusCode, 200, a.Header.Get("Content-Type"), "text/plain; charset=UTF-8")
	for _, line := range []string{`requests_total{route="shm-metrics",status="200"} 3`, `requests_total{route="shm-metrics",status="500"} 1`, `latency_bucket{le="10000"} 4`, "workers 1"} {
		wants(t, strings.Contains(a.body, line+"\n"), true)
	}
	wants(t, regexp.MustCompile(`(?m)^timer [1-9]`).MatchString(a.body), true)
	if t.Failed() {
		t.Log(a.body)
	}
}

func awsSigner(t *testing.T, s *site) {
	a := s.do(t, "PUT /aws-signer/folder/a%20b?x=2&a=1", "", "content")
	mac := func(key []byte, text string) []byte {
		m := hmac.New(sha256.New, key)
		m.Write([]byte(text))
		return m.Sum(nil)
	}
	sum := func(s string) string { h := sha256.Sum256([]byte(s)); return hex.EncodeToString(h[:]) }
	request := "PUT\n/aws-signer/folder/a%20b\na=1&x=2\nhost:bucket.example.test\nx-amz-content-sha256:" + sum("content") + "\nx-amz-date:20150830T123600Z\n\nhost;x-amz-content-sha256;x-amz-date\n" + sum("content")
	key := []byte("AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")
	for _, p := range []string{"20150830", "us-east-1", "s3", "aws4_request"} {
		key = mac(key, p)
	}
	signature := hex.EncodeToString(mac(key, "AWS4-HMAC-SHA256\n20150830T123600Z\n20150830/us-east-1/s3/aws4_request\n"+sum(request)))
	wants(t, a.StatusCode, 200, a.echo.Headers["host"], "bucket.example.test", a.echo.Headers["x-amz-date"], "20150830T123600Z", a.echo.Headers["authorization"],
		"AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/s3/aws4_request, SignedHeaders=host;x-amz-content-sha256;x-amz-date, Signature="+signature)
}

func errorPages(t *testing.T, s *site) {
	a := s.do(t, "GET /error-pages/status/404")
	wants(t, a.StatusCode, 404, a.body, "<html><title>404</title><body>Gone fishing (service)</body></html>", a.Header.Get("Content-Type"), "text/html; charset=utf-8", a.Header.Get("X-Error-Source"), "service")
	wants(t, s.do(t, "GET /error-pages/status/418").StatusCode, 400, s.do(t, "GET /error-pages/ok").echo.Server, "stable")
}
