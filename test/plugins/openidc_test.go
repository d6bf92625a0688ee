package plugins

import (
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"net/url"
	"strings"
	"testing"
	"time"
)

// oidcOptions makes opts of what the header X-Opts adds.
const oidcOptions = `local cjson, openidc = require "cjson.safe", require "resty.openidc"
	local opts = { discovery = "$OP/.well-known/openid-configuration", client_id = "gw", client_secret = "` + clientSecret + `", redirect_uri = "/steps/cb",
		logout_path = "/steps/logout", scope = "openid email", ssl_verify = "no" }
	for k, v in pairs(cjson.decode(kong.request.get_header("x-opts") or "{}")) do if v == cjson.null then opts[k] = nil else opts[k] = v end end
	if opts.token_signing_alg == "" then opts.token_signing_alg = nil end
	local so = { secret = "of the session", cookie_name = "oidc" } `

var oidcSteps = map[string]string{
	// as the plugins of the family kong-oidc use it
	"default": `local res, err = openidc.authenticate(opts, ngx.var.request_uri, kong.request.get_header("x-unauth"), so)
		if err then
			if err == "unauthorized request" then return kong.response.exit(401, err) end
			return kong.response.exit(500, err)
		end
		if not res then return "nobody" end
		kong.service.request.set_header("X-User", res.user and res.user.preferred_username or "none")
		kong.service.request.set_header("X-Id-Token", ngx.encode_base64(cjson.encode(res.id_token)))
		kong.service.request.set_header("X-Access-Token", res.access_token)`,
	"hooks": `local said = {} opts.lifecycle = { on_created = function(s) return kong.request.get_header("x-veto") end,
			on_authenticated = function(s, id, json) s:set("mark", id.sub .. (json.access_token and " at" or "")) end,
			on_logout = function(s) ngx.header["X-Left"] = s:get("mark") end }
		local res, err, target, session = openidc.authenticate(opts, nil, nil, so) if err then return kong.response.exit(500, err) end return session:get("mark"), target, res.id_token.sub`,
	"own session": `local s = require("resty.session").start(so) local res, err, target, session = openidc.authenticate(opts, nil, "deny", s) return res and res.id_token.sub, err, s == session`,
	"foreign": `local kept = { data = {}, present = true } function kept:open() end function kept:save() self.saved = (self.saved or 0) + 1 return true end function kept:destroy() self.gone = true return true end
		kept.data = cjson.decode(kong.request.get_header("x-data") or "{}") local res, err = openidc.authenticate(opts, nil, "pass", kept) return res and res.id_token.sub, err, kept.data.authenticated`,
	"v3 session": `local res, err, target, session = openidc.authenticate(opts, nil, nil, { name = "old", secret = "k", cookie = { persistent = true } }) return res and res.id_token.sub, err, session.data.user.email, session.present`,
	"token":      `return openidc.access_token(opts, so)`,
	"introspect": `local json, err = openidc.introspect(opts) if err then return json and json.active, err end return json.sub, json.scope`,
	"bearer": `local v = require "resty.jwt-validators" local spec = kong.request.get_header("x-aud") and { aud = v.equals(kong.request.get_header("x-aud")) } or nil
		local json, err, token if spec then json, err, token = openidc.bearer_jwt_verify(opts, spec) else json, err, token = openidc.bearer_jwt_verify(opts) end return json and json.sub, err, token ~= nil`,
	"discovery": `local doc, err = openidc.get_discovery_doc(opts) return doc and doc.issuer, err, type(opts.discovery)`,
	"client":    `openidc.get_discovery_doc(opts) local json, err = openidc.call_token_endpoint(opts, opts.discovery.token_endpoint, { grant_type = "x" }, "client_secret_basic") return json, err`,
	"flush":     `openidc.invalidate_caches() return "ok"`,
}

type oidcCase struct {
	*site
	op *provider
}

func openOIDC(t *testing.T) *oidcCase {
	op := newProvider(t)
	code := map[string]string{}
	for name, text := range oidcSteps {
		code[name] = strings.ReplaceAll(oidcOptions+text, "$OP", op.URL)
	}
	return &oidcCase{steps(t, code), op}
}

