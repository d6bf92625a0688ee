package plugins

import (
	"crypto"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"
)

const secretText = "c2VjcmV0IG9mIHRoZSBzZXNzaW9u" // base64

var tokenConfigs = map[string]string{
	"oidc": `{client_id: gw, client_secret: "$SECRET", discovery: "$OP/.well-known/openid-configuration", redirect_uri: /oidc/cb, logout_path: /oidc/logout, scope: openid profile,
		session_secret: ` + secretText + `, introspection_endpoint: "$OP/introspect", introspection_endpoint_auth_method: client_secret_post, validate_scope: "no", bearer_jwt_auth_enable: "yes", bearer_jwt_auth_allowed_auds: [api],
		header_names: [X-Email, X-Name], header_claims: [email, preferred_username], ignore_auth_filters: "^/oidc/public", redirect_after_logout_uri: /oidc/home, access_token_as_bearer: "yes", access_token_header_name: Authorization}`,
	"oidc-classic":    `{client_id: gw, client_secret: "$SECRET", discovery: "$OP/.well-known/openid-configuration", session_secret: ` + secretText + `}`,
	"jwt-crafter":     `{secret: "of the crafter", expires_in: 60}`,
	"jwt-keycloak":    `{allowed_iss: ["^http://127.0.0.1:%d+$"], consumer_match: true, iss_key_grace_period: 0, scope: [read]}`,
	"idempotency":     `{redis_host: 127.0.0.1, redis_port: $REDIS, redis_password: pass, redis_database: 3, is_required: true}`,
	"oauth2-audience": `{discovery: "$OP/.well-known/openid-configuration", introspection_endpoint: "$OP/introspect", client_id: gw, client_secret: "$SECRET", required_scope: [read], hide_credentials: true}`,
	"jwt-resign":      `{verify_key: incoming, signing_key: outgoing, issuer: gateway, remove_claims: [internal]}`,
}

// jsonText quotes a text for YAML.
func jsonText(s string) string {
	b, _ := json.Marshal(s)
	return string(b)
}

func TestTokenShapes(t *testing.T) {
	op := newProvider(t)
	key, _ := rsa.GenerateKey(rand.Reader, 2048)
	der, _ := x509.MarshalPKCS8PrivateKey(key)
	pub, _ := x509.MarshalPKIXPublicKey(&key.PublicKey)
	private := string(pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}))
	public := string(pem.EncodeToMemory(&pem.Block{Type: "PUBLIC KEY", Bytes: pub}))
	configs := map[string]string{}
	for name, c := range tokenConfigs {
		configs[name] = strings.NewReplacer("$OP", op.URL, "$SECRET", clientSecret, "\n", " ", "\t", "").Replace(c)
	}
	s := open(t, configs, `
plugins:
- {name: key-auth, route: jwt-crafter}
consumers:
- {username: ada, id: 8f7b6bd4-9cdd-4c13-8d42-0a50c4f4d7b1, custom_id: app-1}
keyauth_credentials:
- {key: k1, consumer: ada}
acls:
- {group: staff, consumer: ada}
- {group: admin, consumer: ada}
oauth2_audiences:
- {audience: "urn:api", consumer: ada}
keys:
- {name: outgoing, kid: out-1, pem: {private_key: `+jsonText(private)+`, public_key: `+jsonText(public)+`}}
`)
	c := &oidcCase{s, op}
	for _, one := range []struct {
		name string
		test func(*testing.T, *oidcCase)
	}{{"oidc", kongOIDC}, {"oidc-classic", kongOIDCClassic}, {"jwt-crafter", jwtCrafter}, {"jwt-keycloak", jwtKeycloak}, {"idempotency", idempotency},
		{"oauth2-audience", oauth2Audience}} {
		t.Run(one.name, func(t *testing.T) {
			op.spoil(map[string]any{})
			one.test(t, c)
		})
	}
	t.Run("jwt-resign", func(t *testing.T) { jwtResign(t, s, &key.PublicKey) })
}

