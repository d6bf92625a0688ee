package tlsconn

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"math/big"
	"net/netip"
	"os"
	"runtime"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/wire/loop"
)

var (
	certOnce sync.Once
	cert     tls.Certificate
	roots    = x509.NewCertPool()
)

// configs makes both sides' settings for one version of TLS.
func configs(t testing.TB, version uint16) (server, client *tls.Config) {
	t.Helper()
	certOnce.Do(func() {
		key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		template := &x509.Certificate{SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "a.test"}, DNSNames: []string{"a.test"},
			NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
		der, err := x509.CreateCertificate(rand.Reader, template, template, &key.PublicKey, key)
		if err != nil {
			t.Fatal(err)
		}
		leaf, err := x509.ParseCertificate(der)
		if err != nil {
			t.Fatal(err)
		}
		cert = tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}
		roots.AddCert(leaf)
	})
	return &tls.Config{Certificates: []tls.Certificate{cert}, MinVersion: version, MaxVersion: version, NextProtos: []string{"http/1.1"}},
		&tls.Config{RootCAs: roots, ServerName: "a.test", MinVersion: version, MaxVersion: version, NextProtos: []string{"http/1.1"}}
}

// end is one side of a connection on a loop: it counts what it reads, and
// answers with answer, which gets what was read (nil at the end).
type end struct {
	loop.Conn
	answer func(e *end, b []byte)
	err    error
	done   chan struct{}
}

func (e *end) Ready(ev loop.Events) {
	e.Note(ev)
	if ev&loop.Writable != 0 && e.Pending() > 0 {
		if err := e.Flush(); err != nil {
			e.finish(err)
			return
		}
		if e.Pending() == 0 {
			e.CanRead = true
		}
	}
	e.read()
}

// read goes on until there is nothing, or until the other side does not take
// the answers any more.
func (e *end) read() {
	b := make([]byte, 4<<10)
	for e.CanRead && e.Pending() == 0 && !e.Closed() {
		n, err := e.Read(b)
		switch {
		case err == loop.ErrAgain:
			if n != 0 {
				panic("bytes together with ErrAgain")
			}
			return
		case err != nil:
			if n != 0 {
				panic("bytes together with an error")
			}
			e.answer(e, nil)
			e.finish(err)
			return
		}
		e.answer(e, b[:n])
	}
}

func (e *end) finish(err error) {
	if !e.Closed() {
		e.err = err
		e.Close()
		close(e.done)
	}
}

func (e *end) write(t testing.TB, b []byte) {
	if err := e.Write(b); err != nil {
		t.Errorf("write: %v", err)
		e.finish(err)
	}
}

// runLoop runs a loop until the test ends.
func runLoop(t testing.TB) *loop.Loop {
	t.Helper()
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan error)
	go func() { done <- l.Run() }()
	t.Cleanup(func() {
		l.Stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return l
}

// serve accepts connections on a loop and shakes hands with each.
func serve(t testing.TB, l *loop.Loop, config *tls.Config, o Options, made func(s *Session, err error, e *end)) string {
	t.Helper()
	fd, err := loop.Listen(netip.MustParseAddrPort("127.0.0.1:0"), loop.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	on := acceptor(func() {
		for {
			c, _, err := loop.Accept(fd)
			if err != nil {
				return
			}
			l.Handed()
			Server(c, config, o, func(s *Session, err error) {
				if !l.Post(func() {
					e := &end{done: make(chan struct{}), answer: func(*end, []byte) {}}
					if err != nil {
						made(nil, err, e)
						_ = unix.Close(c)
						return
					}
					if err := e.Open(l, s.FD, e); err != nil {
						t.Error(err)
						return
					}
					s.Attach(&e.Conn)
					made(s, nil, e)
					e.read()
				}) {
					_ = unix.Close(c)
				}
			})
		}
	})
	ready := make(chan struct{})
	l.Post(func() {
		if _, err := l.RegisterShared(fd, on); err != nil {
			t.Error(err)
		}
		close(ready)
	})
	<-ready
	t.Cleanup(func() {
		gone := make(chan struct{})
		if l.Post(func() { l.Unregister(fd); close(gone) }) {
			<-gone
		}
		_ = unix.Close(fd)
	})
	return loop.LocalAddr(fd).String()
}

type acceptor func()

func (a acceptor) Ready(loop.Events) { a() }

func within(t testing.TB, what string, done <-chan struct{}) {
	t.Helper()
	select {
	case <-done:
	case <-time.After(15 * time.Second):
		t.Fatal(what, "does not happen")
	}
}

func openFiles(t testing.TB) int {
	list, err := os.ReadDir("/proc/self/fd")
	if err != nil {
		t.Skip(err)
	}
	return len(list)
}

func settled(t *testing.T, files, routines int) {
	t.Helper()
	var f, r int
	for range 200 {
		if f, r = openFiles(t), runtime.NumGoroutine(); f <= files && r <= routines {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%d descriptors, were %d; %d goroutines, were %d", f, files, r, routines)
}
