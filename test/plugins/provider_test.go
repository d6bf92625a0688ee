package plugins

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// provider is an OpenID provider with one user, who agrees to everything. What it does wrong is set by spoil.
type provider struct {
	*httptest.Server
	mu      sync.Mutex
	keys    map[string]*rsa.PrivateKey
	kid     string
	grants  map[string]url.Values // codes: what was asked for
	refresh map[string]bool
	revoked []string
	calls   map[string]int
	last    url.Values // form of the last call to the token endpoint
	wrong   map[string]any
}

const clientSecret = "a secret + with/signs"

func newProvider(t *testing.T) *provider {
	p := &provider{keys: map[string]*rsa.PrivateKey{}, grants: map[string]url.Values{}, refresh: map[string]bool{}, calls: map[string]int{}, wrong: map[string]any{}}
	p.rotate(t)
	mux := http.NewServeMux()
	for path, h := range map[string]func(http.ResponseWriter, *http.Request) any{
		"/.well-known/openid-configuration": p.discovery, "/authorize": p.authorize, "/token": p.token, "/jwks": p.jwks, "/userinfo": p.userinfo,
		"/introspect": p.introspect, "/revoke": p.revoke, "/end": p.end,
	} {
		mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.calls[path]++
			if status, ok := p.wrong[path].(int); ok {
				w.WriteHeader(status)
				return
			}
			_ = r.ParseForm()
			if v := h(w, r); v != nil {
				_ = json.NewEncoder(w).Encode(v)
			}
		})
	}
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// rotate changes the signing key; the old one is gone.
func (p *provider) rotate(t *testing.T) {
	key, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.kid = "key-" + random(4)
	p.keys = map[string]*rsa.PrivateKey{p.kid: key}
}

// spoil sets what goes wrong from now on: a path with a status, a claim of id tokens, "expires_in", "alg".
func (p *provider) spoil(wrong map[string]any) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wrong = wrong
}

func (p *provider) count(path string) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.calls[path]
}

func random(n int) string {
	b := make([]byte, n)
	_, _ = rand.Read(b)
	return hex.EncodeToString(b)
}

func (p *provider) discovery(http.ResponseWriter, *http.Request) any {
	return map[string]any{"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token", "jwks_uri": p.URL + "/jwks",
		"userinfo_endpoint": p.URL + "/userinfo", "introspection_endpoint": p.URL + "/introspect", "revocation_endpoint": p.URL + "/revoke",
		"end_session_endpoint": p.URL + "/end", "token_endpoint_auth_methods_supported": []string{"client_secret_basic", "client_secret_post", "private_key_jwt"}}
}