func opts(o map[string]any) string {
	if o == nil {
		o = map[string]any{}
	}
	b, _ := json.Marshal(o)
	return "X-Opts: " + string(b)
}

// login goes to a page, through the provider and back; it gives the answer of the callback.
func (c *oidcCase) login(t *testing.T, b *browser, page string, headers ...string) *answer {
	t.Helper()
	a := b.get(t, page, headers...)
	wants(t, a.StatusCode, 302)
	a = b.follow(t, a) // the provider
	wants(t, a.StatusCode, 302)
	return b.follow(t, a, headers...)
}

// logged is a browser that is logged in with the given options.
func (c *oidcCase) logged(t *testing.T, headers ...string) *browser {
	t.Helper()
	b := c.browser()
	a := c.login(t, b, "/steps/page?x=1", headers...)
	wants(t, a.StatusCode, 302, a.Header.Get("Location"), "/steps/page?x=1")
	return b
}

func TestOpenIDC(t *testing.T) {
	c := openOIDC(t)
	for _, one := range []struct {
		name string
		test func(*testing.T, *oidcCase)
	}{{"login", oidcLogin}, {"refused", oidcRefused}, {"refresh", oidcRefresh}, {"logout", oidcLogout}, {"clients", oidcClients}, {"unauthenticated", oidcUnauthenticated},
		{"hooks", oidcHooks}, {"introspection", oidcIntrospection}, {"bearer", oidcBearer}, {"rotation", oidcRotation}, {"down", oidcDown}} {
		t.Run(one.name, func(t *testing.T) {
			c.op.spoil(map[string]any{})
			one.test(t, c)
		})
	}
}

func oidcLogin(t *testing.T, c *oidcCase) {
	b := c.browser()
	a := b.get(t, "/steps/page?x=1")
	to, err := url.Parse(a.Header.Get("Location"))
	q := to.Query()
	wants(t, err, nil, a.StatusCode, 302, strings.HasPrefix(to.String(), c.op.URL+"/authorize?"), true, q.Get("scope"), "openid email", q.Get("redirect_uri"), c.url+"/steps/cb",
		q.Get("client_id"), "gw", len(q.Get("state")), 32, len(q.Get("nonce")), 32, q.Get("code_challenge"), "", a.Header.Get("Cache-Control"), "no-cache, no-store, max-age=0")
	before := b.cookies()["oidc"]
	back := b.follow(t, a)
	a = b.follow(t, back)
	wants(t, a.StatusCode, 302, a.Header.Get("Location"), "/steps/page?x=1", b.cookies()["oidc"] != before, true)
	a = b.follow(t, a)
	wants(t, a.StatusCode, 200, a.echo.Headers["x-user"], "ada", strings.HasPrefix(a.echo.Headers["x-access-token"], "at-"), true, a.echo.URI, "/page?x=1")
	wants(t, b.get(t, "/steps/other").StatusCode, 200)

	// the code again: the state is used up
	a = b.get(t, back.Header.Get("Location"))
	wants(t, a.StatusCode, 500, a.body, "request to the redirect_uri path but there's no session state found")
	// with the old cookie the state is there, but not the code
	b.put("oidc", before)
	a = b.get(t, back.Header.Get("Location"))
	wants(t, a.StatusCode, 500, strings.Contains(a.body, "status=400"), true)

	b = c.browser()
	a = b.get(t, "/steps/p", opts(map[string]any{"use_pkce": true, "use_nonce": false, "prompt": "consent", "display": "popup", "authorization_params": map[string]string{"hd": "a.test"}}))
	to, _ = url.Parse(a.Header.Get("Location"))
	q = to.Query()
	wants(t, q.Get("nonce"), "", q.Get("code_challenge_method"), "S256", len(q.Get("code_challenge")), 43, q.Get("prompt"), "consent", q.Get("display"), "popup", q.Get("hd"), "a.test")
	a = b.follow(t, b.follow(t, a))
	wants(t, a.StatusCode, 302, len(c.op.last.Get("code_verifier")), 43)

	// behind a proxy, and with a whole address
	a = c.browser().get(t, "/steps/p", "X-Forwarded-Proto: https", "X-Forwarded-Host: front.test, inner.test")
	wants(t, strings.Contains(a.Header.Get("Location"), url.QueryEscape("https://front.test/steps/cb")), true)
	a = c.browser().get(t, "/steps/p", opts(map[string]any{"redirect_uri": "https://whole.test/steps/cb"}))
	wants(t, strings.Contains(a.Header.Get("Location"), url.QueryEscape("https://whole.test/steps/cb")), true)

	b = c.logged(t, opts(map[string]any{"session_contents": map[string]bool{"id_token": true, "access_token": true}}))
	a = b.get(t, "/steps/page")
	wants(t, a.StatusCode, 200, a.echo.Headers["x-user"], "none")
	wants(t, c.op.count("/.well-known/openid-configuration"), 1, c.op.count("/jwks"), 1)
}

