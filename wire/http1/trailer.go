package http1

import (
	"bytes"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// TrailerForbidden says whether a field has no place in a trailer section: it
// frames or routes the message (RFC 9110 section 6.5.1).
func TrailerForbidden(id message.KnownHeader) bool {
	switch id {
	case message.HeaderHost, message.HeaderConnection, message.HeaderContentLength, message.HeaderTransferEncoding,
		message.HeaderExpect, message.HeaderUpgrade, message.HeaderKeepAlive, message.HeaderTE, message.HeaderTrailer,
		message.HeaderProxyConnection, message.HeaderContentEncoding, message.HeaderContentType:
		return true
	}
	return false
}

// AdoptTrailer appends the fields of a Decoder's Trailer, which are well-formed,
// to t, except forbidden ones: max at most, the rest is dropped. The error is
// message.ErrRegionFull.
func AdoptTrailer(b []byte, s *message.Shared, t *message.Head, max int) error {
	for ; len(b) > 0 && int(t.N) < max; max-- {
		line := b
		if n := bytes.IndexByte(b, '\n'); n >= 0 {
			line, b = b[:n], b[n+1:]
		} else {
			b = nil
		}
		name, value, ok := bytes.Cut(line, []byte(":"))
		if !ok || TrailerForbidden(message.Known(string(name))) {
			continue
		}
		if err := s.Add(t, string(name), string(bytes.Trim(value, " \t\r"))); err != nil {
			return err
		}
	}
	return nil
}

// AppendTrailer appends the end of a chunked body with t as its trailer section.
func AppendTrailer(dst []byte, s *message.Shared, t *message.Head, skip *[256]bool) []byte {
	dst = append(dst, "0\r\n"...)
	dst = AppendFields(dst, s, t, skip)
	return append(dst, "\r\n"...)
}
