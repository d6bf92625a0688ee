package http1

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// ParseRequest parses the request head at the start of b; n is the length
// that Complete gave. Empty lines before the request line are skipped
// (RFC 9112 section 2.2); then Len counts them too.
func (h *Head) ParseRequest(b []byte, n int, lim *Limits) error {
	h.reset()
	b = b[:n]
	i := emptyLines(b)
	eol := bytes.IndexByte(b[i:], '\n')
	if lim.Line > 0 && eol+1 > lim.Line {
		return ErrURITooLong
	}
	if eol < 1 || b[i+eol-1] != '\r' {
		return ErrBad
	}
	if err := h.requestLine(b, i, i+eol-1); err != nil {
		return err
	}
	if lim.Total > 0 && n > lim.Total {
		return ErrTooLarge
	}
	if err := h.fields(b, i+eol+1, lim, true, lim.dropped()); err != nil {
		return err
	}
	return h.requestFraming(b)
}

// requestLine parses b[i:end], which has no CRLF.
func (h *Head) requestLine(b []byte, i, end int) error {
	start := i
	for i < end && methodByte(b[i]) {
		i++
	}
	if i == start || i == end || b[i] != ' ' {
		return ErrBad
	}
	h.Method = message.Str{Off: uint32(start), Len: uint32(i - start)}
	for i < end && b[i] == ' ' {
		i++
	}
	start = i
	i = below(b[:end], i, ' '+1)
	if i == start || i == end || b[i] != ' ' {
		return ErrBad
	}
	h.Target = message.Str{Off: uint32(start), Len: uint32(i - start)}
	for i < end && b[i] == ' ' {
		i++
	}
	for end > i && b[end-1] == ' ' {
		end--
	}
	return h.version(b[i:end])
}

// version takes HTTP/1.x; x may have up to three digits, as nginx has it.
func (h *Head) version(v []byte) error {
	if len(v) < 8 || string(v[:5]) != "HTTP/" || v[6] != '.' || len(v) > 10 {
		return ErrBad
	}
	for _, c := range v[7:] {
		if c < '0' || c > '9' {
			return ErrBad
		}
		h.Minor = h.Minor*10 + int(c-'0')
	}
	if v[5] < '1' || v[5] > '9' {
		return ErrBad
	}
	h.Major = int(v[5] - '0')
	if h.Major != 1 {
		return ErrVersion
	}
	return nil
}

func (h *Head) requestFraming(b []byte) error {
	switch {
	case h.hasTE && (h.hasLength || h.Minor == 0):
		return ErrBad
	case h.hasTE:
		h.Body, h.Length = message.BodyChunked, -1
	case h.hasLength:
		h.Body = message.BodyLength
	}
	if h.Host < 0 && h.Minor >= 1 {
		return ErrBad
	}
	h.KeepAlive = !h.Close && (h.Minor >= 1 || h.KeepAlive)
	h.Upgrade = h.upgradeField && h.upgradeToken && h.Minor >= 1 // RFC 9110 section 7.8
	h.Expect100 = h.Expect100 && h.Minor >= 1
	h.markNamed(b, true)
	h.markTE(b)
	return nil
}

// markTE lets "TE: trailers" pass and nothing else of TE (RFC 9110 section 10.1.4).
func (h *Head) markTE(b []byte) {
	for i := range h.Fields {
		f := &h.Fields[i]
		if f.ID == message.HeaderTE && hasTrailers(b[f.Value.Off:f.Value.Off+f.Value.Len]) {
			f.Flags &^= message.FieldHop
		}
	}
}

// hasTrailers finds the token trailers without parameters.
func hasTrailers(v []byte) bool {
	for t := ""; ; {
		if t, v = listItem(v); t == "" {
			return false
		}
		if equalFold(t, "trailers") {
			return true
		}
	}
}

// CheckPartial looks at an incomplete request head: what can already be
// refused, so that nobody waits for the rest. What it refuses, ParseRequest
// would refuse when complete.
func CheckPartial(b []byte, lim *Limits) error {
	i := emptyLines(b)
	eol := bytes.IndexByte(b[i:], '\n')
	if lim.Line > 0 && (eol+1 > lim.Line || eol < 0 && len(b)-i > lim.Line) {
		return ErrURITooLong
	}
	if eol < 0 {
		return checkMethod(b[i:], len(b), lim)
	}
	if eol == 0 || b[i+eol-1] != '\r' {
		return ErrBad
	}
	var h Head
	if err := h.requestLine(b, i, i+eol-1); err != nil {
		return err
	}
	if lim.Total > 0 && len(b) > lim.Total {
		return ErrTooLarge
	}
	return checkLines(b[i+eol+1:], lim)
}

// checkMethod looks at an incomplete request line: it must begin with a method
// (a TLS handshake sent in the clear does not). got is what came so far.
func checkMethod(line []byte, got int, lim *Limits) error {
	for i, c := range line {
		if methodByte(c) {
			continue
		}
		if c == ' ' && i > 0 || c == '\r' && len(line) == 1 {
			break
		}
		return ErrBad
	}
	if lim.Total > 0 && got > lim.Total {
		return ErrTooLarge
	}
	return nil
}

// checkLines looks at field lines, the last of which may be incomplete.
func checkLines(b []byte, lim *Limits) error {
	for len(b) > 0 {
		k := bytes.IndexByte(b, '\n')
		if lim.Line > 0 && (k+1 > lim.Line || k < 0 && len(b) > lim.Line) {
			return ErrTooLarge
		}
		if k < 0 {
			break
		}
		if k == 0 || b[k-1] != '\r' {
			return ErrBad // a bare LF never completes a head
		}
		b = b[k+1:]
	}
	return nil
}
