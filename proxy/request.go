package proxy

import (
	"encoding/binary"
	"net/netip"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/balancer"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy/pipeline"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// request is one exchange on its way: the state of serve.go's steps.
//
// What most steps touch stands together at the front: after a wait the memory
// of a request is cold, and each line of it costs a cache miss.
type request struct {
	message.Exchange
	w    *Worker
	step step
	// running: serve is on the stack, so that Resume must not enter it again.
	running bool
	// suspended: a job or a runtime has the exchange.
	suspended bool
	// gone: the client is gone; a job that has the exchange is waited for.
	gone bool
	// keep: the client's connection goes on after this request.
	keep bool
	// head: the request is HEAD, whatever a plugin makes of the method.
	head bool
	// ended: log has run or must not run any more.
	ended bool
	// client is the way to the client; h1 the same where it is an HTTP/1.1 connection, else nil.
	client clientSide
	h1     *clientConn
	up     upstreamSide
	// socket is the connection of a ws or wss service, nil for any other.
	socket *webSocket
	out    response
	run    pipeline.Run
	// debug are the request's times where its client asked for them, else nil.
	debug *requestDebug

	snap  *snapshot.Snapshot
	dest  *snapshot.Destination
	route router.Match
	// target is set from balance on.
	target *target
	body   requestBody
	said   clientSaid
	taken  taken
	k      pdk.Kong
	// grace limits how long a gRPC response is collected; made for the first.
	grace *loop.Timer
	// onCollected goes on when the body is complete; made once per pooled request.
	onCollected func(error)
}

// target is where the request goes and what has been tried.
type target struct {
	tries    balancer.Tries
	balancer *balancer.Balancer
	peer     *balancer.Peer
	addr     netip.AddrPort
	ip       string // of ipOf
	ipOf     netip.AddrPort
	hostPort string
	sni      string
	tried    int // connections begun
	left     int // further tries
	// uncounted tries were lost to connections that went away.
	uncounted int
	connect   int64
	write     int64
	read      int64
}

// reset makes t ready for another request; it keeps the memory of tries.
func (t *target) reset() {
	t.tries.Reset()
	t.balancer, t.peer = nil, nil
	t.hostPort, t.sni = "", ""
	t.addr = netip.AddrPort{}
	t.tried, t.left, t.uncounted, t.connect, t.write, t.read = 0, 0, 0, 0, 0, 0
}

// begin makes the request of the head that w.head holds; b is what it was
// parsed from.
func (w *Worker) begin(c *clientConn, b []byte) (*request, error) {
	r, err := w.takeFor(c)
	if err != nil {
		return nil, err
	}
	h := &w.head
	base, err := h.Adopt(b, r.Shared, &r.Request)
	if err != nil {
		w.drop(r)
		return nil, err
	}
	at := func(v message.Str) message.Str { return message.Str{Off: v.Off + base, Len: v.Len} }
	r.Method, r.Target = at(h.Method), at(h.Target)
	r.HTTPMajor, r.HTTPMinor = uint16(h.Major), uint16(h.Minor)
	r.RequestLength = uint64(h.Len)
	r.RequestBody, r.RequestBodyLength = h.Body, h.Length
	r.keep = h.KeepAlive
	r.head = r.View(r.Method) == "HEAD"
	if r.head {
		r.Bits |= message.BitHeadRequest
	}
	if f := r.FindID(&r.Request, message.HeaderUpgrade); f != nil && strings.EqualFold(r.View(f.Value), "websocket") {
		r.Bits |= message.BitUpgrade
	}
	if h.Expect100 {
		r.body.expect = true
	}
	r.body.begin(h.Body, h.Length)
	if n := w.srv.Options.KeepaliveRequests; n > 0 && c.flow.Requests >= n {
		r.keep = false
	}
	if w.srv.Options.KeepaliveTimeout == 0 || w.srv.draining.Load() {
		r.keep = false
	}
	return r, nil
}

// takeFor is take for an HTTP/1.1 connection.
func (w *Worker) takeFor(c *clientConn) (*request, error) {
	r, err := w.take(c, &c.flow)
	if err == nil {
		c.req, r.h1 = r, c
	}
	return r, err
}

// take gets a request of client ready, without a head; f is of its connection.
func (w *Worker) take(client clientSide, f *message.Flow) (*request, error) {
	r, fresh := take(&w.free)
	if fresh {
		r.w = w
		r.onCollected = func(err error) {
			if err != nil {
				r.collectFailed(err)
			}
			r.resume()
		}
	}
	if err := r.Begin(&w.pool); err != nil {
		return nil, err
	}
	s := w.srv
	s.Total.Add(1)
	f.Requests++
	r.client, r.Flow = client, f
	r.snap = s.Snapshot()
	r.k.Reset(s.Gateway, w.Worker, &r.Exchange, r)
	r.run.Begin(r.snap.Global)
	now := w.Loop.Now()
	r.Times.Start = now
	wall := w.Loop.Wall()
	r.StartWall = time.Unix(0, wall)
	r.StartTime = float64(wall/1e6) / 1e3
	r.ConnectionSerial, r.ConnectionRequests = f.Serial, f.Requests
	r.identify(f)
	return r, nil
}

// identify fills in addresses, scheme and the request id.
func (r *request) identify(f *message.Flow) {
	room, _ := r.Room(32)
	for i := 0; i < 32; i += 16 {
		v := r.w.random.Uint64()
		binary.LittleEndian.PutUint64(room[i:], hexDigits(uint32(v)))
		binary.LittleEndian.PutUint64(room[i+8:], hexDigits(uint32(v>>32)))
	}
	r.RequestID = r.Take(32)
	r.RealRemoteAddr, r.ServerAddr, r.Scheme = f.Identify(r.Shared)
	r.RealRemotePort = f.Peer.Port()
	r.RemoteAddr, r.RemotePort = r.RealRemoteAddr, r.RealRemotePort
	r.ServerPort = f.Local.Port()
	r.VisiblePort = uint32(r.w.srv.visiblePort(r.ServerPort))
}

// hexDigits are eight lower-case hexadecimal digits of v, as bytes of a word.
func hexDigits(v uint32) uint64 {
	x := uint64(v)
	x = (x | x<<16) & 0x0000ffff0000ffff
	x = (x | x<<8) & 0x00ff00ff00ff00ff
	x = (x | x<<4) & 0x0f0f0f0f0f0f0f0f
	letters := (x + 6*0x0101010101010101) >> 4 & 0x0101010101010101
	return x + '0'*0x0101010101010101 + letters*('a'-'0'-10)
}

// release gives everything of r back, at the very end.
func (w *Worker) release(r *request) {
	r.run.End(&r.k)
	for _, s := range [...]*spool.Spool{r.body.spool, r.out.spool} {
		if s != nil {
			s.Init(spool.Options{})
			w.spools = append(w.spools, s)
		}
	}
	r.body.reset()
	r.out = response{}
	r.graceOver()
	r.taken = taken{}
	if t := r.target; t != nil {
		t.reset()
		w.targets = append(w.targets, t)
		r.target = nil
	}
	r.End()
	r.client, r.h1, r.up, r.dest, r.snap = nil, nil, nil, nil, nil
	r.socket, r.debug = nil, nil
	r.route.Entry = nil
	r.step, r.running, r.keep, r.head, r.ended, r.gone, r.suspended = 0, false, false, false, false, false, false
	w.free = append(w.free, r)
}

// take gives the last of a list of spare ones, or a fresh one. A request that
// has got no further than its plugins does without what is kept there.
func take[T any](spare *[]*T) (t *T, fresh bool) {
	s := *spare
	if len(s) == 0 {
		return new(T), true
	}
	t = s[len(s)-1]
	*spare = s[:len(s)-1]
	return t, false
}

// drop is release for a request that never ran.
func (w *Worker) drop(r *request) {
	r.client.part()
	w.release(r)
}

// requestBody is the client's side of the request body.
type requestBody struct {
	dec http1.Decoder
	// spool holds what was collected; complete when done. Nil before bodySpool.
	spool    *spool.Spool
	mode     bodyMode
	done     bool
	expect   bool // the client waits for 100 Continue
	replaced bool // a plugin set another body
	read     bool // spooled: spool is the whole body
	waiting  func(error)
	err      error // of the last collection
	received int64
	trailer  message.Head // see request.requestTrailer
}

type bodyMode uint8

const (
	bodyPaused  bodyMode = iota // nobody wants it yet
	bodyCollect                 // into the spool
	bodyStream                  // to the upstream as it comes
	bodyDiscard                 // nobody wants it any more
)

func (b *requestBody) begin(kind message.BodyKind, length int64) {
	b.dec.Begin(kind, length)
	b.done = b.dec.Done()
}

func (b *requestBody) reset() {
	b.mode, b.done, b.expect, b.replaced, b.read, b.waiting, b.err, b.received, b.spool = 0, false, false, false, false, nil, nil, 0, nil
	b.trailer = message.Head{}
}
