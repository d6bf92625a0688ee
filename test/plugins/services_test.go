package plugins

import (
	"compress/gzip"
	"compress/zlib"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"
)

// services are the servers that plugins call: policy engines, collectors, token endpoints. What they were told is noted.
type services struct {
	*httptest.Server
	secure *httptest.Server
	mu     sync.Mutex
	got    []string
}

func newServices(t *testing.T) *services {
	s := &services{}
	h := http.HandlerFunc(s.serve)
	s.Server, s.secure = httptest.NewServer(h), httptest.NewTLSServer(h)
	t.Cleanup(s.Close)
	t.Cleanup(s.secure.Close)
	return s
}

func (s *services) note(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.got = append(s.got, text)
}

func (s *services) all() []string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]string(nil), s.got...)
}

// noted waits until one note has all the texts, and gives it.
func (s *services) noted(t *testing.T, texts ...string) string {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); ; time.Sleep(10 * time.Millisecond) {
	next:
		for _, one := range s.all() {
			for _, text := range texts {
				if !strings.Contains(one, text) {
					continue next
				}
			}
			return one
		}
		if time.Now().After(end) {
			t.Errorf("nothing with %q among %q", texts, s.all())
			return ""
		}
	}
}

// times counts the notes that begin with a text.
func (s *services) times(prefix string) (n int) {
	for _, one := range s.all() {
		if strings.HasPrefix(one, prefix) {
			n++
		}
	}
	return n
}

func (s *services) serve(w http.ResponseWriter, r *http.Request) {
	reply := func(status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	var body io.Reader = r.Body
	switch r.Header.Get("Content-Encoding") {
	case "gzip":
		body, _ = gzip.NewReader(r.Body)
	case "deflate":
		body, _ = zlib.NewReader(r.Body)
	}
	b, _ := io.ReadAll(body)
	s.note(r.URL.Path + " " + r.RemoteAddr + " " + r.Header.Get("Authorization") + " " + string(b))
	var in map[string]any
	_ = json.Unmarshal(b, &in)
	switch r.URL.Path {
	case "/middleman":
		headers, _ := in["headers"].(map[string]any)
		if headers["x-bad"] != nil {
			reply(403, map[string]any{"why": headers["x-bad"], "target": headers["target_uri"], "body": in["body_data"], "args": in["uri_args"]})
			return
		}
		reply(200, map[string]any{})
	case "/v1/data/gate":
		input, _ := in["input"].(map[string]any)
		switch input["user"] {
		case "root":
			reply(200, map[string]any{"result": map[string]any{"allow": true}})
		case "teapot":
			reply(200, map[string]any{"result": map[string]any{"allow": false, "status": 418, "headers": map[string]string{"X-Why": "tea"}, "body": fmt.Sprint(input["path"], input["groups"])}})
		case "crash":
			w.WriteHeader(500)
		default:
			reply(200, map[string]any{"result": map[string]any{"allow": false}})
		}
	case "/captcha":
		form, _ := url.ParseQuery(string(b))
		reply(200, map[string]any{"success": form.Get("response") == "a human" && form.Get("secret") == "hush"})
	case "/registry":
		if r.FormValue("tenant") == "blue" {
			_, _ = io.WriteString(w, strings.TrimPrefix(s.URL, "http://"))
			return
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "127.0.0.1:1")
	case "/tenant/blue":
		_, _ = io.WriteString(w, "served by blue "+r.URL.RawQuery)
	case "/spec":
		w.Header().Set("Content-Type", "text/yaml")
		for range 100 {
			_, _ = io.WriteString(w, strings.Repeat("spec ", 100))
			w.(http.Flusher).Flush()
		}
	case "/slow":
		time.Sleep(300 * time.Millisecond)
		_, _ = io.WriteString(w, "answer "+r.URL.RawQuery)
	case "/session":
		if r.Header.Get("Cookie") == "SMSESSION=known" {
			w.Header().Set("X-User", "carol")
			return
		}
		w.WriteHeader(http.StatusForbidden)
	case "/google-token":
		reply(200, map[string]any{"access_token": "gt", "expires_in": 3600})
	case "/events/config":
		reply(200, map[string]any{"sample_rate": 42})
	}
}
