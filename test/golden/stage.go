package golden

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// stage is what stands around the gateway in one case: its ports, the upstreams, the name server, and the placeholders
// for all of them.
type stage struct {
	dir     string // holds case/ and the gateway's prefix run/
	ports   *process.Ports
	listens listens
	rec     *recorder
	ups     []*upstream
	dns     *nameserver
	dnsAddr string

	vars    map[string]string // placeholder to value
	subst   map[string]string // and back
	closers []func()
}

// listens are the gateway's ports.
type listens struct{ proxy, proxyTLS, proxyH2C, admin, stream, streamTLS int }

var upstreamNames = []string{"upstream", "upstream2", "upstream3", "upstream4", "upstream5",
	"upstream_tls", "grpc_upstream", "grpc_upstream_tls", "ws_upstream"}

// newStage sets a stage, on other ports where somebody took one between the look at it and its use.
func newStage(c *Case) (s *stage, err error) {
	for range 5 {
		if s, err = setStage(c); !errors.Is(err, syscall.EADDRINUSE) {
			return s, err
		}
	}
	return s, err
}

func setStage(c *Case) (s *stage, err error) {
	s = &stage{rec: newRecorder(), vars: map[string]string{}, subst: map[string]string{}}
	defer func() {
		if err != nil {
			s.close()
		}
	}()
	if s.dir, err = os.MkdirTemp("", "golden"); err != nil {
		return s, err
	}
	s.closers = append(s.closers, func() { os.RemoveAll(s.dir) })
	if s.ports, err = process.TakePorts(); err != nil {
		return s, err
	}
	s.closers = append(s.closers, s.ports.Release)
	p := s.ports
	s.listens = listens{p.Take(), p.Take(), p.Take(), p.Take(), p.Take(), p.Take()}
	s.vars["{{case_dir}}"] = s.caseDir()
	s.setPort("proxy", s.listens.proxy)
	s.setPort("proxy_tls", s.listens.proxyTLS)
	s.setPort("proxy_h2c", s.listens.proxyH2C)
	s.setPort("admin", s.listens.admin)
	s.setPort("stream", s.listens.stream)
	s.setPort("stream_tls", s.listens.streamTLS)
	s.setPort("dead", p.Take())
	if err = s.startUpstreams(); err != nil {
		return s, err
	}
	if err = s.startRaw(); err != nil {
		return s, err
	}
	if err = s.startNames(c); err != nil {
		return s, err
	}
	for k, v := range s.vars {
		s.subst[v] = k
	}
	return s, nil
}

func (s *stage) setPort(name string, port int) { s.vars["{{"+name+"_port}}"] = strconv.Itoa(port) }

func (s *stage) caseDir() string { return filepath.Join(s.dir, "case") }

func (s *stage) startUpstreams() error {
	for _, name := range upstreamNames {
		port := s.ports.Take()
		u, err := startUpstream(name, process.Loopback(port), s.rec)
		if err != nil {
			return err
		}
		s.addUpstream(u)
		s.vars["{{"+name+"}}"] = u.addr
		s.setPort(name, port)
	}
	return nil
}

func (s *stage) addUpstream(u *upstream) {
	s.ups = append(s.ups, u)
	s.closers = append(s.closers, u.close)
}

// startRaw starts the upstreams of L4 cases, TCP and UDP on one port.
func (s *stage) startRaw() error {
	port := s.ports.Take()
	tcp, err := net.Listen("tcp", process.Loopback(port))
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { tcp.Close() })
	udp, err := net.ListenPacket("udp", process.Loopback(port))
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { udp.Close() })
	go echoTCP(tcp, s.rec)
	go echoUDP(udp, s.rec)
	s.setPort("raw_upstream", port)
	s.setPort("udp_upstream", port)
	return nil
}

// startNames starts the name server where the case has a zone, and gives the first upstream two more addresses, for
// names that have several.
func (s *stage) startNames(c *Case) error {
	if !c.has("dns") {
		return nil
	}
	n, pc, err := startDNS(s.ports.Take())
	if err != nil {
		return err
	}
	s.closers = append(s.closers, func() { pc.Close() })
	s.dns, s.dnsAddr = n, pc.LocalAddr().String()
	s.vars["{{dns_port}}"] = strconv.Itoa(pc.LocalAddr().(*net.UDPAddr).Port)
	n.load(s.expand(c.files["dns"]))
	_, port, _ := net.SplitHostPort(s.ups[0].addr)
	for _, ip := range []string{"127.0.0.2", "127.0.0.3"} {
		u, err := startUpstream("upstream@"+ip, net.JoinHostPort(ip, port), s.rec)
		if err != nil {
			return err
		}
		s.addUpstream(u)
	}
	return nil
}

func (s *stage) close() {
	for i := len(s.closers) - 1; i >= 0; i-- {
		s.closers[i]()
	}
}

// expand fills in every placeholder.
func (s *stage) expand(b []byte) []byte {
	for k, v := range s.vars {
		b = bytes.ReplaceAll(b, []byte(k), []byte(v))
	}
	return expandFill(expandCerts(b, s.caseDir()))
}

// expandFill puts N bytes of a fixed pattern where a case says `{{fill:N}}`.
func expandFill(b []byte) []byte {
	for {
		head, rest, ok := bytes.Cut(b, []byte("{{fill:"))
		num, rest, ok2 := bytes.Cut(rest, []byte("}}"))
		n, err := strconv.Atoi(string(num))
		if !ok || !ok2 || err != nil {
			return b
		}
		const pattern = "0123456789abcdef"
		fill := strings.Repeat(pattern, n/len(pattern)+1)[:n]
		b = bytes.Join([][]byte{head, []byte(fill), rest}, nil)
	}
}

// script sets what the upstreams and the name server answer in a step.
func (s *stage) script(c *Case, st step) {
	if zone, ok := c.files[st.n+".dns"]; ok && s.dns != nil {
		s.dns.load(s.expand(zone))
	}
	for i, u := range s.ups {
		file := func(kind string) ([]byte, bool) {
			if b, ok := c.files[fmt.Sprintf("%s.%s%d", st.n, kind, i+1)]; ok && i < 5 {
				return b, true
			}
			b, ok := c.files[st.n+"."+kind]
			return b, ok
		}
		var replies [][]byte
		var probe []byte
		if b, ok := file("reply"); ok {
			for part := range bytes.SplitSeq(b, []byte("\n=====\n")) {
				if u.grpc() {
					replies = append(replies, s.expand(part))
				} else {
					replies = append(replies, s.reply(part, st.opts))
				}
			}
		}
		if b, ok := file("rawreply"); ok {
			replies = [][]byte{wireBytes(s.expand(b), options{"escaped": ""})}
		}
		if b, ok := file("probe"); ok {
			probe = s.reply(b, st.opts)
		}
		u.script(replies, probe)
	}
}

// reply is an HTTP/1.1 answer as bytes, a `SLEEP` line kept in front.
func (s *stage) reply(b []byte, o options) []byte {
	var wait []byte
	if bytes.HasPrefix(b, []byte("SLEEP ")) {
		i := bytes.IndexByte(b, '\n') + 1
		wait, b = b[:i:i], b[i:]
	}
	plain := options{}
	if o.has("keepnl") {
		plain["keepnl"] = ""
	}
	return append(wait, wireBytes(s.expand(b), plain)...)
}
