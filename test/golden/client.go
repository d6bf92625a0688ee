package golden

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// refusal is any way of saying no to a malformed request.
var refusal = regexp.MustCompile(`^HTTP/\S+ 4|\((RST_STREAM|GOAWAY) |^\((connection: |connection closed|closed)`)

// client plays a step's client and gives what goes into N.response.
func (s *stage) client(c *Case, st step) string {
	o := st.opts
	if b, ok := c.files[st.n+".stream"]; ok {
		return streamExchange(process.Loopback(s.listens.stream), process.Loopback(s.listens.streamTLS), s.expand(b), o)
	}
	addr := s.target(o)
	once := func(i int) string {
		text := bytes.ReplaceAll(s.expand(c.files[st.n+".request"]), []byte("{{i}}"), []byte(strconv.Itoa(i)))
		switch {
		case o.has("h2", "h2c"):
			return exchangeHTTP2(addr, text, o)
		case o.has("ws"):
			return exchangeWebSocket(addr, wireBytes(text, o), s.expand(c.files[st.n+".ws"]), o)
		}
		return exchange(addr, wireBytes(text, o), o)
	}
	answers := make([]string, o.number("repeat", 1))
	var wg sync.WaitGroup
	for i := range answers {
		if !o.has("parallel") {
			answers[i] = once(i + 1)
			continue
		}
		wg.Go(func() { answers[i] = once(i + 1) })
		time.Sleep(o.duration("parallel"))
	}
	wg.Wait()
	if o.has("refused") && refusal.MatchString(answers[0]) {
		return "(refused)"
	}
	if !o.has("distribution") {
		return strings.Join(answers, "\n=====\n")
	}
	kinds := map[string]int{}
	for _, a := range answers {
		first, _, _ := strings.Cut(a, "\n")
		kinds[first]++
	}
	return counts(kinds)
}

// target is the listener that a step's request goes to.
func (s *stage) target(o options) string {
	switch {
	case o.has("to"):
		return process.Loopback(o.number("to", s.listens.proxy))
	case o.has("admin"):
		return process.Loopback(s.listens.admin)
	case o.has("h2c"):
		return process.Loopback(s.listens.proxyH2C)
	case o.secure():
		return process.Loopback(s.listens.proxyTLS)
	}
	return process.Loopback(s.listens.proxy)
}

// exchange sends one request over HTTP/1.1 and reads what comes back.
func exchange(addr string, raw []byte, o options) string {
	c, shown, err := dial(addr, o)
	if err != nil {
		return "(dial: " + err.Error() + ")"
	}
	defer c.Close()
	var all []string
	if shown != "" {
		if all = append(all, shown); len(bytes.TrimSpace(raw)) == 0 {
			return shown
		}
	}
	c.SetDeadline(time.Now().Add(15 * time.Second))
	if _, err := c.Write(raw); err != nil {
		return "(write failed)"
	}
	method, _, _ := strings.Cut(string(raw), " ")
	r := bufio.NewReader(c)
	for answered := false; ; {
		m, err := readMessage(r, true, method)
		if err != nil {
			if !answered && errors.Is(err, io.EOF) {
				all = append(all, "(closed without a response)")
			} else if !answered {
				all = append(all, "(no response: "+errorName(err)+")")
			}
			break
		}
		answered = true
		all = append(all, m.text(o.has("brief")))
		interim := strings.HasPrefix(m.first, "HTTP/1.1 1") && !strings.HasPrefix(m.first, "HTTP/1.1 101")
		if !interim && !o.has("pipeline") {
			break
		}
	}
	return strings.Join(all, "\n=====\n")
}

// dial connects as the options say; shown describes the handshake when they ask for it.
func dial(addr string, o options) (c net.Conn, shown string, err error) {
	d := net.Dialer{Timeout: 3 * time.Second}
	if c, err = d.Dial("tcp", addr); err != nil || !o.secure() {
		return c, "", err
	}
	conf := o.clientTLS()
	var asked *tls.CertificateRequestInfo
	conf.GetClientCertificate = func(i *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		asked = i
		if len(conf.Certificates) > 0 {
			return &conf.Certificates[0], nil
		}
		return &tls.Certificate{}, nil
	}
	t := tls.Client(c, conf)
	c.SetDeadline(time.Now().Add(5 * time.Second))
	if err := t.Handshake(); err != nil {
		c.Close()
		return nil, "", err
	}
	c.SetDeadline(time.Time{})
	if o.has("showcert") {
		shown = describe(t.ConnectionState(), asked)
	}
	return t, shown, nil
}

func errorName(err error) string {
	var ne net.Error
	if errors.As(err, &ne) && ne.Timeout() {
		return "timeout"
	}
	return "reset"
}