func oidcRefused(t *testing.T, c *oidcCase) {
	now := time.Now().Unix()
	for _, one := range []struct {
		name  string
		wrong map[string]any
		more  map[string]any
		want  string
	}{
		{"issuer", map[string]any{"claim iss": "https://evil.test"}, nil, `issuer "https://evil.test" in id_token is not equal to the issuer from the discovery document`},
		{"audience", map[string]any{"claim aud": "other"}, nil, "id_token.aud=other, opts.client_id=gw"},
		{"audiences", map[string]any{"claim aud": []string{"x", "gw"}, "claim azp": "x"}, nil, "token authorized party does not match"},
		{"nonce", map[string]any{"claim nonce": "other"}, nil, `nonce "other" in id_token is not equal to the nonce that was sent`},
		{"no nonce", map[string]any{"claim nonce": nil}, nil, `no "nonce" claim found`},
		{"no sub", map[string]any{"claim sub": nil}, nil, `no "sub" claim found`},
		{"expired", map[string]any{"claim exp": now - 200}, nil, "token expired: id_token.exp="},
		{"future", map[string]any{"claim iat": now + 200}, nil, "id_token not yet valid: id_token.iat="},
		{"slack", map[string]any{"claim iat": now + 60}, map[string]any{"iat_slack": 30}, "iat_slack=30"},
		{"no iat", map[string]any{"claim iat": nil}, nil, `no "iat" claim found`},
		{"signature", map[string]any{"signature": true}, nil, "jwt signature verification failed: Verification failed"},
		{"none", map[string]any{"alg": "none"}, nil, "accept_none_alg is not enabled"},
		{"unknown algorithm", map[string]any{"alg": "XX256"}, map[string]any{"accept_unsupported_alg": false}, `unsupported algorithm "XX256"`},
		{"unexpected algorithm", nil, map[string]any{"token_signing_alg_values_expected": []string{"ES256"}}, `unexpected algorithm "RS256"`},
		{"hmac with a key of RSA", map[string]any{"alg": "HS256"}, nil, "signature mismatch"},
		{"no id_token", map[string]any{"no id_token": true}, nil, "there is no id_token in the answer"},
		{"error", map[string]any{"authorize": "access_denied"}, nil, "error=access_denied, error_description=because"},
		{"token endpoint", map[string]any{"/token": 503}, nil, "response indicates failure, status=503"},
	} {
		t.Run(one.name, func(t *testing.T) {
			c.op.spoil(one.wrong)
			b := c.browser()
			a := c.login(t, b, "/steps/p", opts(one.more))
			if a.StatusCode != 500 || !strings.Contains(a.body, one.want) {
				t.Errorf("%d %s, want %s", a.StatusCode, a.body, one.want)
			}
			wants(t, b.get(t, "/steps/p").StatusCode, 302) // nobody is logged in
		})
	}
	c.op.spoil(map[string]any{"alg": "none"})
	c.logged(t, opts(map[string]any{"accept_none_alg": true}))
	c.op.spoil(map[string]any{"alg": "XX256"})
	c.logged(t)
	c.op.spoil(map[string]any{"userinfo sub": "eve"})
	b := c.logged(t)
	wants(t, b.get(t, "/steps/page").echo.Headers["x-user"], "none")
	c.op.spoil(map[string]any{})

	b = c.browser()
	a := b.get(t, "/steps/p")
	to, _ := url.Parse(b.follow(t, a).Header.Get("Location"))
	q := to.Query()
	for _, one := range []struct{ state, want string }{{"wrong", "state from argument: wrong does not match state restored from session: "}, {"", "unhandled request to the redirect_uri: /steps/cb"}} {
		q := url.Values{"code": q["code"], "state": {one.state}}
		if one.state == "" {
			delete(q, "state")
		}
		a = b.get(t, "/steps/cb?"+q.Encode())
		wants(t, a.StatusCode, 500, strings.Contains(a.body, one.want), true)
	}
	q.Set("iss", "https://evil.test")
	wants(t, strings.Contains(b.get(t, "/steps/cb?"+q.Encode()).body, "iss from argument: https://evil.test does not match"), true)
	wants(t, strings.Contains(c.browser().get(t, "/steps/cb?code=1&state=2").body, "there's no session state found"), true)
}

