package pdk

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// ErrExit is what Response.Exit and Response.Error return: a handler returns
// it to end the request with the response it described.
var ErrExit = errors.New("the plugin answered the request")

// Kong is the record of one request. The proxy owns and pools it; it belongs
// to the loop or to the one job that runs a blocking handler.
type Kong struct {
	// X is the exchange: request, response, addresses, times.
	X *message.Exchange
	// Host is the proxy's side of the request.
	Host Host
	// Worker runs the request.
	Worker *worker.Worker
	// Gateway is what all requests share.
	Gateway *Gateway
	// Router is what the router found.
	Router Router
	// Phase is the phase that runs now.
	Phase phase.Phase
	// InJob: a blocking handler has the request, in a goroutine of its own.
	// The pipeline sets it; see rendezvous.go.
	InJob     bool
	groupsSet bool // groups are those of set_authenticated_consumer_groups, not the consumer's
	// Current is the plugin that runs now; nil outside of plugins.
	Current *Current
	// Handshake is the TLS handshake that the certificate phase belongs to.
	Handshake *Handshake
	// Balance is where the request goes; plugins may change it until it is sent.
	Balance Balance
	// Answer is the response that a plugin or the gateway made.
	Answer Answer
	// Captures of the route's regex path or expression; nil without.
	Captures *Captures
	// Tries are the attempts to reach the service, oldest first; the proxy keeps them.
	Tries []Try
	// Edits are variables that were set and are not fields of the exchange
	// (see vars.Set), by name; nil mostly.
	Edits map[string]string
	// Stream is the L4 session; nil for HTTP requests.
	Stream *Stream
	// WebSocket is the connection of a ws or wss service from ws_handshake on;
	// nil for all other requests.
	WebSocket *WebSocket
	// Foreign keeps kong.ctx.shared of plugins that are not Go; a runtime sets
	// it when it first runs one for the request. Nil without.
	Foreign Foreign
	// LogValues are kong.log.set_serialize_value's edits in order.
	LogValues []LogValue

	// The PDK's modules: kong.request is Request, kong.service.request is
	// Service.Request, and so on.
	Request  Request
	Response Response
	Service  Service
	Client   Client
	Ctx      Ctx
	Log      Log

	consumer, credential dao.Record
	groups               []dao.Record // kong.client.set_authenticated_consumer_groups
	clientVerify         string       // kong.client.tls.set_client_verify; "" = as the handshake went
	collected            []collected
}

// Foreign is a runtime as Go plugins see it.
type Foreign interface {
	// SharedValue is the value of kong.ctx.shared[key] in that runtime, as Go
	// values: string, float64, bool, []any or map[string]any.
	SharedValue(k *Kong, key string) (value any, ok bool)
}

// Router is kong.router: nil pointers before the router ran and where it
// found none.
type Router struct {
	Route   *entity.Route
	Service *entity.Service
}

// Current names the plugin that runs.
type Current struct {
	// Name, ID (of the configuration) and Instance as stored.
	Name, ID, Instance string
}

// Statistics are the numbers of nginx's stub status.
type Statistics struct {
	Active, Reading, Writing, Waiting, Accepted, Handled, Requests int64
}

// Gateway is what all requests of the process share.
type Gateway struct {
	// Store holds the entities.
	Store dao.Store
	// Log is the error log.
	Log *log.Logger
	// Errors are the bodies of the gateway's own answers.
	Errors *errorpage.Templates
	// NodeID is a UUID, Hostname the machine's name.
	NodeID, Hostname string
	// Workspace is the id of the workspace, WorkspaceName its name.
	Workspace, WorkspaceName string
	// Settings gives a setting of kong.conf as the reference's Lua code sees
	// it: string, float64, bool, []any or map[string]any; nil if unset.
	Settings func(name string) any
	// PortMaps is the setting port_maps: a listener's port to the one that
	// clients see.
	PortMaps map[int]int
	// Variables are those of the configuration, by name without "$": what they
	// hold until a plugin writes them.
	Variables map[string]string
	// Trusted says whether an address is among trusted_ips.
	Trusted func(addr string) bool
	// Statistics counts the clients' connections and requests; nil = unknown.
	Statistics func() Statistics
	// Resolver finds the names that plugins connect to; nil = the system's way.
	Resolver *dns.Resolver
	// Health judges the upstreams' addresses; nil = unknown.
	Health *health.Registry
	// Eval runs Lua code for Kong.Eval, on the request's loop; nil = there is no Lua.
	Eval func(k *Kong, code string, env map[string]any) (any, error)
}

