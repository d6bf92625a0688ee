package http2

import (
	"errors"
	"fmt"
)

// Code is an error code of RST_STREAM and GOAWAY (RFC 9113 section 7).
type Code uint32

// The error codes.
const (
	NoError            Code = 0x0
	ProtocolError      Code = 0x1
	InternalError      Code = 0x2
	FlowControlError   Code = 0x3
	SettingsTimeout    Code = 0x4
	StreamClosed       Code = 0x5
	FrameSizeError     Code = 0x6
	RefusedStream      Code = 0x7
	Cancel             Code = 0x8
	CompressionError   Code = 0x9
	ConnectError       Code = 0xa
	EnhanceYourCalm    Code = 0xb
	InadequateSecurity Code = 0xc
	HTTP11Required     Code = 0xd
)

var codeNames = [...]string{
	"NO_ERROR", "PROTOCOL_ERROR", "INTERNAL_ERROR", "FLOW_CONTROL_ERROR", "SETTINGS_TIMEOUT", "STREAM_CLOSED",
	"FRAME_SIZE_ERROR", "REFUSED_STREAM", "CANCEL", "COMPRESSION_ERROR", "CONNECT_ERROR", "ENHANCE_YOUR_CALM",
	"INADEQUATE_SECURITY", "HTTP_1_1_REQUIRED",
}

// String is the code's name in the specification, or its number.
func (c Code) String() string {
	if int64(c) < int64(len(codeNames)) {
		return codeNames[c]
	}
	return fmt.Sprintf("error code 0x%x", uint32(c))
}

// ConnError ends a connection.
type ConnError struct {
	// Code goes, or came, with GOAWAY; Reason says what was wrong.
	Code   Code
	Reason string
}

// Error implements error.
func (e *ConnError) Error() string { return "http2: " + e.Code.String() + ": " + e.Reason }

// streamError ends a stream that the peer misused.
type streamError struct {
	id     uint32
	code   Code
	reason string
}

// Error implements error.
func (e *streamError) Error() string {
	return fmt.Sprintf("http2: stream %d: %s: %s", e.id, e.code, e.reason)
}

// Reset says how a stream ended before its time.
type Reset struct {
	Code Code
	// Remote: the peer sent RST_STREAM.
	Remote bool
	// Unprocessed: the peer did nothing with the request, so that it may be
	// sent again whatever its method is (RFC 9113 section 8.7).
	Unprocessed bool
	// Cause says more where the peer's code does not: what was malformed, or
	// how the connection ended.
	Cause error
}

// Error implements error.
func (r *Reset) Error() string {
	switch {
	case r.Cause != nil:
		return r.Cause.Error()
	case r.Remote:
		return "http2: stream was reset by the peer: " + r.Code.String()
	}
	return "http2: stream was reset: " + r.Code.String()
}

// ErrClosed is returned for writing to a stream that ended, or on a connection
// that did; the stream's owner has been or will be told with Reset.
var ErrClosed = errors.New("http2: stream is closed")

// ErrDone is how a drained connection ends: all that was begun is finished.
var ErrDone = errors.New("http2: connection is drained")

// errGone is the cause of streams that a connection's end cut off.
var errGone = errors.New("http2: the peer closed the connection")
