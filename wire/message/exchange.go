package message

import "time"

// BodyKind is how a message's body is delimited on the wire.
type BodyKind uint8

// The kinds of body.
const (
	// BodyNone: the message has no body.
	BodyNone BodyKind = iota
	// BodyLength: Content-Length bytes.
	BodyLength
	// BodyChunked: chunked coding, decoded before anybody sees it.
	BodyChunked
	// BodyUntilClose: a response that ends with its connection.
	BodyUntilClose
	// BodyFramed: the protocol delimits it (HTTP/2, HTTP/3).
	BodyFramed
)

// Times of one exchange, in nanoseconds of the loop's monotonic clock; 0 = not reached.
type Times struct {
	Start, HeadRead, Rewrite, Access, AccessEnd int64
	BalancerStart, BalancerEnd                  int64
	ConnectStart, Connected                     int64
	UpstreamSent, UpstreamHead, UpstreamEnd     int64
	HeaderFilter, End                           int64
}

// Exchange is one request and its response passing through. It is pooled per
// worker and has one owner at a time: the worker's loop, or the job that the
// loop handed it to.
type Exchange struct {
	*Shared
	Flow *Flow
	// Times of this exchange; StartWall is the wall clock at Times.Start.
	Times     Times
	StartWall time.Time

	// RequestBody and its length (BodyLength only, else -1 or 0) as received.
	RequestBody       BodyKind
	RequestBodyLength int64
	// ResponseBody and its length as the upstream (or an exit) gave them.
	ResponseBody       BodyKind
	ResponseBodyLength int64

	// ClientGone: the client closed or reset while the exchange ran.
	ClientGone bool

	pool *Pool
}

// Begin gives x a fresh region from p.
func (x *Exchange) Begin(p *Pool) error {
	s, err := p.get()
	if err != nil {
		return err
	}
	*x = Exchange{Shared: s, pool: p}
	return nil
}

// End gives the region back; nothing that points into it may be used after.
func (x *Exchange) End() {
	if x.Shared != nil {
		x.pool.put(x.Shared)
		x.Shared = nil
	}
}
