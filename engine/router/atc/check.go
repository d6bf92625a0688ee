package atc

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/router/regex"
)

// errUnknownField is worded as the reference words it.
var errUnknownField = errors.New("Unknown LHS field")

var fixedFields = map[string]field{
	"net.protocol":           fieldProtocol,
	"net.port":               fieldDstPort,
	"net.src.ip":             fieldSrcIP,
	"net.src.port":           fieldSrcPort,
	"net.dst.ip":             fieldDstIP,
	"net.dst.port":           fieldDstPort,
	"tls.sni":                fieldSNI,
	"http.method":            fieldMethod,
	"http.host":              fieldHost,
	"http.path":              fieldPath,
	"http.path.segments.len": fieldSegmentLen,
}

// check resolves fields, compiles regexes and refuses what does not fit.
func check(n *node, sub Subsystem) error {
	for _, kid := range n.kids {
		if err := check(kid, sub); err != nil {
			return err
		}
	}
	if n.kind != kindPredicate {
		return nil
	}
	p := &n.pred
	if !p.resolve() || sub == Stream && strings.HasPrefix(p.name, "http.") {
		return errUnknownField
	}
	return p.checkTypes()
}

// resolve finds what p.name stands for.
func (p *predicate) resolve() bool {
	if f, ok := fixedFields[p.name]; ok {
		p.field = f
		return true
	}
	if key, ok := strings.CutPrefix(p.name, "http.headers."); ok {
		p.field, p.key = fieldHeader, key
		return key != ""
	}
	if key, ok := strings.CutPrefix(p.name, "http.queries."); ok {
		p.field, p.key = fieldQuery, key
		return key != ""
	}
	if spec, ok := strings.CutPrefix(p.name, "http.path.segments."); ok {
		p.field = fieldSegments
		return p.segments(spec)
	}
	return false
}

// segments reads N or N_M.
func (p *predicate) segments(spec string) bool {
	first, last, both := strings.Cut(spec, "_")
	if !both {
		last = first
	}
	from, err1 := strconv.ParseUint(first, 10, 16)
	to, err2 := strconv.ParseUint(last, 10, 16)
	p.from, p.to = int(from), int(to)
	return err1 == nil && err2 == nil && from <= to
}

func (f field) typ() typ {
	switch f {
	case fieldSegmentLen, fieldSrcPort, fieldDstPort:
		return typInt
	case fieldSrcIP, fieldDstIP:
		return typAddr
	}
	return typString
}

func (p *predicate) checkTypes() error {
	have, want := p.value.typ, p.field.typ()
	if p.lower && want != typString {
		return fmt.Errorf("lower() takes a string, but %s is an %s", p.name, want)
	}
	fits := false
	switch p.op {
	case opEqual, opNotEqual:
		fits = have == want
	case opMatches, opPrefix, opSuffix, opContains:
		fits = have == typString && want == typString
	case opGreater, opGreaterEqual, opLess, opLessEqual:
		fits = have == typInt && want == typInt
	case opIn, opNotIn:
		fits = have == typCIDR && want == typAddr
	}
	if !fits {
		return fmt.Errorf("%s %s takes no %s: the field is a %s", p.name, p.op, have, want)
	}
	if have == typCIDR {
		if b := p.value.prefix; b != b.Masked() {
			return fmt.Errorf("%s %s %s: the host part of the address is not zero, must be %s", p.name, p.op, b, b.Masked())
		}
	}
	if p.op != opMatches {
		return nil
	}
	re, err := regex.Compile(p.value.str)
	if err != nil {
		return fmt.Errorf("%s ~: %w", p.name, err)
	}
	p.re = re
	return nil
}
