package proxyproto

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"net/netip"
	"strconv"
)

// Header is what the sender tells about the connection.
type Header struct {
	// Version is 1 or 2.
	Version int
	// Local means that the sender speaks for itself (LOCAL, or UNKNOWN in version 1,
	// or a family without addresses): Source and Destination are then not valid
	// and the connection's own addresses hold.
	Local bool
	// UDP says that the forwarded flow is of datagrams.
	UDP bool
	// Source is the client, Destination what the client connected to.
	Source, Destination netip.AddrPort
}

// MaxSize is the longest header that is accepted, in bytes; with Parse's
// ErrMore it bounds what a caller has to keep.
const MaxSize = 4096

// maxV1 is the longest line of version 1 by the specification, with its CRLF.
const maxV1 = 107

var (
	// ErrMore means that the header is not complete: read more and call again.
	ErrMore = errors.New("proxyproto: more bytes are needed")
	// ErrNone means that the bytes do not begin with a header.
	ErrNone = errors.New("proxyproto: the connection does not begin with a PROXY header")
)

// Errors of a header that is there but broken; the client or the balancer before it is to blame.
var (
	errTooLong = fmt.Errorf("proxyproto: the header is longer than %d bytes", MaxSize)
	errLine    = errors.New("proxyproto: the line is not PROXY TCP4|TCP6|UNKNOWN SOURCE DESTINATION PORT PORT, ended by CRLF within 107 bytes")
	errVersion = errors.New("proxyproto: unknown version or command")
	errShort   = errors.New("proxyproto: the length is too small for the addresses of its family")
	errFamily  = errors.New("proxyproto: unknown address family or transport")
)

var (
	signature1 = []byte("PROXY ")
	signature2 = []byte("\r\n\r\n\x00\r\nQUIT\n")
)

// Parse reads a header at the start of b; n is its length, behind which the
// connection's own bytes begin. The error is ErrMore when b ends before the
// header does, ErrNone when there is no header, and says what is wrong else.
func Parse(b []byte) (h Header, n int, err error) {
	switch {
	case begins(b, signature1):
		return parse1(b)
	case begins(b, signature2):
		return parse2(b)
	}
	return Header{}, 0, ErrNone
}

// begins says whether b begins with the signature, or could once more bytes are there.
func begins(b, signature []byte) bool {
	if len(b) < len(signature) {
		return bytes.Equal(b, signature[:len(b)])
	}
	return bytes.Equal(b[:len(signature)], signature)
}

func parse1(b []byte) (Header, int, error) {
	h := Header{Version: 1}
	window := b[:min(len(b), maxV1)]
	end := bytes.IndexByte(window, '\n')
	if end < 0 {
		if len(b) >= maxV1 {
			return h, 0, errLine
		}
		return h, 0, ErrMore
	}
	if end < len(signature1) || b[end-1] != '\r' {
		return h, 0, errLine
	}
	line := string(b[len(signature1) : end-1])
	if line == "UNKNOWN" || len(line) > 7 && line[:8] == "UNKNOWN " {
		h.Local = true
		return h, end + 1, nil
	}
	var field [5]string
	count := 0
	for count < len(field) {
		at := bytes.IndexByte([]byte(line), ' ')
		if at < 0 {
			break
		}
		field[count], line = line[:at], line[at+1:]
		count++
	}
	if count != 4 {
		return h, 0, errLine
	}
	field[4] = line
	source, err1 := netip.ParseAddr(field[1])
	destination, err2 := netip.ParseAddr(field[2])
	from, ok1 := port(field[3])
	to, ok2 := port(field[4])
	ipv4 := field[0] == "TCP4"
	if err1 != nil || err2 != nil || !ok1 || !ok2 || !ipv4 && field[0] != "TCP6" ||
		source.Is4() != ipv4 || destination.Is4() != ipv4 || source.Zone() != "" || destination.Zone() != "" {
		return h, 0, errLine
	}
	h.Source, h.Destination = netip.AddrPortFrom(source, from), netip.AddrPortFrom(destination, to)
	return h, end + 1, nil
}

// port reads a decimal port without sign or leading zeros.
func port(s string) (uint16, bool) {
	v, err := strconv.ParseUint(s, 10, 16)
	return uint16(v), err == nil && (s[0] != '0' || s == "0")
}

// parse2 reads the binary form: signature, version and command, family and
// transport, length, addresses, and TLVs, which are skipped.
func parse2(b []byte) (Header, int, error) {
	const fixed = 16
	h := Header{Version: 2}
	if len(b) < fixed {
		return h, 0, ErrMore
	}
	length := int(binary.BigEndian.Uint16(b[14:16]))
	if fixed+length > MaxSize {
		return h, 0, errTooLong
	}
	if b[12] != 0x20 && b[12] != 0x21 {
		return h, 0, errVersion
	}
	if len(b) < fixed+length {
		return h, 0, ErrMore
	}
	body, n := b[fixed:fixed+length], fixed+length
	if h.Local = b[12] == 0x20; h.Local {
		return h, n, nil
	}
	family, transport := b[13]>>4, b[13]&0x0f
	if family > 3 || transport > 2 {
		return h, 0, errFamily
	}
	h.UDP = transport == 2
	size := map[byte]int{1: 4, 2: 16}[family]
	if size == 0 || transport == 0 {
		// Unspecified, or unix sockets, whose names are no addresses of clients.
		h.Local = true
		return h, n, nil
	}
	if length < 2*size+4 {
		return h, 0, errShort
	}
	source, _ := netip.AddrFromSlice(body[:size])
	destination, _ := netip.AddrFromSlice(body[size : 2*size])
	ports := body[2*size:]
	h.Source = netip.AddrPortFrom(source, binary.BigEndian.Uint16(ports))
	h.Destination = netip.AddrPortFrom(destination, binary.BigEndian.Uint16(ports[2:]))
	return h, n, nil
}
