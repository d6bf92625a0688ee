package e2e

import (
	"bufio"
	"bytes"
	"crypto/md5"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// pattern is n bytes in which a piece that is lost or swapped shows.
func pattern(n int) []byte {
	b := make([]byte, 0, n+32)
	for len(b) < n {
		b = fmt.Appendf(b, "%d,", len(b))
	}
	return b[:n]
}

func sum(b []byte) string { return fmt.Sprintf("%x", md5.Sum(b)) }

// digest answers with length and digest of what it got.
func digest(w http.ResponseWriter, r *http.Request) {
	b, err := io.ReadAll(r.Body)
	fmt.Fprintf(w, "upstream %s %d %s %v", r.Header.Get("Content-Length"), len(b), sum(b), err)
}

// upload sends a body of n bytes for which the plugin runs code, in chunks or with its length.
func (g *gibbon) upload(t *testing.T, code string, body []byte, chunked bool) (status int, answer string) {
	t.Helper()
	var r io.Reader = bytes.NewReader(body)
	if chunked {
		r = io.MultiReader(r) // of unknown length
	}
	req, err := http.NewRequest("PUT", "http://"+g.addr+"/", r)
	if err != nil {
		t.Fatal(err)
	}
	if code != "" {
		req.Header.Set("X-Code", strings.Join(strings.Fields(prelude+code), " "))
	}
	resp, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	b, _ := io.ReadAll(resp.Body)
	return resp.StatusCode, string(b)
}

// TestBodiesOfAnySize has a plugin read bodies far above client_body_buffer_size, in all the ways there are, and replace them.
func TestBodiesOfAnySize(t *testing.T) {
	up := upstream(t, http.HandlerFunc(digest))
	g := start(t, everythingTo(up, "    plugins: [{name: snippet}]\n"), "KONG_PLUGINS=bundled,snippet")
	body := pattern(20 << 20)
	whole := fmt.Sprintf("%d %s", len(body), sum(body))
	for _, c := range []struct{ name, code, want string }{
		{"get_raw_body", `local b, err = kong.request.get_raw_body() say(b and #b, b and ngx.md5(b), err) return reply()`,
			fmt.Sprintf("%d %q nil", len(body), sum(body))},
		{"get_raw_body with limits", `local function n(max) local b, err = kong.request.get_raw_body(max) say(b and #b, err) end n(-1) n(100) n(0) n(1e9) return reply()`,
			`nil "request body did not fit into client body buffer, consider raising 'client_body_buffer_size'"; ` +
				`nil "request body file too big: 20971520 > 100"; 20971520 nil; 20971520 nil`},
		{"get_body_data and get_body_file", `ngx.req.read_body() local name = ngx.req.get_body_file() local f = assert(io.open(name, "rb")) local b = f:read("*a") f:close()
			say(ngx.req.get_body_data(), #b, ngx.md5(b), name:find("/client_body_temp/", 1, true) ~= nil) return reply()`,
			fmt.Sprintf("nil %d %q true", len(body), sum(body))},
		{"read, then proxied", `kong.request.get_raw_body()`, fmt.Sprintf("upstream %d %s <nil>", len(body), whole)},
		{"replaced", `local b = kong.request.get_raw_body() kong.service.request.set_raw_body(b:sub(1, 3000000))`,
			fmt.Sprintf("upstream 3000000 3000000 %s <nil>", sum(body[:3000000]))},
	} {
		for _, chunked := range []bool{false, true} {
			t.Run(fmt.Sprintf("%s, chunked %v", c.name, chunked), func(t *testing.T) {
				if status, got := g.upload(t, c.code, body, chunked); status != 200 || got != c.want {
					t.Errorf("%d %s\nwant %s", status, got, c.want)
				}
			})
		}
	}
	if left, err := os.ReadDir(filepath.Join(g.prefix, "client_body_temp")); err != nil || len(left) != 0 {
		t.Errorf("files of bodies are left: %v, %v", left, err)
	}
}

// TestBodyMemoryLimit shows what the budget for bodies bounds: what a plugin wants in one piece, not what passes.
func TestBodyMemoryLimit(t *testing.T) {
	up := upstream(t, http.HandlerFunc(digest))
	g := start(t, everythingTo(up, "    plugins: [{name: snippet}]\n"), "KONG_PLUGINS=bundled,snippet", "KONG_BODY_MEMORY_LIMIT=1m")
	body := pattern(3 << 20)
	_, got := g.upload(t, `local b, err = kong.request.get_raw_body() say(b, err) return reply()`, body, false)
	if want := "a body of 3145728 bytes does not fit into the memory for bodies: 0 of 1048576 bytes are in use, consider raising 'body_memory_limit'"; got != fmt.Sprintf("nil %q", want) {
		t.Error(got)
	}
	want := fmt.Sprintf("upstream %d %d %s <nil>", len(body), len(body), sum(body))
	if _, got = g.upload(t, `kong.request.get_raw_body()`, body, false); got != want {
		t.Errorf("what passes by: %s", got)
	}
	if _, got = g.upload(t, `local b, err = kong.request.get_raw_body() say(#b, err) return reply()`, body[:1<<20], false); got != "1048576 nil" {
		t.Errorf("what fits: %s", got)
	}
}

// TestBufferedResponses bounds responses that a response phase wants whole, and tells what happened.
func TestBufferedResponses(t *testing.T) {
	size := 0
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(pattern(size)) }))
	code := `kong.service.request.enable_buffering()`
	g := start(t, everythingTo(up, "    plugins: [{name: responder}, {name: snippet}]\n"), "KONG_PLUGINS=bundled,snippet,responder", "KONG_BUFFERED_RESPONSE_LIMIT=1m")
	for _, size = range []int{100, 1 << 20} {
		if status, got := g.upload(t, code, nil, false); status != 200 || got != string(pattern(size)) {
			t.Errorf("%d bytes: %d, %d bytes", size, status, len(got))
		}
	}
	size = 1<<20 + 1
	if status, _ := g.upload(t, code, nil, false); status != 502 {
		t.Errorf("above the limit: %d", status)
	}
	if !g.logs("upstream sent more than 1048576 bytes (buffered_response_limit)") {
		t.Error("nothing in the log")
	}
	size = 1 << 20
	if err := os.Remove(filepath.Join(g.prefix, "client_body_temp")); err != nil {
		t.Fatal(err)
	}
	if status, _ := g.upload(t, code, nil, false); status != 500 {
		t.Errorf("no folder: %d", status)
	}
	if !g.logs("a response cannot be buffered: temporary file for a body: create a file in " + g.prefix + "/client_body_temp: no such file or directory") {
		t.Error("nothing in the log")
	}
}

