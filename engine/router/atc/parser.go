package atc

import (
	"fmt"
	"net/netip"
	"strconv"
	"strings"
	"unicode/utf8"
)

// SyntaxError is an expression that cannot be read.
type SyntaxError struct {
	// Line and Column count from 1; a column is a character.
	Line, Column int
	// Text is the line.
	Text string
	// Expected is what should have stood there.
	Expected string
}

// Error draws the line with a mark under the place.
func (e *SyntaxError) Error() string {
	n := strconv.Itoa(e.Line)
	pad := strings.Repeat(" ", len(n))
	return fmt.Sprintf("%s--> %s:%d\n%s |\n%s | %s\n%s | %s^---\n%s |\n%s = expected %s",
		pad, n, e.Column, pad, n, e.Text, pad, strings.Repeat(" ", e.Column-1), pad, pad, e.Expected)
}

// parser is a recursive descent over src; pos is the next byte.
type parser struct {
	src   string
	pos   int
	depth int
}

func (p *parser) parse() (*node, error) {
	n, err := p.logical()
	if err != nil {
		return nil, err
	}
	p.space()
	if p.pos < len(p.src) {
		return nil, p.expected("&&, || or the end")
	}
	return n, nil
}

// logical joins terms. || binds tighter than &&: unusual, but recorded of the
// reference (routing/expressions-priority-and-logic, steps 3 to 5).
func (p *parser) logical() (*node, error) { return p.chain("&&", kindAnd, p.alternatives) }

func (p *parser) alternatives() (*node, error) { return p.chain("||", kindOr, p.term) }

// chain reads operands of one logical operator.
func (p *parser) chain(op string, k kind, operand func() (*node, error)) (*node, error) {
	first, err := operand()
	if err != nil {
		return nil, err
	}
	kids := []*node{first}
	for p.take(op) {
		next, err := operand()
		if err != nil {
			return nil, err
		}
		kids = append(kids, next)
	}
	if len(kids) == 1 {
		return first, nil
	}
	return &node{kind: k, kids: kids}, nil
}

// term is a predicate, a group, or a negated group.
func (p *parser) term() (*node, error) {
	p.depth++
	defer func() { p.depth-- }()
	if p.depth > maxDepth {
		return nil, p.expected(fmt.Sprintf("at most %d nested groups", maxDepth))
	}
	if p.take("!") {
		p.space()
		if !strings.HasPrefix(p.src[p.pos:], "(") {
			return nil, p.expected("( after !")
		}
		kid, err := p.term()
		if err != nil {
			return nil, err
		}
		return &node{kind: kindNot, kids: []*node{kid}}, nil
	}
	if p.take("(") {
		n, err := p.logical()
		if err != nil {
			return nil, err
		}
		if !p.take(")") {
			return nil, p.expected("&&, || or )")
		}
		return n, nil
	}
	return p.predicate()
}

func (p *parser) predicate() (*node, error) {
	p.space()
	n := &node{pred: predicate{at: p.pos}}
	if err := p.left(&n.pred); err != nil {
		return nil, err
	}
	op, ok := p.operator()
	if !ok {
		return nil, p.expected("an operator (==, !=, ~, ^=, =^, >, >=, <, <=, in, not in, contains)")
	}
	n.pred.op = op
	var err error
	n.pred.value, err = p.right()
	return n, err
}

// left is a field, perhaps within lower() and any().
func (p *parser) left(pr *predicate) error {
	p.depth++
	defer func() { p.depth-- }()
	name := p.ident()
	if name == "" || p.depth > maxDepth {
		return p.expected("a field")
	}
	if !p.take("(") {
		pr.name = name
		return nil
	}
	switch name {
	case "lower":
		pr.lower = true
	case "any":
		pr.any = true
	default:
		return fmt.Errorf("unknown function %s(), must be lower() or any()", name)
	}
	if err := p.left(pr); err != nil {
		return err
	}
	if !p.take(")") {
		return p.expected(")")
	}
	return nil
}

