package e2e

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// seen is what the framing upstream says that it got.
type seen struct {
	Method, URI, Host, Sum string
	Length                 int64 // bytes of the body
	ContentLength          int64 // what the head said, -1 if nothing
	Header                 http.Header
}

const chunkedLength = 300 * 7919

// framingUpstream echoes what it got as JSON, and has a path for each kind of answer.
func framingUpstream() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h := sha256.New()
		n, _ := io.Copy(h, r.Body)
		w.Header().Set("Keep-Alive", "timeout=5")
		json.NewEncoder(w).Encode(seen{r.Method, r.RequestURI, r.Host, fmt.Sprintf("%x", h.Sum(nil)), n, r.ContentLength, r.Header})
	})
	mux.HandleFunc("/chunked", func(w http.ResponseWriter, r *http.Request) {
		for i := range 300 {
			w.Write(bytes.Repeat([]byte{byte('a' + i%26)}, 7919))
			if i%50 == 0 {
				w.(http.Flusher).Flush()
			}
		}
	})
	mux.HandleFunc("/204", func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(204) })
	mux.HandleFunc("/close", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Connection", "close")
		w.Write([]byte("bye"))
	})
	mux.HandleFunc("/until-close", hijacked("HTTP/1.1 200 OK\r\nX-A: b\r\n\r\n"+strings.Repeat("z", 100000)))
	mux.HandleFunc("/drops", hijacked("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")) // keeps quiet about closing
	return mux
}

func hijacked(answer string) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, b, err := w.(http.Hijacker).Hijack()
		if err != nil {
			return
		}
		b.WriteString(answer)
		b.Flush()
		c.Close()
	}
}

func client() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableCompression: true, MaxIdleConnsPerHost: 64}, Timeout: 20 * time.Second}
}

// do sends a request and reads all of the answer.
func do(t *testing.T, c *http.Client, r *http.Request) (*http.Response, string) {
	t.Helper()
	resp, err := c.Do(r)
	if err != nil {
		t.Errorf("%s %s: %v", r.Method, r.URL, err)
		return &http.Response{Header: http.Header{}}, ""
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		t.Errorf("%s %s: body: %v after %d bytes", r.Method, r.URL, err, len(b))
	}
	return resp, string(b)
}

func get(t *testing.T, c *http.Client, url string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequest(http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	return do(t, c, r)
}

// raw sends bytes and gives all that comes back until the connection closes or is quiet.
func raw(t *testing.T, addr, request string) string {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Error(err)
		return ""
	}
	defer c.Close()
	c.Write([]byte(request))
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		c.SetReadDeadline(time.Now().Add(700 * time.Millisecond))
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			return string(all)
		}
	}
}

func TestFraming(t *testing.T) {
	g := start(t, everythingTo(upstream(t, framingUpstream())))
	base, c := "http://"+g.addr, client()

	t.Run("head", func(t *testing.T) {
		r, _ := http.NewRequest(http.MethodGet, base+"/a%2Fb?x=1&y=%20", nil)
		r.Host = "api.example.test:81"
		r.Header = http.Header{"Connection": {"X-Drop-Me"}, "X-Drop-Me": {"1"}, "X-Keep": {"v"}, "Proxy-Connection": {"keep-alive"}}
		_, body := do(t, c, r)
		var s seen
		json.Unmarshal([]byte(body), &s)
		if s.URI != "/a%2Fb?x=1&y=%20" || s.Host != "api.example.test:81" || s.Header.Get("X-Keep") != "v" {
			t.Errorf("upstream saw %+v", s)
		}
		if s.Header.Get("X-Drop-Me") != "" || s.Header.Get("Proxy-Connection") != "" {
			t.Errorf("hop-by-hop fields reached the upstream: %v", s.Header)
		}
	})
	for _, n := range []int{0, 1, 1024, 15 << 10, 17 << 10, 70 << 10, 5 << 20} {
		body := bytes.Repeat([]byte("0123456789abcde\n"), n/16+1)[:n]
		for name, reader := range map[string]io.Reader{"length": bytes.NewReader(body), "chunked": io.MultiReader(bytes.NewReader(body))} {
			t.Run(fmt.Sprintf("body %s %d", name, n), func(t *testing.T) {
				r, _ := http.NewRequest(http.MethodPost, base+"/p", reader)
				_, text := do(t, c, r)
				var s seen
				json.Unmarshal([]byte(text), &s)
				if s.Length != int64(n) || s.Sum != fmt.Sprintf("%x", sha256.Sum256(body)) {
					t.Errorf("upstream saw %+v", s)
				}
			})
		}
	}
	for path, want := range map[string]int{"/chunked": chunkedLength, "/until-close": 100000, "/close": 3, "/204": 0} {
		t.Run("answer "+path, func(t *testing.T) {
			if resp, body := get(t, c, base+path); len(body) != want || resp.StatusCode >= 300 {
				t.Errorf("%s: %d bytes, want %d", resp.Status, len(body), want)
			}
		})
	}
	t.Run("HEAD", func(t *testing.T) {
		r, _ := http.NewRequest(http.MethodHead, base+"/chunked", nil)
		if resp, body := do(t, c, r); resp.StatusCode != 200 || body != "" {
			t.Errorf("%s, %d bytes", resp.Status, len(body))
		}
	})
	t.Run("upstream drops idle connections", func(t *testing.T) {
		for range 20 {
			if _, body := get(t, c, base+"/drops"); body != "ok" {
				t.Errorf("%q", body)
			}
		}
	})
}