func kongOIDC(t *testing.T, c *oidcCase) {
	b := c.browser()
	a := c.login(t, b, "/oidc/page?x=1")
	wants(t, a.StatusCode, 302, a.Header.Get("Location"), "/oidc/page?x=1", b.cookies()["session"] != "", true)
	a = b.follow(t, a)
	h := a.echo.Headers
	var user map[string]any
	info, _ := base64.StdEncoding.DecodeString(h["x-userinfo"])
	wants(t, a.StatusCode, 200, json.Unmarshal(info, &user), nil, user["email"], "ada@example.test", user["id"], "ada", h["x-email"], "ada@example.test", h["x-name"], "ada",
		strings.HasPrefix(h["authorization"], "Bearer at-"), true, h["x-credential-identifier"], "ada", h["x-consumer-id"], "")
	wants(t, c.do(t, "GET /oidc/public/x").StatusCode, 200)
	a = b.get(t, "/oidc/logout")
	wants(t, a.StatusCode, 302, a.Header.Get("Location"), "/oidc/home", b.get(t, "/oidc/page").StatusCode, 302)

	token := c.op.access(map[string]any{"aud": []string{"x", "api"}, "iat": time.Now().Unix(), "groups": []string{"a"}})
	a = c.do(t, "GET /oidc/page", "Authorization: Bearer "+token)
	wants(t, a.StatusCode, 200, a.echo.Headers["x-credential-identifier"], "ada", a.echo.Headers["x-userinfo"] != "", true)
	a = c.do(t, "GET /oidc/page", "Authorization: Bearer live") // no token by value: introspected
	wants(t, a.StatusCode, 200, a.echo.Headers["x-credential-identifier"], "ada")
	token = c.op.access(map[string]any{"aud": "other", "iat": time.Now().Unix()})
	wants(t, c.do(t, "GET /oidc/page", "Authorization: Bearer "+token).StatusCode, 302)
}

func kongOIDCClassic(t *testing.T, c *oidcCase) {
	b := c.browser()
	a := b.get(t, "/oidc-classic/page")
	to, _ := url.Parse(a.Header.Get("Location"))
	wants(t, a.StatusCode, 302, strings.HasSuffix(to.Query().Get("redirect_uri"), "/oidc-classic/page/"), true)
	a = b.follow(t, b.follow(t, a))
	wants(t, a.StatusCode, 302, a.Header.Get("Location"), "/oidc-classic/page")
	a = b.follow(t, a)
	wants(t, a.StatusCode, 200, a.echo.Headers["x-userinfo"] != "", true, a.echo.Headers["x-id-token"] != "", true, strings.HasPrefix(a.echo.Headers["x-access-token"], "at-"), true)
	c.op.spoil(map[string]any{"claim iss": "evil"})
	a = c.login(t, c.browser(), "/oidc-classic/page")
	wants(t, a.StatusCode, 500, strings.HasPrefix(a.body, `issuer "evil" in id_token`), true)
}

// claimsOf reads a token's claims after its signature by HS256.
func claimsOf(t *testing.T, token, secret string) map[string]any {
	t.Helper()
	part := strings.Split(token, ".")
	if len(part) != 3 {
		t.Fatalf("no token: %s", token)
	}
	m := hmac.New(sha256.New, []byte(secret))
	m.Write([]byte(part[0] + "." + part[1]))
	wants(t, base64.RawURLEncoding.EncodeToString(m.Sum(nil)), part[2])
	b, _ := base64.RawURLEncoding.DecodeString(part[1])
	claims := map[string]any{}
	if err := json.Unmarshal(b, &claims); err != nil {
		t.Error(err)
	}
	return claims
}

func jwtCrafter(t *testing.T, c *oidcCase) {
	a := c.do(t, "GET /jwt-crafter/", "apikey: k1")
	var got struct {
		IDToken string `json:"id_token"`
		Expires int    `json:"expires_in"`
	}
	wants(t, a.StatusCode, 200, a.Header.Get("Content-Type"), "application/json", json.Unmarshal([]byte(a.body), &got), nil, got.Expires, 60)
	claims := claimsOf(t, got.IDToken, "of the crafter")
	wants(t, claims["nam"], "ada", claims["rol"], "[admin staff]", claims["sub"], "8f7b6bd4-9cdd-4c13-8d42-0a50c4f4d7b1")
	wants(t, c.do(t, "GET /jwt-crafter/").StatusCode, 401)
}

func jwtKeycloak(t *testing.T, c *oidcCase) {
	ask := func(claims map[string]any) *answer {
		t.Helper()
		all := map[string]any{"azp": "app-1", "scope": "read write"}
		for k, v := range claims {
			all[k] = v
		}
		return c.do(t, "GET /jwt-keycloak/", "Authorization: Bearer "+c.op.access(all))
	}
	a := ask(nil)
	wants(t, a.StatusCode, 200, a.echo.Headers["x-consumer-username"], "ada")
	wants(t, ask(map[string]any{"azp": "nobody"}).body, `{"message":"Unable to find consumer nobody for token"}`, ask(map[string]any{"exp": 5}).body, `{"message":"Token claims invalid: exp: token expired"}`,
		ask(map[string]any{"scope": "write"}).StatusCode, 403, ask(map[string]any{"iss": "https://a.test"}).body, `{"message":"Token issuer not allowed"}`,
		c.do(t, "GET /jwt-keycloak/").body, `{"message":"Unauthorized"}`, strings.HasPrefix(c.do(t, "GET /jwt-keycloak/?jwt=x").body, `{"message":"Bad token; `), true)
	n := c.op.count("/jwks")
	wants(t, ask(nil).StatusCode, 200, c.op.count("/jwks"), n)
	c.op.rotate(t)
	time.Sleep(10 * time.Millisecond)
	wants(t, ask(nil).StatusCode, 200, c.op.count("/jwks"), n+1)
	c.op.spoil(map[string]any{"signature": true})
	wants(t, ask(nil).body, `{"message":"Invalid token signature"}`)
}

