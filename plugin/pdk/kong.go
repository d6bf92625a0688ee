package pdk

import (
	"errors"

	"github.com/gibbon-gateway/gibbon/engine/dao"
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
	// Route and Service are what the router found; nil before and without.
	Route   *entity.Route
	Service *entity.Service
	// Consumer and Credential are set by Client.Authenticate.
	Consumer   dao.Record
	Credential dao.Record
	// Phase is the phase that runs now.
	Phase phase.Phase
	// Current is the plugin that runs now; nil outside of plugins.
	Current *Current
	// Balance is where the request goes; plugins may change it until it is sent.
	Balance Balance
	// Answer is the response that a plugin or the gateway made.
	Answer Answer
	// Captures of the route's regex path or expression.
	Captures Captures
	// Values of kong.ctx.shared (Go side), by key.
	Values map[string]any
	// LogValues are kong.log.set_serialize_value's edits in order.
	LogValues []LogValue

	// Request … are the PDK's modules.
	Request  Request
	Response Response
	Upstream ServiceModule
	Client   Client
	Ctx      Ctx
	Log      Log
}

// Current names the plugin that runs.
type Current struct {
	// Name, ID (of the configuration) and Instance as stored.
	Name, ID, Instance string
}

// Gateway is what all requests of the process share.
type Gateway struct {
	// Store holds the entities.
	Store dao.Store
	// Log is the error log.
	Log *log.Logger
	// NodeID is a UUID, Hostname the machine's name.
	NodeID, Hostname string
	// Settings gives a setting of kong.conf as the reference's Lua code sees
	// it: string, float64, bool, []any or map[string]any; nil if unset.
	Settings func(name string) any
	// Trusted says whether an address is among trusted_ips.
	Trusted func(addr string) bool
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
	// TLSVerify and TLSVerifyDepth override the service's; nil = unset.
	TLSVerify      *bool
	TLSVerifyDepth *int
	// Buffering asks for the whole response before any of it goes on.
	Buffering bool
}

// Answer is a response that did not come from the upstream. Status and headers
// stand in the exchange; Body is the whole body.
type Answer struct {
	Body []byte
	// HasBody tells an empty body from none.
	HasBody bool
}

// Captures are a route's: Unnamed[0] is the whole match.
type Captures struct {
	Unnamed []string
	Names   []string
	Values  []string
}

// LogValue is one edit of the serialized log entry.
type LogValue struct {
	Key   string
	Value any
	// Mode is set, add or replace.
	Mode string
}

// Host is what the PDK asks of the proxy. Its methods are called by the owner
// of the exchange; those that take a callback call it on the worker's loop.
type Host interface {
	// Resume ends a suspension with the outcome of the step (plugin.Outcome as
	// a byte, since plugin imports this package). Loop only.
	Resume(outcome uint8)
	// ReadBody makes the request body complete. ready: it is, Body has it.
	// Otherwise done is called once when it is, or has failed.
	ReadBody(done func(error)) (ready bool, err error)
	// Body is the complete request body, nil before ReadBody and without one.
	Body() *spool.Spool
	// SetBody replaces the request body and its Content-Length.
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

// Reset makes k ready for another request of w.
func (k *Kong) Reset(g *Gateway, w *worker.Worker, x *message.Exchange, h Host) {
	*k = Kong{X: x, Host: h, Worker: w, Gateway: g,
		Balance: Balance{Retries: -1, ConnectTimeout: -1, WriteTimeout: -1, ReadTimeout: -1}}
	k.Request.k, k.Response.k, k.Upstream.k, k.Client.k, k.Ctx.k, k.Log.k = k, k, k, k, k, k
}
