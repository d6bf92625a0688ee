package http2

import (
	"strings"
	"unsafe"

	"golang.org/x/net/http2/hpack"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

type headKind uint8

const (
	headRequest headKind = iota
	headResponse
	headTrailer
	headDiscard // decoded only to keep the table in step
)

// Head is a received head or trailer section: offsets into Buf, where each
// field stands as an HTTP/1.1 line does, so that Adopt's copy can be passed on
// in runs. It is valid within the call that it is given to.
type Head struct {
	Buf []byte
	// Method, Scheme, Authority and Path of a request; Protocol of an extended
	// CONNECT (RFC 8441). Whether Path is one is for the handler to say: it has no
	// bytes that a request target must not have.
	Method, Scheme, Authority, Path, Protocol message.Str
	// Status of a response.
	Status int
	// Fields in the order received. A request that has :authority but no host
	// gets a host field in front; cookie fields are joined into one, the last.
	Fields []message.Field
	// Host is the index of the host field, -1 without one.
	Host int
	// Length is the content-length, -1 without one.
	Length int64
	// Expect100 of a request: it asks for 100 Continue.
	Expect100 bool
	// End: no body follows.
	End bool

	kind    headKind
	limits  *Options
	size    int // as SETTINGS_MAX_HEADER_LIST_SIZE counts
	count   int
	large   bool
	bad     string // why it is malformed, "" if it is not
	pseudo  uint8  // the pseudo fields seen
	regular bool   // a field that is none was seen
	cookies []byte
}

// The pseudo header fields.
const (
	pseudoMethod uint8 = 1 << iota
	pseudoScheme
	pseudoAuthority
	pseudoPath
	pseudoProtocol
	pseudoStatus
)

func (h *Head) reset(kind headKind, o *Options) {
	*h = Head{Buf: h.Buf[:0], Fields: h.Fields[:0], cookies: h.cookies[:0], limits: o, kind: kind, Host: -1, Length: -1}
}

// Text is the value of v, which is one of the head's: valid as long as the head.
func (h *Head) Text(v message.Str) []byte { return h.Buf[v.Off : v.Off+v.Len] }

// Adopt copies the head into region s: one copy of its bytes, and its fields
// appended to t. base is what to add to the head's offsets.
func (h *Head) Adopt(s *message.Shared, t *message.Head) (base uint32, err error) {
	at, err := s.Put(h.Buf)
	if err != nil {
		return 0, err
	}
	if err = s.Reserve(t, t.N+uint32(len(h.Fields))); err != nil {
		return 0, err
	}
	for _, f := range h.Fields {
		f.Name.Off += at.Off
		f.Value.Off += at.Off
		_ = s.Append(t, f)
	}
	return at.Off, nil
}

// field takes one decoded field. It goes on after an error, since the block
// must be decoded to its end.
func (h *Head) field(f hpack.HeaderField) {
	h.size += len(f.Name) + len(f.Value) + entryOverhead
	h.count++
	if h.size > h.limits.MaxHeaderList || h.count > h.limits.MaxFields || len(f.Name)+len(f.Value) > h.limits.MaxField {
		h.large = true
	}
	if h.large || h.bad != "" || h.kind == headDiscard {
		return
	}
	switch {
	case f.Name == "":
		h.bad = "a field without a name"
	case !validValue(f.Value):
		h.bad = "a field value with a control character, or a blank at its end"
	case f.Name[0] == ':':
		h.pseudoField(f.Name, f.Value)
	case !all(f.Name, nameByte):
		h.bad = "a field name with an upper-case letter or a character that names must not have"
	default:
		if !h.regular {
			h.regular = true
			h.addHost()
		}
		h.regularField(f.Name, f.Value)
	}
}

func (h *Head) put(v string) message.Str {
	at := len(h.Buf)
	h.Buf = append(h.Buf, v...)
	return message.Str{Off: uint32(at), Len: uint32(len(v))}
}

func (h *Head) pseudoField(name, v string) {
	if h.regular || h.kind == headTrailer {
		h.bad = "a pseudo header field behind a regular one or in trailers"
		return
	}
	var bit uint8
	valid := true
	switch name {
	case ":method":
		bit, h.Method, valid = pseudoMethod, h.put(v), all(v, tokenByte)
	case ":scheme":
		bit, h.Scheme, valid = pseudoScheme, h.put(v), all(v, authorityByte)
	case ":authority":
		bit, h.Authority, valid = pseudoAuthority, h.put(v), all(v, authorityByte)
	case ":path":
		bit, h.Path, valid = pseudoPath, h.put(v), all(v, targetByte) // whether it is a path is the handler's business
	case ":protocol":
		bit, h.Protocol, valid = pseudoProtocol, h.put(v), h.limits.ExtendedConnect && all(v, tokenByte)
	case ":status":
		bit, valid = pseudoStatus, len(v) == 3 && v[0] >= '1' && v[0] <= '9' && digit(v[1]) && digit(v[2])
		if valid {
			h.Status = int(v[0]-'0')*100 + int(v[1]-'0')*10 + int(v[2]-'0')
		}
	}
	switch {
	case bit == 0 || (bit == pseudoStatus) != (h.kind == headResponse):
		h.bad = "an unknown pseudo header field"
	case !valid:
		h.bad = "an invalid value of a pseudo header field"
	case h.pseudo&bit != 0:
		h.bad = "a pseudo header field twice"
	}
	h.pseudo |= bit
}

// view is b as a string, without a copy.
func view(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }

func digit(c byte) bool { return c >= '0' && c <= '9' }

// addHost puts a host field in front for an authority.
func (h *Head) addHost() {
	if h.kind == headRequest && h.Authority.Len > 0 {
		h.Host = 0
		h.add(message.HeaderHost, "host", view(h.Text(h.Authority)), 0)
	}
}

// add appends a field in the form of an HTTP/1.1 line.
func (h *Head) add(id message.KnownHeader, name, value string, flags uint8) {
	n := h.put(name)
	h.Buf = append(h.Buf, ": "...)
	v := h.put(value)
	h.Buf = append(h.Buf, "\r\n"...)
	h.Fields = append(h.Fields, message.Field{
		Name: message.Str16{Off: n.Off, Len: uint16(n.Len)}, Value: v, Flags: flags, ID: id,
	})
}

func (h *Head) regularField(name, v string) {
	id := message.Known(name)
	flags := uint8(0)
	switch id {
	case message.HeaderOther:
		if h.kind == headRequest && h.dropped(name) {
			return
		}
	case message.HeaderConnection, message.HeaderKeepAlive, message.HeaderProxyConnection,
		message.HeaderTransferEncoding, message.HeaderUpgrade:
		h.bad = "a field of HTTP/1.1 connections"
		return
	case message.HeaderTE:
		if h.kind == headRequest && !strings.EqualFold(v, "trailers") {
			h.bad = "a TE field other than trailers"
			return
		}
	case message.HeaderHost:
		if h.kind == headRequest && !h.hostField(v) {
			return
		}
	case message.HeaderContentLength:
		if h.kind != headTrailer && !h.contentLength(v) {
			h.bad = "a content-length that is no number, or twice"
			return
		}
	case message.HeaderCookie:
		if h.kind == headRequest {
			if len(h.cookies) > 0 {
				h.cookies = append(h.cookies, "; "...)
			}
			h.cookies = append(h.cookies, v...)
			return
		}
	case message.HeaderExpect:
		if h.kind == headRequest {
			flags = message.FieldHop
			h.Expect100 = strings.EqualFold(v, "100-continue")
		}
	case message.HeaderProxy:
		if h.kind == headRequest {
			flags = message.FieldHop
		}
	}
	h.add(id, name, v, flags)
}

// dropped: fields with odd names are left out, as nginx does.
func (h *Head) dropped(name string) bool {
	o := h.limits
	if o.KeepOddNames && !o.DropUnderscores {
		return false
	}
	for i := 0; i < len(name); i++ {
		if class[name[i]]&oddByte != 0 && !o.KeepOddNames || name[i] == '_' && o.DropUnderscores {
			return true
		}
	}
	return false
}

// hostField says whether a host field is to be added: not when :authority
// gave it already; and one that differs is refused (RFC 9113 section 8.3.1).
func (h *Head) hostField(v string) bool {
	if h.Host < 0 {
		if !all(v, authorityByte) {
			h.bad = "an invalid host"
			return false
		}
		h.Host = len(h.Fields)
		return true
	}
	if h.pseudo&pseudoAuthority == 0 || !message.EqualFold(h.Text(h.Authority), v) {
		h.bad = "a host other than :authority, or twice"
	}
	return false
}

func (h *Head) contentLength(v string) bool {
	n := message.ParseLength(v)
	if h.Length >= 0 || n < 0 {
		return false
	}
	h.Length = n
	return true
}

// finish checks what only the whole block tells.
func (h *Head) finish() {
	if h.bad != "" || h.large {
		return
	}
	switch h.kind {
	case headRequest:
		if !h.regular {
			h.addHost()
		}
		if len(h.cookies) > 0 {
			h.add(message.HeaderCookie, "cookie", view(h.cookies), 0)
		}
		h.checkRequest()
	case headResponse:
		switch {
		case h.pseudo&pseudoStatus == 0:
			h.bad = "no :status"
		case h.Status == 101:
			h.bad = "101 Switching Protocols, which HTTP/2 does not have"
		}
	}
}

func (h *Head) checkRequest() {
	const plain = pseudoMethod | pseudoScheme | pseudoPath
	connect := string(h.Text(h.Method)) == "CONNECT"
	switch {
	case connect && h.pseudo&pseudoProtocol == 0:
		if h.pseudo != pseudoMethod|pseudoAuthority {
			h.bad = "CONNECT needs :authority and neither :scheme nor :path"
		}
	case h.pseudo&plain != plain:
		h.bad = "a pseudo header field is missing"
	case !connect && h.pseudo&pseudoProtocol != 0:
		h.bad = ":protocol without CONNECT"
	case h.Host < 0:
		h.bad = "neither :authority nor host"
	case h.Buf[h.Path.Off] == '*' && string(h.Text(h.Method)) != "OPTIONS":
		h.bad = "the path * without OPTIONS"
	}
}

// copyFrom makes h a copy of o that lasts.
func (h *Head) copyFrom(o *Head) {
	h.reset(o.kind, o.limits)
	h.Buf = append(h.Buf, o.Buf...)
	h.Fields = append(h.Fields, o.Fields...)
	h.End = o.End
}
