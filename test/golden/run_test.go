package golden

import (
	"fmt"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// The test binary doubles as a gateway: with FAKE_GATEWAY set it proxies to the upstream that kong.yml names, and logs as
// a plugin would.
func TestMain(m *testing.M) {
	if os.Getenv("FAKE_GATEWAY") != "" {
		fakeGateway()
		return
	}
	os.Exit(m.Run())
}

func fakeGateway() {
	conf, err := os.ReadFile(os.Getenv("KONG_DECLARATIVE_CONFIG"))
	target, ok := strings.CutPrefix(strings.TrimSpace(string(conf)), "url: ")
	if err != nil || !ok {
		fmt.Fprintln(os.Stderr, "no url")
		os.Exit(1)
	}
	logs := filepath.Join(os.Getenv("KONG_PREFIX"), "logs")
	os.MkdirAll(logs, 0o755)
	log, _ := os.Create(filepath.Join(logs, "error.log"))
	proxy := httputil.NewSingleHostReverseProxy(&url.URL{Scheme: "http", Host: target})
	serve := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/crash" {
			os.Exit(3)
		}
		proxy.ServeHTTP(w, r)
		time.AfterFunc(30*time.Millisecond, func() { // later than the answer, as log handlers are
			fmt.Fprintf(log, "2026/01/01 [notice] 1#0: [p] saw %s, client: 127.0.0.1\n", r.URL.Path)
		})
	}
	addr, _, _ := strings.Cut(os.Getenv("KONG_PROXY_LISTEN"), ",")
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	http.Serve(ln, http.HandlerFunc(serve))
}

const proxied = `-- kong.yml --
url: {{upstream2}}
-- plugins/p/handler.lua --
-- 1.request --
POST /a HTTP/1.1
Host: x.test
Content-Length: auto
User-Agent: t

{{fill:20}}
-- 1.reply2 --
HTTP/1.1 201 Created
Date: today
Content-Length: auto
X-To: {{upstream2}}
Content-Type: text/plain

{"b":1,"a":[]}
-- 1.upstream --
upstream2 POST /a HTTP/1.1
Host: x.test
User-Agent: t
Content-Length: 20
X-Forwarded-For: 127.0.0.1
Accept-Encoding: gzip

0123456789abcdef0123
-- 1.response --
HTTP/1.1 201 Created
x-to: {{upstream2}}
content-type: text/plain
Content-Length: 99
Date: <date>

{"a": [], "b": 1}
-- 1.log --
notice [p] saw /a
`

func TestRun(t *testing.T) {
	t.Setenv("FAKE_GATEWAY", "yes")
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		text, edit, by string
		want           []string // what differences and error together must contain; none: a pass
	}{
		"passes":                 {text: proxied},
		"an upstream header":     {proxied, "User-Agent: t\nContent", "User-Agent: u\nContent", []string{"--- 1.upstream", "user-agent: u"}},
		"a response header":      {proxied, "x-to: {{upstream2}}", "x-to: {{upstream}}", []string{"--- 1.response"}},
		"a log line too many":    {proxied, "notice [p] saw /a", "", []string{"--- 1.log", "notice [p] saw /a"}},
		"a log line missing":     {proxied, "saw /a", "saw /a\nwarn [p] more", []string{"--- 1.log"}},
		"does not start":         {proxied, "url:", "uri:", []string{"exit status 1", "no url"}},
		"refuses as it should":   {text: "-- kong.yml --\nx\n-- start.fails --\nyes\n"},
		"starts but should not":  {proxied, "-- kong.yml", "-- start.fails --\n-- kong.yml", []string{"still running"}},
		"crashes during a step":  {proxied, "POST /a", "POST /crash", []string{"ended before the case did"}},
		"a capture in next step": {text: captured},
	} {
		t.Run(name, func(t *testing.T) {
			text := c.text
			if c.edit != "" {
				text = strings.Replace(text, c.edit, c.by, 1)
			}
			limits := startLimit
			startLimit = time.Second
			defer func() { startLimit = limits }()
			got, err := parseCase("test/"+name, []byte(text)).Run(self)
			if err != nil {
				got += err.Error()
			}
			if len(c.want) == 0 && got != "" {
				t.Error(got)
			}
			for _, w := range c.want {
				if !strings.Contains(got, w) {
					t.Errorf("no %q in %q", w, got)
				}
			}
		})
	}
}

const captured = `-- kong.yml --
url: {{upstream}}
-- 1.request --
GET /1 HTTP/1.1
Host: a
User-Agent: t
-- 1.reply --
HTTP/1.1 200 OK
Date: x
Content-Type: text/plain
Content-Length: auto

key=0123456789
-- 1.capture --
key key=(\d+)
-- 1.upstream --
GET /1 HTTP/1.1
Host: a
User-Agent: t
X-Forwarded-For: 127.0.0.1
Accept-Encoding: gzip
-- 1.response --
HTTP/1.1 200 OK
Date: <date>
Content-Type: text/plain
Content-Length: 14

key={{got:key}}
-- 2.request --
GET /{{got:key}} HTTP/1.1
Host: a
User-Agent: t
-- 2.reply --
HTTP/1.1 204 No
Date: x
-- 2.upstream --
GET /{{got:key}} HTTP/1.1
Host: a
User-Agent: t
X-Forwarded-For: 127.0.0.1
Accept-Encoding: gzip
-- 2.response --
HTTP/1.1 204 No Content
Date: <date>
`
