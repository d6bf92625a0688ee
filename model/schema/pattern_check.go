package schema

// CheckPattern tells if a Lua pattern is well formed, wherever a match would
// first meet the mistake.
func CheckPattern(pattern string) error {
	m := matcher{p: pattern}
	var open, closed int
	p := 0
	if pattern != "" && pattern[0] == '^' {
		p = 1
	}
	for p < len(pattern) {
		switch c := pattern[p]; {
		case c == '(':
			open++
			if p+1 < len(pattern) && pattern[p+1] == ')' {
				closed++
				p++
			}
			p++
		case c == ')':
			if closed++; closed > open {
				return errPatternCap
			}
			p++
		case c == '%' && p+1 < len(pattern) && pattern[p+1] == 'b':
			if p+3 >= len(pattern) {
				return errPatternBal
			}
			p += 4
		case c == '%' && p+1 < len(pattern) && pattern[p+1] == 'f':
			if p+2 >= len(pattern) || pattern[p+2] != '[' {
				return errPatternFront
			}
			p += 2
		case c == '%' && p+1 < len(pattern) && isDigit(pattern[p+1]):
			if n := int(pattern[p+1] - '0'); n == 0 || n > closed {
				return errPatternIndex
			}
			p += 2
		default:
			if p = m.classEnd(p); p < 0 {
				return m.err
			}
			if p < len(pattern) && (pattern[p] == '*' || pattern[p] == '+' || pattern[p] == '-' || pattern[p] == '?') {
				p++
			}
		}
	}
	if open != closed {
		return errPatternUnfin
	}
	if open > maxCaptures {
		return errPatternMany
	}
	return nil
}
