package conformance

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/gibbon-gateway/gibbon/wire/websocket"
)

// Step is something that the client does.
type Step struct {
	// Send are bytes for the socket, Piece how many at a time (0: all).
	Send  []byte
	Piece int
	// Want is a message that must come next, nil for none.
	Want *websocket.Message
	// Pause before the next step.
	Pause time.Duration
}

// Case is one behaviour.
type Case struct {
	// ID is the number of the Autobahn case that covers the same behaviour.
	ID, Name string
	// Extensions is what the handshake offers, "" for nothing.
	Extensions string
	Steps      []Step
	// Close says how it ends: the codes that the server's close frame may have;
	// 0 is none of its own, -1 a connection that ends without a close frame.
	Close []int
	// Plain: the case is about messages that compression leaves alone; with
	// Compressed its messages are compressed on the way in.
	Compressed bool
	// Unclean: the server may end the connection before all that was wanted.
	Unclean bool
}

// Client is a raw client of one connection.
type Client struct {
	net.Conn
	in     *bufio.Reader
	reader websocket.Reader
	buf    []byte
	rest   []byte
	// Deflate is what was agreed on, nil without compression.
	Deflate *websocket.Deflate
	// Answer is the response to the handshake.
	Answer *http.Response
}

// Dial shakes hands over conn; target is path and host of the request.
func Dial(conn net.Conn, host, path, extensions string, more http.Header) (*Client, error) {
	c := &Client{Conn: conn, in: bufio.NewReader(conn), buf: make([]byte, 64<<10)}
	c.reader.FromServer = true
	const key = "dGhlIHNhbXBsZSBub25jZQ=="
	req, err := http.NewRequest("GET", "http://"+host+path, nil)
	if err != nil {
		return nil, err
	}
	for name, values := range map[string]string{"Connection": "Upgrade", "Upgrade": "websocket", "Sec-WebSocket-Key": key,
		"Sec-WebSocket-Version": websocket.Version, "Sec-WebSocket-Extensions": extensions} {
		if values != "" {
			req.Header.Set(name, values)
		}
	}
	for name, values := range more {
		req.Header[name] = values
	}
	_ = conn.SetDeadline(time.Now().Add(20 * time.Second))
	if err := req.Write(conn); err != nil {
		return nil, err
	}
	if c.Answer, err = http.ReadResponse(c.in, req); err != nil {
		return nil, err
	}
	if c.Answer.StatusCode != 101 {
		return c, fmt.Errorf("handshake answered with %s", c.Answer.Status)
	}
	if err := websocket.CheckResponse(key, req.Header.Get("Sec-WebSocket-Protocol"), c.Answer.Header.Get); err != nil {
		return c, err
	}
	if answer := c.Answer.Header.Get("Sec-WebSocket-Extensions"); answer != "" {
		d, _, ok := websocket.AcceptDeflate(answer, false)
		if !ok {
			return c, fmt.Errorf("extensions answered with %q", answer)
		}
		c.Deflate = &d
		c.reader.Inflate = &websocket.Inflater{NoTakeover: d.ServerNoTakeover}
	}
	return c, nil
}

// Next is the next message of the server; io.EOF after the connection's end.
func (c *Client) Next() (websocket.Message, error) {
	for {
		if len(c.rest) == 0 {
			n, err := c.in.Read(c.buf)
			if n == 0 && err != nil {
				return websocket.Message{}, err
			}
			c.rest = c.buf[:n]
		}
		n, m, ok, err := c.reader.Next(c.rest)
		c.rest = c.rest[n:]
		if err != nil || ok {
			return m, err
		}
	}
}

// Run plays a case over a connection that shook hands.
func Run(c *Client, k *Case) error {
	deflater := websocket.Deflater{}
	if c.Deflate != nil {
		deflater.NoTakeover, deflater.Bits = c.Deflate.ClientNoTakeover, c.Deflate.ClientBits
	}
	for i := range k.Steps {
		s := &k.Steps[i]
		send := s.Send
		if k.Compressed && c.Deflate != nil {
			send = compress(&deflater, send)
		}
		if err := c.send(send, s.Piece); err != nil && len(k.Close) == 0 {
			return fmt.Errorf("step %d: send: %w", i, err)
		}
		if s.Want != nil {
			m, err := c.Next()
			if err == nil && m.Op == websocket.Close && s.Want.Op != websocket.Close && k.Unclean {
				return c.code(k, m.Code)
			}
			if err != nil && k.Unclean {
				return nil
			}
			if err != nil {
				return fmt.Errorf("step %d: want %s: %w", i, s.Want.Op, err)
			}
			if err := same(&m, s.Want); err != nil {
				return fmt.Errorf("step %d: %w", i, err)
			}
		}
		time.Sleep(s.Pause)
	}
	return c.end(k)
}

