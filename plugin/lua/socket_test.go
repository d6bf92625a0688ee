package lua

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// serve listens and runs each connection in a goroutine.
func serve(t testing.TB, network string, fn func(net.Conn)) net.Addr {
	t.Helper()
	at := "127.0.0.1:0"
	if network == "unix" {
		at = filepath.Join(t.TempDir(), "s")
	}
	l, err := net.Listen(network, at)
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go func() { defer c.Close(); fn(c) }()
		}
	}()
	t.Cleanup(func() { _ = l.Close(); <-done })
	return l.Addr()
}

// echo answers "echo:" + the bytes it got.
func echo(c net.Conn) {
	b := make([]byte, 64<<10)
	for {
		n, err := c.Read(b)
		if err != nil {
			return
		}
		_, _ = c.Write(append([]byte("echo:"), b[:n]...))
	}
}

func portOf(a net.Addr) int { return a.(*net.TCPAddr).Port }

// deadPort is one where nobody listens.
func deadPort(t testing.TB) int {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return portOf(l.Addr())
}

// access runs body as the access handler of one request, PORT and DEAD replaced.
func access(t *testing.T, port int, body string) string {
	t.Helper()
	body = strings.NewReplacer("PORT", fmt.Sprint(port), "DEAD", fmt.Sprint(deadPort(t))).Replace(body)
	s := live(t, Options{}, "function P:access() "+body+" end")
	got, _ := s.run()
	s.idle()
	return got
}

func TestTCP(t *testing.T) {
	port := portOf(serve(t, "tcp", echo))
	got := access(t, port, `local s = ngx.socket.tcp()
		say("before connect", pcall(s.send, s, "x"))
		s:settimeouts(500, 500, 150)
		say("connect", s:connect("127.0.0.1", PORT)) say("reused", s:getreusedtimes()) say("send", s:send("hello"))
		say("bytes", s:receive(5)) say("rest", s:receive(5))
		say("send table", s:send({ "a", { "b", 1 }, "\n" })) say("line", s:receive())
		say("send number", s:send(12)) say("any", s:receiveany(100))
		say("send nil", s:send(nil)) say("sent as", s:receive(8)) say("send bool", s:send(true)) say("sent as", s:receive(9))
		say("send", s:send("x|y|z")) local it = s:receiveuntil("|") say("until", it()) say("until", it())
		say("timeout", s:receive(100)) say("pattern", pcall(s.receive, s, "*x"))
		say("close", s:close()) say("closed twice", s:close()) say("receive closed", pcall(s.receive, s, 1))
		say("reconnect", s:connect("127.0.0.1", PORT)) s:send("again") say("again", s:receive(10)) s:close()
		local d = ngx.socket.tcp() d:settimeout(300)
		say("refused", d:connect("127.0.0.1", DEAD)) say("bad port", pcall(d.connect, d, "127.0.0.1", 99999999))
		say("unix", d:connect("unix:/no/such/socket"))
		say("bad table", pcall(s.send, s, { a = 1 })) say("bad value", pcall(s.send, s, print))`)
	expect(t, got, `before connect true nil closed
connect 1
reused 0
send 5
bytes echo:
rest hello
send table 4
line echo:ab1
send number 2
any echo:12
send nil 3
sent as echo:nil
send bool 4
sent as echo:true
send 5
until echo:x
until y
timeout nil timeout z
pattern false bad argument #2 to '?' (bad pattern argument)
close 1
closed twice nil closed
receive closed true nil closed
reconnect 1
again echo:again
refused nil connection refused
bad port true nil bad port number: 99999999
unix nil no such file or directory
bad table false bad argument #1 to 'send' (non-array table found)
bad value false bad argument #1 to 'send' (string, number, boolean, nil, or array table expected, got function)`)
}

