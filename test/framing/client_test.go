package framing

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"testing"
	"time"
)

// quiet is how long a client waits for more before it takes an answer for whole.
const quiet = 250 * time.Millisecond

// heard is what a client got.
type heard struct {
	text   string
	closed bool // by the gateway
	reset  bool
}

// talk sends pieces, with a little time between them, and listens until the
// gateway closes or is quiet.
func (b *bench) talk(t *testing.T, pieces ...string) heard {
	t.Helper()
	c := b.dial(t)
	defer c.Close()
	for i, p := range pieces {
		if i > 0 {
			time.Sleep(min(15*time.Millisecond, 300*time.Millisecond/time.Duration(len(pieces))))
		}
		if _, err := io.WriteString(c, p); err != nil {
			break // it may have been closed already; what it says shows that
		}
	}
	return listen(c, quiet)
}

func (b *bench) dial(t *testing.T) net.Conn {
	t.Helper()
	c, err := net.DialTimeout("tcp", b.addr, 5*time.Second)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

// listen reads until the end or until nothing came for a while: the first
// byte has more time.
func listen(c net.Conn, wait time.Duration) heard {
	var all []byte
	buf := make([]byte, 64<<10)
	for {
		d := wait
		if len(all) == 0 {
			d = max(wait, time.Second)
		}
		_ = c.SetReadDeadline(time.Now().Add(d))
		n, err := c.Read(buf)
		all = append(all, buf[:n]...)
		if err != nil {
			ne, ok := err.(net.Error)
			return heard{text: string(all), closed: !ok || !ne.Timeout(), reset: err != io.EOF && (!ok || !ne.Timeout())}
		}
	}
}

// answer is one response.
type answer struct {
	status int
	fields []string
	body   string
	whole  bool // the body came to its end
}

func (a answer) get(name string) string {
	for _, f := range a.fields {
		if n, v, _ := strings.Cut(f, ": "); strings.EqualFold(n, name) {
			return v
		}
	}
	return ""
}

// statuses lists them.
func statuses(as []answer) string {
	var s []string
	for _, a := range as {
		text := strconv.Itoa(a.status)
		if !a.whole {
			text += "…"
		}
		s = append(s, text)
	}
	return strings.Join(s, " ")
}

// answers parses all that was heard, as strictly as the upstream does. methods
// are those of the requests that were sent (GET when there are not enough).
func (h heard) answers(t *testing.T, methods ...string) []answer {
	t.Helper()
	in := bufio.NewReader(strings.NewReader(h.text))
	var all []answer
	for {
		method := "GET"
		if len(methods) > 0 {
			method = methods[0]
		}
		a, err := readAnswer(in, method, h.closed)
		if err == io.EOF {
			return all
		}
		if err != nil {
			t.Errorf("the answer %q: %v", h.text, err)
			return all
		}
		all = append(all, a)
		if a.status >= 200 && len(methods) > 0 {
			methods = methods[1:]
		}
	}
}

func readAnswer(in *bufio.Reader, method string, closed bool) (answer, error) {
	a := answer{}
	line, err := readLine(in)
	if err != nil {
		return a, err
	}
	if !strings.HasPrefix(line, "HTTP/1.1 ") || len(line) < 13 || line[12] != ' ' {
		return a, fmt.Errorf("status line %q", line)
	}
	if a.status, err = strconv.Atoi(line[9:12]); err != nil {
		return a, err
	}
	s := &seen{length: -1}
	for {
		if line, err = readLine(in); err != nil {
			return a, fmt.Errorf("head: %w", eof(err))
		}
		if line == "" {
			break
		}
		a.fields = append(a.fields, line)
		name, value, ok := strings.Cut(line, ":")
		if !ok || name == "" || strings.ContainsFunc(name, func(r rune) bool { return !tokenRune(r) }) {
			return a, fmt.Errorf("field %q", line)
		}
		switch value = strings.Trim(value, " \t"); strings.ToLower(name) {
		case "content-length":
			if s.length >= 0 {
				return a, fmt.Errorf("two lengths")
			}
			if s.length, err = strconv.Atoi(value); err != nil {
				return a, err
			}
		case "transfer-encoding":
			if s.chunked || value != "chunked" {
				return a, fmt.Errorf("coding %q", value)
			}
			s.chunked = true
		}
	}
	if s.chunked && s.length >= 0 {
		return a, fmt.Errorf("length and chunks")
	}
	switch {
	case method == "HEAD" || a.status < 200 || a.status == 204 || a.status == 304:
		a.whole = true
		return a, nil
	case !s.chunked && s.length < 0:
		all, _ := io.ReadAll(in)
		a.body, a.whole = string(all), closed
		return a, nil
	}
	err = readBody(in, s)
	a.body, a.whole = s.body, err == nil
	if err != nil && err != io.ErrUnexpectedEOF {
		return a, err
	}
	return a, nil
}
