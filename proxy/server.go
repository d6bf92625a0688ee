package proxy

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Options are the data plane's settings. Times are nanoseconds, sizes bytes.
type Options struct {
	// RequestHead and ResponseHead bound the heads of clients and upstreams.
	RequestHead, ResponseHead http1.Limits
	// MaxBody bounds request bodies, 0 = not. BodyBuffer is what stays in memory.
	MaxBody, BodyBuffer int64
	// MaxCollected bounds responses that are buffered for plugins, 0 = not.
	MaxCollected int64
	// SpoolDir is where bodies go that do not stay in memory; "" = the system's folder for temporary files.
	SpoolDir string
	// HeaderTimeout, BodyTimeout, SendTimeout and KeepaliveTimeout are the client's; without a
	// KeepaliveTimeout connections end with their first answer.
	HeaderTimeout, BodyTimeout, SendTimeout, KeepaliveTimeout int64
	// KeepaliveRequests is how many requests a client connection may carry.
	KeepaliveRequests uint64
	// MaxConnections of one worker; further ones are closed at once. 0 = no limit.
	MaxConnections int
	// PoolSize, PoolRequests and PoolIdle bound idle upstream connections.
	PoolSize, PoolRequests int
	PoolIdle               int64
	// UpstreamHTTP2 offers HTTP/2 to https services.
	UpstreamHTTP2 bool
	// Trusted peers may say who the client is.
	Trusted []netip.Prefix
	// TrustedUnix has peers on unix sockets trusted.
	TrustedUnix bool
	// RealIPHeader (lower case) names the client; RealIPRecursive walks it back.
	RealIPHeader    string
	RealIPRecursive bool
	// PortMaps gives the port that clients see for a listener's.
	PortMaps map[uint16]uint16
	// Headers that the gateway adds.
	Headers HeaderSet
	// Token is the Server and Via token, "gibbon/VERSION".
	Token string
	// Charset is added to textual types without one, "" = never.
	Charset string
	// DefaultType is the Content-Type of a response that has none and a body, "" = none.
	DefaultType string
	// ClientCertificates says whether TLS clients must show one.
	ClientCertificates ClientCertificates
	// AllowDebugHeader lets Kong-Debug: 1 ask which route and service matched.
	AllowDebugHeader bool
	// AddHeader is a field of responses (nginx's add_header).
	AddHeader AddHeader
}

// AddHeader is a field that is added to responses after all plugins; no Name is
// none. Without Always, only to those of the statuses that nginx lists.
type AddHeader struct {
	Name, Value string
	Always      bool
}

// HeaderSet says which headers the gateway adds (settings headers, headers_upstream).
type HeaderSet struct {
	Server, Via                                    bool
	ProxyLatency, UpstreamLatency, ResponseLatency bool
	UpstreamStatus, RequestID, UpstreamRequestID   bool
}

// Server is the data plane of the process: what all its workers share.
type Server struct {
	Options Options
	Gateway *pdk.Gateway
	Log     *log.Logger
	Access  AccessLog
	// ErrorPages renders the gateway's own errors; Resolver finds hosts that plugins name.
	ErrorPages ErrorPages
	Resolver   *dns.Resolver
	// Dial, if set, gives connections to upstreams in place of connect(2): a connected, non-blocking
	// stream socket, which the worker owns from then on. It may not block. plugintest sets it.
	Dial func(addr netip.AddrPort) (fd int, err error)

	viaResponse, viaH2 string
	// charset is what a textual type without one gets appended, "" for nothing.
	charset    string
	snapshot   atomic.Pointer[snapshot.Snapshot]
	draining   atomic.Bool
	serial     atomic.Uint64
	debugToken atomic.Pointer[string] // nil = no request debugging
	// Active counts client connections, Waiting the idle ones among them.
	Active, Accepted, Handled, Total atomic.Int64
}

// ErrorPages are the templates of error answers and the form that is used
// when the request asks for none (setting error_default_type).
type ErrorPages struct {
	Templates *errorpage.Templates
	Default   errorpage.Kind
}

// AccessLog writes one line per finished request; nil = none.
type AccessLog interface {
	// Write is called on the loop after the log phase; it must not block.
	Write(k *pdk.Kong)
}

