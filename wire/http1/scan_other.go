//go:build !amd64

package http1

import "unsafe"

// textLength counts the bytes before the first control (a tab is one) of the n at p.
func textLength(p *byte, n int) int { return slowTextLength(unsafe.Slice(p, n)) }

// lineBreak is the place of the first "\n\r" in the n bytes at p, n without any.
func lineBreak(p *byte, n int) int { return slowLineBreak(unsafe.Slice(p, n)) }

// usualLine finds the parts of a field line of the usual form in the n bytes at
// p: a name of letters, digits and '-', a colon, no more than one blank, a value
// without controls up to CRLF. end is -1 where the line has another form.
func usualLine(p *byte, n int) (name, value, end int) { return slowUsualLine(unsafe.Slice(p, n)) }