func (p *parser) operator() (operator, bool) {
	p.space()
	// Longer texts before their beginnings.
	for _, o := range [...]operator{opEqual, opNotEqual, opPrefix, opSuffix, opGreaterEqual, opGreater,
		opLessEqual, opLess, opMatches, opContains, opIn} {
		if p.word(operatorText[o]) {
			return o, true
		}
	}
	if start := p.pos; p.word("not") {
		if p.space(); p.word("in") {
			return opNotIn, true
		}
		p.pos = start
	}
	return 0, false
}

// right is a literal.
func (p *parser) right() (value, error) {
	p.space()
	rest := p.src[p.pos:]
	switch {
	case strings.HasPrefix(rest, `"`):
		return p.quoted()
	case strings.HasPrefix(rest, `r#"`):
		text, _, ok := strings.Cut(rest[3:], `"#`)
		if !ok {
			return value{}, p.expected("rhs")
		}
		p.pos += len(text) + 5
		return value{str: text}, nil
	}
	end := 0
	for end < len(rest) && isLiteral(rest[end]) {
		end++
	}
	v, ok := parseNumber(rest[:end])
	if !ok {
		return value{}, p.expected("rhs")
	}
	p.pos += end
	return v, nil
}

// quoted reads "…" with the escapes \" \\ \n \r \t.
func (p *parser) quoted() (value, error) {
	var b strings.Builder
	for i := p.pos + 1; i < len(p.src); i++ {
		c := p.src[i]
		switch c {
		case '"':
			p.pos = i + 1
			return value{str: b.String()}, nil
		case '\\':
			i++
			if i == len(p.src) {
				break
			}
			at := strings.IndexByte(`"\nrt`, p.src[i])
			if at < 0 {
				p.pos = i - 1
				return value{}, p.expected(`an escape (\", \\, \n, \r, \t)`)
			}
			c = "\"\\\n\r\t"[at]
		}
		b.WriteByte(c)
	}
	return value{}, p.expected("rhs")
}

// parseNumber reads an integer (decimal, 0x…, 0…), an address or a CIDR block.
func parseNumber(s string) (value, bool) {
	if n, err := strconv.ParseInt(s, 0, 64); err == nil && !goOnly(s) {
		return value{typ: typInt, num: n}, true
	}
	if a, err := netip.ParseAddr(s); err == nil && a.Zone() == "" {
		return value{typ: typAddr, addr: a.Unmap()}, true
	}
	if c, err := netip.ParsePrefix(s); err == nil {
		return value{typ: typCIDR, prefix: c}, true
	}
	return value{}, false
}

// goOnly: ParseInt takes the notation, the language does not (0b1, 0o7, 1_000).
func goOnly(s string) bool {
	s = strings.TrimLeft(s, "+-")
	return strings.Contains(s, "_") || len(s) > 1 && s[0] == '0' && strings.IndexByte("bBoOX", s[1]) >= 0
}

func isLiteral(c byte) bool {
	return '0' <= c && c <= '9' || 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || strings.IndexByte("-.:/_", c) >= 0
}

func (p *parser) ident() string {
	p.space()
	start := p.pos
	for p.pos < len(p.src) {
		c := p.src[p.pos]
		letter := 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z'
		if !letter && (p.pos == start || !('0' <= c && c <= '9' || c == '_' || c == '.')) {
			break
		}
		p.pos++
	}
	return p.src[start:p.pos]
}

func (p *parser) space() {
	for p.pos < len(p.src) && strings.IndexByte(" \t\r\n", p.src[p.pos]) >= 0 {
		p.pos++
	}
}

// take skips blanks and then s, if it comes.
func (p *parser) take(s string) bool {
	p.space()
	return p.word(s)
}

func (p *parser) word(s string) bool {
	if strings.HasPrefix(p.src[p.pos:], s) {
		p.pos += len(s)
		return true
	}
	return false
}

func (p *parser) expected(what string) error {
	p.space()
	start := strings.LastIndexByte(p.src[:p.pos], '\n') + 1
	text, _, _ := strings.Cut(p.src[start:], "\n")
	return &SyntaxError{
		Line:     strings.Count(p.src[:start], "\n") + 1,
		Column:   utf8.RuneCountInString(p.src[start:p.pos]) + 1,
		Text:     text,
		Expected: what,
	}
}