func TestReceive(t *testing.T) {
	// The server sends what it is told, a part at a time, and closes.
	port := portOf(serve(t, "tcp", func(c net.Conn) {
		line, _ := bufio.NewReader(c).ReadString('\n')
		for _, part := range strings.Split(strings.TrimSuffix(line, "\n"), "~") {
			_, _ = io.WriteString(c, strings.NewReplacer("N", "\n", "R", "\r").Replace(part))
			time.Sleep(5 * time.Millisecond)
		}
	}))
	for _, c := range []struct{ name, send, body, want string }{
		{"lines", "oneRNtw~o\rxN~threeN~rest", `for i = 1, 5 do say(s:receive()) end say(s:receive(1))`, "one\ntwox\nthree\nnil closed rest\nnil closed\nnil closed"},
		{"all", "ab~cd~e", `say(s:receive("*a")) say(s:receive("*a")) say(s:receive(1)) say(s:receive(1))`, "abcde\n\nnil closed \nnil closed"},
		{"count", "abc~de~f", `say(s:receive(4)) say(s:receive("1")) say(s:receive(0)) say(s:receive(3)) say(s:receive(1))`, "abcd\ne\n\nnil closed f\nnil closed"},
		{"any", "abcd", `say(s:receiveany(3)) say(s:receiveany(3)) say(s:receiveany(3))`, "abc\nd\nnil closed "},
		{"until over parts", "hello-~-world--~-x", `local r = s:receiveuntil("--") say(r()) say(r()) say(r())`, "hello\nworld\nnil closed -x"},
		{"until inclusive", "a--b--", `local r = s:receiveuntil("--", { inclusive = true }) say(r()) say(r()) say(r())`, "a--\nb--\nnil closed "},
		{"until by size", "hello, world! -agentzhRN--abc~edhb blah", `local r = s:receiveuntil("\r\n--abcedhb")
			local list = {} while true do local d, err = r(4) if not d then say(err) break end list[#list + 1] = "[" .. d .. "]" end say(table.concat(list)) say(s:receive(5)) say(r(3))`,
			"nil\n[hell][o, w][orld][! -a][gent][zh]\n blah\nnil closed "},
		{"until with a pattern that begins again", "aa~ab", `say(s:receiveuntil("aab")())`, "a"},
		{"empty pattern", "x", `say(s:receiveuntil(""))`, "nil pattern is empty"},
		{"timeout keeps the connection", "ab~~~~~~~~~~~~~~~~~~~~~cd", `s:settimeout(30) say(s:receive(3)) s:settimeout(1000) say(s:receive(2))`, "nil timeout ab\ncd"},
		{"busy", "~~~x", `local t = ngx.thread.spawn(function() return s:receive(1) end) say(s:receive(1)) say(s:setkeepalive()) say(s:connect("127.0.0.1", 1)) say(ngx.thread.wait(t))`,
			"nil socket busy reading\nnil socket busy reading\nnil socket busy reading\ntrue x"},
		{"killed reader", "~~~~~xy", `local t = ngx.thread.spawn(function() return s:receive(1) end) ngx.thread.kill(t) say(s:receive(2))`, "xy"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := access(t, port, fmt.Sprintf(`local s = ngx.socket.tcp() s:settimeout(1000) assert(s:connect("127.0.0.1", PORT)) s:send(%q) %s`, c.send+"\n", c.body))
			expect(t, got, c.want)
		})
	}
}

func TestPools(t *testing.T) {
	port := portOf(serve(t, "tcp", echo))
	got := access(t, port, `local function conn(o) local s = ngx.socket.tcp() s:settimeout(500) local ok, err = s:connect("127.0.0.1", PORT, o) return s, err end
		local t = conn() t:send("a") say(t:receive(6)) say(t:setkeepalive(1000, 5)) say(t:send("closed"))
		t = conn() say(t:getreusedtimes()) t:send("b") say(t:receive(6)) say(t:setkeepalive())
		t = conn({ pool = "other" }) say(t:getreusedtimes()) t:close()
		t = conn() say(t:getreusedtimes()) t:send("c") say(t:receive(1)) say(t:setkeepalive()) say(t:send("x"))
		-- a limit of two connections, one more may wait
		local o = { pool = "limited", pool_size = 2, backlog = 1 }
		local a, b = conn(o), conn(o)
		local w = ngx.thread.spawn(function() local c = conn(o) return c:getreusedtimes() end)
		say(select(2, conn(o))) a:setkeepalive() say(ngx.thread.wait(w))
		local w2 = ngx.thread.spawn(function() local c, err = conn(o) return err, c:getreusedtimes() end)
		b:close() say(ngx.thread.wait(w2))
		-- the least recently used goes
		local x, y = conn({ pool = "lru" }), conn({ pool = "lru" }) x:setkeepalive(0, 1) y:setkeepalive(0, 1)
		say(conn({ pool = "lru" }):getreusedtimes(), conn({ pool = "lru" }):getreusedtimes())
		t = conn({ pool = "short" }) t:setkeepalive(10) ngx.sleep(0.03) say(conn({ pool = "short" }):getreusedtimes())`)
	expect(t, got, `echo:a
1
nil closed
1
echo:b
1
0
2
e
nil unread data in buffer
nil closed
too many waiting connect operations
true 1
true nil 0
1 0
0`)
}

