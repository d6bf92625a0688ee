package e2e

import (
	"fmt"
	"net"
	"net/http"
	"strconv"
	"testing"
	"time"

	"github.com/summerwind/h2spec/config"
	"github.com/summerwind/h2spec/generic"
	"github.com/summerwind/h2spec/hpack"
	"github.com/summerwind/h2spec/http2"
	"github.com/summerwind/h2spec/spec"

	"github.com/gibbon-gateway/gibbon/test/process"
)

// h2specCases is how many cases h2spec has for servers.
const h2specCases = 146

// TestH2Spec runs h2spec, strict, against the gateway's own listeners, with an upstream of HTTP/1.1 behind them.
func TestH2Spec(t *testing.T) {
	if testing.Short() {
		t.Skip("half a minute")
	}
	up := upstream(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		fmt.Fprint(w, "thirty bytes of response body\n")
	}))
	g := startH2(t, everythingTo(up))
	t.Run("cleartext", func(t *testing.T) { h2spec(t, g.addr, false) })
	t.Run("tls", func(t *testing.T) { h2spec(t, g.secure, true) })
}

// startH2 runs a gateway with two listeners that take HTTP/2: addr in the clear, secure with TLS.
func startH2(t *testing.T, conf string, env ...string) *h2gibbon {
	t.Helper()
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	plain, secure := process.Loopback(ports.Take()), process.Loopback(ports.Take())
	g := startAt(t, plain, conf, append([]string{"KONG_PROXY_LISTEN=" + plain + " http2, " + secure + " ssl http2"}, env...)...)
	if err := g.Listening(secure, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	return &h2gibbon{g, secure}
}

type h2gibbon struct {
	*gibbon
	secure string
}

func h2spec(t *testing.T, addr string, secure bool) {
	host, port, _ := net.SplitHostPort(addr)
	n, _ := strconv.Atoi(port)
	c := &config.Config{
		Host: host, Port: n, Path: "/", Timeout: 2 * time.Second, MaxHeaderLen: 4000, Strict: true, TLS: secure, Insecure: true,
	}
	passed := 0
	for _, g := range []*spec.TestGroup{generic.Spec(), http2.Spec(), hpack.Spec()} {
		g.Test(c)
		passed += g.PassedCount
		if g.FailedCount > 0 || g.SkippedCount > 0 {
			t.Errorf("%s: %d failed, %d skipped", g.Name, g.FailedCount, g.SkippedCount)
		}
		h2specFailures(t, g)
	}
	if passed != h2specCases {
		t.Errorf("%d cases passed, want %d", passed, h2specCases)
	}
}

func h2specFailures(t *testing.T, g *spec.TestGroup) {
	for _, tc := range g.Tests {
		if tc.Result != nil && tc.Result.Error != nil {
			t.Errorf("%s %s: %v", g.ID(), tc.Desc, tc.Result.Error)
		}
	}
	for _, sub := range g.Groups {
		h2specFailures(t, sub)
	}
}
