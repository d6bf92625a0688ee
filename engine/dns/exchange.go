package dns

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// exchange asks the servers one question and returns the answer message: each
// server in turn until one answers, `attempts` times in all. A server that
// fails or refuses has answered; only silence and broken connections move on.
func (r *Resolver) exchange(ctx context.Context, name string, t Type) (*reply, error) {
	qname, err := dnsmessage.NewName(name + ".")
	if err != nil || !validName(name) {
		return nil, &Error{Code: 1}
	}
	q := dnsmessage.Question{Name: qname, Type: dnsmessage.Type(t), Class: dnsmessage.ClassINET}
	first := uint32(0)
	if r.conf.rotate {
		first = r.rotate.Add(1)
	}
	var last error
	for n := range max(r.conf.attempts, 1) {
		server := r.conf.servers[(int(first)+n)%len(r.conf.servers)]
		rep, err := r.ask(ctx, server, q)
		if err == nil {
			return rep, nil
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		last = fmt.Errorf("no answer of name server %s for %s: %w", server, name, err)
	}
	return nil, last
}

// ask is one attempt at one server: UDP, then TCP if the answer was cut off.
func (r *Resolver) ask(ctx context.Context, server netip.AddrPort, q dnsmessage.Question) (*reply, error) {
	ctx, cancel := context.WithTimeout(ctx, r.conf.timeout)
	defer cancel()
	rep, err := r.askOver(ctx, "udp", server, q)
	if err == nil && rep.truncated {
		return r.askOver(ctx, "tcp", server, q)
	}
	return rep, err
}

func (r *Resolver) askOver(ctx context.Context, network string, server netip.AddrPort, q dnsmessage.Question) (*reply, error) {
	c, err := r.opts.Dial(ctx, network, server.String())
	if err != nil {
		return nil, err
	}
	defer c.Close()
	deadline, _ := ctx.Deadline()
	c.SetDeadline(deadline)
	defer context.AfterFunc(ctx, func() { c.SetDeadline(time.Unix(1, 0)) })()

	id := uint16(rand.Uint32())
	msg, err := question(id, q)
	if err != nil {
		return nil, err
	}
	if network == "tcp" {
		if _, err := c.Write(binary.BigEndian.AppendUint16(make([]byte, 0, 2+len(msg)), uint16(len(msg)))); err != nil {
			return nil, err
		}
	}
	if _, err := c.Write(msg); err != nil {
		return nil, err
	}
	if network == "tcp" {
		return readTCP(c, id, q)
	}
	buf := make([]byte, 4096)
	for {
		n, err := c.Read(buf)
		if err != nil {
			return nil, err
		}
		// Anything that does not answer this question may be forged or late.
		if rep, err := parseReply(buf[:n], id, q); err == nil {
			return rep, nil
		}
	}
}

func readTCP(c io.Reader, id uint16, q dnsmessage.Question) (*reply, error) {
	var size [2]byte
	if _, err := io.ReadFull(c, size[:]); err != nil {
		return nil, err
	}
	buf := make([]byte, binary.BigEndian.Uint16(size[:]))
	if _, err := io.ReadFull(c, buf); err != nil {
		return nil, err
	}
	return parseReply(buf, id, q)
}

func question(id uint16, q dnsmessage.Question) ([]byte, error) {
	b := dnsmessage.NewBuilder(make([]byte, 0, 512), dnsmessage.Header{ID: id, RecursionDesired: true})
	b.EnableCompression()
	if err := b.StartQuestions(); err != nil {
		return nil, err
	}
	if err := b.Question(q); err != nil {
		return nil, err
	}
	return b.Finish()
}

// validName refuses what the wire cannot carry: empty or long labels.
func validName(name string) bool {
	if name == "" || len(name) > 253 {
		return false
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return false
		}
	}
	return true
}

// reply is a parsed answer.
type reply struct {
	rcode     int
	truncated bool
	records   []resource
}

// resource is a record of the answer section of a type that is understood.
type resource struct {
	owner string
	typ   Type
	ttl   uint32
	addr  netip.Addr
	// target is what a CNAME or SRV record points to.
	target                 string
	priority, weight, port uint16
}

var errForeign = errors.New("the message does not answer the question")

// parseReply reads an answer to a question; records of other types are
// passed over.
func parseReply(msg []byte, id uint16, q dnsmessage.Question) (*reply, error) {
	var p dnsmessage.Parser
	h, err := p.Start(msg)
	if err != nil {
		return nil, err
	}
	if h.ID != id || !h.Response {
		return nil, errForeign
	}
	got, err := p.Question()
	switch {
	case err == nil:
		if got.Type != q.Type || got.Class != q.Class || !strings.EqualFold(got.Name.String(), q.Name.String()) {
			return nil, errForeign
		}
	case h.RCode == dnsmessage.RCodeSuccess || !errors.Is(err, dnsmessage.ErrSectionDone):
		// Servers that cannot read a question may answer without it.
		return nil, errForeign
	}
	if err := p.SkipAllQuestions(); err != nil {
		return nil, err
	}
	rep := &reply{rcode: int(h.RCode), truncated: h.Truncated}
	if h.Truncated {
		return rep, nil
	}
	for {
		rh, err := p.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return rep, nil
		}
		if err != nil {
			return nil, err
		}
		res := resource{owner: hostName(rh.Name), typ: Type(rh.Type), ttl: rh.TTL}
		if rh.Class != dnsmessage.ClassINET {
			res.typ = 0
		}
		if err := res.read(&p); err != nil {
			return nil, err
		}
		if res.typ != 0 {
			rep.records = append(rep.records, res)
		}
	}
}

// read takes the record's body from the parser; typ becomes 0 when it is
// none that is understood.
func (res *resource) read(p *dnsmessage.Parser) error {
	switch res.typ {
	case TypeA:
		b, err := p.AResource()
		res.addr = netip.AddrFrom4(b.A)
		return err
	case TypeAAAA:
		b, err := p.AAAAResource()
		res.addr = netip.AddrFrom16(b.AAAA)
		return err
	case TypeCNAME:
		b, err := p.CNAMEResource()
		res.target = hostName(b.CNAME)
		return err
	case TypeSRV:
		b, err := p.SRVResource()
		res.target, res.priority, res.weight, res.port = hostName(b.Target), b.Priority, b.Weight, b.Port
		return err
	}
	res.typ = 0
	return p.SkipAnswer()
}

func hostName(n dnsmessage.Name) string { return normalise(n.String()) }
