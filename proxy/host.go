package proxy

import (
	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/vars"
)

var _ pdk.Host = (*request)(nil)

// HasUpstream implements pdk.Host.
func (r *request) HasUpstream(name string) bool {
	_, ok := r.snap.Upstreams[name]
	return ok
}

// UpstreamBody implements pdk.Host.
func (r *request) UpstreamBody() *spool.Spool {
	if !r.out.buffered {
		return nil
	}
	return r.out.spool
}

// Variable implements pdk.Host.
func (r *request) Variable(dst []byte, name string) ([]byte, bool) { return vars.Get(dst, &r.k, name) }

// SetVariable implements pdk.Host.
func (r *request) SetVariable(name, value string) error { return vars.Set(&r.k, name, value) }

func (u *upstreamConn) shutdownWrite() error { return u.Shutdown() }

// logRequest writes a line about r to the error log.
func (s *Server) logRequest(r *request, plugin, text string) {
	s.Log.Errorf("%s: %s", plugin, text)
}
