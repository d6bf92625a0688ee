package http2

import (
	"bytes"
	"context"
	"fmt"
	"hash/crc32"
	"io"
	"math/rand"
	"net"
	"net/http"
	"sort"
	"strings"
	"sync"
	"testing"
	"time"
)

// xclient is Go's own client (x/net's) over connections that dial makes.
func xclient(dial func() (net.Conn, error)) *http.Client {
	return &http.Client{Transport: &http.Transport{
		Protocols: onlyHTTP2(), DisableCompression: true,
		DialContext: func(context.Context, string, string) (net.Conn, error) { return dial() },
	}, Timeout: 30 * time.Second}
}

// onlyHTTP2 is HTTP/2 in the clear, by prior knowledge.
func onlyHTTP2() *http.Protocols {
	p := new(http.Protocols)
	p.SetUnencryptedHTTP2(true)
	return p
}

// exchanges runs random requests against an echo and compares what comes back.
func exchanges(t *testing.T, c *http.Client, base string, n, parallel int) {
	var wg sync.WaitGroup
	sem := make(chan struct{}, parallel)
	for i := 0; i < n; i++ {
		wg.Add(1)
		sem <- struct{}{}
		go func() {
			defer func() { <-sem; wg.Done() }()
			if err := exchange(c, base, rand.New(rand.NewSource(int64(i)))); err != nil {
				t.Errorf("exchange %d: %v", i, err)
			}
		}()
	}
	wg.Wait()
}

func exchange(c *http.Client, base string, r *rand.Rand) error {
	body := make([]byte, r.Intn(3)*r.Intn(120_000))
	r.Read(body)
	var rd io.Reader = bytes.NewReader(body)
	trailers := http.Header{}
	if r.Intn(2) == 0 {
		rd = io.MultiReader(rd) // hides the length
	}
	if r.Intn(3) == 0 {
		trailers.Set("X-Sum", fmt.Sprint(crc32.ChecksumIEEE(body)))
		trailers.Set("X-Other", "t")
		rd = io.MultiReader(rd) // x/net never ends a body that it knows to be empty, with trailers
	}
	method := []string{"POST", "PUT", "PATCH"}[r.Intn(3)]
	if get := r.Intn(3); get == 0 {
		method, body, trailers = "GET", bytes.Repeat(letters, 4)[:r.Intn(200_000)], nil
		rd = nil
	}
	path := "/p" + strings.Repeat("x", r.Intn(300))
	if method == "GET" {
		path = fmt.Sprint("/", len(body))
	}
	req, err := http.NewRequest(method, base+path, rd)
	if err != nil {
		return err
	}
	sent := http.Header{}
	for i := r.Intn(12); i > 0; i-- {
		sent.Add(fmt.Sprint("X-H", r.Intn(20)), strings.Repeat("v", r.Intn(100))+fmt.Sprint(r.Intn(4)))
	}
	for k, v := range sent {
		req.Header[k] = v
	}
	if len(trailers) > 0 {
		req.Trailer = trailers
		req.ContentLength = -1
	}
	res, err := c.Do(req)
	if err != nil {
		return err
	}
	defer res.Body.Close()
	got, err := io.ReadAll(res.Body)
	switch {
	case err != nil:
		return err
	case res.StatusCode != 200 || res.Header.Get("X-Method") != method || res.Header.Get("X-Path") != path:
		return fmt.Errorf("head: %s %v", res.Status, res.Header)
	case !bytes.Equal(got, body):
		return fmt.Errorf("%s body: %d bytes, want %d", method, len(got), len(body))
	case len(trailers) > 0 && (res.Trailer.Get("X-Sum") != trailers.Get("X-Sum") || res.Trailer.Get("X-Other") != "t"):
		return fmt.Errorf("trailers: %v, want %v", res.Trailer, trailers)
	}
	for k, v := range sent {
		a, b := append([]string{}, res.Header[k]...), append([]string{}, v...)
		sort.Strings(a)
		sort.Strings(b)
		if strings.Join(a, ",") != strings.Join(b, ",") {
			return fmt.Errorf("%s: %v, want %v", k, a, b)
		}
	}
	return nil
}

func count(n int) int {
	if testing.Short() {
		return n / 10
	}
	return n
}

// TestServerAgainstXNet has x/net's client talk to our server.
func TestServerAgainstXNet(t *testing.T) {
	t.Run("pipe", func(t *testing.T) {
		c := xclient(func() (net.Conn, error) {
			a, b := net.Pipe()
			echoWire(b, Options{}.Defaulted())
			return a, nil
		})
		defer c.CloseIdleConnections()
		exchanges(t, c, "http://pipe", count(300), 20)
	})
	t.Run("loop", func(t *testing.T) {
		s := newLoopServer(t, Options{}.Defaulted(), nil)
		c := xclient(func() (net.Conn, error) { return net.Dial("tcp", s.Addr.String()) })
		defer c.CloseIdleConnections()
		exchanges(t, c, "http://loop", count(600), 40)
	})
}
