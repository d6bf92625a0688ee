package e2e

import (
	"crypto/sha256"
	"crypto/tls"
	"fmt"
	"io"
	"math/rand"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns/dnstest"
	"github.com/gibbon-gateway/gibbon/test/process"
)

// need skips a test without its programs; make test installs them.
func need(t *testing.T, programs ...string) {
	t.Helper()
	for _, p := range programs {
		if _, err := exec.LookPath(p); err != nil {
			t.Skipf("%s is not installed: scripts/deps.sh test", p)
		}
	}
}

// streamRoutes is a gateway with a TCP, a TLS and a UDP route to one port.
func streamRoutes(t *testing.T, upstream string) (g *gibbon, tcp, secure, udp string) {
	t.Helper()
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	tcp, secure, udp = process.Loopback(ports.Take()), process.Loopback(ports.Take()), process.Loopback(ports.Take())
	g = start(t, fmt.Sprintf(`_format_version: "3.0"
services:
- name: s
  url: tcp://%s
  routes:
  - {name: r, protocols: [tcp, tls, udp], sources: [{ip: 127.0.0.1}]}
`, upstream), fmt.Sprintf("KONG_STREAM_LISTEN=%s, %s ssl, %s udp", tcp, secure, udp))
	if err := g.Listening(secure, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	return g, tcp, secure, udp
}

// run runs a client and gives what it printed.
func run(t *testing.T, env []string, command ...string) string {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	cmd.Env = append(os.Environ(), env...)
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("%v: %v\n%s", command, err, out)
	}
	return string(out)
}

// daemon starts a server that may not run as root, until the test ends.
func daemon(t *testing.T, dir, addr string, command ...string) {
	t.Helper()
	cmd := exec.Command(command[0], command[1:]...)
	asNobodySpecial(t, cmd, dir)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		cmd.Process.Signal(syscall.SIGINT)
		cmd.Wait()
	})
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(20 * time.Millisecond) {
		c, err := net.Dial("tcp", addr)
		if err == nil {
			c.Close()
			return
		}
		if time.Now().After(end) {
			t.Fatalf("%v does not listen", command)
		}
	}
}

// daemonDir is a folder that a daemon can enter, unlike t.TempDir, and whose path is short enough for a socket.
func daemonDir(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "d")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(dir) })
	return dir
}

// asNobodySpecial has root run a command as the user postgres, who gets dir.
func asNobodySpecial(t *testing.T, cmd *exec.Cmd, dir string) {
	t.Helper()
	if os.Getuid() != 0 {
		return
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		t.Skip(err)
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	if err := os.Chown(dir, uid, gid); err != nil {
		t.Fatal(err)
	}
	cmd.Dir = dir
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}}
}

// unwrap listens in the clear and speaks TLS with addr, for clients that know no direct TLS.
func unwrap(t *testing.T, addr string) string {
	t.Helper()
	return rawUpstream(t, func(c net.Conn) {
		up, err := tls.Dial("tcp", addr, &tls.Config{InsecureSkipVerify: true})
		if err != nil {
			t.Error(err)
			return
		}
		defer up.Close()
		go func() {
			io.Copy(up, c)
			up.CloseWrite()
		}()
		io.Copy(c, up)
	})
}

func TestStreamPostgreSQL(t *testing.T) {
	bin, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(bin) == 0 {
		t.Skip("postgresql is not installed: scripts/deps.sh test")
	}
	need(t, "psql")
	dir := daemonDir(t)
	initdb := exec.Command(filepath.Join(bin[len(bin)-1], "initdb"), "-D", dir+"/data", "-A", "trust", "-U", "postgres", "-N")
	asNobodySpecial(t, initdb, dir)
	if out, err := initdb.CombinedOutput(); err != nil {
		t.Fatalf("initdb: %v\n%s", err, out)
	}
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	port := ports.Take()
	daemon(t, dir, process.Loopback(port), filepath.Join(bin[len(bin)-1], "postgres"), "-D", dir+"/data", "-p", fmt.Sprint(port), "-k", dir, "-h", "127.0.0.1")
	_, plain, secure, _ := streamRoutes(t, process.Loopback(port))
	for way, addr := range map[string]string{"tcp": plain, "tls": unwrap(t, secure)} {
		host, port, _ := net.SplitHostPort(addr)
		ask := func(sql string) string {
			return strings.TrimSpace(run(t, nil, "psql", "-h", host, "-p", port, "-U", "postgres", "-d", "postgres", "-v", "ON_ERROR_STOP=1", "-qAtc", sql))
		}
		if got := ask("SELECT sum(n), count(*) FROM generate_series(1, 100000) n"); got != "5000050000|100000" {
			t.Errorf("%s: %q", way, got)
		}
		if got := ask("SELECT md5(string_agg(n::text, ',')) FROM generate_series(1, 200000) n; SELECT length(repeat('x', 5000000))"); !strings.HasSuffix(got, "\n5000000") {
			t.Errorf("%s: %q", way, got)
		}
		if got := ask("SELECT repeat('0123456789', 300000)"); got != strings.Repeat("0123456789", 300000) {
			t.Errorf("%s: 3 MB came as %d bytes", way, len(got))
		}
	}
}

