package e2e

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// prelude gives the code of a test: say collects values, reply answers with them.
const prelude = `local out = {} ` +
	`local function one(v) if type(v) ~= "string" then return tostring(v) end return string.format("%q", v) end ` +
	`local function say(...) local t = {} for i = 1, select("#", ...) do t[i] = one((select(i, ...))) end out[#out + 1] = table.concat(t, " ") end ` +
	`local function reply() return kong.response.exit(200, table.concat(out, "; ")) end `

// TestReqSocket shows ngx.req.socket through a whole gateway. Rows are those
// of the documents about it, 223 to 229.
//
// Documented rows 223-226, 228-230.
// Documented row 227, lifted: bodies in chunks are read as others are.
func TestReqSocket(t *testing.T) {
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		fmt.Fprintf(w, "upstream got %q", b)
	}))
	g := start(t, everythingTo(up, "    plugins: [{name: snippet}]\n"), "KONG_PLUGINS=bundled,snippet")
	for name, test := range map[string]func(*testing.T, *gibbon){
		"row 223: lines, counts, patterns, and no send": reads,
		"row 225: bytes read with the head":             bytesReadWithTheHead,
		"row 225: 100 Continue":                         continues,
		"row 226: body taken before":                    takenBefore,
		"row 227 lifted: chunked":                       chunked,
		"row 227 lifted: malformed chunks":              badChunks,
		"row 224: raw":                                  rawSocket,
		"row 228: raw with output":                      rawWithOutput,
		"row 229: raw reads the body":                   rawReadsTheBody,
		"pipelined request":                             pipelined,
		"partly read":                                   partlyRead,
		"timeout and end":                               timeoutAndEnd,
		"then proxied":                                  thenProxied,
		"backpressure":                                  backpressure,
		"raw, then nothing":                             rawThenNothing,
		"raw, slow client":                              rawSlowClient,
		"raw, client gone":                              rawClientGone,
	} {
		t.Run(name, func(t *testing.T) { test(t, g) })
	}
}

type wireClient struct {
	t *testing.T
	net.Conn
	r *bufio.Reader
}

func dial(t *testing.T, addr string) *wireClient {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	return &wireClient{t, c, bufio.NewReader(c)}
}

func (c *wireClient) send(parts ...string) {
	c.t.Helper()
	for i, p := range parts {
		if i > 0 {
			time.Sleep(30 * time.Millisecond)
		}
		if _, err := io.WriteString(c, p); err != nil {
			c.t.Fatal(err)
		}
	}
}

// answer reads one response and gives its body.
func (c *wireClient) answer() string {
	c.t.Helper()
	resp, err := http.ReadResponse(c.r, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	defer resp.Body.Close()
	b, err := io.ReadAll(resp.Body)
	if err != nil {
		c.t.Fatal(err)
	}
	return string(b)
}

func (c *wireClient) rest() string {
	b, _ := io.ReadAll(c.r)
	return string(b)
}

// getting, post and chunks are heads of requests for which the plugin runs code.
func getting(code string) string { return head("GET", code) + "\r\n" }

func post(code string, length int) string {
	return head("POST", code) + fmt.Sprintf("Content-Length: %d\r\n\r\n", length)
}

func chunks(code string) string { return head("POST", code) + "Transfer-Encoding: chunked\r\n\r\n" }

func head(method, code string) string {
	code = strings.Join(strings.Fields(prelude+code), " ")
	return method + " / HTTP/1.1\r\nHost: a.test\r\nX-Code: " + code + "\r\n"
}

func withLength(code, body string) string { return post(code, len(body)) + body }

// ask sends a request in parts and compares the answer's body.
func ask(t *testing.T, g *gibbon, want string, parts ...string) {
	t.Helper()
	c := dial(t, g.addr)
	c.send(parts...)
	if got := c.answer(); got != want {
		t.Errorf("got  %s\nwant %s", got, want)
	}
	// The connection still works: nothing was left in it.
	c.send(getting(`say(ngx.req.socket()) return reply()`))
	if got := c.answer(); got != `nil "no body"` {
		t.Errorf("the next request: %s", got)
	}
}

// waitFor waits until the error log has text.
func waitFor(t *testing.T, g *gibbon, text string) {
	t.Helper()
	for end := time.Now().Add(5 * time.Second); !strings.Contains(g.log(), text); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%q does not come", text)
		}
	}
}

const socket = `local s = assert(ngx.req.socket()) `

func reads(t *testing.T, g *gibbon) {
	ask(t, g, `"one"; "ab"; "x"; "123"; "456"; nil "closed" ""; nil`,
		withLength(socket+`say(s:receive()) say(s:receive(2)) say(s:receiveuntil("--")()) say(s:receiveany(3)) say(s:receive("*a")) say(s:receive(1)) say(s.send) return reply()`,
			"one\nabx--123456"))
}

