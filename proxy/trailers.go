package proxy

import (
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Trailers pass wherever one of the two sides speaks HTTP/2: those of a
// response to clients of HTTP/2, and to those of HTTP/1.1 that say TE: trailers;
// those of a request to upstreams of HTTP/2, and in chunked bodies. From HTTP/1.1 to
// HTTP/1.1 they are dropped, as recorded. A body that is sent with its length over HTTP/1.1 has none.

// maxTrailers bounds the fields of a trailer section of HTTP/1.1 that pass.
const maxTrailers = 100

// forbiddenTrailers are the fields that a trailer section may not have.
var forbiddenTrailers = func() (skip [256]bool) {
	for id := range skip {
		skip[id] = http1.TrailerForbidden(message.KnownHeader(id))
	}
	return skip
}()

// takesTrailers says whether the client asks for trailers.
func (r *request) takesTrailers() bool {
	te := r.FindID(&r.Request, message.HeaderTE)
	return te != nil && te.Flags&message.FieldHop == 0
}

// adoptTrailer takes the trailers of an HTTP/1.1 upstream's response for a
// client of HTTP/2.
func (r *request) adoptTrailer(u *upstreamConn) error {
	if r.HTTPMajor < 2 || r.Trailer.N > 0 {
		return nil
	}
	return http1.AdoptTrailer(u.dec.Trailer, r.Shared, &r.Trailer, maxTrailers)
}

// requestTrailer is the trailer section of the request, once its body has
// come, nil without one; h2: where it goes takes that of any client.
func (r *request) requestTrailer(h2 bool) *message.Head {
	t := &r.body.trailer
	switch {
	case t.N > 0:
		return t
	case r.body.replaced: // they were of another body
		return nil
	}
	if st, ok := r.client.(*h2Stream); ok {
		if st.s == nil || st.s.Trailer() == nil {
			return nil
		}
		if _, err := st.s.Trailer().Adopt(r.Shared, t); err != nil {
			return nil
		}
	} else if h2 {
		_ = http1.AdoptTrailer(r.body.dec.Trailer, r.Shared, t, maxTrailers) // without room they are dropped
	}
	if t.N == 0 {
		return nil
	}
	return t
}

// trailer is the request's trailers, to come or to be sent behind its body; nil: none.
func (c *h2Call) trailer() *message.Head {
	if !c.ended || !c.r.body.done {
		return nil
	}
	return c.r.requestTrailer(true)
}

// sendTrailer ends the request with its trailers, once all before was taken.
func (c *h2Call) sendTrailer(t *message.Head) {
	if len(c.rest) > 0 || c.s.Dead() {
		return
	}
	w := c.s.Begin()
	w.Table(c.r.Shared, t, &forbiddenTrailers)
	_ = w.Send(true) // else Reset comes
}
