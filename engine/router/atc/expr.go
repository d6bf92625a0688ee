package atc

import (
	"fmt"
	"net/netip"

	"github.com/gibbon-gateway/gibbon/engine/router/regex"
)

// Subsystem is which kind of traffic an expression is for; it decides which
// fields exist.
type Subsystem uint8

// The two subsystems.
const (
	// HTTP has all fields.
	HTTP Subsystem = iota
	// Stream (layer 4) has the net.* and tls.* fields.
	Stream
)

// SubsystemOf is the subsystem of a route with these protocols.
func SubsystemOf(protocols []string) Subsystem {
	for _, p := range protocols {
		switch p {
		case "tcp", "tls", "udp", "tls_passthrough":
			return Stream
		}
	}
	return HTTP
}

// Expr is a checked expression. It is immutable and safe for concurrent use.
type Expr struct {
	src  string
	root *node
}

// String is the text that was parsed.
func (e *Expr) String() string { return e.src }

// Parse reads and checks an expression. Its error has the place (a syntax
// error) or names the predicate (an unknown field, an operator that the field's
// type has not, a regex that does not compile).
func Parse(src string, sub Subsystem) (*Expr, error) {
	if len(src) > maxLength {
		return nil, fmt.Errorf("expression of %d bytes is longer than %d", len(src), maxLength)
	}
	p := parser{src: src}
	root, err := p.parse()
	if err != nil {
		return nil, err
	}
	if err := check(root, sub); err != nil {
		return nil, err
	}
	return &Expr{src: src, root: root}, nil
}

// Check is Parse for the schema of routes with these protocols.
func Check(expr string, protocols []string) error {
	_, err := Parse(expr, SubsystemOf(protocols))
	return err
}

const (
	maxLength = 1 << 16 // bytes of an expression
	maxDepth  = 200     // nested parentheses and negations
)

// kind is what a node of the tree is.
type kind uint8

const (
	kindPredicate kind = iota
	kindAnd            // all of kids
	kindOr             // one of kids
	kindNot            // not kids[0]
)

type node struct {
	kind kind
	kids []*node
	pred predicate
}

// predicate is field, operator, value.
type predicate struct {
	at    int    // offset in the source, for messages
	name  string // of the field
	field field
	key   string // http.headers.KEY, http.queries.KEY
	// from and to are the segments of http.path.segments.FROM_TO.
	from, to int
	lower    bool
	any      bool
	op       operator
	value    value
	re       *regex.Regexp // of op matches
}

// typ is the type of a value.
type typ uint8

const (
	typString typ = iota
	typInt
	typAddr
	typCIDR
)

func (t typ) String() string {
	return [...]string{"string", "integer", "IP address", "CIDR block"}[t]
}

type value struct {
	typ    typ
	str    string
	num    int64
	addr   netip.Addr
	prefix netip.Prefix
}

type operator uint8

const (
	opEqual operator = iota
	opNotEqual
	opMatches  // ~
	opPrefix   // ^=
	opSuffix   // =^
	opContains // contains
	opGreater
	opGreaterEqual
	opLess
	opLessEqual
	opIn
	opNotIn
)

var operatorText = [...]string{"==", "!=", "~", "^=", "=^", "contains", ">", ">=", "<", "<=", "in", "not in"}

func (o operator) String() string { return operatorText[o] }

// field is where the left side of a predicate comes from.
type field uint8

const (
	fieldUnknown field = iota
	fieldProtocol
	fieldSNI
	fieldMethod
	fieldHost
	fieldPath
	fieldSegments   // some segments of the path
	fieldSegmentLen // how many there are
	fieldHeader
	fieldQuery
	fieldSrcIP
	fieldSrcPort
	fieldDstIP
	fieldDstPort
)
