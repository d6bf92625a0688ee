package golden

import (
	"bufio"
	"bytes"
	"crypto/tls"
	"net"
	"strings"
	"sync"
	"time"
)

// upstream is one scripted HTTP/1.1 server. Its name says what it speaks: `…_tls` only TLS, `grpc_…` HTTP/2, and those with
// `ws_` or `_tls` complete WebSocket handshakes.
type upstream struct {
	name string
	addr string
	rec  *recorder

	mu      sync.Mutex
	ln      net.Listener // nil while the upstream is down
	conns   map[net.Conn]bool
	replies [][]byte // successive answers of this step; the last one stays
	probe   []byte   // the answer to paths that begin with /probe
}

const defaultReply = "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 3\r\nX-Upstream: yes\r\n\r\nok\n"

func startUpstream(name, addr string, rec *recorder) (*upstream, error) {
	ln, err := net.Listen("tcp", addr)
	if err != nil {
		return nil, err
	}
	u := &upstream{name: name, addr: addr, rec: rec, ln: ln, conns: map[net.Conn]bool{}}
	rec.addrs[name] = addr
	go u.serve(ln)
	return u, nil
}

func (u *upstream) tls() bool  { return strings.HasSuffix(u.name, "_tls") }
func (u *upstream) grpc() bool { return strings.HasPrefix(u.name, "grpc_") }
func (u *upstream) ws() bool   { return u.tls() || strings.HasPrefix(u.name, "ws_") }

// script sets the answers of a step. `DOWN` refuses connections as long as the step lasts.
func (u *upstream) script(replies [][]byte, probe []byte) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.replies, u.probe = replies, probe
	if len(replies) > 0 && bytes.HasPrefix(replies[0], []byte("DOWN")) {
		u.shut()
		return
	}
	if u.ln != nil {
		return
	}
	if ln, err := net.Listen("tcp", u.addr); err == nil {
		u.ln = ln
		go u.serve(ln)
	}
}

func (u *upstream) shut() {
	if u.ln != nil {
		u.ln.Close()
		u.ln = nil
	}
	for c := range u.conns {
		c.Close()
	}
}

func (u *upstream) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.shut()
}

func (u *upstream) serve(ln net.Listener) {
	for {
		c, err := ln.Accept()
		if err != nil {
			return
		}
		u.mu.Lock()
		u.conns[c] = true
		u.mu.Unlock()
		go func() {
			if u.grpc() {
				u.serveHTTP2(c)
			} else {
				u.serveHTTP1(c)
			}
			c.Close()
			u.mu.Lock()
			delete(u.conns, c)
			u.mu.Unlock()
		}()
	}
}

// next is the answer to the next request of the step.
func (u *upstream) next() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	if len(u.replies) == 0 {
		return []byte(defaultReply)
	}
	reply := u.replies[0]
	if len(u.replies) > 1 {
		u.replies = u.replies[1:]
	}
	return reply
}

// probeReply is the answer to a health probe.
func (u *upstream) probeReply() []byte {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.probe == nil {
		return []byte(defaultReply)
	}
	return u.probe
}

func (u *upstream) serveHTTP1(c net.Conn) {
	var notes []string
	if u.tls() {
		var ok bool
		if c, notes, ok = u.handshake(c, nil); !ok {
			return
		}
	}
	r := bufio.NewReader(c)
	for first := true; ; first = false {
		m, err := readMessage(r, false, "")
		if err != nil {
			if u.tls() && first {
				u.rec.add(u.name, "(no request on this connection)\n"+notes[0])
			}
			return
		}
		m.headers = append(notes[:len(notes):len(notes)], m.headers...)
		var e *entry
		var reply []byte
		if _, path, _ := strings.Cut(m.first, " "); strings.HasPrefix(path, "/probe") {
			u.rec.probe(m)
			reply = u.probeReply()
		} else {
			e = u.rec.request(u.name, m)
			reply = u.next()
		}
		reply = delayed(reply)
		if u.ws() && e != nil && strings.EqualFold(m.header("Upgrade"), "websocket") && bytes.HasPrefix(reply, []byte("HTTP/")) {
			u.talk(c, r, m, e, reply)
			return
		}
		if !answer(c, reply) {
			return
		}
	}
}

// delayed waits as a `SLEEP 2s` line before a reply says, and gives the rest.
func delayed(reply []byte) []byte {
	if !bytes.HasPrefix(reply, []byte("SLEEP ")) {
		return reply
	}
	wait, rest, _ := bytes.Cut(reply[len("SLEEP "):], []byte("\n"))
	d, _ := time.ParseDuration(strings.TrimSpace(string(wait)))
	time.Sleep(d)
	return rest
}

// answer sends a reply and says whether the connection stays open.
func answer(c net.Conn, reply []byte) bool {
	switch {
	case bytes.HasPrefix(reply, []byte("CLOSE")):
		return false
	case bytes.HasPrefix(reply, []byte("RESET")):
		if t, ok := c.(*net.TCPConn); ok {
			t.SetLinger(0)
		}
		return false
	}
	_, err := c.Write(reply)
	return err == nil && !bytes.Contains(bytes.ToLower(reply), []byte("connection: close"))
}

// handshake accepts TLS and tells what the other side showed. The server name picks the certificate:
// deep.*, self.*, expired.*, ca2.*, rsa.* get that flavour, wrong.* one for another name, mtls.*
// insists on a client certificate; no name gets that of upstream.test.
func (u *upstream) handshake(c net.Conn, protos []string) (net.Conn, []string, bool) {
	var hello *tls.ClientHelloInfo
	conf := func(h *tls.ClientHelloInfo) (*tls.Config, error) {
		hello = h
		return upstreamTLS(h.ServerName, protos), nil
	}
	t := tls.Server(c, &tls.Config{GetConfigForClient: conf})
	t.SetDeadline(time.Now().Add(10 * time.Second))
	if err := t.Handshake(); err != nil {
		if hello != nil {
			u.rec.add(u.name, "(no request on this connection)\n(sni) "+hello.ServerName)
		}
		return c, nil, false
	}
	t.SetDeadline(time.Time{})
	// With TLS 1.3 a client that refuses our certificate says so after our side is done.
	st := t.ConnectionState()
	notes := []string{"(sni) " + st.ServerName, "(alpn) " + strings.Join(hello.SupportedProtos, ",")}
	for _, pc := range st.PeerCertificates {
		notes = append(notes, "(client certificate) "+pc.Subject.String())
	}
	return t, notes, true
}

func upstreamTLS(name string, protos []string) *tls.Config {
	if name == "" {
		name = "upstream.test"
	}
	c := &tls.Config{ClientAuth: tls.RequestClientCert, NextProtos: protos}
	switch flavour, _, _ := strings.Cut(name, "."); flavour {
	case "deep", "self", "expired", "ca2", "rsa":
		name = flavour + ":" + name
	case "wrong":
		name = "another.test"
	case "mtls":
		c.ClientAuth = tls.RequireAnyClientCert
	default:
		name += ",localhost,127.0.0.1"
	}
	c.Certificates = []tls.Certificate{*certificate(name).pair()}
	return c
}