func idempotency(t *testing.T, c *oidcCase) {
	first := c.do(t, "POST /idempotency/a", "Idempotency-Key: one", "", "body")
	second := c.do(t, "POST /idempotency/a", "Idempotency-Key: one", "", "other")
	wants(t, first.StatusCode, 200, first.Header.Get("X-Idempotency-Stored"), "true", second.StatusCode, 200, second.body, first.body, second.Header.Get("X-Idempotency-Replayed"), "true",
		second.Header.Get("X-Served"), first.Header.Get("X-Served"), second.Header.Get("Content-Type"), "application/json")
	wants(t, c.do(t, "POST /idempotency/a").StatusCode, 400, c.do(t, "POST /idempotency/a", "Idempotency-Key: two").Header.Get("X-Served") != first.Header.Get("X-Served"), true)
	a := c.do(t, "POST /idempotency/status/503", "Idempotency-Key: three")
	wants(t, a.StatusCode, 503, a.Header.Get("X-Idempotency-Stored"), "false")
	wants(t, c.do(t, "POST /idempotency/status/404", "Idempotency-Key: three").StatusCode, 404, c.do(t, "POST /idempotency/status/200", "Idempotency-Key: three").StatusCode, 404)
}

func oauth2Audience(t *testing.T, c *oidcCase) {
	token := c.op.access(map[string]any{"aud": []string{"urn:other", "urn:api"}, "scope": "read"})
	a := c.do(t, "GET /oauth2-audience/", "Authorization: Bearer "+token)
	wants(t, a.StatusCode, 200, a.echo.Headers["x-consumer-username"], "ada", a.echo.Headers["x-authenticated-scope"], "read", a.echo.Headers["authorization"], "")
	a = c.do(t, "GET /oauth2-audience/", "Authorization: Bearer "+c.op.access(map[string]any{"aud": "urn:none", "scope": "read"}))
	wants(t, a.StatusCode, 403, a.body, `{"message":"token is for nobody here"}`)
	wants(t, c.do(t, "GET /oauth2-audience/", "Authorization: Bearer "+c.op.access(map[string]any{"aud": "urn:api"})).body, `{"message":"insufficient scope"}`)
	a = c.do(t, "GET /oauth2-audience/")
	wants(t, a.StatusCode, 401, a.Header.Get("WWW-Authenticate"), `Bearer realm="service"`, a.body, `{"message":"invalid token: no Authorization header found"}`)
	wants(t, c.do(t, "GET /oauth2-audience/", "Authorization: Bearer dead").body, `{"message":"invalid token: invalid token"}`, c.do(t, "GET /oauth2-audience/", "Authorization: Bearer live").StatusCode, 403)
}

func verifiesRS256(public *rsa.PublicKey, token string) bool {
	at := strings.LastIndexByte(token, '.')
	if at < 0 {
		return false
	}
	sum := sha256.Sum256([]byte(token[:at]))
	sig, _ := base64.RawURLEncoding.DecodeString(token[at+1:])
	return rsa.VerifyPKCS1v15(public, crypto.SHA256, sum[:], sig) == nil
}

func jwtResign(t *testing.T, s *site, public *rsa.PublicKey) {
	part := func(v string) string { return base64.RawURLEncoding.EncodeToString([]byte(v)) }
	text := part(`{"alg":"HS256","typ":"JWT"}`) + "." + part(fmt.Sprintf(`{"sub":"ada","internal":1,"exp":%d}`, time.Now().Unix()+3600))
	m := hmac.New(sha256.New, []byte("incoming"))
	m.Write([]byte(text))
	token := text + "." + base64.RawURLEncoding.EncodeToString(m.Sum(nil))
	a := s.do(t, "GET /jwt-resign/", "Authorization: Bearer "+token)
	sent := strings.TrimPrefix(a.echo.Headers["authorization"], "Bearer ")
	wants(t, a.StatusCode, 200, a.echo.Headers["x-jwk-kty"], "RSA", a.echo.Headers["x-original-sub"], "ada", verifiesRS256(public, sent), true)
	b, _ := base64.RawURLEncoding.DecodeString(strings.Split(sent+"..", ".")[1])
	wants(t, strings.Contains(string(b), `"iss":"gateway"`), true, strings.Contains(string(b), "internal"), false)
	wants(t, s.do(t, "GET /jwt-resign/", "Authorization: Bearer "+token[:len(token)-4]+"AAAA").StatusCode, 401, s.do(t, "GET /jwt-resign/", "Authorization: Bearer x").body, `{"message":"malformed: invalid jwt string"}`,
		s.do(t, "GET /jwt-resign/").StatusCode, 401)
}