func oidcRefresh(t *testing.T, c *oidcCase) {
	c.op.spoil(map[string]any{"expires_in": 1})
	b := c.logged(t)
	first := b.get(t, "/steps/page").echo.Headers["x-access-token"]
	time.Sleep(1100 * time.Millisecond)
	c.op.spoil(map[string]any{})
	a := b.get(t, "/steps/page")
	second := a.echo.Headers["x-access-token"]
	wants(t, a.StatusCode, 200, second != first && strings.HasPrefix(second, "at-"), true, len(a.Cookies()), 1, b.get(t, "/steps/page").echo.Headers["x-access-token"], second)
	wants(t, c.op.last.Get("grant_type"), "refresh_token", b.get(t, "/steps/x", "X-Step: token").body, second)
	wants(t, b.get(t, "/steps/x", "X-Step: own session").body, "ada nil true")

	// requests at the same time: the refresh token is good for one use
	c.op.spoil(map[string]any{"expires_in": 1})
	b = c.logged(t)
	time.Sleep(1100 * time.Millisecond)
	c.op.spoil(map[string]any{})
	n, done := c.op.count("/token"), make(chan int)
	for range 8 {
		go func() { done <- b.get(t, "/steps/page").StatusCode }()
	}
	for range 8 {
		wants(t, <-done, 200)
	}
	wants(t, c.op.count("/token"), n+1)

	c.op.spoil(map[string]any{"expires_in": 1})
	b = c.logged(t)
	time.Sleep(1100 * time.Millisecond)
	c.op.spoil(map[string]any{"/token": 500})
	wants(t, b.get(t, "/steps/page").StatusCode, 302, b.get(t, "/steps/page", "X-Unauth: pass").body, "token refresh failed", b.get(t, "/steps/page", "X-Unauth: deny").StatusCode, 401)
	c.op.spoil(map[string]any{"expires_in": 1})
	b = c.logged(t)
	time.Sleep(1100 * time.Millisecond)
	wants(t, b.get(t, "/steps/page", opts(map[string]any{"renew_access_token_on_expiry": false})).StatusCode, 302)
	b = c.logged(t)
	c.op.spoil(map[string]any{"claim sub": "eve"})
	time.Sleep(1100 * time.Millisecond)
	wants(t, b.get(t, "/steps/page").StatusCode, 302)

	c.op.spoil(map[string]any{})
	b = c.logged(t)
	time.Sleep(2100 * time.Millisecond)
	a = b.get(t, "/steps/page", opts(map[string]any{"refresh_session_interval": 1}))
	wants(t, a.StatusCode, 302, strings.Contains(a.Header.Get("Location"), "prompt=none"), true)
}

func oidcLogout(t *testing.T, c *oidcCase) {
	b := c.logged(t)
	a := b.get(t, "/steps/logout")
	to, _ := url.Parse(a.Header.Get("Location"))
	wants(t, a.StatusCode, 302, to.Path, "/end", to.Query().Get("id_token_hint") != "", true, b.cookies()["oidc"], "")
	wants(t, b.get(t, "/steps/page").StatusCode, 302)
	b = c.logged(t)
	a = b.get(t, "/steps/logout", opts(map[string]any{"post_logout_redirect_uri": c.url + "/steps/bye", "revoke_tokens_on_logout": true}))
	a = b.follow(t, a)
	wants(t, a.Header.Get("Location"), c.url+"/steps/bye", c.op.revoked, "[refresh_token access_token]")
	b = c.logged(t)
	a = b.get(t, "/steps/logout", opts(map[string]any{"redirect_after_logout_uri": "/steps/home"}))
	wants(t, a.Header.Get("Location"), "/steps/home")
	a = c.browser().get(t, "/steps/logout", opts(map[string]any{"discovery": map[string]string{"issuer": "x"}}))
	wants(t, a.StatusCode, 200, a.body, "<html><body>Logged Out</body></html>\n", a.Header.Get("Content-Type"), "text/html; charset=UTF-8")
}

