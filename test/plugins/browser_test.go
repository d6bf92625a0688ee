package plugins

import (
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/url"
	"strings"
	"testing"
)

// browser keeps cookies as browsers do; redirects are followed by hand.
type browser struct {
	*http.Client
	base string
}

func (s *site) browser() *browser {
	jar, _ := cookiejar.New(nil)
	c := *client
	c.Jar = jar
	return &browser{&c, s.url}
}

// get asks for a URL or a path of the gateway, with headers as "Name: value".
func (b *browser) get(t *testing.T, to string, headers ...string) *answer {
	t.Helper()
	if strings.HasPrefix(to, "/") {
		to = b.base + to
	}
	req, err := http.NewRequest("GET", to, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range headers {
		name, value, _ := strings.Cut(h, ": ")
		req.Header.Add(name, value)
	}
	resp, err := b.Do(req)
	if err != nil {
		t.Fatalf("%s: %v", to, err)
	}
	defer resp.Body.Close()
	text, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Fatalf("%s: %v", to, err)
	}
	a := &answer{Response: resp, body: string(text)}
	a.decode()
	return a
}

// follow goes where a redirect points.
func (b *browser) follow(t *testing.T, a *answer, headers ...string) *answer {
	t.Helper()
	to, err := a.Request.URL.Parse(a.Header.Get("Location"))
	if err != nil || a.Header.Get("Location") == "" {
		t.Fatalf("no redirect: %d %s %s", a.StatusCode, a.Header.Get("Location"), a.body)
	}
	return b.get(t, to.String(), headers...)
}

// cookies are what the jar has for the gateway, by name.
func (b *browser) cookies() map[string]string {
	u, _ := url.Parse(b.base)
	all := map[string]string{}
	for _, c := range b.Jar.Cookies(u) {
		all[c.Name] = c.Value
	}
	return all
}

// put sets a cookie of the gateway's; "" takes it away.
func (b *browser) put(name, value string) {
	u, _ := url.Parse(b.base)
	c := &http.Cookie{Name: name, Value: value, Path: "/"}
	if value == "" {
		c.MaxAge = -1
	}
	b.Jar.SetCookies(u, []*http.Cookie{c})
}
