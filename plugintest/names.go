package plugintest

import (
	"context"
	"net"
	"net/netip"
	"strconv"
	"strings"
	"sync"

	"golang.org/x/net/dns/dnsmessage"
)

// names is a name server in memory: every name exists and has an address of
// its own, from 198.18.0.0/16, which no network uses (RFC 2544).
type names struct {
	mu     sync.Mutex
	byName map[string]netip.Addr
	byAddr map[netip.Addr]string
}

func newNames() *names {
	return &names{byName: map[string]netip.Addr{}, byAddr: map[netip.Addr]string{}}
}

// address is the address of a name, given on first use.
func (n *names) address(name string) netip.Addr {
	n.mu.Lock()
	defer n.mu.Unlock()
	a, ok := n.byName[name]
	if !ok {
		i := len(n.byName) + 1
		a = netip.AddrFrom4([4]byte{198, 18, byte(i >> 8), byte(i)})
		n.byName[name], n.byAddr[a] = a, name
	}
	return a
}

// of is addr with the name that was looked up for it.
func (n *names) of(addr netip.AddrPort) string {
	n.mu.Lock()
	defer n.mu.Unlock()
	if name, ok := n.byAddr[addr.Addr().Unmap()]; ok {
		return net.JoinHostPort(name, strconv.Itoa(int(addr.Port())))
	}
	return addr.String()
}

// dial is dns.Options.Dial.
func (n *names) dial(_ context.Context, network, _ string) (net.Conn, error) {
	if network != "udp" {
		return nil, net.UnknownNetworkError(network)
	}
	client, server := net.Pipe()
	go func() {
		defer server.Close()
		buf := make([]byte, 4096)
		for {
			size, err := server.Read(buf)
			if err != nil {
				return
			}
			if answer := n.answer(buf[:size]); answer == nil {
				return
			} else if _, err := server.Write(answer); err != nil {
				return
			}
		}
	}()
	return client, nil
}

// answer makes the reply to one question; nil if it is none.
func (n *names) answer(msg []byte) []byte {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return nil
	}
	q, err := p.Question()
	if err != nil {
		return nil
	}
	b := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: h.ID, Response: true, RecursionDesired: h.RecursionDesired, RecursionAvailable: true})
	if b.StartQuestions() != nil || b.Question(q) != nil || b.StartAnswers() != nil {
		return nil
	}
	if q.Type == dnsmessage.TypeA {
		a := n.address(strings.TrimSuffix(strings.ToLower(q.Name.String()), "."))
		rh := dnsmessage.ResourceHeader{Name: q.Name, Class: dnsmessage.ClassINET, TTL: 3600}
		if b.AResource(rh, dnsmessage.AResource{A: a.As4()}) != nil {
			return nil
		}
	}
	out, err := b.Finish()
	if err != nil {
		return nil
	}
	return out
}