func TestSocketsOfDeadServers(t *testing.T) {
	port := portOf(serve(t, "tcp", func(c net.Conn) {
		line, _ := bufio.NewReader(c).ReadString('\n')
		switch line {
		case "reset\n":
			_ = c.(*net.TCPConn).SetLinger(0)
		case "slow\n":
			time.Sleep(400 * time.Millisecond)
		}
	}))
	got := access(t, port, `local function conn(what) local s = ngx.socket.tcp() s:settimeout(300) assert(s:connect("127.0.0.1", PORT)) s:send(what .. "\n") return s end
		local s = conn("reset") say(s:receive()) say(s:receive()) say(s:send("x"))
		s = conn("slow") s:settimeouts(10, 50, 10) local n, err repeat n, err = s:send(("x"):rep(1000000)) until not n say(n, err) s:close()
		s = conn("end") s:setkeepalive() ngx.sleep(0.05) say(conn("end"):getreusedtimes())`)
	expect(t, got, "nil connection reset by peer \nnil closed\nnil closed\nnil timeout\n0")
}

func TestUnixAndUDPSockets(t *testing.T) {
	path := serve(t, "unix", echo).String()
	u, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		b := make([]byte, 64<<10)
		for {
			n, from, err := u.ReadFrom(b)
			if err != nil {
				return
			}
			_, _ = u.WriteTo(append([]byte("echo:"), b[:n]...), from)
		}
	}()
	t.Cleanup(func() { _ = u.Close() })
	got := access(t, u.LocalAddr().(*net.UDPAddr).Port, `local s = ngx.socket.connect("unix:`+path+`") s:send("x") say(s:receive(6)) say(s:setkeepalive())
		s = ngx.socket.stream() s:connect("unix:`+path+`") say(s:getreusedtimes())
		local u = ngx.socket.udp() u:settimeout(100) say(pcall(u.send, u, "x")) say(u:setpeername("127.0.0.1", PORT))
		say(u:send("ping")) say(u:receive()) say(u:send({ "a", "b" })) say(u:receive(6)) say(u:receive()) say(u:close()) say(u:close())
		local v = ngx.socket.udp() v:settimeout(300) v:setpeername("127.0.0.1", DEAD) say(v:send("x")) say(v:receive())`)
	expect(t, got, "echo:x\n1\n1\ntrue nil closed\n1\n1\necho:ping\n1\necho:a\nnil timeout\n1\nnil closed\n1\nnil connection refused")
}

func TestNamesAreResolved(t *testing.T) {
	if _, err := os.Stat("/etc/hosts"); err != nil {
		t.Skip(err)
	}
	port := portOf(serve(t, "tcp", echo))
	got := access(t, port, `local s = ngx.socket.tcp() s:settimeout(300) say(s:connect("localhost", PORT)) s:send("x") say(s:receive(6))`)
	expect(t, got, "1\necho:x")
}

// What a request leaves open is closed with it; a socket serves the request that made it only.
func TestSocketsEndWithTheirRequest(t *testing.T) {
	port := portOf(serve(t, "tcp", echo))
	s := live(t, Options{}, fmt.Sprintf(`local kept, n = nil, 0
		function P:access() n = n + 1 if n == 1 then kept = ngx.socket.tcp() kept:connect("127.0.0.1", %d) return end
		if n == 2 then say(kept:send("x")) kept = ngx.socket.tcp() kept:connect("127.0.0.1", %d) ngx.sleep(0.05) say(kept:send("y")) return end
		say(kept:send("z")) ngx.socket.tcp():connect("127.0.0.1", %d) kept:receive() end`, port, port, port))
	s.run()
	k, ch := s.begin()
	k2, ch2 := s.begin()
	<-ch
	<-ch2
	s.on(func() { s.end(k); s.end(k2) })
	expect(t, s.said(), "nil closed\nnil bad request\n1")
	s.on(func() {
		if n := len(s.vm().sockets.all) + len(s.vm().sockets.owned); n != 0 {
			t.Errorf("%d sockets remain", n)
		}
	})
}