func TestStreamRedis(t *testing.T) {
	need(t, "redis-server", "redis-cli")
	dir := daemonDir(t)
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	port := ports.Take()
	daemon(t, dir, process.Loopback(port), "redis-server", "--port", fmt.Sprint(port), "--bind", "127.0.0.1", "--save", "", "--dir", dir)
	_, plain, secure, _ := streamRoutes(t, process.Loopback(port))
	for way, addr := range map[string]string{"tcp": plain, "tls": secure} {
		host, port, _ := net.SplitHostPort(addr)
		cli := []string{"redis-cli", "-h", host, "-p", port}
		if way == "tls" {
			cli = append(cli, "--tls", "--insecure")
		}
		for _, c := range [][3]string{{"SET", way, "OK"}, {"GET", way, "value"}, {"PING", "hello", "hello"}} {
			words := append(append([]string{}, cli...), c[0], c[1])
			if c[0] == "SET" {
				words = append(words, "value")
			}
			if got := strings.TrimSpace(run(t, nil, words...)); got != c[2] {
				t.Errorf("%s: %v gave %q", way, c, got)
			}
		}
	}
}

func TestStreamDNS(t *testing.T) {
	need(t, "dig")
	s, err := dnstest.Start("one.test A 60 192.0.2.7\n")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	_, _, _, udp := streamRoutes(t, s.Addr.String())
	host, port, _ := net.SplitHostPort(udp)
	for range 3 {
		if got := strings.TrimSpace(run(t, nil, "dig", "@"+host, "-p", port, "+short", "one.test", "A")); got != "192.0.2.7" {
			t.Fatalf("dig says %q", got)
		}
	}
}

// TestStreamGigabyte: 1 GB there and back through the whole gateway.
func TestStreamGigabyte(t *testing.T) {
	size := int64(1 << 30)
	if testing.Short() {
		size = 64 << 20
	}
	up := rawUpstream(t, func(c net.Conn) {
		c.SetDeadline(time.Now().Add(2 * time.Minute)) // under the race detector it takes half a minute
		io.Copy(c, c)
	})
	_, plain, _, _ := streamRoutes(t, up)
	c, err := net.Dial("tcp", plain)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	out, in := sha256.New(), sha256.New()
	go func() {
		io.Copy(struct{ io.Writer }{io.MultiWriter(c, out)}, io.LimitReader(rand.New(rand.NewSource(7)), size))
		c.(*net.TCPConn).CloseWrite()
	}()
	if n, err := io.Copy(in, c); err != nil || n != size || string(in.Sum(nil)) != string(out.Sum(nil)) {
		t.Fatalf("%d of %d bytes came back, or others: %v", n, size, err)
	}
}

// TestStreamDrain: a TCP session that runs is finished, a UDP one ends by silence; then the gateway is gone.
func TestStreamDrain(t *testing.T) {
	up := rawUpstream(t, func(c net.Conn) { io.Copy(c, c) })
	g, plain, _, _ := streamRoutes(t, up)
	c, err := net.Dial("tcp", plain)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	talk := func(say string) {
		t.Helper()
		c.SetDeadline(time.Now().Add(5 * time.Second))
		b := make([]byte, len(say))
		if _, err := c.Write([]byte(say)); err != nil {
			t.Fatal(err)
		}
		if _, err := io.ReadFull(c, b); err != nil || string(b) != say {
			t.Fatalf("read %q, %v", b, err)
		}
	}
	talk("before")
	g.Signal(syscall.SIGQUIT)
	time.Sleep(200 * time.Millisecond)
	if d, err := net.Dial("tcp", plain); err == nil {
		d.Close()
		t.Error("a draining gateway accepts")
	}
	talk("while it drains")
	c.Close()
	select {
	case <-g.Ended():
	case <-time.After(5 * time.Second):
		t.Error("the gateway is still there after its last session")
	}
}
