package main

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// runReload measures how long a big configuration takes to load, and reloads it under load: not one request may fail.
func runReload(b *bench, args []string) error {
	f := b.flags("reload")
	entities := f.Int("entities", 5000, "services, routes and plugins, of each so many")
	reloads := f.Int("reloads", 5, "reloads under load")
	clients := f.Int("clients", 32, "connections of the load; every fourth is closed after each request")
	f.Parse(args)
	upstream, err := b.upstream(-1)
	if err != nil {
		return err
	}
	port := b.ports.Take()
	conf := b.dir + "/big.yml"
	if err := writeBig(conf, *entities, upstream, 0); err != nil {
		return err
	}
	env, command := gibbon(b, conf, port)
	began := time.Now()
	p, err := b.start("gibbon", -1, port, env, command...)
	if err != nil {
		return err
	}
	if err := awaitGeneration(port, 0); err != nil {
		return err
	}
	fmt.Printf("%d services, routes and plugins: first answer %.2f s after the start, RSS %.1f MB\n",
		*entities, time.Since(began).Seconds(), float64(p.rss())/1e6)

	stop := make(chan struct{})
	var wg sync.WaitGroup
	var served, failed atomic.Int64
	var first sync.Once
	for i := range *clients {
		wg.Go(func() {
			for n := 0; ; {
				err := steady(port, *entities, i%4 == 0, stop, &n)
				served.Add(int64(n))
				n = 0
				if err == nil {
					return
				}
				failed.Add(1)
				first.Do(func() { fmt.Println("first failure:", err) })
			}
		})
	}
	for n := 1; n <= *reloads; n++ {
		time.Sleep(time.Second)
		if err := writeBig(conf, *entities, upstream, n); err != nil {
			return err
		}
		began := time.Now()
		if err := p.Signal(syscall.SIGHUP); err != nil {
			return err
		}
		if err := awaitGeneration(port, n); err != nil {
			return err
		}
		fmt.Printf("reload %d: in force after %.2f s, RSS %.1f MB\n", n, time.Since(began).Seconds(), float64(p.rss())/1e6)
	}
	time.Sleep(time.Second)
	close(stop)
	wg.Wait()
	fmt.Printf("%d requests served, %d failed\n", served.Load(), failed.Load())
	if failed.Load() > 0 {
		return fmt.Errorf("requests failed during reloads")
	}
	return nil
}

// writeBig writes n services, each with a route and a plugin, and one route more that only this generation of the file has.
func writeBig(path string, n, upstream, generation int) error {
	var y strings.Builder
	y.WriteString("_format_version: \"3.0\"\nservices:\n")
	for i := range n {
		fmt.Fprintf(&y, "- name: s%d\n  url: http://127.0.0.1:%d\n  routes:\n  - name: r%d\n    paths: [/api/%d]\n    plugins:\n", i, upstream, i, i)
		fmt.Fprintf(&y, "    - name: correlation-id\n      config: {header_name: X-Generation-%d, generator: uuid}\n", generation)
	}
	fmt.Fprintf(&y, "- name: generation\n  url: http://127.0.0.1:%d\n  routes:\n  - name: generation\n    paths: [/generation/%d]\n", upstream, generation)
	// In one move, so that no reload can read half a file.
	if err := os.WriteFile(path+".new", []byte(y.String()), 0o644); err != nil {
		return err
	}
	return os.Rename(path+".new", path)
}

// awaitGeneration asks for the route that only that generation of the configuration has.
func awaitGeneration(port, n int) error {
	url := fmt.Sprintf("http://%s/generation/%d", process.Loopback(port), n)
	for end := time.Now().Add(30 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		resp, err := http.Get(url)
		if err != nil {
			continue
		}
		resp.Body.Close()
		if resp.StatusCode == http.StatusOK {
			return nil
		}
	}
	return fmt.Errorf("generation %d of the configuration is not in force after 30 s", n)
}

// steady sends request after request over one connection, or over a new one each time, until stop; n counts the good ones.
// A connection that the gateway closes without having said so is a failure: this is no http.Client, which would hide it.
func steady(port, routes int, fresh bool, stop chan struct{}, n *int) error {
	for {
		c, err := net.Dial("tcp", process.Loopback(port))
		if err != nil {
			return err
		}
		r := bufio.NewReader(c)
		for closed := false; !closed; {
			select {
			case <-stop:
				c.Close()
				return nil
			default:
			}
			closed, err = request(c, r, (*n*7919)%routes, fresh)
			if err != nil {
				c.Close()
				return err
			}
			*n++
		}
		c.Close()
	}
}

func request(c net.Conn, r *bufio.Reader, route int, last bool) (closed bool, err error) {
	connection := "keep-alive"
	if last {
		connection = "close"
	}
	c.SetDeadline(time.Now().Add(10 * time.Second))
	if _, err := fmt.Fprintf(c, "GET /api/%d HTTP/1.1\r\nHost: bench\r\nConnection: %s\r\n\r\n", route, connection); err != nil {
		return false, err
	}
	resp, err := http.ReadResponse(r, nil)
	if err != nil {
		return false, err
	}
	defer resp.Body.Close()
	if resp.StatusCode != http.StatusOK {
		return false, fmt.Errorf("/api/%d: status %s", route, resp.Status)
	}
	return resp.Close, discard(resp)
}

func discard(resp *http.Response) error {
	_, err := io.Copy(io.Discard, resp.Body)
	return err
}
