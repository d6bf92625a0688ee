package message

import "unsafe"

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
	if len(name) == 0 {
		return HeaderOther
	}
	s := knownSlots[knownSlot(name)]
	for _, id := range s {
		if len(name) == len(knownNames[id]) && equalLower(name, knownNames[id]) {
			return id
		}
	}
	return HeaderOther
}

// Name is the lower-case spelling of a known header, "" for HeaderOther.
func (k KnownHeader) Name() string { return knownNames[k] }

// equalLower compares name in any case with a lower-case one of equal length.
func equalLower(name, lower string) bool {
	for i := 0; i < len(lower); i++ {
		c := name[i]
		if 'A' <= c && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// KnownBytes is Known for bytes.
func KnownBytes(name []byte) KnownHeader {
	return Known(unsafe.String(unsafe.SliceData(name), len(name)))
}

// KnownCount is one more than the highest KnownHeader.
func KnownCount() int { return int(headerEnd) }