// The three ways to say who the client is.
func oidcClients(t *testing.T, c *oidcCase) {
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	c.op.mu.Lock()
	c.op.keys["client"] = key
	c.op.mu.Unlock()
	text := string(pem.EncodeToMemory(&pem.Block{Type: "RSA PRIVATE KEY", Bytes: x509.MarshalPKCS1PrivateKey(key)}))
	for _, o := range []map[string]any{{"token_endpoint_auth_method": "client_secret_post"}, {"token_endpoint_auth_method": "client_secret_basic"},
		{"token_endpoint_auth_method": "private_key_jwt", "client_rsa_private_key": text, "client_rsa_private_key_id": "c1", "client_secret": nil}, {"token_endpoint_auth_method": "unknown"}} {
		c.logged(t, opts(o))
	}
	a := c.login(t, c.browser(), "/steps/p", opts(map[string]any{"client_secret": "wrong"}))
	wants(t, a.StatusCode, 500, strings.Contains(a.body, "invalid_client"), true)
	wants(t, strings.HasPrefix(c.do(t, "GET /steps/", "X-Step: client").body, "nil response indicates failure, status=400, body={\"error\":\"unsupported_grant_type\"}"), true)
}

func oidcUnauthenticated(t *testing.T, c *oidcCase) {
	wants(t, c.do(t, "GET /steps/p", "X-Unauth: deny").StatusCode, 401, c.do(t, "GET /steps/p", "X-Unauth: pass").body, "nobody", c.do(t, "GET /steps/p", "X-Unauth: auth").StatusCode, 302)
	b := c.logged(t)
	wants(t, b.get(t, "/steps/p", "X-Unauth: deny").StatusCode, 200, b.get(t, "/steps/p", "X-Unauth: pass").echo.Headers["x-user"], "ada", c.do(t, "GET /steps/", "X-Step: token").body, "nil no access token in the session")
}

func oidcHooks(t *testing.T, c *oidcCase) {
	b := c.logged(t, "X-Step: hooks")
	a := b.get(t, "/steps/page", "X-Step: hooks")
	wants(t, a.body, "ada at /steps/page ada", b.get(t, "/steps/logout", "X-Step: hooks").Header.Get("X-Left"), "ada at")
	wants(t, c.browser().get(t, "/steps/p", "X-Step: hooks", "X-Veto: not today").body, "not today")
	wants(t, c.do(t, "GET /steps/", "X-Step: foreign").body, "nil nil nil", c.do(t, "GET /steps/", "X-Step: foreign", `X-Data: {"authenticated":true,"id_token":{"sub":"eve"},"access_token":"a","access_token_expiration":99999999999}`).body, "eve nil true")
	b = c.logged(t, "X-Step: v3 session")
	wants(t, b.get(t, "/steps/page", "X-Step: v3 session").body, "ada nil ada@example.test true", b.cookies()["old"] != "", true)
}

func oidcIntrospection(t *testing.T, c *oidcCase) {
	ask := func(headers ...string) string {
		t.Helper()
		return c.do(t, "GET /steps/", append(headers, "X-Step: introspect")...).body
	}
	wants(t, ask(), "nil no Authorization header found", ask("Authorization: Basic x"), "nil no Bearer authorization header value found", ask("Authorization: Bearer live"), "ada read",
		ask("Authorization: bearer live"), "ada read", c.op.count("/introspect"), 1, ask("Authorization: Bearer dead"), "false invalid token", ask("Authorization: Bearer dead"), "false invalid token", c.op.count("/introspect"), 3)
	wants(t, ask("Authorization: Bearer live", opts(map[string]any{"introspection_cache_ignore": true, "introspection_endpoint_auth_method": "client_secret_basic", "introspection_params": map[string]string{"extra": "1"}})), "ada read",
		c.op.last.Get("extra"), "1", c.op.count("/introspect"), 4)
	wants(t, ask("X-Token: Bearer live", opts(map[string]any{"auth_accept_token_as": "header:X-Token"})), "ada read", ask("Cookie: tok=live", opts(map[string]any{"auth_accept_token_as": "cookie:tok"})), "ada read")
	wants(t, ask("Authorization: Bearer live", opts(map[string]any{"client_secret": "wrong", "cache_segment": "other"})), "nil response indicates failure, status=401, body=")
}

