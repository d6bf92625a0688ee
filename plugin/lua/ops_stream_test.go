package lua

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// scripted is a client whose bytes come in pieces; its buffer holds 8 of them.
type scripted struct {
	in     string
	pieces []string
	end    error
	taken  int
}

func (s *scripted) Buffered() []byte    { return []byte(s.in) }
func (s *scripted) Take(n int)          { s.in = s.in[n:]; s.taken += n }
func (s *scripted) Send(p []byte) error { return nil }
func (s *scripted) Await(_ time.Duration, done func(error)) {
	switch {
	case len(s.in) >= 8:
		done(pdk.ErrStreamFull)
	case len(s.pieces) > 0:
		s.in, s.pieces = s.in+s.pieces[0], s.pieces[1:]
		done(nil)
	default:
		done(s.end)
	}
}

func TestStreamReceive(t *testing.T) {
	pieces := []string{"one\r", "\ntwo", "--", "three", "-", "-four--five"}
	tests := map[string]struct {
		kind, pattern string
		n             int
		inclusive     bool
		end           error
		want          []any
		left          string
	}{
		"a line":             {kind: "line", want: []any{"one"}, left: "two"},
		"a count":            {kind: "count", n: 6, want: []any{"one\r\nt"}, left: "wo"},
		"more than buffered": {kind: "count", n: 15, want: []any{"one\r\ntwo--three"}, left: ""},
		"any":                {kind: "any", n: 100, want: []any{"one\r"}, left: ""},
		"any, at most":       {kind: "any", n: 2, want: []any{"on"}, left: "e\r"},
		"until":              {kind: "until", pattern: "--", want: []any{"one\r\ntwo"}, left: ""},
		"until, inclusive":   {kind: "until", pattern: "e--f", inclusive: true, want: []any{"one\r\ntwo--three--f"}, left: "our--five"},
		"all":                {kind: "all", end: io.EOF, want: []any{strings.Join(pieces, "")}, left: ""},
		"all, broken":        {kind: "all", end: errors.New("broken"), want: []any{nil, "broken", strings.Join(pieces, "")}, left: ""},
		"too few":            {kind: "count", n: 100, end: pdk.ErrStreamTimeout, want: []any{nil, "timeout", strings.Join(pieces, "")}, left: ""},
	}
	for name, tc := range tests {
		t.Run(name, func(t *testing.T) {
			client := &scripted{pieces: slices.Clone(pieces), end: tc.end}
			k := &pdk.Kong{Stream: &pdk.Stream{Client: client}, Phase: phase.Preread}
			c := &Call{vm: &VM{}, run: &run{kong: k, phase: phase.Preread}}
			var args []byte
			for _, v := range []any{tc.kind, tc.n, tc.pattern, tc.inclusive, 100} {
				args = luajit.AppendValue(args, v)
			}
			c.args.Set(args)
			streamReceive(c, k)
			got, ok := luajit.DecodeValues(c.results)
			if !ok || !slices.Equal(got, tc.want) || client.in != tc.left {
				t.Errorf("got %q, %q is left; want %q and %q", got, client.in, tc.want, tc.left)
			}
		})
	}
}

func TestStreamDisableTLS(t *testing.T) {
	s := newStage(t, Options{Stream: true})
	p := s.plugin("p", `function P:preread() say(kong.service.request.disable_tls()) end
		function P:log() say(pcall(kong.service.request.disable_tls)) end`)
	all := s.start(p)
	s.lines()
	k, _ := s.request()
	k.Stream = &pdk.Stream{Protocol: "TCP"}
	for _, ph := range []phase.Phase{phase.Preread, phase.Log} {
		k.Phase, k.X.Phase = ph, uint32(ph)
		s.rt.Run(k, ph, all)
	}
	if !k.Balance.NoTLS {
		t.Error("TLS is not off")
	}
	got := s.lines()
	if !strings.Contains(got, " true,") || !strings.Contains(got, "function cannot be called in log phase (only in: balancer, preread)") {
		t.Error(got)
	}
	s.end(k)
}
