// Package dnstest is a name server for tests, on loopback and with a zone of a
// few lines. Only tests import it. There is one file, this one.
package dnstest

import (
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"net/netip"
	"strings"
	"sync"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Server is a name server on loopback, over UDP and TCP, with a zone of lines
// as in the golden cases: "name type ttl value", or "name SERVFAIL|REFUSED|
// TIMEOUT|TRUNCATE|FORGE". Names without a line do not exist.
type Server struct {
	// Addr is where it listens, over both UDP and TCP.
	Addr netip.AddrPort

	udp  net.PacketConn
	tcp  net.Listener
	wait sync.WaitGroup

	mu    sync.Mutex
	zone  map[string][][]string
	asked map[string]int
}

// Start starts a server; Close it.
func Start(zone string) (*Server, error) {
	tcp, udp, err := listen()
	if err != nil {
		return nil, err
	}
	s := &Server{Addr: netip.MustParseAddrPort(udp.LocalAddr().String()), udp: udp, tcp: tcp, asked: map[string]int{}}
	s.Set(zone)
	s.wait.Go(s.serveUDP)
	s.wait.Go(s.serveTCP)
	return s, nil
}

// listen takes a port that is free for both; either alone is often taken.
func listen() (tcp net.Listener, udp net.PacketConn, err error) {
	for range 20 {
		if tcp, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
			return nil, nil, err
		}
		if udp, err = net.ListenPacket("udp", tcp.Addr().String()); err == nil {
			return tcp, udp, nil
		}
		tcp.Close()
	}
	return nil, nil, err
}

// Close stops the server and waits for it.
func (s *Server) Close() {
	s.udp.Close()
	s.tcp.Close()
	s.wait.Wait()
}

func (s *Server) serveUDP() {
	buf := make([]byte, 4096)
	for {
		n, from, err := s.udp.ReadFrom(buf)
		if err != nil {
			return
		}
		for _, m := range s.answer(buf[:n], false) {
			s.udp.WriteTo(m, from)
		}
	}
}

func (s *Server) serveTCP() {
	for {
		c, err := s.tcp.Accept()
		if err != nil {
			return
		}
		c.SetDeadline(time.Now().Add(time.Second))
		var size [2]byte
		io.ReadFull(c, size[:])
		buf := make([]byte, binary.BigEndian.Uint16(size[:]))
		io.ReadFull(c, buf)
		for _, m := range s.answer(buf, true) {
			c.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(m))), m...))
		}
		c.Close()
	}
}

// Set replaces the zone.
func (s *Server) Set(zone string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.zone = map[string][][]string{}
	for line := range strings.SplitSeq(zone, "\n") {
		if f := strings.Fields(line); len(f) > 1 {
			s.zone[f[0]] = append(s.zone[f[0]], f[1:])
		}
	}
}

// Count is how often a name was asked for a type ("a.test A").
func (s *Server) Count(question string) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.asked[question]
}

func (s *Server) answer(msg []byte, tcp bool) [][]byte {
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
	s.asked[name+" "+strings.TrimPrefix(q.Type.String(), "Type")]++
	lines := s.zone[name]
	s.mu.Unlock()
	h.Response = true
	if len(lines) == 0 {
		h.RCode = dnsmessage.RCodeNameError
		return [][]byte{Reply(h, q, nil)}
	}
	switch lines[0][0] {
	case "TIMEOUT":
		return nil
	case "SERVFAIL":
		h.RCode = dnsmessage.RCodeServerFailure
		return [][]byte{Reply(h, q, nil)}
	case "REFUSED":
		h.RCode = dnsmessage.RCodeRefused
		return [][]byte{Reply(h, q, nil)}
	case "TRUNCATE":
		lines = lines[1:]
		if !tcp {
			h.Truncated = true
			return [][]byte{Reply(h, q, nil)}
		}
	case "FORGE":
		lines = lines[1:]
		forged, other := h, q
		forged.ID++
		other.Name = dnsmessage.MustNewName("other.test.")
		bad := [][]string{{"A", "60", "6.6.6.6"}}
		return [][]byte{{1, 2, 3}, Reply(forged, q, bad), Reply(h, other, bad), Reply(h, q, lines)}
	}
	return [][]byte{Reply(h, q, lines)}
}

// Reply makes an answer of the lines of the asked type, and of CNAME lines.
func Reply(h dnsmessage.Header, q dnsmessage.Question, lines [][]string) []byte {
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