// logs says whether the error log gets to have text.
func (g *gibbon) logs(text string) bool {
	for range 50 {
		if strings.Contains(g.log(), text) {
			return true
		}
		time.Sleep(20 * time.Millisecond)
	}
	return false
}

// TestNoRoomForBodies: without a place for files long bodies are a 500 that says why; short ones are served.
func TestNoRoomForBodies(t *testing.T) {
	up := upstream(t, http.HandlerFunc(digest))
	g := start(t, everythingTo(up, "    plugins: [{name: snippet}]\n"), "KONG_PLUGINS=bundled,snippet")
	if err := os.Remove(filepath.Join(g.prefix, "client_body_temp")); err != nil {
		t.Fatal(err)
	}
	why := "temporary file for a body: create a file in " + g.prefix + "/client_body_temp: no such file or directory"
	for name, code := range map[string]string{"nobody reads it": "", "a plugin reads it": `kong.request.get_raw_body()`} {
		if status, got := g.upload(t, code, pattern(100<<10), false); status != 500 || strings.Contains(got, g.prefix) {
			t.Errorf("%s: %d %s", name, status, got)
		}
		if !g.logs(why) {
			t.Errorf("%s: nothing in the log", name)
		}
		if err := os.Truncate(filepath.Join(g.prefix, "logs", "error.log"), 0); err != nil {
			t.Fatal(err)
		}
		if status, got := g.upload(t, code, pattern(100), false); status != 200 {
			t.Errorf("a short body, %s: %d %s", name, status, got)
		}
	}
	if _, got := g.upload(t, `local ok, err = pcall(kong.request.get_raw_body) say(ok, err) return reply()`, pattern(100<<10), false); got != fmt.Sprintf("false %q", why) {
		t.Errorf("%s", got)
	}
}

