package lua

import (
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// Plugins of old times read the times of the phases in ngx.ctx, and steer the
// request by what they write into ngx.ctx.balancer_data.
func TestContextFields(t *testing.T) {
	s := newStage(t, Options{})
	p := s.plugin("p", `
		function P:access()
			local b = ngx.ctx.balancer_data
			say("before", b.type, b.host, b.port, b.retries, b.connect_timeout, b.send_timeout, b.read_timeout, b.hostname, ngx.ctx.KONG_ACCESS_START ~= nil, ngx.ctx.KONG_ACCESS_TIME, ngx.ctx.KONG_WAITING_TIME)
			b.host, b.port, b.retries, b.read_timeout, b.mine = "10.0.0.9", 8443, 1, 7, "kept"
			b.host = "other.test"
			local n = 0
			for _ in pairs(b) do n = n + 1 end
			local c = ngx.ctx.balancer_data
			say("after", c.type, c.host, c.port, c.retries, c.read_timeout, b.mine, n > 8)
			say("refused", pcall(function() c.port = "x" end))
		end
		function P:log()
			local b, c = ngx.ctx.balancer_data, ngx.ctx
			b.host = "too.late"
			say("end", b.hostname, b.ip, b.port, b.try_count, #b.tries, c.KONG_ACCESS_TIME, c.KONG_WAITING_TIME, c.KONG_PROXY_LATENCY, c.KONG_RECEIVE_TIME, c.KONG_RESPONSE_LATENCY, c.KONG_ACCESS_ENDED_AT)
		end`)
	all := s.start(p)
	s.lines()
	k, _ := s.request()
	k.Router.Service = &entity.Service{Host: "one.test", Port: 80, Retries: 5, ConnectTimeout: 10, WriteTimeout: 20, ReadTimeout: 30}
	k.Balance = pdk.Balance{Retries: -1, ConnectTimeout: -1, WriteTimeout: -1, ReadTimeout: -1}
	const ms = int64(time.Millisecond)
	times := &k.X.Times
	times.Start, times.Access = ms, 3*ms
	k.X.StartWall = time.UnixMilli(1000)
	k.Phase, k.X.Phase = phase.Access, uint32(phase.Access)
	s.rt.Run(k, phase.Access, all)
	if b := k.Balance; b.Host != "other.test" || b.Port != 8443 || b.Retries != 1 || b.ReadTimeout != 7 {
		t.Errorf("balance: %+v", b)
	}
	times.AccessEnd, times.BalancerStart, times.BalancerEnd, times.UpstreamHead, times.UpstreamEnd = 8*ms, 8*ms, 9*ms, 29*ms, 32*ms
	k.Tries = append(k.Tries, pdk.Try{IP: "10.1.1.1", Port: 8443})
	k.Phase, k.X.Phase = phase.Log, uint32(phase.Log)
	s.rt.Run(k, phase.Log, all)
	got := s.lines()
	for _, want := range []string{
		"before name one.test 80 5 10 20 30 nil true nil nil",
		"after name other.test 8443 1 7 kept true",
		"refused false",
		"end other.test 10.1.1.1 8443 1 1 5 20 7 3 nil 1007",
	} {
		if !strings.Contains(strings.ReplaceAll(got, "\t", " "), want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if k.Balance.Host != "other.test" {
		t.Errorf("what is written after the request steers: %+v", k.Balance)
	}
	s.end(k)
}

// Plugins of old times set the consumer and the credential in ngx.ctx, in
// place of kong.client.authenticate.
func TestContextSaysWhoItIs(t *testing.T) {
	s := newStage(t, Options{})
	p := s.plugin("p", `
		function P:access()
			local c = kong.client
			ngx.ctx.authenticated_credential = { id = "key" }
			say("credential", c.get_consumer(), c.get_credential().id)
			ngx.ctx.authenticated_consumer = { id = "1", username = "ann" }
			say("both", c.get_consumer().username, c.get_credential().id, ngx.ctx.authenticated_consumer.username, rawget(ngx.ctx, "authenticated_consumer"))
			ngx.ctx.authenticated_credential = nil
			say("consumer", c.get_consumer().username, c.get_credential())
			ngx.ctx.authenticated_consumer = "text"
			say("text", c.get_consumer().username, ngx.ctx.authenticated_consumer)
			ngx.ctx.other = 1
			say("other", rawget(ngx.ctx, "other"))
			rawset(ngx.ctx, "authenticated_consumer", nil)
			ngx.ctx.authenticated_consumer = nil
			say("nobody", c.get_consumer(), c.get_credential())
			ngx.ctx.authenticated_consumer = { username = "bob" }
			ngx.ctx.authenticated_consumer.more = true
			ngx.ctx.authenticated_consumer.id = "2"
		end`)
	all := s.start(p)
	s.lines()
	k, _ := s.request()
	k.Phase, k.X.Phase = phase.Access, uint32(phase.Access)
	s.rt.Run(k, phase.Access, all)
	got := strings.ReplaceAll(s.lines(), "\t", " ")
	for _, want := range []string{"credential nil key", "both ann key ann nil", "consumer ann nil", "text ann text", "other 1", "nobody nil nil"} {
		if !strings.Contains(got, want) {
			t.Errorf("no %q in\n%s", want, got)
		}
	}
	if c := k.Client.Consumer(); c["username"] != "bob" || c["id"] != "2" || c["more"] != true {
		t.Errorf("the gateway has the consumer %v", c)
	}
}
