package lua

import (
	"fmt"
	"math"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/plugin"
)

// typicalTen is test/bench's typical plugin.
const typicalTen = `
function P:access(conf)
	local agent = kong.request.get_header("User-Agent")
	local tenant = kong.request.get_header("X-Tenant") or conf.tag
	kong.ctx.plugin.tenant = tenant
	kong.service.request.set_header("X-Upstream-Tenant", agent and tenant .. "-agent" or tenant)
end
function P:header_filter(conf) kong.response.set_header("X-Tenant", kong.ctx.plugin.tenant) end
function P:log(conf) kong.ctx.plugin.status = kong.response.get_status() end`

// BenchmarkTenPlugins is what ten plugins cost a request: test/bench's typical
// one, and parts of it to see where the time goes.
func BenchmarkTenPlugins(b *testing.B) {
	phases := func(access string) string {
		return "function P:access(conf) " + access + " end function P:header_filter(conf) end function P:log(conf) end"
	}
	for _, c := range []struct{ name, body string }{
		{"typical", typicalTen},
		{"nojit", "jit.off()" + typicalTen},
		{"nojit_empty", "jit.off()" + phases("")},
		{"empty", phases("")},
		{"get_header", phases(`local a = kong.request.get_header("User-Agent")`)},
		{"get_missing", phases(`local a = kong.request.get_header("X-Tenant")`)},
		{"ctx", phases(`kong.ctx.plugin.tenant = conf`)},
		{"concat", phases(`local a = conf.tag .. "-agent"`)},
		{"set_upstream", phases(`kong.service.request.set_header("X-Upstream-Tenant", "a-agent")`)},
		{"set_response", "function P:header_filter(conf) kong.response.set_header('X-Tenant', conf.tag) end function P:access(conf) end function P:log(conf) end"},
		{"get_status", "function P:log(conf) local s = kong.response.get_status() end function P:access(conf) end function P:header_filter(conf) end"},
		{"none", "function P:access(conf) end"},
	} {
		b.Run(c.name, func(b *testing.B) { benchmarkTen(b, c.body) })
	}
}

func benchmarkTen(b *testing.B, body string) {
	s := newStage(b, Options{})
	var plugins []*plugin.Plugin
	for i := range 10 {
		plugins = append(plugins, s.plugin(fmt.Sprintf("ten-%d", i), body))
	}
	all := s.start(plugins...)
	k, _ := s.request()
	for _, f := range [][2]string{{"Host", "127.0.0.1:8000"}, {"User-Agent", "wrk"}} {
		if err := k.X.Add(&k.X.Request, f[0], f[1]); err != nil {
			b.Fatal(err)
		}
	}
	for _, f := range [][2]string{{"Server", "nginx"}, {"Content-Type", "text/plain"}, {"Content-Length", "100"}, {"Connection", "keep-alive"}} {
		if err := k.X.Add(&k.X.Response, f[0], f[1]); err != nil {
			b.Fatal(err)
		}
	}
	before, request, response := k.X.Used, k.X.Request, k.X.Response
	const window = 2000
	least, began, n := int64(math.MaxInt64), cpuTime(b), 0
	b.ReportAllocs()
	for b.Loop() {
		if n++; n%window == 0 {
			now := cpuTime(b)
			least, began = min(least, now-began), now
		}
		k.X.Used, k.X.Request, k.X.Response = before, request, response
		s.serve(b, k, all)
	}
	b.ReportMetric(float64(least)/window, "cpu-ns/op")
}

// cpuTime is the processor time of the process, in nanoseconds: on a machine
// that does other things too the least of some windows says more than the clock.
func cpuTime(b *testing.B) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(unix.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}
