package websocket

import (
	"encoding/binary"
	"fmt"
	"unicode/utf8"
)

// The status codes of close frames (RFC 6455 section 7.4.1). NoStatus and
// Abnormal never stand in a frame.
const (
	NormalClosure     = 1000
	GoingAway         = 1001
	ProtocolError     = 1002
	UnsupportedData   = 1003
	NoStatus          = 1005
	Abnormal          = 1006
	InvalidPayload    = 1007
	PolicyViolation   = 1008
	MessageTooBig     = 1009
	MandatoryExt      = 1010
	InternalError     = 1011
	ServiceRestart    = 1012
	TryAgainLater     = 1013
	BadGateway        = 1014
	maxReason         = MaxControl - 2
	firstOfLibraries  = 3000
	lastOfPrivateUses = 4999
)

// Error says why a connection must be failed: Code is the status of the close
// frame that tells the other side.
type Error struct {
	Code   int
	Reason string
}

func (e *Error) Error() string { return fmt.Sprintf("websocket: %s (%d)", e.Reason, e.Code) }

func protocol(reason string) *Error { return &Error{ProtocolError, reason} }

// ValidCode says whether a close frame may carry code.
func ValidCode(code int) bool {
	switch {
	case code >= firstOfLibraries:
		return code <= lastOfPrivateUses
	case code == NoStatus || code == Abnormal || code == 1004:
		return false
	}
	return code >= NormalClosure && code <= BadGateway
}

// ParseClose takes the payload of a close frame apart. code is 0 for an empty
// one; reason points into p.
func ParseClose(p []byte) (code int, reason []byte, err error) {
	switch {
	case len(p) == 0:
		return 0, nil, nil
	case len(p) == 1:
		return 0, nil, protocol("close frame with a payload of one byte")
	}
	code, reason = int(binary.BigEndian.Uint16(p)), p[2:]
	if !ValidCode(code) {
		return 0, nil, protocol(fmt.Sprintf("close frame with the status %d", code))
	}
	if !utf8.Valid(reason) {
		return 0, nil, &Error{InvalidPayload, "close frame whose reason is not UTF-8"}
	}
	return code, reason, nil
}

// AppendClosePayload appends the payload of a close frame; code 0 is none. A
// reason that is too long is cut at a character.
func AppendClosePayload(dst []byte, code int, reason string) []byte {
	if code == 0 {
		return dst
	}
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	if len(reason) > maxReason {
		n := maxReason
		for n > 0 && !utf8.RuneStart(reason[n]) {
			n--
		}
		reason = reason[:n]
	}
	return append(dst, reason...)
}
