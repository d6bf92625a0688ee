package lua

import (
	"testing"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// typical is a common access handler: it reads two headers, method and path,
// makes a key of them, sets a header for the service and keeps a value.
const typical = `
local fmt, match = string.format, string.match
function P:access(conf)
	local auth = kong.request.get_header("authorization")
	local id = kong.request.get_header("x-consumer-id")
	local m, path = kong.request.get_method(), kong.request.get_path()
	local key = fmt("%s:%s", m, (id or "anon") .. "|" .. path)
	local version = match(path, "^/v(%d+)/")
	kong.service.request.set_header("X-Key", key)
	kong.ctx.plugin.key = key
	if not auth or not version then return end
end
function P:header_filter(conf) kong.response.set_header("X-Plugin", conf.tag) end
function P:log(conf) local key = kong.ctx.plugin.key end`

// fill makes k a request with twenty fields.
func (s *stage) fill(k *pdk.Kong) {
	x := k.X
	put := func(v string) message.Str {
		p, err := x.PutString(v)
		if err != nil {
			s.t.Fatal(err)
		}
		return p
	}
	x.Method, x.Target, x.URI, x.Scheme, x.Host = put("GET"), put("/v1/users/42"), put("/v1/users/42"), put("http"), put("example.test")
	for _, n := range "abcdefghijklmnopqr" {
		if err := x.Add(&x.Request, "X-Some-Header-"+string(n), "some value of a plausible length"); err != nil {
			s.t.Fatal(err)
		}
	}
	_ = x.Add(&x.Request, "Authorization", "Bearer abcdef0123456789")
	_ = x.Add(&x.Request, "X-Consumer-Id", "c0ffee-1234")
}

// BenchmarkTypicalRequest is what one typical plugin costs a request: access,
// header_filter, log and the release of its tables.
func BenchmarkTypicalRequest(b *testing.B) {
	s := newStage(b, Options{})
	all := s.start(s.plugin("typical", typical))
	k, _ := s.request()
	s.fill(k)
	before, request, response := k.X.Used, k.X.Request, k.X.Response
	b.ReportAllocs()
	for b.Loop() {
		k.X.Used, k.X.Request, k.X.Response = before, request, response
		s.serve(b, k, all)
	}
}

// serve takes a request through the phases that the benchmarks' plugins have.
func (s *stage) serve(b *testing.B, k *pdk.Kong, all []*plugin.Bound) {
	for _, ph := range [...]phase.Phase{phase.Access, phase.HeaderFilter, phase.Log} {
		k.Phase = ph
		if s.rt.Run(k, ph, all) != plugin.Continue {
			b.Fatal(s.lines())
		}
	}
	s.rt.Release(k)
}

func BenchmarkTypicalAccess(b *testing.B) {
	s := newStage(b, Options{})
	all := s.start(s.plugin("typical", typical))
	k, _ := s.request()
	s.fill(k)
	before, request := k.X.Used, k.X.Request
	k.Phase = phase.Access
	b.ReportAllocs()
	for b.Loop() {
		k.X.Used, k.X.Request = before, request
		if s.rt.Run(k, phase.Access, all) != plugin.Continue {
			b.Fatal(s.lines())
		}
	}
}
