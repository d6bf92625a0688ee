package message

import (
	"encoding/binary"
	"unsafe"
)

// KnownHeader numbers the header names that the gateway itself looks at, so
// that they are compared once, when parsed. 0 is any other name.
type KnownHeader uint8

// The known headers.
const (
	HeaderOther KnownHeader = iota
	HeaderHost
	HeaderConnection
	HeaderContentLength
	HeaderContentType
	HeaderTransferEncoding
	HeaderExpect
	HeaderUpgrade
	HeaderKeepAlive
	HeaderTE
	HeaderTrailer
	HeaderProxyConnection
	HeaderXForwardedFor
	HeaderXForwardedProto
	HeaderXForwardedHost
	HeaderXForwardedPort
	HeaderXForwardedPath
	HeaderXForwardedPrefix
	HeaderXRealIP
	HeaderServer
	HeaderDate
	HeaderVia
	HeaderAccept
	HeaderCookie
	HeaderContentEncoding
	HeaderProxyAuthenticate
	HeaderUserAgent
	HeaderXKongRequestID
	HeaderXKongUpstreamLatency
	HeaderXKongProxyLatency
	HeaderXKongResponseLatency
	HeaderXKongUpstreamStatus
	HeaderLocation
	HeaderSetCookie
	HeaderAcceptEncoding
	HeaderLastModified
	HeaderProxy
	HeaderXKongRequestDebug
	HeaderXKongRequestDebugToken
	headerEnd
)

var knownNames = [headerEnd]string{
	HeaderHost: "host", HeaderConnection: "connection", HeaderContentLength: "content-length",
	HeaderContentType: "content-type", HeaderTransferEncoding: "transfer-encoding", HeaderExpect: "expect",
	HeaderUpgrade: "upgrade", HeaderKeepAlive: "keep-alive", HeaderTE: "te", HeaderTrailer: "trailer",
	HeaderProxyConnection: "proxy-connection", HeaderXForwardedFor: "x-forwarded-for",
	HeaderXForwardedProto: "x-forwarded-proto", HeaderXForwardedHost: "x-forwarded-host",
	HeaderXForwardedPort: "x-forwarded-port", HeaderXForwardedPath: "x-forwarded-path",
	HeaderXForwardedPrefix: "x-forwarded-prefix", HeaderXRealIP: "x-real-ip", HeaderServer: "server",
	HeaderDate: "date", HeaderVia: "via", HeaderAccept: "accept", HeaderCookie: "cookie",
	HeaderContentEncoding: "content-encoding", HeaderProxyAuthenticate: "proxy-authenticate",
	HeaderUserAgent: "user-agent", HeaderXKongRequestID: "x-kong-request-id",
	HeaderXKongUpstreamLatency: "x-kong-upstream-latency", HeaderXKongProxyLatency: "x-kong-proxy-latency",
	HeaderXKongResponseLatency: "x-kong-response-latency", HeaderXKongUpstreamStatus: "x-kong-upstream-status",
	HeaderLocation: "location", HeaderSetCookie: "set-cookie", HeaderAcceptEncoding: "accept-encoding",
	HeaderLastModified: "last-modified", HeaderProxy: "proxy",
	HeaderXKongRequestDebug: "x-kong-request-debug", HeaderXKongRequestDebugToken: "x-kong-request-debug-token",
}

// knownSlots finds a known name by its length, first and last byte; two share
// a slot at most.
var knownSlots [256][2]KnownHeader

func init() {
	for id := HeaderOther + 1; id < headerEnd; id++ {
		w, ok := foldName(knownNames[id])
		if knownWords[id] = w; !ok || len(knownNames[id]) > longestKnown {
			panic("message: a known header has other bytes than letters and '-', or too many")
		}
		s := &knownSlots[knownSlot(knownNames[id])]
		switch {
		case s[0] == HeaderOther:
			s[0] = id
		case s[1] == HeaderOther:
			s[1] = id
		default:
			panic("message: three known headers in one slot: change knownSlot's factors")
		}
	}
}

// knownSlot hashes a name that is not empty, without regard to case. The
// factors were searched for: few known names share a slot.
func knownSlot(name string) uint8 {
	return uint8(len(name)*14 + int(name[0]|0x20)*7 + int(name[len(name)-1]|0x20)*32)
}

// Known is the number of name (any case).
func Known(name string) KnownHeader {
	if len(name) < 2 || len(name) > longestKnown {
		return HeaderOther
	}
	ids := &knownSlots[knownSlot(name)]
	if ids[0] == HeaderOther {
		return HeaderOther
	}
	w, ok := foldName(name)
	for _, id := range ids {
		k := &knownWords[id]
		if k.first == w.first && k.last == w.last && k.second == w.second && k.third == w.third && len(name) == len(knownNames[id]) && ok {
			return id
		}
	}
	return HeaderOther
}

// longestKnown bounds the names that four words hold.
const longestKnown = 32

// knownWords are the foldName of knownNames, so that a name is compared by words.
var knownWords [headerEnd]nameWords

// nameWords hold a name's bytes, folded to one case: its first eight, its last
// eight, and what is between them, which overlaps.
type nameWords struct{ first, last, second, third uint64 }

// foldName makes nameWords of a name of 2 to longestKnown bytes. ok is false if
// one of its bytes is neither a letter nor '-' but could fold to one, which
// the control 0x0d would.
func foldName(name string) (w nameWords, ok bool) {
	n := len(name)
	b := unsafe.Slice(unsafe.StringData(name), n)
	switch {
	case n >= 8:
		w.first, w.last = binary.LittleEndian.Uint64(b), binary.LittleEndian.Uint64(b[n-8:])
		if n > 16 {
			w.second = binary.LittleEndian.Uint64(b[8:])
			if w.third = w.second; n > 24 {
				w.third = binary.LittleEndian.Uint64(b[16:])
			}
			ok = folds(w.first) && folds(w.last) && folds(w.second) && folds(w.third)
			return nameWords{w.first | fold, w.last | fold, w.second | fold, w.third | fold}, ok
		}
	case n >= 4:
		w.first = uint64(binary.LittleEndian.Uint32(b)) | uint64(binary.LittleEndian.Uint32(b[n-4:]))<<32
		w.last = w.first
	default:
		w.first = uint64(b[0]) | uint64(b[n/2])<<8 | uint64(b[n-1])<<16 | 0x6161616161<<24
		w.last = w.first
	}
	return nameWords{first: w.first | fold, last: w.last | fold}, folds(w.first) && folds(w.last)
}

// fold turns letters into lower-case ones, eight at a time.
const fold = 0x2020202020202020

// folds says whether all bytes of x stay what they are when folded, but for
// their case: each has one of two bits.
func folds(x uint64) bool { return (x|x>>1)&fold == fold }

// Name is the lower-case spelling of a known header, "" for HeaderOther.
func (k KnownHeader) Name() string { return knownNames[k] }

// KnownBytes is Known for bytes.
func KnownBytes(name []byte) KnownHeader {
	return Known(unsafe.String(unsafe.SliceData(name), len(name)))
}

// KnownCount is one more than the highest KnownHeader.
func KnownCount() int { return int(headerEnd) }
