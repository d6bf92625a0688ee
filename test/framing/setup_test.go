package framing

import (
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	// The binary under test is built from it: without this line go test would show an old result after a change there.
	_ "github.com/gibbon-gateway/gibbon/gateway"
	"github.com/gibbon-gateway/gibbon/test/process"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "framing")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if binary, err = process.Build(dir, "github.com/gibbon-gateway/gibbon/cmd/gibbon"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// bench is a gateway with an upstream of its own.
type bench struct {
	*process.Process
	*upstream
	addr   string
	tls    string // the address that speaks TLS
	prefix string
}

// Paths of the gateway: everything goes to the upstream, below /stream without
// collecting bodies first. The path reaches the upstream as it is.
const kongYML = `_format_version: "3.0"
services:
- name: s
  url: http://%s
  retries: 0
  read_timeout: 5000
  routes:
  - {name: all, paths: [/], preserve_host: true}
  - {name: stream, paths: [/stream], strip_path: false, preserve_host: true, request_buffering: false, response_buffering: false}
  - {name: inject, paths: ["~/inject(?<rest>[^/]*)"], strip_path: true, preserve_host: true}
  - {name: nowhere, paths: [/closed], preserve_host: true, methods: [POST, GET], protocols: [https], https_redirect_status_code: 426}
- name: secure
  url: https://%s
  retries: 0
  read_timeout: 5000
  routes:
  - {name: secure, paths: [/secure], strip_path: false, preserve_host: true}
  - {name: secure-stream, paths: [/secure/stream], strip_path: false, preserve_host: true, request_buffering: false, response_buffering: false}
`

// newBench starts a gateway, with more settings, until the test ends.
func newBench(t *testing.T, env ...string) *bench {
	t.Helper()
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	dir := t.TempDir()
	b := &bench{upstream: newUpstream(t), addr: process.Loopback(ports.Take()), tls: process.Loopback(ports.Take()), prefix: filepath.Join(dir, "prefix")}
	conf := filepath.Join(dir, "kong.yml")
	if err := os.WriteFile(conf, fmt.Appendf(nil, kongYML, b.upstream.addr, b.upstream.tls), 0o644); err != nil {
		t.Fatal(err)
	}
	env = append([]string{
		"KONG_DATABASE=off", "KONG_DECLARATIVE_CONFIG=" + conf, "KONG_PREFIX=" + b.prefix, "KONG_PROXY_LISTEN=" + b.addr + ", " + b.tls + " ssl",
		"KONG_ADMIN_LISTEN=off", "KONG_ADMIN_GUI_LISTEN=off", "KONG_STATUS_LISTEN=off", "KONG_STREAM_LISTEN=off",
		"KONG_NGINX_DAEMON=off", "KONG_NGINX_WORKER_PROCESSES=1", "KONG_PROXY_ACCESS_LOG=off",
	}, env...)
	if b.Process, err = process.Start(dir, env, binary, "start"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if b.HasEnded() {
			t.Error("the gateway ended")
		}
		b.Stop()
		// GOFLAGS=-race builds the gateway with the race detector as well.
		if strings.Contains(b.Output(), "DATA RACE") || strings.Contains(b.Output(), "panic:") {
			t.Error("the gateway is broken")
		}
		if t.Failed() {
			t.Logf("gateway: %s\n%s", b.Output(), b.log())
		}
	})
	if err := b.Listening(b.addr, 20*time.Second); err != nil {
		t.Fatalf("the gateway %v\n%s", err, b.log())
	}
	return b
}

// log is the last of the gateway's error log.
func (b *bench) log() string {
	text, _ := os.ReadFile(filepath.Join(b.prefix, "logs", "error.log"))
	return string(text[max(0, len(text)-20000):])
}

// memory is the gateway's resident memory in bytes.
func (b *bench) memory(t *testing.T) int {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", b.PID()))
	if err != nil {
		t.Fatal(err)
	}
	var size, resident int
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		t.Fatal(err)
	}
	return resident * os.Getpagesize()
}

// cpu is the processor's time that the gateway has used.
func (b *bench) cpu(t *testing.T) time.Duration {
	t.Helper()
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", b.PID()))
	if err != nil {
		t.Fatal(err)
	}
	// The fields behind the name: state, then ten more, then utime and stime in ticks of 10 ms.
	f := strings.Fields(string(text[strings.LastIndexByte(string(text), ')')+1:]))
	user, _ := strconv.Atoi(f[11])
	system, _ := strconv.Atoi(f[12])
	return time.Duration(user+system) * 10 * time.Millisecond
}

// descriptors counts the gateway's open descriptors.
func (b *bench) descriptors(t *testing.T) int {
	t.Helper()
	list, err := os.ReadDir(fmt.Sprintf("/proc/%d/fd", b.PID()))
	if err != nil {
		t.Fatal(err)
	}
	return len(list)
}

// sockets counts the gateway's open descriptors that are sockets.
func (b *bench) sockets(t *testing.T) int {
	t.Helper()
	dir := fmt.Sprintf("/proc/%d/fd", b.PID())
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for _, e := range list {
		if to, _ := os.Readlink(filepath.Join(dir, e.Name())); strings.HasPrefix(to, "socket:") {
			n++
		}
	}
	return n
}

// sound checks that the gateway works as ever, and that no earlier exchange
// shows in the answers of later ones.
func (b *bench) sound(t *testing.T) {
	t.Helper()
	b.upstream.as(nil)
	for i := range 3 {
		path := fmt.Sprintf("/sound/%d/%d", time.Now().UnixNano(), i)
		got := b.talk(t, "GET "+path+" HTTP/1.1\r\nHost: sound.test\r\nConnection: close\r\n\r\n")
		answers := got.answers(t, "GET")
		if len(answers) != 1 || answers[0].status != 200 || answers[0].body != "GET "+path+" " {
			t.Fatalf("a plain request afterwards: %q", got.text)
		}
	}
}
