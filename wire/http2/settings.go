package http2

import "encoding/binary"

func (c *Conn) onSettings(f *frame) error {
	switch {
	case f.id != 0:
		return &ConnError{ProtocolError, "SETTINGS on a stream"}
	case f.has(flagAck):
		if len(f.payload) != 0 {
			return &ConnError{FrameSizeError, "SETTINGS that acknowledges and sets"}
		}
		c.life.settingsSent = 0
		return nil
	case len(f.payload)%6 != 0:
		return &ConnError{FrameSizeError, "SETTINGS of a wrong length"}
	}
	if err := c.charge(costSettings + len(f.payload)/60); err != nil {
		return err
	}
	for p := f.payload; len(p) > 0; p = p[6:] {
		if err := c.setting(settingID(binary.BigEndian.Uint16(p)), binary.BigEndian.Uint32(p[2:])); err != nil {
			return err
		}
	}
	if !c.server {
		c.changed = true
		if !c.gotLimit { // it did not set a limit: there is none
			c.gotLimit = true
			c.peer.maxStreams = maxWindow
		}
	}
	c.out = appendFrameHeader(c.output(), 0, frameSettings, flagAck, 0)
	c.wrote()
	return nil
}

func (c *Conn) setting(id settingID, v uint32) error {
	switch id {
	case settingHeaderTableSize:
		c.enc.limit(v)
	case settingEnablePush:
		if v > 1 || v == 1 && !c.server {
			return &ConnError{ProtocolError, "an invalid SETTINGS_ENABLE_PUSH"}
		}
	case settingMaxStreams:
		c.gotLimit = true
		c.peer.maxStreams = int(min(v, maxWindow))
	case settingInitialWindow:
		if v > maxWindow {
			return &ConnError{FlowControlError, "an invalid SETTINGS_INITIAL_WINDOW_SIZE"}
		}
		return c.initialWindow(int(v))
	case settingMaxFrameSize:
		if v < maxFrame || v > 1<<24-1 {
			return &ConnError{ProtocolError, "an invalid SETTINGS_MAX_FRAME_SIZE"}
		}
	case settingConnectProtocol:
		if v > 1 || v == 0 && c.peer.connectProtocol {
			return &ConnError{ProtocolError, "an invalid SETTINGS_ENABLE_CONNECT_PROTOCOL"}
		}
		c.peer.connectProtocol = v == 1
	}
	return nil
}

// initialWindow moves the window of every stream by the difference; it may
// become negative (RFC 9113 section 6.9.2).
func (c *Conn) initialWindow(v int) error {
	d := v - c.peer.window
	c.peer.window = v
	for _, s := range c.streams {
		if s.sendWindow += d; s.sendWindow > maxWindow {
			return &ConnError{FlowControlError, "SETTINGS_INITIAL_WINDOW_SIZE makes a window too large"}
		}
		if d > 0 {
			c.reopened(s)
		}
	}
	return nil
}

func (c *Conn) onWindowUpdate(f *frame) error {
	if len(f.payload) != 4 {
		return &ConnError{FrameSizeError, "WINDOW_UPDATE of a wrong length"}
	}
	n := int(binary.BigEndian.Uint32(f.payload) & maxWindow)
	if f.id == 0 {
		switch {
		case n == 0:
			return &ConnError{ProtocolError, "WINDOW_UPDATE of nothing"}
		case c.sendWindow+n > maxWindow:
			return &ConnError{FlowControlError, "WINDOW_UPDATE makes the connection's window too large"}
		}
		c.sendWindow += n
		return c.charge(costUpdate)
	}
	s := c.streams[f.id]
	switch {
	case s == nil && c.idle(f.id):
		return &ConnError{ProtocolError, "WINDOW_UPDATE on a stream that was not opened"}
	case n == 0:
		return &streamError{f.id, ProtocolError, "WINDOW_UPDATE of nothing"}
	case s == nil:
		return c.charge(costUpdate)
	case s.sendWindow+n > maxWindow:
		return &streamError{f.id, FlowControlError, "WINDOW_UPDATE makes the stream's window too large"}
	}
	s.sendWindow += n
	c.reopened(s)
	return c.charge(costUpdate)
}

func (c *Conn) onPing(f *frame) error {
	switch {
	case len(f.payload) != 8:
		return &ConnError{FrameSizeError, "PING of a wrong length"}
	case f.id != 0:
		return &ConnError{ProtocolError, "PING on a stream"}
	}
	data := binary.BigEndian.Uint64(f.payload)
	if f.has(flagAck) {
		c.ponged(data)
		return nil
	}
	if err := c.charge(costPing); err != nil {
		return err
	}
	c.out = appendPing(c.output(), true, data)
	c.wrote()
	return nil
}
