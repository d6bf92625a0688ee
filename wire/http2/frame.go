package http2

import "encoding/binary"

// frameHeaderLen is the length of a frame's header (RFC 9113 section 4.1).
const frameHeaderLen = 9

// maxFrame is the largest payload we take and send: the smallest that the
// protocol allows to ask for, which keeps streams interleaved and buffers small.
const maxFrame = 16 << 10

// maxWindow is the largest flow-control window; also the largest stream id.
const maxWindow = 1<<31 - 1

// defaultWindow is the window that streams and connections begin with.
const defaultWindow = 65535

// Preface is what a client sends first.
const Preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

type frameType uint8

const (
	frameData frameType = iota
	frameHeaders
	framePriority
	frameRSTStream
	frameSettings
	framePushPromise
	framePing
	frameGoAway
	frameWindowUpdate
	frameContinuation
)

const (
	flagEndStream  = 0x1
	flagAck        = 0x1
	flagEndHeaders = 0x4
	flagPadded     = 0x8
	flagPriority   = 0x20
)

type settingID uint16

const (
	settingHeaderTableSize  settingID = 0x1
	settingEnablePush       settingID = 0x2
	settingMaxStreams       settingID = 0x3
	settingInitialWindow    settingID = 0x4
	settingMaxFrameSize     settingID = 0x5
	settingMaxHeaderList    settingID = 0x6
	settingConnectProtocol  settingID = 0x8 // RFC 8441
	settingNoRFC7540Priorit settingID = 0x9 // RFC 9218: we do not look at priorities
)

// frame is a received frame; payload is valid within the call that handles it.
type frame struct {
	typ     frameType
	flags   uint8
	id      uint32
	payload []byte
}

func (f *frame) has(flag uint8) bool { return f.flags&flag != 0 }

// frameLen is the payload length that a frame header tells.
func frameLen(h []byte) int { return int(h[0])<<16 | int(h[1])<<8 | int(h[2]) }

func parseFrame(b []byte, n int) frame {
	return frame{
		typ: frameType(b[3]), flags: b[4],
		id:      binary.BigEndian.Uint32(b[5:]) & maxWindow,
		payload: b[frameHeaderLen : frameHeaderLen+n],
	}
}

// unpad gives the content of a padded frame; false if there is more padding
// than frame.
func (f *frame) unpad() ([]byte, bool) {
	p := f.payload
	if !f.has(flagPadded) {
		return p, true
	}
	if len(p) == 0 || int(p[0]) > len(p)-1 {
		return nil, false
	}
	return p[1 : len(p)-int(p[0])], true
}

func appendFrameHeader(dst []byte, n int, t frameType, flags uint8, id uint32) []byte {
	return append(dst, byte(n>>16), byte(n>>8), byte(n), byte(t), flags, byte(id>>24), byte(id>>16), byte(id>>8), byte(id))
}

func appendSetting(dst []byte, id settingID, v uint32) []byte {
	dst = binary.BigEndian.AppendUint16(dst, uint16(id))
	return binary.BigEndian.AppendUint32(dst, v)
}

func appendWindowUpdate(dst []byte, id, n uint32) []byte {
	dst = appendFrameHeader(dst, 4, frameWindowUpdate, 0, id)
	return binary.BigEndian.AppendUint32(dst, n)
}

func appendRSTStream(dst []byte, id uint32, code Code) []byte {
	dst = appendFrameHeader(dst, 4, frameRSTStream, 0, id)
	return binary.BigEndian.AppendUint32(dst, uint32(code))
}

func appendPing(dst []byte, ack bool, data uint64) []byte {
	flags := uint8(0)
	if ack {
		flags = flagAck
	}
	dst = appendFrameHeader(dst, 8, framePing, flags, 0)
	return binary.BigEndian.AppendUint64(dst, data)
}

func appendGoAway(dst []byte, last uint32, code Code, debug string) []byte {
	dst = appendFrameHeader(dst, 8+len(debug), frameGoAway, 0, 0)
	dst = binary.BigEndian.AppendUint32(dst, last)
	dst = binary.BigEndian.AppendUint32(dst, uint32(code))
	return append(dst, debug...)
}
