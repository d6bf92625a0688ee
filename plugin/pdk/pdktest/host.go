package pdktest

import (
	"fmt"
	"strconv"

	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Host stands in for the proxy.
type Host struct {
	// Upstreams are the names that HasUpstream knows.
	Upstreams map[string]bool
	// Variables are nginx variables, readable and writable.
	Variables map[string]string
	// BodyLimit is client_body_buffer_size; 0 = the default.
	BodyLimit int64
	// Later, if set, is called where the body is not complete yet; it calls
	// deliver when it is (nil) or has failed.
	Later func(deliver func(error))

	x        *message.Exchange
	incoming []byte
	body     *spool.Spool
	answer   []byte
}

// Resume does nothing: there is no pipeline.
func (h *Host) Resume(uint8) {}

// ReadBody implements pdk.Host.
func (h *Host) ReadBody(done func(error)) (ready bool, err error) {
	if h.Later == nil {
		return true, h.complete()
	}
	h.Later(func(err error) {
		if err == nil {
			err = h.complete()
		}
		done(err)
	})
	return false, nil
}

// Arrive makes the body complete, as if the client had sent all of it.
func (h *Host) Arrive() {
	if err := h.complete(); err != nil {
		panic(err)
	}
}

func (h *Host) complete() error {
	if h.body == nil {
		h.body = spool.New(spool.Options{MemoryLimit: h.BodyLimit})
	}
	h.body.Reset()
	return h.body.Write(h.incoming)
}

// Body implements pdk.Host.
func (h *Host) Body() *spool.Spool { return h.body }

// SetBody implements pdk.Host.
func (h *Host) SetBody(b []byte) error {
	h.incoming = append([]byte(nil), b...)
	if err := h.complete(); err != nil {
		return err
	}
	return h.x.Set(&h.x.Request, "Content-Length", strconv.Itoa(len(b)))
}

// HasUpstream implements pdk.Host.
func (h *Host) HasUpstream(name string) bool { return h.Upstreams[name] }

// UpstreamBody implements pdk.Host.
func (h *Host) UpstreamBody() *spool.Spool {
	s := spool.New(spool.Options{MemoryLimit: -1})
	if err := s.Write(h.answer); err != nil {
		panic(err)
	}
	return s
}

// Variable implements pdk.Host.
func (h *Host) Variable(dst []byte, name string) ([]byte, bool) {
	v, ok := h.Variables[name]
	return append(dst, v...), ok
}

// SetVariable implements pdk.Host.
func (h *Host) SetVariable(name, value string) error {
	if _, ok := h.Variables[name]; !ok {
		return fmt.Errorf("variable %q not found for writing", name)
	}
	h.Variables[name] = value
	return nil
}
