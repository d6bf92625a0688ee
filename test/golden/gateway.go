package golden

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// gateway is the process under test and its error log.
type gateway struct {
	*process.Process
	logs string
}

func startGateway(binary string, c *Case, s *stage) (*gateway, error) {
	p, err := process.Start(s.dir, settings(c, s), binary, "start")
	if err != nil {
		return nil, err
	}
	return &gateway{p, filepath.Join(s.dir, "run", "logs", "error.log")}, nil
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
		"KONG_ADMIN_LISTEN=" + process.Loopback(l.admin),
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

// refuses waits for the process to end by itself, as a case with `start.fails` demands.
func (g *gateway) refuses(limit time.Duration) error {
	select {
	case <-g.Ended():
	case <-time.After(limit):
		return fmt.Errorf("still running after %v, though the case says it must not start", limit)
	}
	if g.ExitStatus() == 0 {
		return fmt.Errorf("ended with exit status 0, though the case says it must not start")
	}
	if strings.TrimSpace(g.Output()) == "" {
		return fmt.Errorf("refused to start without a message")
	}
	return nil
}

// log is all of the error log so far.
func (g *gateway) log() string {
	if b, err := os.ReadFile(g.logs); err == nil && len(b) > 0 {
		return string(b)
	}
	return g.Output()
}

// said is the end of what the gateway printed and logged, for a message about its failure.
func (g *gateway) said() string {
	text := g.Output()
	if b, err := os.ReadFile(g.logs); err == nil {
		text += string(b)
	}
	return text[max(0, len(text)-4000):]
}
