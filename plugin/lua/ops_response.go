package lua

import (
	"errors"
	"strconv"

	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/lua/luajit"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// The operations behind kong.response.exit and error, ngx.say, ngx.exit …
// (lib/kong/pdk/response.lua, lib/gibbon/ngx_output.lua). They describe the
// answer; native.exit ends the handler.
func init() {
	RegisterOp("response.exit", onRequest(exitWith))
	RegisterOp("response.error", onRequest(errorWith))
	RegisterOp("response.print", onRequest(print))
	RegisterOp("response.ngx_exit", onRequest(ngxExit))
	RegisterOp("service.response.body", onRequest(serviceBody))
}

// given is the headers that decide how Exit frames its body; the others stand
// in the exchange already.
func given(c *Call, contentType, contentLength int) []pdk.Header {
	var h []pdk.Header
	if !c.IsNil(contentType) {
		h = append(h, pdk.H("Content-Type", c.String(contentType)))
	}
	if contentLength > 0 && !c.IsNil(contentLength) {
		h = append(h, pdk.H("Content-Length", c.String(contentLength)))
	}
	return h
}

// exitWith(status, body, is_table, message, content_type, content_length):
// nothing, or nil and a text.
func exitWith(c *Call, k *pdk.Kong) {
	var body any
	switch {
	case c.IsNil(1):
	case c.Bool(2):
		body = pdk.JSON{Text: []byte(c.String(1)), Message: c.String(3)}
	default:
		body = c.String(1)
	}
	source := k.X.Source
	made(c, k, source, k.Response.Exit(c.Int(0), body, given(c, 4, 5)...))
}

// errorWith(status, message, content_type)
func errorWith(c *Call, k *pdk.Kong) {
	h, source := given(c, 2, 0), k.X.Source
	if c.IsNil(1) {
		made(c, k, source, k.Response.Error(c.Int(0), "", h...))
		return
	}
	made(c, k, source, k.Response.ErrorText(c.Int(0), c.String(1), h...))
}

// made settles an answer. In header_filter the handler goes on, so the answer
// is marked, and an answer that stood for a failure stays one.
func made(c *Call, k *pdk.Kong, before uint8, err error) {
	if !errors.Is(err, pdk.ErrExit) {
		refuse(c, err)
		return
	}
	if k.Phase == phase.HeaderFilter {
		k.X.Bits |= bitAnswered
		if before == message.SourceError {
			k.X.Source = before
		}
	}
	c.Return()
}

// print(text) adds to the answer that the handler makes piece by piece.
func print(c *Call, k *pdk.Kong) {
	x := k.X
	if x.Status == 0 {
		x.Status = 200
	}
	x.Source = message.SourceError // so the reference calls it
	k.Answer.Status = int(x.Status)
	k.Answer.Body = append(k.Answer.Body, c.String(0)...)
	k.Answer.HasBody = true
	c.Return()
}

// templated are the statuses for which the reference's nginx asks Kong for a page.
var templated = map[int]bool{400: true, 404: true, 405: true, 411: true, 412: true, 413: true, 414: true, 417: true,
	494: true, 500: true, 502: true, 503: true, 504: true}

// ngxExit(code) is ngx.exit: after output it just ends the answer.
func ngxExit(c *Call, k *pdk.Kong) {
	code, x := c.Int(0), k.X
	if x.Bits&bitSaid != 0 {
		c.Return()
		return
	}
	if code == 0 || code < 0 { // the reference makes a 500 of ngx.OK and ngx.ERROR here
		code = 500
		k.Answer.Close = true
	}
	if code >= 200 && code < 300 {
		if x.Status == 0 {
			x.Status = uint32(code)
		}
	} else {
		x.Status = uint32(code)
	}
	x.Source = message.SourceError
	k.Answer = pdk.Answer{Status: int(x.Status), HasBody: true, Close: k.Answer.Close, NoCharset: code == 301 || code == 302}
	if k.Phase == phase.HeaderFilter {
		x.Bits |= bitAnswered
	}
	if err := page(k, code); err != nil {
		c.Fail(err.Error())
		return
	}
	c.Return()
}

// page is the body of a bare status: a template of the gateway's, nginx's
// small page, or nothing.
func page(k *pdk.Kong, status int) error {
	x := k.X
	var body []byte
	contentType := ""
	switch text, ok := errorpage.Bare(status); {
	case templated[status]:
		kind := errorpage.Plain
		if t, ok := k.Gateway.Settings("error_default_type").(string); ok {
			kind, _ = errorpage.ParseKind(t)
		}
		accept, has := k.Request.LookupHeader("Accept")
		kind = errorpage.ForProxy(accept, has, k.Request.Header("Content-Type"), kind)
		t := k.Gateway.Errors
		if t == nil {
			t = errorpage.Default()
		}
		body, contentType = t.Append(nil, kind, errorpage.Message(status), k.Request.ID()), kind.ContentType()
	case ok:
		body, contentType = []byte(text), "text/html; charset=UTF-8"
		if status == 301 || status == 302 {
			contentType = "text/html"
		}
	default:
		return nil
	}
	k.Answer.Body = body
	if err := x.Set(&x.Response, "Content-Type", contentType); err != nil {
		return err
	}
	return x.Set(&x.Response, "Content-Length", strconv.Itoa(len(body)))
}

// serviceBody(): the service's whole body and whether the response is buffered.
func serviceBody(c *Call, k *pdk.Kong) {
	body := k.Host.UpstreamBody()
	if body == nil {
		c.Return(nil, false)
		return
	}
	results := luajit.AppendStringHead(make([]byte, 0, body.Len()+16), int(body.Len()))
	results, err := body.Load(results)
	if err != nil {
		c.Fail(pdk.BudgetAdvice(err).Error())
		return
	}
	c.returnEncoded(luajit.AppendValue(results, true))
}

// Private bits of Shared.Bits (luajit/pdk.h).
const (
	bitSaid     = 1 << 16
	bitBodyRead = 1 << 20
	bitAnswered = 1 << 21
)

// outcome is that of handlers that all returned. Those that printed an answer
// (ngx.say) ended the request by it; in header_filter kong.response.exit does
// not end the handler, so its answer is noted.
func (r *run) outcome() plugin.Outcome {
	if r.kong == nil {
		return plugin.Continue
	}
	x := r.kong.X
	switch {
	case r.phase&(phase.Rewrite|phase.Access) != 0 && x.Bits&bitSaid != 0:
		return plugin.Respond
	case r.phase == phase.HeaderFilter && x.Bits&bitAnswered != 0:
		x.Bits &^= bitAnswered
		return plugin.Respond
	}
	return plugin.Continue
}
