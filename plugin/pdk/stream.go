package pdk

import (
	"crypto/tls"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/model/phase"
)

// Stream is an L4 session (TCP, TLS or UDP) as plugins see it; Kong.Stream is
// nil for HTTP requests. The exchange of a session has addresses, times,
// Status, RequestLength (bytes from the client) and BytesSent (bytes to it),
// but no request and no response.
type Stream struct {
	// Protocol is "TCP" or "UDP" ($protocol).
	Protocol string
	// PrereadName, PrereadProtocols and PrereadVersion are what the ClientHello
	// said of a connection that is passed on encrypted: $ssl_preread_*.
	PrereadName      string
	PrereadProtocols []string
	PrereadVersion   uint16
	// UpstreamSent and UpstreamReceived count bytes to and from the service.
	UpstreamSent, UpstreamReceived uint64
	// Datagrams and Answers count datagrams from the client and to it.
	Datagrams, Answers uint64
	// Client is the client's side of a TCP session while preread runs, nil else.
	Client StreamClient

	filters []StreamFilter
	meters  []StreamMeter
}

// Direction is which way bytes of a session go.
type Direction uint8

// The directions.
const (
	// Upload is from the client to the service.
	Upload Direction = iota
	// Download is from the service to the client.
	Download
)

// StreamFilter sees and may change the bytes of one session, which then are
// copied through the gateway's memory. Calls of one session come one at a
// time, on the worker's loop: a filter may not block.
type StreamFilter interface {
	// Bytes maps what came (a piece of a TCP stream, or one datagram) to what
	// goes on: p itself, another slice, or nothing. p is valid during the call
	// only. An error ends the session.
	Bytes(d Direction, p []byte) ([]byte, error)
}

// StreamMeter says when how much of a session may move. It does not see the
// bytes, so they still go by splice where they can. Like a filter it may not block.
type StreamMeter interface {
	// Allow says how many bytes may move now, 1 to want, or 0 and how long to
	// wait until asking again. Datagrams that are not allowed whole are dropped.
	Allow(d Direction, want int) (n int, wait time.Duration)
	// Moved tells how many did.
	Moved(d Direction, n int)
}

// StreamClient is the client's side of a TCP session in preread
// (ngx.req.socket). All methods belong to the worker's loop.
type StreamClient interface {
	// Buffered are the bytes that came and that nobody took, valid until the
	// next call.
	Buffered() []byte
	// Await calls done once, on the loop: with nil when more bytes are
	// buffered, io.EOF when the client sent its end, ErrStreamFull when the
	// buffer is, and another error after timeout (0 = none) or a failure.
	Await(timeout time.Duration, done func(error))
	// Take removes n buffered bytes. The session is the plugin's from then on:
	// it is not proxied any more, as in the reference.
	Take(n int)
	// Send sends p to the client.
	Send(p []byte) error
}

// Errors of StreamClient.Await.
var (
	// ErrStreamFull: as much is buffered as preread may buffer.
	ErrStreamFull = errors.New("preread buffer is full")
	// ErrStreamTimeout: nothing came in time.
	ErrStreamTimeout = errors.New("timeout")
)

// Filter has f see the bytes of the session from now on. Call it in preread;
// filters run in the order in which they were added, for both directions.
func (s *Stream) Filter(f StreamFilter) { s.filters = append(s.filters, f) }

// Meter has m pace the session from now on. Call it in preread; the slowest of
// several meters decides.
func (s *Stream) Meter(m StreamMeter) { s.meters = append(s.meters, m) }

// Filters and Meters are what plugins added.
func (s *Stream) Filters() []StreamFilter { return s.filters }

// Meters are the session's meters.
func (s *Stream) Meters() []StreamMeter { return s.meters }

// streamStatuses are those that an L4 session can end with.
var streamStatuses = [...]int{200, 400, 403, 500, 502, 503}

// exitStream ends a session: the client gets the body of 200, 400 and 403, the
// error log that of 500, 502 and 503. There are no headers.
func (r *Response) exitStream(status int, body any) error {
	k := r.k
	known := false
	for _, s := range streamStatuses {
		known = known || s == status
	}
	if !known {
		return fmt.Errorf("code of an L4 session must be one of 200, 400, 403, 500, 502, 503: given %d", status)
	}
	a := Answer{Status: status, HasBody: body != nil}
	switch b := body.(type) {
	case nil:
	case string:
		a.Body = []byte(b)
	case []byte:
		a.Body = b
	default:
		return errors.New("body of an L4 session must be nil or a string")
	}
	k.Answer = a
	return ErrExit
}

// StreamProtocol is tcp, tls, tls_passthrough or udp: how the client of an L4
// session speaks, as its route spells it.
func (k *Kong) StreamProtocol() string {
	return k.X.View(k.X.Scheme)
}

// serializeStream describes an L4 session for logs.
func (k *Kong) serializeStream() (map[string]any, error) {
	if err := k.in(phase.Log); err != nil {
		return nil, err
	}
	x, s := k.X, k.Stream
	session := map[string]any{
		"received": float64(x.RequestLength),
		"sent":     float64(x.BytesSent),
		"status":   float64(x.Status),
	}
	if t := x.Flow.TLS; t != nil {
		verify := x.Flow.ClientVerify
		if verify == "" {
			verify = "NONE"
		}
		session["tls"] = map[string]any{"version": TLSVersion(t.Version), "cipher": tls.CipherSuiteName(t.CipherSuite), "client_verify": verify}
	} else {
		session["server_port"] = float64(x.ServerPort)
	}
	entry := map[string]any{
		"session":        session,
		"upstream":       map[string]any{"sent": float64(s.UpstreamSent), "received": float64(s.UpstreamReceived)},
		"latencies":      k.streamLatencies(),
		"tries":          k.serializeTries(),
		"client_ip":      strings.Clone(k.Client.ForwardedIP()),
		"started_at":     k.Request.StartTime(),
		"workspace":      k.Gateway.Workspace,
		"workspace_name": k.Gateway.WorkspaceName,
	}
	if r := k.Router.Route; r != nil {
		setRecord(entry, "route", k.Entities("routes"), r.ID)
	}
	if s := k.Router.Service; s != nil {
		setRecord(entry, "service", k.Entities("services"), s.ID)
	}
	for i := range k.LogValues {
		k.LogValues[i].apply(entry)
	}
	return entry, nil
}

// streamLatencies in whole milliseconds: session is all of it, kong the time
// until the service was connected to.
func (k *Kong) streamLatencies() map[string]any {
	t := &k.X.Times
	kong := int64(0)
	if t.BalancerEnd != 0 {
		kong = (t.BalancerEnd - t.Start) / 1e6
	}
	return map[string]any{"session": float64(max((t.End-t.Start)/1e6, 0)), "kong": float64(kong)}
}
