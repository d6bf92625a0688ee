package plugintest

import (
	"bufio"
	"fmt"
	"io"
	"net/http/httputil"
	"net/netip"
	"strconv"
	"strings"
)

// Field is one header field, its name spelled as on the wire.
type Field struct{ Name, Value string }

// Header is a list of fields in order.
type Header []Field

// Values are the values of all fields called name, in any case of letters.
func (h Header) Values(name string) []string {
	var all []string
	for _, f := range h {
		if strings.EqualFold(f.Name, name) {
			all = append(all, f.Value)
		}
	}
	return all
}

// Get is the first value of name, "" without one.
func (h Header) Get(name string) string {
	if all := h.Values(name); len(all) > 0 {
		return all[0]
	}
	return ""
}

// Request is what a client sends, or what an upstream received.
type Request struct {
	// Method and Path (with the query) of the request line.
	Method, Path string
	Header       Header
	// Body without its framing.
	Body string
	// Client is the address that the request comes from; 127.0.0.1 if not set.
	Client netip.Addr
	// TLS: the request comes over TLS (sent), or went to the upstream so (received).
	TLS bool
	// To is the host and port that the gateway connected to, of a received request.
	To string
}

// Response is what an upstream answers, or what the client received.
type Response struct {
	Status int
	Header Header
	Body   string
	// Down, of an upstream: it refuses the connection. Hangup: it closes the
	// connection instead of answering.
	Down, Hangup bool
}

// String is the request as on the wire, with \n for line ends.
func (r *Request) String() string {
	return r.Method + " " + r.Path + "\n" + r.Header.String() + bodyText(r.Body)
}

// String is the response as on the wire, with \n for line ends.
func (r *Response) String() string {
	return fmt.Sprintf("%d\n", r.Status) + r.Header.String() + bodyText(r.Body)
}

// String has a line per field.
func (h Header) String() string {
	var b strings.Builder
	for _, f := range h {
		b.WriteString(f.Name + ": " + f.Value + "\n")
	}
	return b.String()
}

func bodyText(body string) string {
	if body == "" {
		return ""
	}
	return "\n" + strings.TrimSuffix(body, "\n") + "\n"
}

// wire is the request as bytes. Host and Content-Length are added where the
// header has none.
func (r *Request) wire() []byte {
	h := r.Header
	if len(h.Values("Host")) == 0 {
		h = append(Header{{"Host", "localhost"}}, h...)
	}
	method, path := r.Method, r.Path
	if method == "" {
		method = "GET"
	}
	if path == "" {
		path = "/"
	}
	return message(method+" "+path+" HTTP/1.1", h, r.Body, r.Body != "")
}

// wire is the response to a request with method as bytes.
func (r *Response) wire(method string) []byte {
	status := r.Status
	if status == 0 {
		status = 200
	}
	bodiless := method == "HEAD" || status == 204 || status == 304
	b := message(fmt.Sprintf("HTTP/1.1 %d %s", status, reason(status)), r.Header, r.Body, status != 204 && status != 304)
	if bodiless {
		b = b[:len(b)-len(r.Body)]
	}
	return b
}

func message(first string, h Header, body string, framed bool) []byte {
	var b strings.Builder
	b.WriteString(first + "\r\n")
	for _, f := range h {
		b.WriteString(f.Name + ": " + f.Value + "\r\n")
	}
	switch {
	case strings.EqualFold(h.Get("Transfer-Encoding"), "chunked"):
		body = chunked(body)
	case framed && len(h.Values("Content-Length")) == 0:
		fmt.Fprintf(&b, "Content-Length: %d\r\n", len(body))
	}
	b.WriteString("\r\n" + body)
	return []byte(b.String())
}

func chunked(body string) string {
	if body == "" {
		return "0\r\n\r\n"
	}
	return fmt.Sprintf("%x\r\n%s\r\n0\r\n\r\n", len(body), body)
}

// readHead reads a first line and fields.
func readHead(r *bufio.Reader) (first string, h Header, err error) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		switch {
		case first == "" && line != "":
			first = line
		case line == "":
			return first, h, nil
		default:
			name, value, _ := strings.Cut(line, ":")
			h = append(h, Field{name, strings.TrimSpace(value)})
		}
	}
}

// readBody reads a body by its framing; toEnd: without one it ends with the connection.
func readBody(r *bufio.Reader, h Header, toEnd bool) (string, error) {
	switch {
	case strings.EqualFold(h.Get("Transfer-Encoding"), "chunked"):
		b, err := io.ReadAll(httputil.NewChunkedReader(r))
		if err == nil {
			_, _, err = readTrailer(r)
		}
		return string(b), err
	case len(h.Values("Content-Length")) > 0:
		n, err := strconv.Atoi(h.Get("Content-Length"))
		if err != nil {
			return "", err
		}
		b := make([]byte, n)
		got, err := io.ReadFull(r, b)
		return string(b[:got]), err
	case toEnd:
		b, err := io.ReadAll(r)
		return string(b), err
	}
	return "", nil
}

// readTrailer reads what follows the last chunk.
func readTrailer(r *bufio.Reader) (string, Header, error) {
	var h Header
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			return "", nil, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return "", h, nil
		}
		name, value, _ := strings.Cut(line, ":")
		h = append(h, Field{name, strings.TrimSpace(value)})
	}
}

// readRequest reads what an upstream is sent.
func readRequest(r *bufio.Reader) (*Request, error) {
	first, h, err := readHead(r)
	if err != nil {
		return nil, err
	}
	words := strings.Fields(first)
	if len(words) < 2 {
		return nil, fmt.Errorf("not a request line: %q", first)
	}
	q := &Request{Method: words[0], Path: words[1], Header: h}
	q.Body, err = readBody(r, h, false)
	return q, err
}

// readResponse reads the answer to a request with method.
func readResponse(r *bufio.Reader, method string) (*Response, error) {
	for {
		first, h, err := readHead(r)
		if err != nil {
			return nil, err
		}
		words := strings.Fields(first)
		if len(words) < 2 {
			return nil, fmt.Errorf("not a status line: %q", first)
		}
		status, err := strconv.Atoi(words[1])
		if err != nil {
			return nil, fmt.Errorf("not a status line: %q", first)
		}
		if status < 200 && status != 101 {
			continue
		}
		p := &Response{Status: status, Header: h}
		if method != "HEAD" && status != 204 && status != 304 && status != 101 {
			p.Body, err = readBody(r, h, true)
		}
		return p, err
	}
}