// TestClientGoesWithinABody: a plugin that waits for the rest learns of it, and nothing stays behind.
func TestClientGoesWithinABody(t *testing.T) {
	up := upstream(t, http.HandlerFunc(digest))
	g := start(t, everythingTo(up, "    plugins: [{name: snippet}]\n"), "KONG_PLUGINS=bundled,snippet")
	for name, reset := range map[string]bool{"a reset": true, "an end": false} {
		c := dial(t, g.addr)
		c.send(post(`local ok, err = pcall(kong.request.get_raw_body) ngx.log(ngx.WARN, "`+name+`: ", ok, " ", err)`, 1<<20), string(pattern(100<<10)))
		time.Sleep(100 * time.Millisecond)
		if reset {
			_ = c.Conn.(*net.TCPConn).SetLinger(0)
		}
		c.Close()
		if !g.logs(name + ": false ") {
			t.Errorf("%s: the plugin does not learn of it\n%s", name, g.log())
		}
	}
	for range 50 { // the files of the bodies are closed
		if openBodies(t, g) == 0 {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d files of bodies stay open", openBodies(t, g))
}

// openBodies counts the files of bodies that the gateway holds.
func openBodies(t *testing.T, g *gibbon) (n int) {
	t.Helper()
	fds, err := filepath.Glob(fmt.Sprintf("/proc/%d/fd/*", g.PID()))
	if err != nil {
		t.Fatal(err)
	}
	for _, fd := range fds {
		if to, _ := os.Readlink(fd); strings.Contains(to, "/client_body_temp/") {
			n++
		}
	}
	return n
}

// TestUpstreamResetsWhileABodyIsReplayed: the next try sends all of it again from the file.
func TestUpstreamResetsWhileABodyIsReplayed(t *testing.T) {
	tries := make(chan int, 10)
	up := rawUpstream(t, func(c net.Conn) {
		n := len(tries)
		tries <- 1
		if n < 2 {
			_, _ = io.ReadFull(c, make([]byte, 200<<10))
			_ = c.(*net.TCPConn).SetLinger(0)
			return
		}
		r, err := http.ReadRequest(bufio.NewReader(c))
		if err != nil {
			return
		}
		body, _ := io.ReadAll(r.Body)
		answer := sum(body)
		fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", len(answer), answer)
	})
	g := start(t, everythingTo(up))
	body := pattern(5 << 20)
	if status, got := g.upload(t, "", body, false); status != 200 || got != sum(body) || len(tries) != 3 {
		t.Errorf("%d %q after %d tries, want %s", status, got, len(tries), sum(body))
	}
}

// TestStreamedUploadWaitsForItsReader: without request_buffering an upload goes on as it comes, touches no disk and
// does not pile up before an upstream that is slow.
func TestStreamedUploadWaitsForItsReader(t *testing.T) {
	const size = 64 << 20
	first, rest := make(chan time.Time, 1), make(chan struct{})
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.ReadFull(r.Body, make([]byte, 1000))
		first <- time.Now()
		<-rest
		digest(w, r)
	}))
	g := start(t, everythingTo(up, "    request_buffering: false\n"))
	body := &counted{Reader: bytes.NewReader(pattern(size))}
	req, err := http.NewRequest("PUT", "http://"+g.addr+"/", body)
	if err != nil {
		t.Fatal(err)
	}
	req.ContentLength = size
	answer := make(chan string, 1)
	go func() {
		resp, err := http.DefaultClient.Do(req)
		if err != nil {
			answer <- err.Error()
			return
		}
		defer resp.Body.Close()
		b, _ := io.ReadAll(resp.Body)
		answer <- string(b)
	}()
	<-first
	time.Sleep(300 * time.Millisecond)
	if n := body.n.Load(); n > size/2 { // the sockets' buffers on both sides hold some megabytes
		t.Errorf("%d bytes were taken while the upstream read nothing", n)
	}
	if n := openBodies(t, g); n != 0 {
		t.Errorf("%d files hold bodies", n)
	}
	close(rest)
	if got, want := <-answer, fmt.Sprintf("upstream %d %d %s <nil>", size, size-1000, sum(pattern(size)[1000:])); got != want {
		t.Errorf("%s\nwant %s", got, want)
	}
}
