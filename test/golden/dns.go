package golden

import (
	"net"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// nameserver answers from the case's zone, lines `name type ttl value`:
// A, AAAA, CNAME, SRV (value: priority weight port target), or in place of the type
// SERVFAIL, REFUSED, TIMEOUT (no answer at all). A name that is not there is NXDOMAIN.
type nameserver struct {
	mu   sync.Mutex
	zone []record
}

type record struct {
	name, kind string
	ttl        uint32
	value      []string
}

func (n *nameserver) load(b []byte) {
	var z []record
	for _, l := range strings.Split(string(b), "\n") {
		w := strings.Fields(l)
		if len(w) < 2 {
			continue
		}
		r := record{name: strings.ToLower(strings.TrimSuffix(w[0], ".")), kind: w[1]}
		if len(w) > 3 {
			ttl, _ := strconv.Atoi(w[2])
			r.ttl, r.value = uint32(ttl), w[3:]
		}
		z = append(z, r)
	}
	n.mu.Lock()
	n.zone = z
	n.mu.Unlock()
}

func (n *nameserver) serve(pc net.PacketConn) {
	buf := make([]byte, 4096)
	for {
		k, a, err := pc.ReadFrom(buf)
		if err != nil {
			return
		}
		if out := n.answer(buf[:k]); out != nil {
			pc.WriteTo(out, a)
		}
	}
}

// noAnswer is an unassigned code that never goes out.
const noAnswer = dnsmessage.RCode(0xf)

var dnsTypes = map[string]dnsmessage.Type{
	"A": dnsmessage.TypeA, "AAAA": dnsmessage.TypeAAAA, "CNAME": dnsmessage.TypeCNAME, "SRV": dnsmessage.TypeSRV,
}

func (n *nameserver) answer(q []byte) []byte {
	var m dnsmessage.Message
	if m.Unpack(q) != nil || len(m.Questions) != 1 {
		return nil
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	m.Response, m.RecursionAvailable, m.Additionals = true, true, nil
	m.RCode = dnsmessage.RCodeNameError
	n.collect(&m, strings.ToLower(strings.TrimSuffix(m.Questions[0].Name.String(), ".")), m.Questions[0].Type, 0)
	if m.RCode == noAnswer {
		return nil
	}
	out, _ := m.Pack()
	return out
}

func (n *nameserver) collect(m *dnsmessage.Message, name string, want dnsmessage.Type, depth int) {
	for _, r := range n.zone {
		if r.name != name || depth > 8 {
			continue
		}
		switch r.kind {
		case "SERVFAIL":
			m.RCode = dnsmessage.RCodeServerFailure
			return
		case "REFUSED":
			m.RCode = dnsmessage.RCodeRefused
			return
		case "TIMEOUT":
			m.RCode = noAnswer
			return
		}
		m.RCode = dnsmessage.RCodeSuccess
		kind := dnsTypes[r.kind]
		if kind != want && kind != dnsmessage.TypeCNAME {
			continue
		}
		h := dnsmessage.ResourceHeader{Name: dnsmessage.MustNewName(name + "."), Type: kind, Class: dnsmessage.ClassINET, TTL: r.ttl}
		var body dnsmessage.ResourceBody
		switch kind {
		case dnsmessage.TypeA:
			body = &dnsmessage.AResource{A: [4]byte(net.ParseIP(r.value[0]).To4())}
		case dnsmessage.TypeAAAA:
			body = &dnsmessage.AAAAResource{AAAA: [16]byte(net.ParseIP(r.value[0]).To16())}
		case dnsmessage.TypeCNAME:
			body = &dnsmessage.CNAMEResource{CNAME: dnsmessage.MustNewName(r.value[0] + ".")}
		case dnsmessage.TypeSRV:
			n := func(i int) uint16 { v, _ := strconv.Atoi(r.value[i]); return uint16(v) }
			body = &dnsmessage.SRVResource{Priority: n(0), Weight: n(1), Port: n(2), Target: dnsmessage.MustNewName(r.value[3] + ".")}
		}
		m.Answers = append(m.Answers, dnsmessage.Resource{Header: h, Body: body})
		if kind == dnsmessage.TypeCNAME && want != kind {
			n.collect(m, strings.TrimSuffix(r.value[0], "."), want, depth+1)
		}
	}
}

// startDNS serves a zone over UDP.
func startDNS(port int) (*nameserver, net.PacketConn, error) {
	pc, err := net.ListenPacket("udp", process.Loopback(port))
	if err != nil {
		return nil, nil, err
	}
	n := &nameserver{}
	go n.serve(pc)
	return n, pc, nil
}