func oidcBearer(t *testing.T, c *oidcCase) {
	ask := func(headers ...string) string {
		t.Helper()
		return c.do(t, "GET /steps/", append(headers, "X-Step: bearer")...).body
	}
	token := "Authorization: Bearer " + c.op.access(map[string]any{"aud": "api"})
	wants(t, ask(token), "ada nil true", ask(token, "X-Aud: api"), "ada nil true", ask(token, "X-Aud: other"), "nil Claim 'aud' ('api') returned failure true", ask(token), "ada nil true")
	wants(t, strings.HasPrefix(ask("Authorization: Bearer "+c.op.access(map[string]any{"exp": time.Now().Unix() - 300})), "nil 'exp' claim expired at "), true,
		ask("Authorization: Bearer "+c.op.access(map[string]any{"exp": time.Now().Unix() - 60})), "ada nil true", ask("Authorization: Bearer x.y"), "nil invalid jwt: invalid jwt string true",
		ask(token+"!"), "nil jwt signature verification failed: Wrongly encoded signature true")
	c.op.spoil(map[string]any{"signature": true})
	wants(t, ask("Authorization: Bearer "+c.op.access(nil)), "nil jwt signature verification failed: Verification failed true")
	c.op.spoil(map[string]any{})
	pub, _ := x509.MarshalPKIXPublicKey(&c.op.keys[c.op.kid].PublicKey)
	text := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
	n := c.op.count("/jwks")
	wants(t, ask("Authorization: Bearer "+c.op.access(nil), opts(map[string]any{"public_key": text, "discovery": nil})), "ada nil true", c.op.count("/jwks"), n)
	wants(t, strings.Contains(ask("Authorization: Bearer "+c.op.access(nil), opts(map[string]any{"token_signing_alg_values_expected": "ES256"})), "unexpected algorithm"), true)
}

// The provider changes its key: tokens of the new one are known, of the old one refused.
func oidcRotation(t *testing.T, c *oidcCase) {
	ask := func(token string) string {
		t.Helper()
		return c.do(t, "GET /steps/", "X-Step: bearer", "Authorization: Bearer "+token).body
	}
	old := c.op.access(map[string]any{"jti": "a"})
	wants(t, ask(c.op.access(map[string]any{"jti": "b"})), "ada nil true")
	c.op.rotate(t)
	n := c.op.count("/jwks")
	wants(t, ask(c.op.access(map[string]any{"jti": "c"})), "ada nil true", c.op.count("/jwks"), n+1, strings.Contains(ask(old), "not found"), true, c.op.count("/jwks"), n+1)
	c.logged(t)
}

func oidcDown(t *testing.T, c *oidcCase) {
	wants(t, c.do(t, "GET /steps/", "X-Step: discovery").body, c.op.URL+" nil table")
	c.do(t, "GET /steps/", "X-Step: flush")
	c.op.spoil(map[string]any{"/.well-known/openid-configuration": 503})
	a := c.do(t, "GET /steps/p")
	wants(t, a.StatusCode, 500, strings.Contains(a.body, "status=503"), true)
	dead := opts(map[string]any{"discovery": "http://127.0.0.1:1/x", "timeout": 500})
	a = c.do(t, "GET /steps/p", dead)
	wants(t, a.StatusCode, 500, a.body, "accessing discovery url (http://127.0.0.1:1/x) failed: connection refused")
	wants(t, c.do(t, "GET /steps/p", dead, "X-Unauth: deny").StatusCode, 401, strings.Contains(c.do(t, "GET /steps/", "X-Step: bearer", "Authorization: Bearer "+c.op.access(nil), dead).body, "connection refused"), true)
	c.op.spoil(map[string]any{})
	wants(t, c.do(t, "GET /steps/p").StatusCode, 302)
}