func (p *provider) jwks(http.ResponseWriter, *http.Request) any {
	var keys []any
	for kid, k := range p.keys {
		keys = append(keys, map[string]string{"kty": "RSA", "kid": kid, "use": "sig", "alg": "RS256", "n": base64.RawURLEncoding.EncodeToString(k.N.Bytes()),
			"e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(k.E)).Bytes())})
	}
	return map[string]any{"keys": keys}
}

func (p *provider) authorize(w http.ResponseWriter, r *http.Request) any {
	to, err := url.Parse(r.Form.Get("redirect_uri"))
	if err != nil || r.Form.Get("client_id") != "gw" || r.Form.Get("response_type") != "code" {
		w.WriteHeader(400)
		return nil
	}
	q := url.Values{"state": {r.Form.Get("state")}}
	if e, ok := p.wrong["authorize"].(string); ok {
		q.Set("error", e)
		q.Set("error_description", "because")
	} else {
		code := random(8)
		p.grants[code] = r.Form
		q.Set("code", code)
	}
	to.RawQuery = q.Encode()
	http.Redirect(w, r, to.String(), http.StatusFound)
	return nil
}

// client says whether the caller of the token endpoint is known, by any of three methods.
func (p *provider) client(r *http.Request) bool {
	if id, secret, ok := r.BasicAuth(); ok {
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
		return id == "gw" && secret == clientSecret
	}
	if a := r.Form.Get("client_assertion"); a != "" {
		part := strings.Split(a, ".")
		claims, _ := base64.RawURLEncoding.DecodeString(part[1])
		var c struct {
			Iss, Sub, Aud, Jti string
			Exp                int64
		}
		_ = json.Unmarshal(claims, &c)
		sum := sha256.Sum256([]byte(part[0] + "." + part[1]))
		sig, _ := base64.RawURLEncoding.DecodeString(part[2])
		key := p.keys["client"]
		return key != nil && c.Iss == "gw" && c.Sub == "gw" && c.Aud == p.URL+"/token" && c.Jti != "" && c.Exp > time.Now().Unix() &&
			rsa.VerifyPKCS1v15(&key.PublicKey, crypto.SHA256, sum[:], sig) == nil
	}
	return r.Form.Get("client_id") == "gw" && r.Form.Get("client_secret") == clientSecret
}

func (p *provider) sign(claims map[string]any) string {
	alg := "RS256"
	if a, ok := p.wrong["alg"].(string); ok {
		alg = a
	}
	h, _ := json.Marshal(map[string]string{"alg": alg, "kid": p.kid, "typ": "JWT"})
	c, _ := json.Marshal(claims)
	text := base64.RawURLEncoding.EncodeToString(h) + "." + base64.RawURLEncoding.EncodeToString(c)
	if alg == "none" {
		return text + "."
	}
	sum := sha256.Sum256([]byte(text))
	sig, _ := rsa.SignPKCS1v15(rand.Reader, p.keys[p.kid], crypto.SHA256, sum[:])
	if p.wrong["signature"] != nil {
		sig[5] ^= 1
	}
	return text + "." + base64.RawURLEncoding.EncodeToString(sig)
}

// access makes a bearer token.
func (p *provider) access(claims map[string]any) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	all := map[string]any{"iss": p.URL, "sub": "ada", "exp": time.Now().Add(time.Minute).Unix()}
	for k, v := range claims {
		all[k] = v
	}
	return p.sign(all)
}

func (p *provider) token(w http.ResponseWriter, r *http.Request) any {
	p.last = r.Form
	refuse := func(why string) any {
		w.WriteHeader(400)
		return map[string]string{"error": why}
	}
	if !p.client(r) {
		return refuse("invalid_client")
	}
	now := time.Now().Unix()
	claims := map[string]any{"iss": p.URL, "sub": "ada", "aud": "gw", "iat": now, "exp": now + 300}
	switch r.Form.Get("grant_type") {
	case "authorization_code":
		asked, ok := p.grants[r.Form.Get("code")]
		delete(p.grants, r.Form.Get("code"))
		if !ok || asked.Get("redirect_uri") != r.Form.Get("redirect_uri") {
			return refuse("invalid_grant")
		}
		if c := asked.Get("code_challenge"); c != "" {
			sum := sha256.Sum256([]byte(r.Form.Get("code_verifier")))
			if base64.RawURLEncoding.EncodeToString(sum[:]) != c {
				return refuse("invalid_grant: verifier")
			}
		}
		if n := asked.Get("nonce"); n != "" {
			claims["nonce"] = n
		}
	case "refresh_token":
		token := r.Form.Get("refresh_token")
		if !p.refresh[token] {
			return refuse("invalid_grant")
		}
		delete(p.refresh, token)
	default:
		return refuse("unsupported_grant_type")
	}
	for k, v := range p.wrong {
		if name, ok := strings.CutPrefix(k, "claim "); ok {
			if claims[name] = v; v == nil {
				delete(claims, name)
			}
		}
	}
	refresh := random(8)
	p.refresh[refresh] = true
	out := map[string]any{"access_token": "at-" + random(8), "token_type": "Bearer", "expires_in": 300, "refresh_token": refresh, "id_token": p.sign(claims)}
	if v, ok := p.wrong["expires_in"]; ok {
		out["expires_in"] = v
	}
	if p.wrong["no id_token"] != nil {
		delete(out, "id_token")
	}
	return out
}

func (p *provider) userinfo(w http.ResponseWriter, r *http.Request) any {
	if !strings.HasPrefix(r.Header.Get("Authorization"), "Bearer at-") {
		w.WriteHeader(401)
		return nil
	}
	sub := "ada"
	if s, ok := p.wrong["userinfo sub"].(string); ok {
		sub = s
	}
	return map[string]any{"sub": sub, "email": "ada@example.test", "preferred_username": "ada", "groups": []string{"dev", "ops"}}
}

func (p *provider) introspect(w http.ResponseWriter, r *http.Request) any {
	if !p.client(r) {
		w.WriteHeader(401)
		return nil
	}
	p.last = r.Form
	if r.Form.Get("token") != "live" {
		return map[string]any{"active": false}
	}
	return map[string]any{"active": true, "sub": "ada", "scope": "read", "exp": time.Now().Add(time.Minute).Unix()}
}

func (p *provider) revoke(w http.ResponseWriter, r *http.Request) any {
	if !p.client(r) {
		w.WriteHeader(401)
		return nil
	}
	p.revoked = append(p.revoked, r.Form.Get("token_type_hint"))
	return nil
}

func (p *provider) end(w http.ResponseWriter, r *http.Request) any {
	if to := r.Form.Get("post_logout_redirect_uri"); to != "" {
		http.Redirect(w, r, to, http.StatusFound)
		return nil
	}
	fmt.Fprintf(w, "bye %v", r.Form.Get("id_token_hint") != "")
	return nil
}
