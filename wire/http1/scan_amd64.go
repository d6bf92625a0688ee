package http1

// textLength counts the bytes before the first control (a tab is one) of the n at p.
//
//go:noescape
func textLength(p *byte, n int) int

// lineBreak is the place of the first "\n\r" in the n bytes at p, n without any.
//
//go:noescape
func lineBreak(p *byte, n int) int

// usualLine finds the parts of a field line of the usual form in the n bytes at
// p: a name of letters, digits and '-', a colon, no more than one blank, a value
// without controls up to CRLF. end is -1 where the line has another form, or
// there are fewer than sixteen bytes.
//
//go:noescape
func usualLine(p *byte, n int) (name, value, end int)
