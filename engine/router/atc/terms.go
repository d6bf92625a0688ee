package atc

import "strings"

// Term is what must hold of a request for an expression to be true, as far as
// the router can look it up. An empty string is no condition.
type Term struct {
	Host, SNI, PathPrefix, Method string
	// Header (a key as Header.Next takes it) has a value that equals Value when
	// case is ignored.
	Header, Value string
}

// maxTerms bounds the alternatives of one expression.
const maxTerms = 64

// Terms are the alternatives of e: a request that fits none of them does not
// match e, one that fits one may. There is always at least one.
func (e *Expr) Terms() []Term { return e.root.terms() }

func (n *node) terms() []Term {
	switch n.kind {
	case kindAnd:
		all := []Term{{}}
		for _, kid := range n.kids {
			all = cross(all, kid.terms())
		}
		return all
	case kindOr:
		var all []Term
		for _, kid := range n.kids {
			all = append(all, kid.terms()...)
		}
		if len(all) > maxTerms {
			return []Term{{}}
		}
		return all
	case kindNot:
		return []Term{{}}
	}
	return []Term{n.pred.term()}
}

func (p *predicate) term() Term {
	switch {
	case p.field == fieldHeader && p.op == opEqual:
		return Term{Header: p.key, Value: p.value.str}
	case p.lower:
	case p.field == fieldMethod && p.op == opEqual:
		return Term{Method: p.value.str}
	case p.field == fieldHost && p.op == opEqual:
		return Term{Host: p.value.str}
	case p.field == fieldSNI && p.op == opEqual:
		return Term{SNI: p.value.str}
	case p.field == fieldPath && (p.op == opEqual || p.op == opPrefix):
		return Term{PathPrefix: p.value.str}
	}
	return Term{}
}

// cross joins the alternatives of two conditions that must both hold. Where
// that gives too many, one side's are enough: they are still necessary.
func cross(a, b []Term) []Term {
	if len(a)*len(b) > maxTerms {
		return a
	}
	out := make([]Term, 0, len(a)*len(b))
	for _, x := range a {
		for _, y := range b {
			t := x
			if t.Host == "" {
				t.Host = y.Host
			}
			if t.SNI == "" {
				t.SNI = y.SNI
			}
			if t.Method == "" {
				t.Method = y.Method
			}
			if t.Header == "" {
				t.Header, t.Value = y.Header, y.Value
			}
			if strings.HasPrefix(y.PathPrefix, t.PathPrefix) {
				t.PathPrefix = y.PathPrefix
			}
			out = append(out, t)
		}
	}
	return out
}
