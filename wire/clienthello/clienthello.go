package clienthello

import (
	"encoding/binary"
	"errors"
	"strings"
)

// MaxSize is how many bytes of a connection may come until the ClientHello is
// complete; with ErrMore it bounds what a caller has to keep.
const MaxSize = 32 << 10

var (
	// ErrMore means that the ClientHello is not complete: read more and call again.
	ErrMore = errors.New("clienthello: more bytes are needed")
	// ErrNotTLS means that the bytes do not begin with a TLS handshake.
	ErrNotTLS = errors.New("clienthello: the connection does not begin with a TLS handshake")
	// ErrBroken means that the lengths inside the ClientHello do not fit.
	ErrBroken = errors.New("clienthello: the ClientHello is broken")
	// ErrTooLong means that MaxSize bytes came and the ClientHello goes on.
	ErrTooLong = errors.New("clienthello: the ClientHello is longer than 32 KB")
)

// Hello is what a ClientHello says.
type Hello struct {
	// ServerName is the host name of the server_name extension in lower case, "" without one.
	ServerName string
	// Protocols are the names that the client offers by ALPN, in its order.
	Protocols []string
	// Version is the highest version that the client offers: 0x0303 is TLS 1.2, 0x0304 TLS 1.3.
	Version uint16
}

// Scanner reads one ClientHello that comes in pieces. The zero Scanner is ready.
type Scanner struct {
	at      int    // how much of the input is in message
	message []byte // the handshake message, without the records' heads
}

// The numbers of RFC 8446 that are looked at.
const (
	recordHandshake = 22
	recordHead      = 5
	recordMax       = 1<<14 + 256
	typeClientHello = 1
	extServerName   = 0
	extALPN         = 16
	extVersions     = 43
)

// Parse looks at all bytes of the connection so far: b begins with those of
// the call before. The error is ErrMore as long as the ClientHello may become
// complete, else it says why there will be none.
func (s *Scanner) Parse(b []byte) (Hello, error) {
	for {
		if len(s.message) >= 4 {
			if s.message[0] != typeClientHello {
				return Hello{}, ErrNotTLS
			}
			n := 4 + int(s.message[1])<<16 + int(binary.BigEndian.Uint16(s.message[2:]))
			if n > MaxSize {
				return Hello{}, ErrTooLong
			}
			if len(s.message) >= n {
				return parse(s.message[4:n])
			}
		}
		rest := b[s.at:]
		if err := checkRecord(rest); err != nil {
			return Hello{}, err
		}
		if len(rest) < recordHead {
			return Hello{}, tooLong(b)
		}
		n := recordHead + int(binary.BigEndian.Uint16(rest[3:]))
		if len(rest) < n {
			return Hello{}, tooLong(b)
		}
		s.message = append(s.message, rest[recordHead:n]...)
		s.at += n
	}
}

func tooLong(b []byte) error {
	if len(b) >= MaxSize {
		return ErrTooLong
	}
	return ErrMore
}

// checkRecord refuses what cannot be the head of a handshake record, as early as it shows.
func checkRecord(b []byte) error {
	if len(b) > 0 && b[0] != recordHandshake || len(b) > 1 && b[1] != 3 {
		return ErrNotTLS
	}
	if len(b) >= recordHead {
		if n := int(binary.BigEndian.Uint16(b[3:])); n == 0 || n > recordMax {
			return ErrNotTLS
		}
	}
	return nil
}

// reader takes values off the front; after one that does not fit it is bad.
type reader struct {
	b   []byte
	bad bool
}

func (r *reader) take(n int) []byte {
	if r.bad || len(r.b) < n {
		r.bad, r.b = true, nil
		return nil
	}
	v := r.b[:n]
	r.b = r.b[n:]
	return v
}

func (r *reader) number(size int) int {
	n := 0
	for _, c := range r.take(size) {
		n = n<<8 | int(c)
	}
	return n
}

// vector takes a length of size bytes and what it announces.
func (r *reader) vector(size int) reader {
	n := r.number(size)
	return reader{r.take(n), r.bad}
}

func parse(body []byte) (Hello, error) {
	r := reader{b: body}
	h := Hello{Version: uint16(r.number(2))}
	r.take(32)  // random
	r.vector(1) // session id
	r.vector(2) // cipher suites
	r.vector(1) // compression methods
	if r.bad {
		return Hello{}, ErrBroken
	}
	if len(r.b) == 0 {
		return h, nil // no extensions, as old clients may
	}
	list := r.vector(2)
	for !list.bad && len(list.b) > 0 {
		kind := list.number(2)
		data := list.vector(2)
		if list.bad || !h.extension(kind, data) {
			return Hello{}, ErrBroken
		}
	}
	if list.bad {
		return Hello{}, ErrBroken
	}
	return h, nil
}

// extension reads one extension; false when it is broken.
func (h *Hello) extension(kind int, data reader) bool {
	switch kind {
	case extServerName:
		names := data.vector(2)
		for !names.bad && len(names.b) > 0 {
			kind := names.number(1)
			name := names.vector(2)
			if kind == 0 && h.ServerName == "" {
				h.ServerName = strings.ToLower(string(name.b))
			}
		}
		return !names.bad && validName(h.ServerName)
	case extALPN:
		names := data.vector(2)
		for !names.bad && len(names.b) > 0 {
			name := names.vector(1)
			h.Protocols = append(h.Protocols, string(name.b))
		}
		return !names.bad
	case extVersions:
		versions := data.vector(1)
		for !versions.bad && len(versions.b) > 0 {
			// GREASE values (RFC 8701) are no versions.
			if v := uint16(versions.number(2)); v>>8 == 3 && v > h.Version {
				h.Version = v
			}
		}
		return !versions.bad
	}
	return true
}

// validName refuses names that could not be written to a log or compared with
// a route: control bytes, spaces, anything that is no byte of a host name.
func validName(name string) bool {
	if len(name) > 255 {
		return false
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c <= ' ' || c >= 0x7f {
			return false
		}
	}
	return true
}