// compress makes whole unfragmented frames of p compressed ones.
func compress(d *websocket.Deflater, p []byte) []byte {
	var out []byte
	r := websocket.Reader{}
	for len(p) > 0 {
		n, m, ok, err := r.Next(p)
		if !ok || err != nil {
			return append(out, p...)
		}
		p = p[n:]
		h := websocket.Header{Fin: true, Op: m.Op, Masked: true, Key: [4]byte{1, 2, 3, 4}}
		if m.Op.Control() {
			out = websocket.AppendFrame(out, h, m.Payload)
			continue
		}
		h.RSV = 4
		out = websocket.AppendFrame(out, h, d.Append(nil, m.Payload))
	}
	return out
}

func (c *Client) send(p []byte, piece int) error {
	if piece == 0 {
		piece = max(len(p), 1)
	}
	for len(p) > 0 {
		n := min(piece, len(p))
		if _, err := c.Write(p[:n]); err != nil {
			return err
		}
		p = p[n:]
	}
	return nil
}

// end reads what the server still sends.
func (c *Client) end(k *Case) error {
	if len(k.Close) == 0 {
		k.Close = []int{websocket.NormalClosure}
		if err := c.send(websocket.AppendFrame(nil, head(websocket.Close), []byte{3, 232}), 0); err != nil {
			return err
		}
	}
	closed := false
	for {
		m, err := c.Next()
		switch {
		case errors.Is(err, io.EOF) && closed:
			return nil
		case err != nil && closed:
			return nil // a reset after the close frame ends it as well
		case err != nil:
			var wrong *websocket.Error
			if errors.As(err, &wrong) {
				return err
			}
			return c.code(k, -1)
		case m.Op == websocket.Close:
			if err := c.code(k, m.Code); err != nil {
				return err
			}
			closed = true
		default:
			return fmt.Errorf("got %s %.40q in place of the end", m.Op, m.Payload)
		}
	}
}

func (c *Client) code(k *Case, code int) error {
	for _, want := range k.Close {
		if want == code {
			return nil
		}
	}
	return fmt.Errorf("ended with %d, want one of %v", code, k.Close)
}

func same(got, want *websocket.Message) error {
	if got.Op != want.Op || got.Code != want.Code || string(got.Payload) != string(want.Payload) {
		return fmt.Errorf("got %s %d %.60q (%d bytes), want %s %d %.60q (%d bytes)",
			got.Op, got.Code, got.Payload, len(got.Payload), want.Op, want.Code, want.Payload, len(want.Payload))
	}
	return nil
}

// Echo serves the frames of one connection as an echo server, after the handshake.
func Echo(conn net.Conn, in *bufio.Reader, d *websocket.Deflate) error {
	r := websocket.Reader{Limit: 64 << 20}
	var deflater *websocket.Deflater
	if d != nil {
		r.Inflate = &websocket.Inflater{NoTakeover: d.ClientNoTakeover}
		deflater = &websocket.Deflater{NoTakeover: d.ServerNoTakeover, Bits: d.ServerBits}
	}
	buf := make([]byte, 64<<10)
	for {
		n, err := in.Read(buf)
		if err != nil {
			return err
		}
		for p := buf[:n]; len(p) > 0; {
			k, m, ok, err := r.Next(p)
			p = p[k:]
			var out []byte
			var wrong *websocket.Error
			switch {
			case errors.As(err, &wrong):
				_, _ = conn.Write(websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Close}, websocket.AppendClosePayload(nil, wrong.Code, wrong.Reason)))
				return err
			case !ok:
				continue
			case m.Op == websocket.Close:
				out = websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Close}, websocket.AppendClosePayload(nil, m.Code, string(m.Payload)))
			case m.Op == websocket.Ping:
				out = websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: websocket.Pong}, m.Payload)
			case m.Op == websocket.Pong:
			case deflater != nil:
				out = websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: m.Op, RSV: 4}, deflater.Append(nil, m.Payload))
			default:
				out = websocket.AppendFrame(nil, websocket.Header{Fin: true, Op: m.Op}, m.Payload)
			}
			if _, err := conn.Write(out); err != nil || m.Op == websocket.Close {
				return err
			}
		}
	}
}

// Serve shakes hands as an echo server and echoes until the end.
func Serve(conn net.Conn) error {
	defer conn.Close()
	in := bufio.NewReader(conn)
	req, err := http.ReadRequest(in)
	if err != nil {
		return err
	}
	if err := websocket.CheckRequest(req.Method, req.ProtoMajor, req.ProtoMinor, req.Header.Get); err != nil {
		_, _ = io.WriteString(conn, "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
		return err
	}
	out := "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
		websocket.Accept(req.Header.Get("Sec-WebSocket-Key")) + "\r\n"
	var deflate *websocket.Deflate
	if d, answer, ok := websocket.AcceptDeflate(req.Header.Get("Sec-WebSocket-Extensions"), false); ok {
		deflate = &d
		out += "Sec-WebSocket-Extensions: " + answer + "\r\n"
	}
	if p := req.Header.Get("Sec-WebSocket-Protocol"); p != "" {
		out += "Sec-WebSocket-Protocol: " + p + "\r\n"
	}
	if _, err := io.WriteString(conn, out+"\r\n"); err != nil {
		return err
	}
	return Echo(conn, in, deflate)
}