func bytesReadWithTheHead(t *testing.T, g *gibbon) {
	body := "first part, second part"
	ask(t, g, `"first"; " part, second part"`, post(socket+`say(s:receive(5)) say(s:receive("*a")) return reply()`, len(body))+body[:8], body[8:15], body[15:])
}

func continues(t *testing.T, g *gibbon) {
	c := dial(t, g.addr)
	c.send(head("POST", socket+`say(s:receive("*a")) return reply()`) + "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n")
	line, _ := c.r.ReadString('\n')
	if !strings.HasPrefix(line, "HTTP/1.1 100") {
		t.Fatal(line)
	}
	_, _ = c.r.ReadString('\n')
	c.send("abc")
	if got := c.answer(); got != `"abc"` {
		t.Error(got)
	}
}

func takenBefore(t *testing.T, g *gibbon) {
	for _, c := range []struct{ before, want string }{
		{"ngx.req.read_body()", `nil "request body already exists"`},
		{"kong.request.get_raw_body()", `nil "request body already exists"`},
		{"ngx.req.discard_body()", `nil "request body discarded"`},
		{"ngx.req.socket()", `nil "duplicate call"`},
	} {
		ask(t, g, c.want, withLength(c.before+` say(ngx.req.socket()) return reply()`, "abc"))
	}
}

func chunked(t *testing.T, g *gibbon) {
	ask(t, g, `"abc"; "def"; "ghi"; nil "closed" ""`,
		chunks(socket+`say(s:receive(3)) say(s:receive()) say(s:receive("*a")) say(s:receive(1)) return reply()`)+"2\r\nab\r\n",
		"3;x=y\r\ncde\r", "\n5\r\nf\ngh", "i\r\n0\r\nTrailer: x\r\n\r\n")
}

func badChunks(t *testing.T, g *gibbon) {
	c := dial(t, g.addr)
	c.send(chunks(socket+`say(s:receive(2)) say(s:receive("*a")) return reply()`) + "2\r\nab\r\nzz\r\n")
	if got := c.answer(); got != `"ab"; nil "invalid chunked body" ""` {
		t.Error(got)
	}
	if rest := c.rest(); rest != "" {
		t.Errorf("the connection goes on: %q", rest)
	}
}

// A body that comes in the same packet as the next request ends where it ends.
func pipelined(t *testing.T, g *gibbon) {
	c := dial(t, g.addr)
	code := socket + `say(s:receive("*a")) return reply()`
	c.send(withLength(code, "first") + chunks(code) + "6\r\nsecond\r\n0\r\n\r\n" + withLength(code, "third"))
	for _, want := range []string{`"first"`, `"second"`, `"third"`} {
		if got := c.answer(); got != want {
			t.Errorf("got %s, want %s", got, want)
		}
	}
}

// What the plugin did not read does not become the next request.
func partlyRead(t *testing.T, g *gibbon) {
	ask(t, g, `"ab"`, withLength(socket+`say(s:receive(2)) return reply()`, "abcdef"))
}

func timeoutAndEnd(t *testing.T, g *gibbon) {
	c := dial(t, g.addr)
	c.send(post(socket+`s:settimeout(50) local _, e, p = s:receive(10) s:settimeout(5000) local _, e2, p2 = s:receive(10) ngx.log(ngx.ERR, table.concat({ e, p, e2, p2 }, "/"))`, 20) + "abc")
	time.Sleep(100 * time.Millisecond)
	c.send("de")
	time.Sleep(50 * time.Millisecond)
	c.Close() // in the middle of the body
	waitFor(t, g, "timeout/abc/closed/de")
}

// The body is gone for the service, unless the plugin gives it one.
func thenProxied(t *testing.T, g *gibbon) {
	for code, want := range map[string]string{
		`s:receive("*a")`: `upstream got ""`,
		`ngx.req.init_body() ngx.req.append_body(s:receive("*a"):upper()) ngx.req.finish_body()`: `upstream got "ABC"`,
		`kong.service.request.set_raw_body("own " .. s:receive("*a"))`:                           `upstream got "own abc"`,
		``: `upstream got ""`,
	} {
		ask(t, g, want, withLength(socket+code, "abc"))
	}
}

// A slow reader slows the client down instead of filling memory.
func backpressure(t *testing.T, g *gibbon) {
	c := dial(t, g.addr)
	const size = 64 << 20
	c.send(post(socket+`local n = 0 ngx.sleep(0.5) while true do local d, err = s:receiveany(65536) if not d then say(n, err) return reply() end n = n + #d end`, size))
	_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
	n, _ := c.Write(bytes.Repeat([]byte("x"), size))
	if n > 32<<20 {
		t.Errorf("%d bytes were taken while the plugin slept", n)
	}
	_ = c.SetWriteDeadline(time.Now().Add(10 * time.Second))
	go func() { _, _ = c.Write(bytes.Repeat([]byte("x"), size-n)) }()
	if got := c.answer(); got != fmt.Sprintf(`%d "closed"`, size) {
		t.Error(got)
	}
}

