package plugintest

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// pair makes a connection without a network: the gateway's end as a
// descriptor, the other one as a net.Conn.
func pair() (fd int, conn net.Conn, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return -1, nil, err
	}
	f := os.NewFile(uintptr(fds[1]), "pair")
	conn, err = net.FileConn(f) // a duplicate
	f.Close()
	if err != nil {
		unix.Close(fds[0])
		return -1, nil, err
	}
	return fds[0], conn, nil
}

// upstreams are all servers that a gateway under test can reach.
type upstreams struct {
	mu sync.Mutex
	// replies to come; the last one stays.
	replies []*Response
	seen    []*Request
	conns   map[net.Conn]struct{}
	names   *names
}

// plain is the answer of an upstream that was told none.
var plain = &Response{Status: 200, Header: Header{{"Content-Type", "text/plain"}}, Body: "ok\n"}

// play sets the answers to come and forgets what was seen.
func (u *upstreams) play(replies []*Response) {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.replies, u.seen = replies, nil
}

// requests are what was seen since play.
func (u *upstreams) requests() []*Request {
	u.mu.Lock()
	defer u.mu.Unlock()
	return append([]*Request(nil), u.seen...)
}

func (u *upstreams) next(take bool) *Response {
	if len(u.replies) == 0 {
		return plain
	}
	r := u.replies[0]
	if take && len(u.replies) > 1 {
		u.replies = u.replies[1:]
	}
	return r
}

// dial is proxy.Server.Dial.
func (u *upstreams) dial(addr netip.AddrPort) (int, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.next(false).Down {
		u.next(true)
		return -1, syscall.ECONNREFUSED
	}
	fd, conn, err := pair()
	if err != nil {
		return -1, err
	}
	u.conns[conn] = struct{}{}
	go u.serve(conn, u.names.of(addr))
	return fd, nil
}

// serve answers the requests of one connection.
func (u *upstreams) serve(conn net.Conn, to string) {
	defer func() {
		conn.Close()
		u.mu.Lock()
		delete(u.conns, conn)
		u.mu.Unlock()
	}()
	r := bufio.NewReader(conn)
	w := conn
	secure := false
	if b, err := r.Peek(1); err == nil && b[0] == 0x16 { // a TLS handshake record
		t := tls.Server(peeked{conn, r}, &tls.Config{Certificates: []tls.Certificate{certificate()}})
		r, w, secure = bufio.NewReader(t), t, true
	}
	for {
		q, err := readRequest(r)
		if err != nil {
			return
		}
		q.To, q.TLS = to, secure
		u.mu.Lock()
		reply := u.next(true)
		u.seen = append(u.seen, q)
		u.mu.Unlock()
		if reply.Hangup || reply.Down {
			return
		}
		if _, err := w.Write(reply.wire(q.Method)); err != nil {
			return
		}
	}
}

func (u *upstreams) close() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for c := range u.conns {
		c.Close()
	}
}

// peeked is a connection some bytes of which were read ahead.
type peeked struct {
	net.Conn
	r *bufio.Reader
}

func (p peeked) Read(b []byte) (int, error) { return p.r.Read(b) }

// certificate is that of the listener and of all upstreams. It is self-signed,
// and made once per process.
var certificate = sync.OnceValue(func() tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err) // the machine gives no random numbers
	}
	t := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "plugintest"}, DNSNames: []string{"*"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, t, t, &key.PublicKey, key)
	if err != nil {
		panic(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
})

func reason(status int) string {
	if s := http.StatusText(status); s != "" {
		return s
	}
	return fmt.Sprintf("Status %d", status)
}
