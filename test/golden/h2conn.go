package golden

import (
	"bytes"
	"errors"
	"net"
	"sync"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"
)

// h2conn is one end of an HTTP/2 connection, handled frame by frame so that a record
// shows what was really on the wire.
type h2conn struct {
	net.Conn
	fr *http2.Framer

	mu       sync.Mutex // guards what follows and all writes
	moved    *sync.Cond // a window grew, a message came, or the end did
	enc      *hpack.Encoder
	block    bytes.Buffer
	window   int64
	initial  int64
	maxFrame int
	windows  map[uint32]int64 // open streams and what the peer takes on each
	over     bool
}

func newH2(c net.Conn) *h2conn {
	h := &h2conn{Conn: c, fr: http2.NewFramer(c, c), window: 65535, initial: 65535, maxFrame: 16384, windows: map[uint32]int64{}}
	h.fr.ReadMetaHeaders = hpack.NewDecoder(4096, nil)
	h.moved = sync.NewCond(&h.mu)
	h.enc = hpack.NewEncoder(&h.block)
	return h
}

const ourWindow = 1 << 24

func (h *h2conn) hello(settings ...http2.Setting) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.fr.WriteSettings(append(settings, http2.Setting{ID: http2.SettingInitialWindowSize, Val: ourWindow})...)
	h.fr.WriteWindowUpdate(0, ourWindow)
}

func (h *h2conn) open(id uint32) {
	h.mu.Lock()
	h.windows[id] = h.initial
	h.mu.Unlock()
}

// finish marks one stream, or with 0 the connection, as over: writers stop waiting.
func (h *h2conn) finish(id uint32) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.finishLocked(id)
}

func (h *h2conn) finishLocked(id uint32) {
	if id == 0 {
		h.over = true
	}
	delete(h.windows, id)
	h.moved.Broadcast()
}

func (h *h2conn) headers(id uint32, fields []hpack.HeaderField, end bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.block.Reset()
	for _, f := range fields {
		h.enc.WriteField(f)
	}
	b := h.block.Bytes()
	n := min(len(b), h.maxFrame)
	err := h.fr.WriteHeaders(http2.HeadersFrameParam{StreamID: id, BlockFragment: b[:n], EndStream: end, EndHeaders: n == len(b)})
	for b = b[n:]; err == nil && len(b) > 0; b = b[n:] {
		n = min(len(b), h.maxFrame)
		err = h.fr.WriteContinuation(id, n == len(b), b[:n])
	}
	return err
}

var errStreamOver = errors.New("stream over")

// data writes under flow control.
func (h *h2conn) data(id uint32, b []byte, end bool) error {
	h.mu.Lock()
	defer h.mu.Unlock()
	for {
		w, ok := h.windows[id]
		if !ok || h.over {
			return errStreamOver
		}
		n := int(min(int64(len(b)), int64(h.maxFrame), w, h.window))
		if n <= 0 && len(b) > 0 {
			h.moved.Wait()
			continue
		}
		last := n == len(b)
		if err := h.fr.WriteData(id, end && last, b[:n]); err != nil {
			return err
		}
		h.window -= int64(n)
		h.windows[id] -= int64(n)
		if b = b[n:]; last {
			return nil
		}
	}
}

func (h *h2conn) reset(id uint32, code http2.ErrCode) {
	h.mu.Lock()
	h.fr.WriteRSTStream(id, code)
	h.mu.Unlock()
	h.finish(id)
}

// read hands HEADERS, DATA, RST_STREAM and GOAWAY to on until the connection ends or on says false.
func (h *h2conn) read(on func(http2.Frame) bool) error {
	defer h.finish(0)
	for {
		f, err := h.fr.ReadFrame()
		if err != nil {
			return err
		}
		switch f := f.(type) {
		case *http2.SettingsFrame:
			if !f.IsAck() {
				h.settings(f)
			}
		case *http2.PingFrame:
			if !f.IsAck() {
				h.mu.Lock()
				h.fr.WritePing(true, f.Data)
				h.mu.Unlock()
			}
		case *http2.WindowUpdateFrame:
			h.mu.Lock()
			if f.StreamID == 0 {
				h.window += int64(f.Increment)
			} else if _, ok := h.windows[f.StreamID]; ok {
				h.windows[f.StreamID] += int64(f.Increment)
			}
			h.moved.Broadcast()
			h.mu.Unlock()
		case *http2.DataFrame:
			n, ended := len(f.Data()), f.StreamEnded()
			if !on(f) {
				return nil
			}
			if n > 0 {
				h.mu.Lock()
				h.fr.WriteWindowUpdate(0, uint32(n))
				if !ended {
					h.fr.WriteWindowUpdate(f.StreamID, uint32(n))
				}
				h.mu.Unlock()
			}
		default:
			if !on(f) {
				return nil
			}
		}
	}
}

func (h *h2conn) settings(f *http2.SettingsFrame) {
	h.mu.Lock()
	defer h.mu.Unlock()
	f.ForeachSetting(func(s http2.Setting) error {
		switch s.ID {
		case http2.SettingInitialWindowSize:
			for id := range h.windows {
				h.windows[id] += int64(s.Val) - h.initial
			}
			h.initial = int64(s.Val)
		case http2.SettingMaxFrameSize:
			h.maxFrame = int(s.Val)
		case http2.SettingHeaderTableSize:
			h.enc.SetMaxDynamicTableSizeLimit(s.Val)
		}
		return nil
	})
	h.fr.WriteSettingsAck()
	h.moved.Broadcast()
}
