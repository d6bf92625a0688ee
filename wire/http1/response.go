package http1

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// ParseResponse parses the response head at the start of b; n is the length
// that Complete gave. head says that the request was HEAD.
func (h *Head) ParseResponse(b []byte, n int, lim *Limits, head bool) error {
	h.reset()
	b = b[:n]
	eol := bytes.IndexByte(b, '\n')
	if eol < 1 || b[eol-1] != '\r' {
		return ErrNotHTTP
	}
	if err := h.statusLine(b[:eol-1]); err != nil {
		return err
	}
	if lim.Total > 0 && n > lim.Total {
		return ErrTooLarge
	}
	if err := h.fields(b, eol+1, lim, false, 0); err != nil {
		if err == ErrCoding {
			return ErrBad
		}
		return err
	}
	return h.responseFraming(b, head)
}

// StatusLine says whether b can begin an HTTP response: ErrMore, nil or ErrNotHTTP.
func StatusLine(b []byte) error {
	const prefix = "HTTP/"
	for i := 0; i < len(prefix); i++ {
		if i == len(b) {
			return ErrMore
		}
		if b[i] != prefix[i] {
			return ErrNotHTTP
		}
	}
	return nil
}

func (h *Head) statusLine(l []byte) error {
	if len(l) < 12 || string(l[:5]) != "HTTP/" || l[6] != '.' || l[8] != ' ' {
		return ErrNotHTTP
	}
	if l[5] != '1' || l[7] < '0' || l[7] > '9' {
		return ErrNotHTTP
	}
	h.Major, h.Minor = 1, int(l[7]-'0')
	for _, c := range l[9:12] {
		if c < '0' || c > '9' {
			return ErrNotHTTP
		}
		h.Status = h.Status*10 + int(c-'0')
	}
	if h.Status < 100 || len(l) > 12 && l[12] != ' ' {
		return ErrNotHTTP
	}
	h.NoReason = len(l) == 12
	if len(l) > 13 {
		if !validValue(l[13:]) {
			return ErrBad
		}
		h.Reason = message.Str{Off: 13, Len: uint32(len(l) - 13)}
	}
	return nil
}

// responseFraming decides how the body ends (RFC 9112 section 6.3).
func (h *Head) responseFraming(b []byte, head bool) error {
	if h.hasTE && h.hasLength {
		return ErrBad
	}
	// Chunks from HTTP/1.0 are taken, but nothing after them is believed (RFC 9112 section 6.1).
	h.KeepAlive = !h.Close && (h.Minor >= 1 || h.KeepAlive && !h.hasTE)
	h.Upgrade = h.upgradeField && h.upgradeToken
	switch {
	case head || h.Status < 200 || h.Status == 204 || h.Status == 304:
		h.Body = message.BodyNone
	case h.hasTE:
		h.Body, h.Length = message.BodyChunked, -1
	case h.hasLength:
		h.Body = message.BodyLength
	default:
		h.Body, h.Length = message.BodyUntilClose, -1
		h.KeepAlive = false
	}
	h.markNamed(b, false)
	return nil
}

// CheckPartialResponse looks at an incomplete response head: what can already
// be refused. What it refuses, ParseResponse would refuse when complete.
func CheckPartialResponse(b []byte, lim *Limits) error {
	if err := StatusLine(b); err == ErrNotHTTP {
		return err
	}
	if lim.Total > 0 && len(b) > lim.Total {
		return ErrTooLarge
	}
	return checkLines(b, lim)
}

// HasLength says whether the head had a Content-Length (a HEAD or 304 response
// may have one without a body).
func (h *Head) HasLength() bool { return h.hasLength }