func rawSocket(t *testing.T, g *gibbon) {
	code := getting(`local s = assert(ngx.req.socket(true)) s:settimeout(2000)
		s:send("HTTP/1.1 299 Own\r\n\r\n")
		while true do local line, err = s:receive() if not line then s:send("end " .. err) break end s:send({ "got ", line, "\n" }) if line == "quit" then break end end
		return ngx.exit(444)`)
	c := dial(t, g.addr)
	c.send(code+"early\n", "one\n", "quit\nGET / HTTP/1.1\r\n\r\n")
	if got := c.rest(); got != "HTTP/1.1 299 Own\r\n\r\ngot early\ngot one\ngot quit\n" {
		t.Errorf("%q", got)
	}
	// The client closes its side: the plugin may still answer.
	c = dial(t, g.addr)
	c.send(code, "one\n")
	_ = c.Conn.(*net.TCPConn).CloseWrite()
	if got := c.rest(); got != "HTTP/1.1 299 Own\r\n\r\ngot one\nend closed" {
		t.Errorf("%q", got)
	}
}

// With output pending the raw socket is refused; after ngx.flush(true) the output went out first.
func rawWithOutput(t *testing.T, g *gibbon) {
	code := `local s, err = ngx.req.socket(true) if not s then ngx.say(err) return ngx.exit(200) end s:send("second") return ngx.exit(444)`
	c := dial(t, g.addr)
	c.send(getting(`ngx.print("x ") ` + code))
	if got := c.answer(); got != "x pending data to write\n" {
		t.Error(got)
	}
	c = dial(t, g.addr)
	c.send(getting(`ngx.status = 201 ngx.header["X-A"] = "b" ngx.print("first ") ngx.flush(true) ` + code))
	if got := c.rest(); !strings.HasPrefix(got, "HTTP/1.1 201 Created\r\n") || !strings.Contains(got, "X-A: b\r\n") || !strings.HasSuffix(got, "\r\n\r\nfirst second") {
		t.Errorf("%q", got)
	}
}

// The raw socket has what no other reader took of the body.
func rawReadsTheBody(t *testing.T, g *gibbon) {
	for before, want := range map[string]string{
		``:                            `abcd nil nil`,
		`ngx.req.socket():receive(2)`: `cdef nil nil`,
		`ngx.req.read_body()`:         `nil timeout `,
		`raw = ngx.req.socket(true)`:  `refused duplicate call`,
	} {
		c := dial(t, g.addr)
		c.send(withLength(`local raw `+before+` local s, err = ngx.req.socket(true) if not s then raw:send("refused " .. err) return ngx.exit(444) end
			s:settimeout(100) local d, e, p = s:receive(4) s:send(tostring(d) .. " " .. tostring(e) .. " " .. tostring(p)) return ngx.exit(444)`, "abcdef"))
		if got := c.rest(); got != want {
			t.Errorf("%s: got %q, want %q", before, got, want)
		}
	}
}

// A plugin that goes on after it took the connection does not send a second answer.
func rawThenNothing(t *testing.T, g *gibbon) {
	for _, end := range []string{"", "return kong.response.exit(200, 'x')", "error('on purpose')"} {
		c := dial(t, g.addr)
		c.send(getting(`local s = assert(ngx.req.socket(true)) s:send("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok") ` + end))
		if got := c.rest(); got != "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok" {
			t.Errorf("%q", got)
		}
	}
}

// A client that does not read holds the plugin up until its timeout.
func rawSlowClient(t *testing.T, g *gibbon) {
	c := dial(t, g.addr)
	c.send(getting(`local s = assert(ngx.req.socket(true)) s:settimeout(200)
		local n, err repeat n, err = s:send(("x"):rep(1024 * 1024)) until not n ngx.log(ngx.ERR, "send ended: ", err) return ngx.exit(444)`))
	waitFor(t, g, "send ended: timeout")
}

func rawClientGone(t *testing.T, g *gibbon) {
	c := dial(t, g.addr)
	c.send(getting(`local s = assert(ngx.req.socket(true)) local d, err = s:receive() ngx.log(ngx.ERR, "reset: ", err) ngx.sleep(0.05) ngx.log(ngx.ERR, "then ", select(2, s:send("x")))`))
	time.Sleep(50 * time.Millisecond)
	_ = c.Conn.(*net.TCPConn).SetLinger(0)
	c.Close()
	waitFor(t, g, "reset: connection reset by peer")
	waitFor(t, g, "then closed")
}
