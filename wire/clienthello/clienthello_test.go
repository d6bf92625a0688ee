package clienthello

import (
	"crypto/tls"
	"net"
	"slices"
	"testing"
	"time"
)

// record is what crypto/tls sends first.
func record(t testing.TB, c *tls.Config) []byte {
	t.Helper()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	go tls.Client(a, c).Handshake()
	b.SetReadDeadline(time.Now().Add(5 * time.Second))
	buf := make([]byte, MaxSize)
	n, err := b.Read(buf)
	if err != nil {
		t.Fatal(err)
	}
	return buf[:n]
}

// split makes many records of one.
func split(b []byte, size int) []byte {
	var out []byte
	for body := b[recordHead:]; len(body) > 0; {
		n := min(size, len(body))
		out = append(out, recordHandshake, 3, 1, byte(n>>8), byte(n))
		out = append(out, body[:n]...)
		body = body[n:]
	}
	return out
}

func TestHelloOfARealClient(t *testing.T) {
	tests := map[string]struct {
		config *tls.Config
		want   Hello
	}{
		"name and ALPN": {&tls.Config{ServerName: "One.Example.test", NextProtos: []string{"h2", "http/1.1"}},
			Hello{ServerName: "one.example.test", Protocols: []string{"h2", "http/1.1"}, Version: tls.VersionTLS13}},
		"no name": {&tls.Config{InsecureSkipVerify: true}, Hello{Version: tls.VersionTLS13}},
		"TLS 1.2": {&tls.Config{ServerName: "a.test", MaxVersion: tls.VersionTLS12}, Hello{ServerName: "a.test", Version: tls.VersionTLS12}},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			whole := record(t, tc.config)
			for _, b := range [][]byte{whole, split(whole, 1), split(whole, 7), append(slices.Clone(whole), "more"...)} {
				var s Scanner
				got, err := s.Parse(b)
				if err != nil || got.ServerName != tc.want.ServerName || got.Version != tc.want.Version || !slices.Equal(got.Protocols, tc.want.Protocols) {
					t.Fatalf("got %+v, %v; want %+v", got, err, tc.want)
				}
			}
		})
	}
}

func TestHelloByteByByte(t *testing.T) {
	b := split(record(t, &tls.Config{ServerName: "a.test"}), 50)
	var s Scanner
	for i := range b {
		if _, err := s.Parse(b[:i]); err != ErrMore {
			t.Fatalf("after %d of %d bytes: %v", i, len(b), err)
		}
	}
	if h, err := s.Parse(b); err != nil || h.ServerName != "a.test" {
		t.Fatalf("%+v, %v", h, err)
	}
}

func TestRefused(t *testing.T) {
	whole := record(t, &tls.Config{ServerName: "a.test"})
	broken := slices.Clone(whole)
	broken[recordHead+4+2+32] = 255 // the session id's length
	tests := map[string]struct {
		in   string
		want error
	}{
		"nothing":     {"", ErrMore},
		"HTTP":        {"GET / HTTP/1.1\r\n\r\n", ErrNotTLS},
		"one byte":    {"G", ErrNotTLS},
		"empty":       {"\x16\x03\x01\x00\x00", ErrNotTLS},
		"ServerHello": {"\x16\x03\x01\x00\x04\x02\x00\x00\x00", ErrNotTLS},
		"too long":    {"\x16\x03\x01\x00\x04\x01\x01\x00\x00", ErrTooLong},
		"broken":      {string(broken), ErrBroken},
		"bad name":    {string(record(t, &tls.Config{ServerName: "a b.test"})), ErrBroken},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			var s Scanner
			if h, err := s.Parse([]byte(tc.in)); err != tc.want {
				t.Errorf("got %+v, %v; want %v", h, err, tc.want)
			}
		})
	}
}

func FuzzParse(f *testing.F) {
	whole := record(f, &tls.Config{ServerName: "a.test", NextProtos: []string{"h2"}})
	f.Add(whole, 10)
	f.Add(split(whole, 3), 1)
	f.Fuzz(func(t *testing.T, b []byte, cut int) {
		var all, parts Scanner
		want, err := all.Parse(b)
		if cut >= 0 && cut < len(b) {
			if _, e := parts.Parse(b[:cut]); e != nil && e != ErrMore {
				if err == nil {
					t.Fatalf("a beginning is refused (%v), the whole is not", e)
				}
				return
			}
		}
		got, err2 := parts.Parse(b)
		if (err == nil) != (err2 == nil) || got.ServerName != want.ServerName || got.Version != want.Version {
			t.Fatalf("in one piece %+v, %v; in two %+v, %v", want, err, got, err2)
		}
	})
}
