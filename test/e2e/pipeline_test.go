package e2e

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// Of requests that are sent ahead, one whose answer breaks off does not take the end of an earlier answer along.
func TestPipelinedAnswerBreaksOff(t *testing.T) {
	const size = 300_000
	up := rawUpstream(t, func(c net.Conn) {
		for r := bufio.NewReader(c); ; {
			req, err := http.ReadRequest(r)
			if err != nil {
				return
			}
			if strings.HasPrefix(req.URL.Path, "/broken") {
				fmt.Fprint(c, "HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nsome")
				return
			}
			fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s", size, strings.Repeat("w", size))
		}
	})
	g := start(t, everythingTo(up))
	c, err := net.Dial("tcp", g.addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.(*net.TCPConn).SetReadBuffer(8 << 10) // most of the first answer waits with the gateway's kernel
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	for _, path := range []string{"whole", "broken", "never"} { // the last one is not read when the second ends
		if _, err := fmt.Fprintf(c, "GET /%s HTTP/1.1\r\nHost: a\r\n\r\n", path); err != nil {
			t.Fatal(err)
		}
		time.Sleep(100 * time.Millisecond)
	}
	r := bufio.NewReader(c)
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		t.Fatal(err)
	}
	if n, err := io.Copy(io.Discard, resp.Body); n != size || err != nil {
		t.Errorf("the whole answer: %d bytes of %d, %v", n, size, err)
	}
	if resp, err = http.ReadResponse(r, nil); err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); string(b) != "some" || err != io.ErrUnexpectedEOF {
		t.Errorf("the broken one: %q, %v", b, err)
	}
}
