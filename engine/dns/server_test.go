package dns

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// server is a name server on loopback, over UDP and TCP, with a zone of lines
// as in the golden cases: "name type ttl value", or "name SERVFAIL|REFUSED|
// TIMEOUT|TRUNCATE|FORGE". Names without a line do not exist.
type server struct {
	addr netip.AddrPort

	mu    sync.Mutex
	zone  map[string][][]string
	asked map[string]int
}

func newServer(t testing.TB, zone string) *server {
	t.Helper()
	udp, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	tcp, err := net.Listen("tcp", udp.LocalAddr().String())
	if err != nil {
		t.Fatal(err)
	}
	s := &server{addr: netip.MustParseAddrPort(udp.LocalAddr().String()), asked: map[string]int{}}
	s.set(zone)
	var wg sync.WaitGroup
	t.Cleanup(func() { udp.Close(); tcp.Close(); wg.Wait() })
	wg.Go(func() {
		buf := make([]byte, 4096)
		for {
			n, from, err := udp.ReadFrom(buf)
			if err != nil {
				return
			}
			for _, m := range s.answer(buf[:n], false) {
				udp.WriteTo(m, from)
			}
		}
	})
	wg.Go(func() {
		for {
			c, err := tcp.Accept()
			if err != nil {
				return
			}
			var size [2]byte
			io.ReadFull(c, size[:])
			buf := make([]byte, binary.BigEndian.Uint16(size[:]))
			io.ReadFull(c, buf)
			for _, m := range s.answer(buf, true) {
				c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
			}
			c.Close()
		}
	})
	return s
}

func (s *server) set(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = map[string][][]string{}
	for line := range strings.SplitSeq(zone, "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			s.zone[f[0]] = append(s.zone[f[0]], f[1:])
		}
	}
}

// count is how often a name was asked for a type ("a.test A").
func (s *server) count(question string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[question]
}

func (s *server) answer(msg []byte, tcp bool) [][]byte {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	name := strings.ToLower(strings.TrimSuffix(q.Name.String(), "."))
	s.mu.Lock()
	s.asked[name+" "+Type(q.Type).String()]++
	lines := s.zone[name]
	s.mu.Unlock()
	h.Response = true
	if len(lines) == 0 {
		h.RCode = dnsmessage.RCodeNameError
		return [][]byte{build(h, q, nil)}
	}
	switch lines[0][0] {
	case "TIMEOUT":
		return nil
	case "SERVFAIL":
		h.RCode = dnsmessage.RCodeServerFailure
		return [][]byte{build(h, q, nil)}
	case "REFUSED":
		h.RCode = dnsmessage.RCodeRefused
		return [][]byte{build(h, q, nil)}
	case "TRUNCATE":
		lines = lines[1:]
		if !tcp {
			h.Truncated = true
			return [][]byte{build(h, q, nil)}
		}
	case "FORGE":
		lines = lines[1:]
		forged, other := h, q
		forged.ID++
		other.Name = dnsmessage.MustNewName("other.test.")
		bad := [][]string{{"A", "60", "6.6.6.6"}}
		return [][]byte{{1, 2, 3}, build(forged, q, bad), build(h, other, bad), build(h, q, lines)}
	}
	return [][]byte{build(h, q, lines)}
}

// build makes an answer of the lines of the asked type, and of CNAME lines.
func build(h dnsmessage.Header, q dnsmessage.Question, lines [][]string) []byte {
	b := dnsmessage.NewBuilder(nil, h)
	b.StartQuestions()
	b.Question(q)
	b.StartAnswers()
	for _, f := range lines {
		rh := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET}
		fmt.Sscan(f[1], &rh.TTL)
		switch t := f[0]; {
		case t == "CNAME":
			b.CNAMEResource(rh, dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(f[2] + ".")})
			// The rest of the line is the chain's end, in the same message.
			if len(f) > 3 && q.Type == dnsmessage.TypeA {
				rh.Name = dnsmessage.MustNewName(f[2] + ".")
				b.AResource(rh, dnsmessage.AResource{A: netip.MustParseAddr(f[3]).As4()})
			}
		case t == "A" && q.Type == dnsmessage.TypeA:
			b.AResource(rh, dnsmessage.AResource{A: netip.MustParseAddr(f[2]).As4()})
		case t == "AAAA" && q.Type == dnsmessage.TypeAAAA:
			b.AAAAResource(rh, dnsmessage.AAAAResource{AAAA: netip.MustParseAddr(f[2]).As16()})
		case t == "SRV" && q.Type == dnsmessage.TypeSRV:
			srv := dnsmessage.SRVResource{Target: dnsmessage.MustNewName(f[5] + ".")}
			fmt.Sscan(strings.Join(f[2:5], " "), &srv.Priority, &srv.Weight, &srv.Port)
			b.SRVResource(rh, srv)
		}
	}
	m, err := b.Finish()
	if err != nil {
		panic(err)
	}
	return m
}

// clock is a clock that a test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func newClock() *clock { return &clock{now: time.Unix(1_700_000_000, 0)} }

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// newResolver is a resolver with kong.conf's defaults on the server; change
// adjusts it, resolvConf is the content of resolv.conf.
func newResolver(t testing.TB, s *server, resolvConf string, change func(*Options)) (*Resolver, *clock) {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "resolv.conf")
	if err := os.WriteFile(path, []byte(resolvConf), 0o644); err != nil {
		t.Fatal(err)
	}
	c := newClock()
	o := Options{
		Servers: []netip.AddrPort{s.addr}, ResolvConf: path, Now: c.Now,
		StaleTTL: time.Hour, NotFoundTTL: 30 * time.Second, ErrorTTL: time.Second,
	}
	if change != nil {
		change(&o)
	}
	r, err := New(o)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(r.Close)
	return r, c
}
