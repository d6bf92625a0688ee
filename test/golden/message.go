package golden

import (
	"bufio"
	"bytes"
	"fmt"
	"hash/crc32"
	"io"
	"strconv"
	"strings"
)

// message is one HTTP/1.x request or response as it was on the wire, the body de-chunked.
type message struct {
	first   string
	headers []string
	body    []byte
	note    string // what went wrong while the body was read
}

func (m *message) header(name string) string {
	for _, h := range m.headers {
		if k, v, _ := strings.Cut(h, ":"); strings.EqualFold(k, name) {
			return strings.TrimSpace(v)
		}
	}
	return ""
}

// text is the message as a record shows it; brief sums up long bodies.
func (m *message) text(brief bool) string {
	var b strings.Builder
	b.WriteString(m.first + "\n")
	for _, h := range m.headers {
		b.WriteString(h + "\n")
	}
	b.WriteString("\n")
	if brief && len(m.body) > 1024 {
		b.WriteString(sum(m.body))
	} else {
		b.Write(m.body)
	}
	if m.note != "" {
		b.WriteString("\n(" + m.note + ")")
	}
	return b.String()
}

// sum stands for bytes that are too long to show.
func sum(b []byte) string {
	return fmt.Sprintf("(%d bytes, crc32 %08x)", len(b), crc32.ChecksumIEEE(b))
}

// readMessage reads one HTTP/1.x message; a response's framing depends on the request's method.
func readMessage(r *bufio.Reader, response bool, method string) (*message, error) {
	m, length, chunked, err := readHead(r)
	if err != nil {
		return m, err
	}
	switch {
	case response && bodiless(m.first, method):
	case chunked:
		m.readChunks(r)
	case length >= 0:
		m.body = make([]byte, length)
		if n, err := io.ReadFull(r, m.body); err != nil {
			m.body, m.note = m.body[:n], "truncated body"
		}
	case response:
		m.body, _ = io.ReadAll(r)
	}
	return m, nil
}

func readHead(r *bufio.Reader) (m *message, length int, chunked bool, err error) {
	line, err := r.ReadString('\n')
	if err != nil {
		return nil, 0, false, err
	}
	m, length = &message{first: strings.TrimRight(line, "\r\n")}, -1
	for {
		if line, err = r.ReadString('\n'); err != nil {
			return m, 0, false, err
		}
		line = strings.TrimRight(line, "\r\n")
		if line == "" {
			return m, length, chunked, nil
		}
		m.headers = append(m.headers, line)
		k, v, _ := strings.Cut(line, ":")
		switch strings.ToLower(k) {
		case "content-length":
			length, _ = strconv.Atoi(strings.TrimSpace(v))
		case "transfer-encoding":
			chunked = strings.Contains(strings.ToLower(v), "chunked")
		}
	}
}

func bodiless(statusLine, method string) bool {
	f := strings.Fields(statusLine)
	return method == "HEAD" || len(f) > 1 && (f[1] == "204" || f[1] == "304" || strings.HasPrefix(f[1], "1"))
}

func (m *message) readChunks(r *bufio.Reader) {
	for {
		line, err := r.ReadString('\n')
		if err != nil {
			m.note = "truncated chunked body"
			return
		}
		size, _, _ := strings.Cut(line, ";")
		n, err := strconv.ParseUint(strings.TrimSpace(size), 16, 31)
		if err != nil {
			m.note = "bad chunk"
			return
		}
		chunk := make([]byte, n)
		if _, err := io.ReadFull(r, chunk); err != nil {
			m.note = "truncated chunked body"
			return
		}
		m.body = append(m.body, chunk...)
		end, _ := r.ReadString('\n')
		if n > 0 {
			continue
		}
		for strings.TrimSpace(end) != "" {
			m.headers = append(m.headers, "(trailer) "+strings.TrimRight(end, "\r\n"))
			end, _ = r.ReadString('\n')
		}
		return
	}
}

// wireBytes turns a message of a case into bytes to send: CRLF in the head, `Content-Length: auto` filled in, without
// the last newline of the body (txtar needs one) unless the options say keepnl. With `escaped` it is one Go-quoted
// string, over several lines.
func wireBytes(b []byte, o options) []byte {
	if o.has("escaped") {
		s := strings.ReplaceAll(strings.TrimRight(string(b), "\n"), "\n", "")
		u, err := strconv.Unquote(`"` + s + `"`)
		if err != nil {
			panic("bad escaped request: " + err.Error())
		}
		return []byte(u)
	}
	head, body, ok := bytes.Cut(b, []byte("\n\n"))
	if !ok {
		head = bytes.TrimRight(b, "\n")
	}
	// The end of a last chunk is no newline that txtar needs.
	if !o.has("keepnl") && !bytes.HasSuffix(body, []byte("\r\n\r\n")) {
		body = bytes.TrimSuffix(body, []byte("\n"))
	}
	head = bytes.ReplaceAll(head, []byte("\n"), []byte("\r\n"))
	head = bytes.Replace(head, []byte("Content-Length: auto"), []byte("Content-Length: "+strconv.Itoa(len(body))), 1)
	return bytes.Join([][]byte{head, body}, []byte("\r\n\r\n"))
}