// Snapshot is the current one.
func (s *Server) Snapshot() *snapshot.Snapshot { return s.snapshot.Load() }

// Swap makes next the snapshot of all requests that begin from now on.
func (s *Server) Swap(next *snapshot.Snapshot) { s.snapshot.Store(next) }

// Drain ends keep-alive: every connection closes after its current request.
func (s *Server) Drain() { s.draining.Store(true) }

// Worker is the data plane's part of one worker.
type Worker struct {
	*worker.Worker
	srv  *Server
	pool message.Pool
	// What requests give back when they are over: themselves, and what not all of them need.
	free    []*request
	targets []*target
	spools  []*spool.Spool
	head    http1.Head
	upHead  http1.Head
	pools   map[poolKey]*upstreamPool
	conns   map[*clientConn]struct{}
	// sockets are the open WebSockets of ws and wss services.
	sockets   map[closable]struct{}
	acceptors []*acceptor
	// handshakes counts accepted connections that are not in conns yet.
	handshakes int
	random     rand.ChaCha8
	date       dateCache
	skip       skipSets
	h2         h2Settings
	texts      map[netip.Addr]string
	// router is what the router is asked, captures scratch for a route's groups.
	router   router.Request
	captures []router.Capture
	// host was the last one that a request asked for.
	host checkedHost
	// lastPool is the pool that was used last: mostly it is the one that is wanted next.
	lastPool *upstreamPool
}

// maxTexts bounds the memory of rendered addresses.
const maxTexts = 4096

// text is an address as text; upstreams are few, so it is remembered.
func (w *Worker) text(a netip.Addr) string {
	s, ok := w.texts[a]
	if !ok {
		if len(w.texts) >= maxTexts {
			clear(w.texts)
		}
		s = a.Unmap().String()
		w.texts[a] = s
	}
	return s
}

// Attach makes w's part of the data plane. Call it on w's loop, or before it runs.
func (s *Server) Attach(w *worker.Worker) *Worker {
	p := &Worker{Worker: w, srv: s, pools: map[poolKey]*upstreamPool{}, conns: map[*clientConn]struct{}{},
		sockets: map[closable]struct{}{}, texts: map[netip.Addr]string{}}
	var seed [32]byte
	for i := range seed {
		seed[i] = byte(rand.Uint32())
	}
	p.random = *rand.NewChaCha8(seed)
	p.skip.init(&s.Options.Headers)
	p.initH2()
	s.viaResponse, s.viaH2 = "1.1 "+s.Options.Token, "2 "+s.Options.Token
	if cs := s.Options.Charset; cs != "" {
		s.charset = "; charset=" + cs
	}
	w.Set(worker.SlotProxy, p)
	return p
}

// Of is the data plane's part of w, nil if there is none.
func Of(w *worker.Worker) *Worker {
	p, _ := w.Get(worker.SlotProxy).(*Worker)
	return p
}

// Close drops every connection of the worker; WebSockets are told as far as that needs no waiting. Loop only.
func (w *Worker) Close() {
	w.closeSockets()
	for c := range w.conns {
		c.abort()
	}
	for _, p := range w.pools {
		p.closeAll()
	}
	for _, p := range w.h2.pools {
		p.closeAll()
	}
}

// CloseIdle drops client connections that wait for a request, has those of
// HTTP/2 take no more of them, and ends WebSockets. Loop only.
func (w *Worker) CloseIdle() {
	for c := range w.conns {
		switch c.state {
		case clientIdle:
			c.close()
		case clientHTTP2:
			c.h2.drain()
		}
	}
	w.closeSockets()
}

// Connections counts the worker's client connections. Loop only.
func (w *Worker) Connections() int { return len(w.conns) + w.handshakes }

// dateCache is the Date header, rendered once a second.
type dateCache struct {
	second int64
	text   [29]byte
}

func (d *dateCache) at(wall int64) []byte {
	if s := wall / int64(time.Second); s != d.second {
		d.second = s
		copy(d.text[:], time.Unix(s, 0).UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT"))
	}
	return d.text[:]
}