// Balance is where a request goes and how often it is tried.
type Balance struct {
	// Host and Port override the service's (kong.service.set_target).
	Host string
	Port int
	// Upstream overrides the service's host by an upstream's name (set_upstream).
	Upstream string
	// Retries, and the timeouts in milliseconds; -1 = as the service says.
	Retries, ConnectTimeout, WriteTimeout, ReadTimeout int
	// TLS overrides what the service says about TLS; nil = nothing.
	TLS *BalanceTLS
	// Retry, if set, is called before each further try of a service whose host
	// is a name; a status that it returns ends the request.
	Retry func() (status int)
	// NoTLS keeps an L4 session from speaking TLS with the service.
	NoTLS bool
	// Buffering asks for the whole response before any of it goes on.
	Buffering bool
}

// BalanceTLS is what plugins want of the TLS to the service.
type BalanceTLS struct {
	// Verify and VerifyDepth override the service's; nil = unset.
	Verify      *bool
	VerifyDepth *int
	// CertificatePEM and KeyPEM are shown to the service; AuthoritiesPEM checks
	// it. "" = as the service says.
	CertificatePEM, KeyPEM string
	AuthoritiesPEM         string
}

// tls is b.TLS to be changed.
func (b *Balance) tls() *BalanceTLS {
	if b.TLS == nil {
		b.TLS = new(BalanceTLS)
	}
	return b.TLS
}

// Try is one attempt to reach the service.
type Try struct {
	// IP and Port were tried.
	IP   string
	Port int
	// State is "" for a try that worked, "next" (another try was to follow) or "failed".
	State string
	// Code is the status that the failed try counts as (502, 504), 0 if it worked.
	Code int
	// BalancerStart is when the balancer began to choose, in nanoseconds since
	// the epoch; BalancerLatency is how long it took, in nanoseconds.
	BalancerStart, BalancerLatency int64
}

// Answer is a response that did not come from the upstream. Status and headers
// stand in the exchange; Body is the whole body.
type Answer struct {
	// Status is also in the exchange, except for L4 sessions.
	Status int
	Body   []byte
	// HasBody tells an empty body from none.
	HasBody bool
	// NoCharset: the default charset stays away from the type (nginx's pages of
	// 301 and 302). Close: the client's connection ends after the answer.
	NoCharset, Close bool
}

// Captures are a route's: Unnamed[0] is the whole match.
type Captures struct {
	Unnamed []string
	// Absent has a bit for each group below 64 that took no part in the match.
	Absent uint64
	Names  []string
	Values []string
}

// LogValue is one edit of the serialized log entry.
type LogValue struct {
	Key   string
	Value any
	// Mode is set, add or replace.
	Mode string
}

// Host is what the PDK asks of the proxy. The methods marked "loop" are called
// on the worker's loop (rendezvous.go sees to it), the others by the owner of
// the exchange, which may be a job.
type Host interface {
	// Resume ends a suspension with the outcome of the step (plugin.Outcome as
	// a byte, since plugin imports this package). Loop.
	Resume(outcome uint8)
	// ReadBody makes the request body complete. ready: it is, Body has it.
	// Otherwise done is called exactly once, on the loop, when it is or has
	// failed (the client went away, a limit, a timeout). Loop.
	ReadBody(done func(error)) (ready bool, err error)
	// Body is the complete request body, nil before ReadBody and without one.
	Body() *spool.Spool
	// SetBody replaces the request body and its Content-Length; what the client
	// still sends of its own is dropped. Loop.
	SetBody(b []byte) error
	// HasUpstream says whether an upstream entity of that name exists.
	HasUpstream(name string) bool
	// UpstreamBody is the buffered upstream response body (response phase).
	UpstreamBody() *spool.Spool
	// Variable appends nginx variable name; ok is false for an unknown one.
	Variable(dst []byte, name string) (_ []byte, ok bool)
	// SetVariable sets a writable nginx variable.
	SetVariable(name, value string) error
}

// Reset makes k ready for another request of w. It keeps the memory of lists.
func (k *Kong) Reset(g *Gateway, w *worker.Worker, x *message.Exchange, h Host) {
	clear(k.Tries)
	clear(k.LogValues)
	clear(k.Ctx.values)
	for i := range k.collected {
		k.collected[i].body.Close()
	}
	// Cleared in place: a literal that names k's own lists would be made elsewhere and copied.
	tries, logged, ctx, collected := k.Tries[:0], k.LogValues[:0], k.Ctx.values[:0], k.collected[:0]
	*k = Kong{}
	k.X, k.Host, k.Worker, k.Gateway = x, h, w, g
	k.Balance.Retries, k.Balance.ConnectTimeout, k.Balance.WriteTimeout, k.Balance.ReadTimeout = -1, -1, -1, -1
	k.Tries, k.LogValues, k.Ctx.values, k.collected = tries, logged, ctx, collected
	k.Request.k, k.Response.k, k.Client.k, k.Ctx.k, k.Log.k = k, k, k, k, k
	k.Service.k, k.Service.Request.k, k.Service.Response.k = k, k, k
}