func TestFramingOnTheWire(t *testing.T) {
	g := start(t, everythingTo(upstream(t, framingUpstream())))
	t.Run("pipelining", func(t *testing.T) {
		got := raw(t, g.addr, strings.Repeat("GET /204 HTTP/1.1\r\nHost: a\r\n\r\n", 3)+
			"POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"+
			"GET /204 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n")
		if strings.Count(got, " 204 ") != 4 || strings.Count(got, " 200 ") != 1 {
			t.Error(got)
		}
	})
	t.Run("HTTP/1.0 gets no chunks", func(t *testing.T) {
		got := raw(t, g.addr, "GET /chunked HTTP/1.0\r\nHost: a\r\n\r\n")
		resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(got)), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(resp.Body); len(b) != chunkedLength || len(resp.TransferEncoding) > 0 {
			t.Errorf("%d bytes, %v", len(b), resp.TransferEncoding)
		}
	})
	t.Run("100-continue", func(t *testing.T) {
		got := raw(t, g.addr, "POST /p HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nExpect: 100-continue\r\nConnection: close\r\n\r\n")
		if !strings.HasPrefix(got, "HTTP/1.1 100") {
			t.Error(got)
		}
	})
	t.Run("a byte at a time", func(t *testing.T) {
		c, err := net.Dial("tcp", g.addr)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		for _, b := range []byte("POST /p HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n") {
			c.Write([]byte{b})
			time.Sleep(time.Millisecond)
		}
		c.SetReadDeadline(time.Now().Add(5 * time.Second))
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil {
			t.Fatal(err)
		}
		if b, _ := io.ReadAll(resp.Body); !strings.Contains(string(b), `"Length":3`) {
			t.Errorf("%s %s", resp.Status, b)
		}
	})
}

// Many connections at once, each answer must belong to its request.
func TestFramingConcurrently(t *testing.T) {
	g := start(t, everythingTo(upstream(t, framingUpstream())))
	c := client()
	var good atomic.Int64
	var wg sync.WaitGroup
	const clients, requests = 50, 40
	for i := range clients {
		wg.Go(func() {
			for j := range requests {
				body := bytes.Repeat([]byte{byte(i), byte(j)}, 1+i*j*10)
				uri := fmt.Sprintf("/%d/%d", i, j)
				r, _ := http.NewRequest(http.MethodPost, "http://"+g.addr+uri, bytes.NewReader(body))
				_, text := do(t, c, r)
				var s seen
				json.Unmarshal([]byte(text), &s)
				if s.Sum == fmt.Sprintf("%x", sha256.Sum256(body)) && s.URI == uri {
					good.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if good.Load() != clients*requests {
		t.Errorf("%d of %d answers belong to their requests", good.Load(), clients*requests)
	}
}
