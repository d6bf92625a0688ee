package message

import "unsafe"

// Str is a string inside an exchange's region: offset from its base, length.
// The zero Str is the empty string.
type Str struct{ Off, Len uint32 }

// Flags of a Field.
const (
	// FieldGone marks a removed field; it keeps its place in the table.
	FieldGone uint8 = 1 << iota
	// FieldEdited marks a field that a plugin set or added.
	FieldEdited
	// FieldHop marks a hop-by-hop field (RFC 9110 section 7.6.1): plugins see
	// it, the other side does not get it.
	FieldHop
	// FieldReplaced marks an edited field that stands where a received one
	// stood (kong.service.response still finds it by name).
	FieldReplaced
	// FieldLine marks an edited field whose bytes stand as a line that can be
	// sent as it is (Lines).
	FieldLine
)

// Field is one header field of a Head, 20 bytes, in the order received.
type Field struct {
	Name  Str16
	Value Str
	Flags uint8
	// ID is the KnownHeader of the name, 0 for any other.
	ID KnownHeader
	_  uint16
}

// Str16 is a name: offset and a length of at most 65535.
type Str16 struct {
	Off uint32
	Len uint16
	_   uint16
}

// Head is a header table inside a region: Tab is the offset of Cap Fields, of
// which N are used (removed ones included).
type Head struct{ Tab, N, Cap uint32 }

// Shared is the part of an exchange that C reads and writes. It stands at
// offset 0 of its region; everything from Used to Cap is free. exchange.h mirrors
// it field by field (a test in plugin/lua/luajit compares the offsets).
type Shared struct {
	// Used and Cap bound the part of the region that is filled now: bump
	// allocation, nothing is freed before the exchange ends.
	Used, Cap uint32
	// Second and Large are where the parts begin that come next, 0 for those in
	// use or left behind.
	Second, Large uint32

	// Request is what the client sent, edited by plugins: it goes upstream.
	Request Head
	// Response is what the client gets: the upstream's, edited by plugins.
	Response Head
	// Trailer of the response; few responses have one.
	Trailer Head

	// Method is the request's method, as a plugin may have set it.
	Method Str
	// Target is the request target as received ($request_uri).
	Target Str
	// URI is the decoded, normalised path ($uri).
	URI Str
	// Args is the query string without '?' ($args); plugins may set it. The
	// zero Str is no query; an empty one with an offset keeps its '?'.
	Args Str
	// Scheme is "http" or "https" as the client spoke it.
	Scheme Str
	// Host is the lower-case host name without port ($host).
	Host Str
	// RequestID is 32 lower-case hex digits.
	RequestID Str
	// RemoteAddr is the client's address after real-ip, RealRemoteAddr the socket's.
	RemoteAddr, RealRemoteAddr Str
	// ServerAddr is the address the connection was accepted on.
	ServerAddr Str
	// UpstreamURI is path and query for the upstream ($upstream_uri).
	UpstreamURI Str
	// UpstreamHost is the Host field for the upstream ($upstream_host).
	UpstreamHost Str
	// UpstreamScheme is http, https, grpc, grpcs, ws or wss ($upstream_scheme).
	UpstreamScheme Str
	// UpstreamStatuses is $upstream_status: a status per try.
	UpstreamStatuses Str
	// RoutePrefix is the part of the path that the route matched.
	RoutePrefix Str
	// Reason is a status text other than the standard one, "" mostly.
	Reason Str

	// StartTime of the request in seconds since the epoch, millisecond steps.
	StartTime float64
	// Handle finds the Go exchange from an upcall; 0 when there is none.
	Handle uint64
	// BytesSent counts what went to the client, BodyBytesSent the body of it.
	BytesSent, BodyBytesSent uint64
	// RequestLength counts what came from the client.
	RequestLength uint64
	// ConnectionSerial numbers the connection, ConnectionRequests the request on it.
	ConnectionSerial, ConnectionRequests uint64

	// Status of the response; 0 before there is one ($status, ngx.status).
	Status uint32
	// UpstreamStatus of the last try, 0 before its head came.
	UpstreamStatus uint32
	// Phase is the phase.Phase that runs.
	Phase uint32
	// HTTPMajor and HTTPMinor are the request's version.
	HTTPMajor, HTTPMinor uint16
	// RemotePort, RealRemotePort and ServerPort belong to the addresses above.
	RemotePort, RealRemotePort, ServerPort uint16
	// Source says who made the response (see the Source constants).
	Source uint8
	// HeadSent: the response head is on its way, header edits come too late.
	HeadSent uint8
	// Bits: see the Bit constants.
	Bits uint32
	// LuaCtx, LuaRequest and LuaSpare belong to the VM that serves the request
	// (registry references: ngx.ctx, the runtime's own per-request table).
	LuaCtx, LuaRequest, LuaSpare int32
	// LuaExtra is the offset of what the Lua runtime keeps in the region, 0 = nothing.
	LuaExtra uint32
	// VisiblePort is the port that clients see for ServerPort (setting port_maps).
	VisiblePort uint32
	// home is the place in the pool's mapping.
	home uint32
}

// Values of Shared.Source.
const (
	SourceNone uint8 = iota
	// SourceService: the upstream answered.
	SourceService
	// SourceExit: a plugin answered.
	SourceExit
	// SourceError: the gateway answered for an error.
	SourceError
)

// Values of Shared.Bits.
const (
	// BitTrusted: the socket's peer is among trusted_ips.
	BitTrusted uint32 = 1 << iota
	// BitGRPC: the request's content type is application/grpc.
	BitGRPC
	// BitUpgrade: the request asks for a connection upgrade.
	BitUpgrade
	// BitHeadRequest: the client's method was HEAD (a plugin may have changed Method).
	BitHeadRequest
	// BitBuffered: the response is read whole before a byte of it goes on.
	BitBuffered
	// BitHTTP2: the client spoke HTTP/2.
	BitHTTP2
	// BitURIEdited: a plugin set UpstreamURI.
	BitURIEdited
	// BitArgsEdited: a plugin set Args.
	BitArgsEdited
)

const sharedSize = uint32(unsafe.Sizeof(Shared{}))

// fieldSize is the size of a Field in the region.
const fieldSize = uint32(unsafe.Sizeof(Field{}))
