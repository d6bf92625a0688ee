package proxy

import (
	"errors"
	"strconv"

	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

var (
	errClientGone   = errors.New("client closed the connection")
	errBodyTooLarge = errors.New("request body exceeds client_max_body_size")
)

// fail makes the gateway's own answer for a request that reached routing:
// message in the form that Accept asks for, JSON by default.
func (r *request) fail(status int, text string) {
	if r.isCall() {
		_, name := errorpage.GRPCStatus(status)
		_ = r.Set(&r.Response, "Content-Type", errorpage.GRPC.ContentType())
		r.failCall(status, name)
		return
	}
	r.errorBody(status, text, errorpage.ByAccept(r.Get(&r.Request, "Accept")))
}

// exit is fail for what the reference answers with kong.response.error: the
// source of such a response is "exit".
func (r *request) exit(status int, text string) {
	r.fail(status, text)
	r.Source = message.SourceExit
}

// failProxy is the answer for what went wrong below the plugins (a bad
// request, an upstream's trouble): plain text unless Accept or the setting
// error_default_type say otherwise.
func (r *request) failProxy(status int) {
	accept := r.FindID(&r.Request, message.HeaderAccept)
	value, has := "", false
	if accept != nil {
		value, has = r.View(accept.Value), true
	}
	if r.isCall() {
		r.failCall(status, errorpage.Message(status))
		return
	}
	t := r.w.srv.ErrorPages
	kind := errorpage.ForProxy(value, has, r.Get(&r.Request, "Content-Type"), t.Default)
	if kind == errorpage.GRPC && r.HTTPMajor < 2 { // no call can be answered as one over HTTP/1
		r.Status, r.Source, r.Reason = uint32(status), message.SourceError, message.Str{}
		_ = r.Set(&r.Response, "Content-Type", errorpage.JSON.ContentType())
		r.ownBody([]byte(`{"message":"` + errorpage.Message(status) + `"}`))
		return
	}
	r.errorBody(status, errorpage.Message(status), kind)
}

func (r *request) errorBody(status int, text string, kind errorpage.Kind) {
	t := r.w.srv.ErrorPages
	body := t.Templates.Append(nil, kind, text, r.View(r.RequestID))
	r.Status, r.Source, r.Reason = uint32(status), message.SourceError, message.Str{}
	switch {
	case kind != errorpage.GRPC:
		_ = r.Set(&r.Response, "Content-Type", kind.ContentType())
	default: // Accept asks for what only a call can get
		_ = r.Set(&r.Response, "Content-Type", " ")
	}
	r.ownBody(body)
}

// isCall says whether the client waits for a gRPC status.
func (r *request) isCall() bool { return r.HTTPMajor > 1 && r.Bits&message.BitGRPC != 0 }

// failCall answers a gRPC call: with the HTTP status, as the reference does,
// which a client without grpc-status would map the same way.
func (r *request) failCall(status int, text string) {
	code, _ := errorpage.GRPCStatus(status)
	r.Status, r.Source, r.Reason = uint32(status), message.SourceError, message.Str{}
	_ = r.Set(&r.Response, "grpc-status", strconv.Itoa(code))
	_ = r.Set(&r.Response, "grpc-message", text)
	r.ownBody(nil)
}

// ownBody makes body the whole response body.
func (r *request) ownBody(body []byte) {
	r.k.Answer.Body, r.k.Answer.HasBody = body, true
	_ = r.Set(&r.Response, "Content-Length", strconv.Itoa(len(body)))
	r.out.answer(r)
}

// failBare is nginx's own small page of a status, for what never reached Kong.
func (r *request) failBare(status int) {
	page, _ := errorpage.Bare(status)
	r.Status, r.Source = uint32(status), message.SourceError
	_ = r.Set(&r.Response, "Content-Type", "text/html")
	r.out.noCharset = status == 301 || status == 302
	r.ownBody([]byte(page))
}

// redirect answers a request that came in the clear for a route that takes TLS only.
func (r *request) redirect(status int) plugin.Outcome {
	r.step = stepHeaderFilter
	if r.isCall() {
		const cancelled = 1
		_ = r.Set(&r.Response, "Content-Type", errorpage.GRPC.ContentType())
		_ = r.Set(&r.Response, "grpc-status", strconv.Itoa(cancelled))
		_ = r.Set(&r.Response, "grpc-message", "gRPC request matched gRPCs route")
		r.Status, r.Source = 200, message.SourceExit
		r.ownBody(nil)
		return plugin.Continue
	}
	if status == 426 {
		_ = r.Add(&r.Response, "Connection", "Upgrade")
		_ = r.Add(&r.Response, "Upgrade", "TLS/1.2, HTTP/1.1")
		r.exit(426, "Please use HTTPS protocol")
		return plugin.Continue
	}
	r.failBare(status)
	r.Source = message.SourceExit
	target := r.View(r.Target)
	if len(target) > 0 && target[0] != '/' {
		target = r.View(r.URI)
	}
	_ = r.Set(&r.Response, "Location", "https://"+r.forwarded(message.HeaderXForwardedHost, r.View(r.Host))+target)
	return plugin.Continue
}

// beginRefused makes a request of a head that could not be parsed, so that
// global plugins see it and it is logged.
func (w *Worker) beginRefused(c *clientConn, b []byte, n int, err error) (*request, error) {
	r, e := w.takeFor(c)
	if e != nil {
		return nil, e
	}
	r.HTTPMajor, r.HTTPMinor = 1, 1
	r.RequestLength = uint64(len(b))
	if n > 0 && w.head.Method.Len > 0 && w.head.Target.Len > 0 && (err == http1.ErrCoding || err == http1.ErrBad || err == http1.ErrTooLarge) {
		// The request line was fine: logs and plugins see it.
		r.Method, _ = r.Put(b[w.head.Method.Off : w.head.Method.Off+w.head.Method.Len])
		r.Target, _ = r.Put(b[w.head.Target.Off : w.head.Target.Off+w.head.Target.Len])
	}
	r.body.begin(message.BodyNone, 0)
	return r, nil
}

// refused answers it. Route and access never run.
func (r *request) refused(err error) {
	r.keep = false
	r.realIP()
	switch {
	case errors.Is(err, http1.ErrVersion):
		r.failBare(505)
	case errors.Is(err, http1.ErrCoding):
		r.failBare(501)
	case errors.Is(err, http1.ErrURITooLong):
		r.failProxy(414)
	case errors.Is(err, http1.ErrTooLarge):
		r.failProxy(494)
		r.Status = 400
	default:
		r.failProxy(400)
	}
	r.step = stepHeaderFilter
	r.serve()
}

// badRequest refuses a request whose head parsed but cannot be served.
func (r *request) badRequest(status int) {
	r.keep = false
	r.failProxy(status)
	r.step = stepHeaderFilter
}
