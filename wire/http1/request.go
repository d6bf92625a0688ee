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
	i := 0
	for b[i] == '\r' && i+1 < n && b[i+1] == '\n' {
		if i += 2; i == n {
			return ErrBad
		}
	}
	eol := bytes.IndexByte(b[i:], '\n')
	if eol < 1 || b[i+eol-1] != '\r' {
		return ErrBad
	}
	if lim.Line > 0 && eol+1 > lim.Line {
		return ErrURITooLong
	}
	if err := h.requestLine(b, i, i+eol-1); err != nil {
		return err
	}
	if lim.Total > 0 && n > lim.Total {
		return ErrTooLarge
	}
	if err := h.fields(b, i+eol+1, lim, true); err != nil {
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
	for i < end && b[i] > ' ' && b[i] != 127 {
		i++
	}
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
	h.Upgrade = h.upgradeField && h.upgradeToken
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
	for len(v) > 0 {
		t := v
		if c := bytes.IndexByte(v, ','); c >= 0 {
			t, v = v[:c], v[c+1:]
		} else {
			v = nil
		}
		if message.EqualFold(bytes.Trim(t, " \t"), "trailers") {
			return true
		}
	}
	return false
}

// CheckPartial looks at an incomplete head: what can already be refused.
func CheckPartial(b []byte, lim *Limits) error {
	i := 0
	for i+1 < len(b) && b[i] == '\r' && b[i+1] == '\n' {
		i += 2
	}
	line := bytes.IndexByte(b[i:], '\n')
	if line < 0 {
		if lim.Line > 0 && len(b)-i > lim.Line {
			return ErrURITooLong
		}
		return nil
	}
	if lim.Line > 0 && line+1 > lim.Line {
		return ErrURITooLong
	}
	for at := i; ; {
		k := bytes.IndexByte(b[at:], '\n')
		if k < 0 {
			if lim.Line > 0 && len(b)-at > lim.Line {
				return ErrTooLarge
			}
			break
		}
		if k == 0 || b[at+k-1] != '\r' {
			return ErrBad // a bare LF never completes a head
		}
		at += k + 1
	}
	if lim.Total > 0 && len(b) > lim.Total {
		return ErrTooLarge
	}
	return nil
}
