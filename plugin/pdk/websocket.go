package pdk

import (
	"errors"
	"fmt"
	"unicode/utf8"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

// FrameType is what a frame carries; String gives text, binary, ping, pong or close.
type FrameType = websocket.Opcode

// The types of frames that handlers see: fragments are put together before.
const (
	TextFrame   = websocket.Text
	BinaryFrame = websocket.Binary
	CloseFrame  = websocket.Close
	PingFrame   = websocket.Ping
	PongFrame   = websocket.Pong
)

// Frame is a whole message or a control frame of a WebSocket.
type Frame struct {
	Type FrameType
	// Data is the payload without compression; of a close frame the reason. It
	// is valid while the handler runs, which must not change it in place.
	Data []byte
	// Status of a close frame, 0 where it has none.
	Status int
}

// MaxFramePayload is the most that SetMaxPayloadSize may allow, in bytes.
const MaxFramePayload = 32 << 20

// WebSocket is the connection of a ws or wss service while its phases run.
// Kong.WebSocket is nil for all other requests, those over HTTP services too.
//
// Handlers of one connection run one at a time, whichever way its frames go.
type WebSocket struct {
	// Client has what concerns frames from the client (kong.websocket.client),
	// Upstream those from the service (kong.websocket.upstream).
	Client, Upstream WebSocketSide

	// InFlight is the frame that handlers run for, as they changed it; the
	// proxy sets it and reads it after them, with what follows.
	InFlight Frame
	// Edited: the payload was replaced. Dropped: the frame goes nowhere.
	Edited, Dropped bool
	// Closing ends the connection; nil: it goes on.
	Closing *Closing
}

// Closing is how a plugin ends a connection: what the side that the frame came
// from is told, and what the other side is.
type Closing struct {
	Status      int
	Message     string
	OtherStatus int
	OtherReason string
}

// WebSocketSide is kong.websocket.client or kong.websocket.upstream.
type WebSocketSide struct {
	k      *Kong
	frames phase.Phase
	limit  int
}

// NewWebSocket makes k's WebSocket.
func NewWebSocket(k *Kong) *WebSocket {
	w := &WebSocket{}
	w.Client = WebSocketSide{k: k, frames: phase.WSClientFrame}
	w.Upstream = WebSocketSide{k: k, frames: phase.WSUpstreamFrame}
	return w
}

// Begin makes f the frame in flight.
func (w *WebSocket) Begin(f Frame) {
	w.InFlight, w.Edited, w.Dropped = f, false, false
}

// Errors of the frame functions.
var (
	ErrNotClose  = errors.New("the frame in flight is not a close frame")
	ErrDropClose = errors.New("a close frame cannot be dropped")
)

func (s *WebSocketSide) flight() (*WebSocket, error) {
	if err := s.k.in(s.frames); err != nil {
		return nil, err
	}
	return s.k.WebSocket, nil
}

// Frame is the frame in flight, with what handlers before changed
// (get_frame).
func (s *WebSocketSide) Frame() (Frame, error) {
	w, err := s.flight()
	if err != nil {
		return Frame{}, err
	}
	return w.InFlight, nil
}

// SetFrameData replaces the payload, or the reason of a close frame, for later
// handlers and the receiver (set_frame_data). data must not be changed afterwards.
func (s *WebSocketSide) SetFrameData(data []byte) error {
	w, err := s.flight()
	if err != nil {
		return err
	}
	if err := CheckFrameData(w.InFlight.Type, data); err != nil {
		return err
	}
	w.InFlight.Data, w.Edited = data, true
	return nil
}

// CheckFrameData says why a frame of that type cannot carry data.
func CheckFrameData(t FrameType, data []byte) error {
	switch {
	case t == CloseFrame && len(data) > websocket.MaxControl-2:
		return errors.New("the payload of a close frame has at most 123 bytes")
	case t.Control() && len(data) > websocket.MaxControl:
		return fmt.Errorf("the payload of a %s frame has at most 125 bytes", t)
	case (t == TextFrame || t == CloseFrame) && !utf8.Valid(data):
		return fmt.Errorf("the payload of a %s frame must be UTF-8", t)
	}
	return nil
}

// SetStatus replaces the status of a close frame (set_status). It is an error
// for any other frame, and for codes that no frame may carry (RFC 6455
// section 7.4.1).
func (s *WebSocketSide) SetStatus(status int) error {
	w, err := s.flight()
	switch {
	case err != nil:
		return err
	case w.InFlight.Type != CloseFrame:
		return ErrNotClose
	case !websocket.ValidCode(status):
		return fmt.Errorf("status %d cannot stand in a close frame", status)
	}
	w.InFlight.Status = status
	return nil
}

// DropFrame keeps the frame from going on and ends the phase (drop_frame): the
// handler returns its error, which is ErrExit. A close frame cannot be dropped.
func (s *WebSocketSide) DropFrame() error {
	w, err := s.flight()
	switch {
	case err != nil:
		return err
	case w.InFlight.Type == CloseFrame:
		return ErrDropClose
	}
	w.Dropped = true
	return ErrExit
}

// Close sends a close frame to both sides at once, ends the connection and the
// phase (close): the handler returns its error, which is ErrExit. status and
// message are for the side that the frame came from, the others for the other
// one; a status of 0 is 1000. The frame in flight does not go on.
func (s *WebSocketSide) Close(status int, message string, otherStatus int, otherPayload string) error {
	w, err := s.flight()
	if err != nil {
		return err
	}
	c := Closing{status, message, otherStatus, otherPayload}
	if err := closeText(&c.Status, c.Message); err != nil {
		return err
	}
	if err := closeText(&c.OtherStatus, c.OtherReason); err != nil {
		return err
	}
	w.Closing = &c
	return ErrExit
}

func closeText(status *int, text string) error {
	if *status == 0 {
		*status = websocket.NormalClosure
	}
	if !websocket.ValidCode(*status) {
		return fmt.Errorf("status %d cannot stand in a close frame", *status)
	}
	return CheckFrameData(CloseFrame, []byte(text))
}

// SetMaxPayloadSize bounds the messages of this side from now on
// (set_max_payload_size): text, binary and their fragments together, not
// control frames. 0 is the default again. A side that sends more is closed with
// status 1009.
func (s *WebSocketSide) SetMaxPayloadSize(n int) error {
	if err := s.k.in(s.frames | phase.WSHandshake); err != nil {
		return err
	}
	if n < 0 || n > MaxFramePayload {
		return fmt.Errorf("size must be an integer between 0 and %d", MaxFramePayload)
	}
	s.limit = n
	return nil
}

// MaxPayloadSize is what SetMaxPayloadSize set, 0 for the default.
func (s *WebSocketSide) MaxPayloadSize() int { return s.limit }
