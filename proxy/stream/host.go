package stream

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/vars"
)

var _ pdk.Host = (*session)(nil)

// errNoRequest refuses what only HTTP has.
var errNoRequest = errors.New("an L4 session has no request body")

// ReadBody implements pdk.Host.
func (s *session) ReadBody(func(error)) (bool, error) { return false, errNoRequest }

// Body implements pdk.Host.
func (s *session) Body() *spool.Spool { return nil }

// SetBody implements pdk.Host.
func (s *session) SetBody([]byte) error { return errNoRequest }

// HasUpstream implements pdk.Host.
func (s *session) HasUpstream(name string) bool {
	_, ok := s.snap.Upstreams[name]
	return ok
}

// UpstreamBody implements pdk.Host.
func (s *session) UpstreamBody() *spool.Spool { return nil }

// Variable implements pdk.Host.
func (s *session) Variable(dst []byte, name string) ([]byte, bool) {
	return vars.Get(dst, &s.plug.k, name)
}

// SetVariable implements pdk.Host.
func (s *session) SetVariable(name, value string) error { return vars.Set(&s.plug.k, name, value) }
