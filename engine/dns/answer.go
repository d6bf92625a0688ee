package dns

import (
	"fmt"
	"net/netip"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/turn"
)

// Type is a DNS record type.
type Type uint16

// The record types that are asked for. Last is no type of the DNS: it stands
// in an order for the type that answered last time.
const (
	TypeA     Type = 1
	TypeCNAME Type = 5
	TypeAAAA  Type = 28
	TypeSRV   Type = 33
	Last      Type = 0
)

func (t Type) String() string {
	switch t {
	case TypeA:
		return "A"
	case TypeCNAME:
		return "CNAME"
	case TypeAAAA:
		return "AAAA"
	case TypeSRV:
		return "SRV"
	case Last:
		return "LAST"
	}
	return fmt.Sprintf("TYPE%d", uint16(t))
}

// Record is one address of a name.
type Record struct {
	Addr netip.Addr
	// Port is that of an SRV record; 0 = the caller's.
	Port uint16
	// Weight is that of an SRV record, at least 1. Of an SRV record whose target
	// has several addresses each has its part. 1 for address records.
	Weight int
	// Priority is that of an SRV record; all records of an answer share it.
	Priority uint16
	// Target is the host name an SRV record points to, "" for address records.
	Target string
}

// Answer is what is known of a name. It is shared and immutable but for its
// turn; Pick may be called by several goroutines.
type Answer struct {
	// Name is the name that was asked for, in lower case and without final dot.
	Name string
	// Type is the type of the records, SRV, A or AAAA.
	Type Type
	// Records are never empty when Err is nil.
	Records []Record
	// Err says why there are no records: an *Error, or an error of the network.
	Err error
	// Expires is when the answer has to be asked for again.
	Expires time.Time

	stale time.Time // until when it serves while a new one is fetched
	wheel *turn.Wheel
}

// Next returns the record whose turn it is (weighted for SRV), nil when there
// is none.
func (a *Answer) Next() *Record {
	if a == nil || a.wheel == nil {
		return nil
	}
	i := a.wheel.Next()
	if i < 0 {
		return nil
	}
	return &a.Records[i]
}

// Pick returns the address whose turn it is; port serves where the record
// brings none. The zero AddrPort means that there is none.
func (a *Answer) Pick(port int) netip.AddrPort {
	r := a.Next()
	if r == nil {
		return netip.AddrPort{}
	}
	return r.AddrPort(port)
}

// AddrPort is the record's address with its own port, else the one given.
func (r *Record) AddrPort(port int) netip.AddrPort {
	if r.Port != 0 {
		port = int(r.Port)
	}
	return netip.AddrPortFrom(r.Addr, uint16(port))
}

// finish makes the turn of an answer; prev is the one that it replaces.
func (a *Answer) finish(prev *Answer) *Answer {
	w := make([]int, len(a.Records))
	for i := range a.Records {
		w[i] = a.Records[i].Weight
	}
	a.wheel = turn.New(w)
	if prev != nil {
		a.wheel.Resume(prev.wheel)
	}
	return a
}

// literal is the answer for an address.
func literal(name string, addr netip.Addr) *Answer {
	t := TypeA
	if addr.Is6() {
		t = TypeAAAA
	}
	a := &Answer{Name: name, Type: t, Records: []Record{{Addr: addr, Weight: 1}}, Expires: forever, stale: forever}
	return a.finish(nil)
}

// forever is later than any clock that a gateway sees.
var forever = time.Date(9999, 1, 1, 0, 0, 0, 0, time.UTC)

// Error is an answer that is none: a name server's refusal, or an empty one.
type Error struct {
	// Code is the server's RCODE, or CodeEmpty.
	Code int
}

// CodeEmpty is the code of an answer that names no record of the wanted type.
const CodeEmpty = 101

// rcodes are the texts that the reference shows for RCODEs.
var rcodes = map[int]string{1: "format error", 2: "server failure", 3: "name error", 4: "not implemented", 5: "refused"}

func (e *Error) Error() string {
	if e.Code == CodeEmpty {
		return "dns client error: 101 empty record received"
	}
	t := rcodes[e.Code]
	if t == "" {
		t = "unknown"
	}
	return fmt.Sprintf("dns server error: %d %s", e.Code, t)
}

// NotFound tells whether the name does not exist or has no record.
func (e *Error) NotFound() bool { return e.Code == rcodeNameError || e.Code == CodeEmpty }

const rcodeNameError = 3

// gravity orders failures: no such name, no such record, a server's fault.
func (e *Error) gravity() int {
	switch e.Code {
	case rcodeNameError:
		return 0
	case CodeEmpty:
		return 1
	}
	return 2
}
