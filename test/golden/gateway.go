package golden

import (
	"bytes"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// gateway is the process under test.
type gateway struct {
	cmd  *exec.Cmd
	out  output
	done chan struct{} // closed when the process has ended
	logs string        // path of the error log
}

// output gathers what the process prints while others read it.
type output struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.b.String()
}

func startGateway(binary string, c *Case, s *stage) (*gateway, error) {
	g := &gateway{done: make(chan struct{}), logs: filepath.Join(s.dir, "run", "logs", "error.log")}
	g.cmd = exec.Command(binary, "start")
	g.cmd.Env = append(cleanEnviron(), settings(c, s)...)
	g.cmd.Dir = s.dir
	g.cmd.Stdout, g.cmd.Stderr = &g.out, &g.out
	// A group of its own, so that all of it can be ended, and gone when the test binary is killed.
	g.cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true, Pdeathsig: syscall.SIGKILL}
	if err := g.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		g.cmd.Wait()
		close(g.done)
	}()
	return g, nil
}

// cleanEnviron is the test's own environment without settings of a gateway.
func cleanEnviron() []string {
	var env []string
	for _, e := range os.Environ() {
		if !strings.HasPrefix(e, "KONG_") && !strings.HasPrefix(e, "GIBBON_") {
			env = append(env, e)
		}
	}
	return env
}

func settings(c *Case, s *stage) []string {
	l, dir := s.listens, s.caseDir()
	proxy := fmt.Sprintf("127.0.0.1:%d, 127.0.0.1:%d ssl http2", l.proxy, l.proxyTLS)
	if c.uses("h2c") || c.mentions("{{proxy_h2c_port}}") {
		proxy += fmt.Sprintf(", 127.0.0.1:%d http2", l.proxyH2C)
	}
	env := []string{
		"KONG_DATABASE=off",
		"KONG_DECLARATIVE_CONFIG=" + filepath.Join(dir, "kong.yml"),
		"KONG_PLUGINS=" + strings.Join(append([]string{"bundled"}, c.plugins()...), ","),
		"KONG_LUA_PACKAGE_PATH=" + filepath.Join(dir, "?.lua") + ";" + filepath.Join(dir, "?", "init.lua") + ";;",
		"KONG_PROXY_LISTEN=" + proxy,
		"KONG_ADMIN_LISTEN=" + loopback(l.admin),
		fmt.Sprintf("KONG_STREAM_LISTEN=127.0.0.1:%d, 127.0.0.1:%d ssl, 127.0.0.1:%d udp", l.stream, l.streamTLS, l.stream),
		"KONG_ADMIN_GUI_LISTEN=off", "KONG_STATUS_LISTEN=off",
		"KONG_PREFIX=" + filepath.Join(s.dir, "run"),
		"KONG_NGINX_DAEMON=off", "KONG_NGINX_WORKER_PROCESSES=1", "KONG_LOG_LEVEL=notice", "KONG_ANONYMOUS_REPORTS=off",
		"KONG_PROXY_ACCESS_LOG=off", "KONG_ADMIN_ACCESS_LOG=off",
	}
	if s.dns != nil {
		env = append(env, "KONG_DNS_RESOLVER="+s.dnsAddr, "KONG_RESOLVER_ADDRESS="+s.dnsAddr)
	}
	if more := strings.TrimSpace(string(s.expand(c.files["env"]))); more != "" {
		env = append(env, strings.Split(more, "\n")...)
	}
	return env
}

// ready waits until the gateway takes connections on addr.
func (g *gateway) ready(addr string, limit time.Duration) error {
	for end := time.Now().Add(limit); time.Now().Before(end); {
		if c, err := net.DialTimeout("tcp", addr, 200*time.Millisecond); err == nil {
			return c.Close()
		}
		select {
		case <-g.done:
			return fmt.Errorf("the gateway ended with exit status %d:\n%s", g.cmd.ProcessState.ExitCode(), g.said())
		case <-time.After(10 * time.Millisecond):
		}
	}
	return fmt.Errorf("nothing listens on %s after %v:\n%s", addr, limit, g.said())
}

// refuses waits for the process to end by itself, as a case with `start.fails` demands.
func (g *gateway) refuses(limit time.Duration) error {
	select {
	case <-g.done:
	case <-time.After(limit):
		return fmt.Errorf("still running after %v, though the case says it must not start", limit)
	}
	if g.cmd.ProcessState.ExitCode() == 0 {
		return fmt.Errorf("ended with exit status 0, though the case says it must not start")
	}
	if strings.TrimSpace(g.out.String()) == "" {
		return fmt.Errorf("refused to start without a message")
	}
	return nil
}

// log is all of the error log so far.
func (g *gateway) log() string {
	if b, err := os.ReadFile(g.logs); err == nil && len(b) > 0 {
		return string(b)
	}
	return g.out.String()
}

// said is the end of what the gateway printed and logged, for a message about its failure.
func (g *gateway) said() string {
	text := g.out.String()
	if b, err := os.ReadFile(g.logs); err == nil {
		text += string(b)
	}
	return text[max(0, len(text)-4000):]
}

// crashed tells of a process that ended before its case did.
func (g *gateway) crashed() string {
	select {
	case <-g.done:
		return "the gateway ended before the case did:\n" + g.said()
	default:
		return ""
	}
}

func (g *gateway) stop() {
	group := -g.cmd.Process.Pid
	syscall.Kill(group, syscall.SIGTERM)
	select {
	case <-g.done:
	case <-time.After(3 * time.Second):
	}
	syscall.Kill(group, syscall.SIGKILL) // what is left of the group
	<-g.done
}
