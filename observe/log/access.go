package log

// Access is one worker's way to an access log: a format and a buffer of its
// own. It belongs to one goroutine. A nil *Access logs nothing.
type Access struct {
	format *Format
	out    *Buffer
	line   []byte
}

// NewAccess makes the access log of one worker. Open its Sink with a Delay of a
// second and a Limit that a second of traffic fits into.
func NewAccess(s *Sink, f *Format) *Access {
	return &Access{format: f, out: s.Buffer()}
}

// Log writes the line of one request.
func (a *Access) Log(v Variables) {
	if a == nil {
		return
	}
	a.line = append(a.format.Append(a.line[:0], v), '\n')
	a.out.Write(a.line)
	if cap(a.line) > 64<<10 {
		a.line = nil
	}
}
