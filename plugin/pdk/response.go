package pdk

import (
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/wire/message"
)

// Response is kong.response: the response on its way to the client, made by
// the service, a plugin or the gateway. Names match in any case; an "_" in an
// asked name means "-".
type Response struct{ k *Kong }

// Status of the response; 0 before there is one.
func (r *Response) Status() int { return int(r.k.X.Status) }

// SetStatus changes the status: 100 to 599.
func (r *Response) SetStatus(status int) error {
	if err := r.k.in(phasesToClient); err != nil {
		return err
	}
	if status < 100 || status > 599 {
		return fmt.Errorf("code must be a number between 100 and 599")
	}
	r.k.X.Status = uint32(status)
	return nil
}

// Source says who made the response: "service", "exit" (a plugin or the
// router) or "error" (the gateway, after a failure).
func (r *Response) Source() string {
	switch r.k.X.Source {
	case message.SourceService:
		return "service"
	case message.SourceExit:
		return "exit"
	}
	return "error"
}

// Header is the first value of a header among the first MaxHeaders, "" without one.
func (r *Response) Header(name string) string {
	v, _ := r.LookupHeader(name)
	return v
}

// LookupHeader is Header that tells an empty header from none.
func (r *Response) LookupHeader(name string) (string, bool) {
	name = dashed(name)
	x := r.k.X
	left := MaxHeaders
	if id := message.Known(name); id == message.HeaderConnection {
		if v := r.connection(); v != "" {
			return v, true
		}
	} else if isBuiltin(id) {
		left = int(x.Response.N) // the codec's own fields count first
	}
	fs := x.Fields(&x.Response)
	for i := range fs {
		f := &fs[i]
		if f.Flags&message.FieldGone != 0 {
			continue
		}
		if left--; left < 0 {
			r.k.Log.Notice("response headers truncated")
			return "", false
		}
		if message.EqualFold(x.NameOf(f), name) {
			return x.View(f.Value), true
		}
	}
	return "", false
}

// isBuiltin says whether the reference finds a header before all others,
// wherever it stands.
func isBuiltin(id message.KnownHeader) bool {
	return id == message.HeaderContentType || id == message.HeaderContentLength
}

// connection is the Connection field as the codec will write it: plugins see
// it although it is in no table.
func (r *Response) connection() string {
	x := r.k.X
	if x.HTTPMajor != 1 {
		return ""
	}
	if x.Bits&message.BitUpgrade != 0 && x.Status == 101 {
		return "upgrade"
	}
	asked := ""
	if f := x.FindID(&x.Request, message.HeaderConnection); f != nil {
		asked = strings.ToLower(x.View(f.Value))
	}
	if strings.Contains(asked, "close") || x.HTTPMinor == 0 && !strings.Contains(asked, "keep-alive") {
		return "close"
	}
	return "keep-alive"
}

// Headers are about max headers of the response (1 to 1000; MaxHeaders by
// default in Lua), the codec's own counted first; truncated tells that there
// are more.
func (r *Response) Headers(max int) (set HeaderSet, truncated bool) {
	x := r.k.X
	set = make(HeaderSet, x.Response.N+1)
	n := 0
	if v := r.connection(); v != "" {
		set["connection"] = []string{v}
		n++
	}
	fs := x.Fields(&x.Response)
	for i := range fs {
		if f := &fs[i]; isBuiltin(f.ID) && f.Flags&message.FieldGone == 0 {
			set[f.ID.Name()] = []string{string(x.ValueOf(f))}
			n++
		}
	}
	full := false
	for i := range fs {
		f := &fs[i]
		if isBuiltin(f.ID) || f.Flags&message.FieldGone != 0 {
			continue
		}
		if full {
			r.k.Log.Notice("response headers truncated")
			return set, true
		}
		name := strings.ToLower(string(x.NameOf(f)))
		set[name] = append(set[name], string(x.ValueOf(f)))
		n++
		full = n >= max
	}
	return set, false
}

// SetHeader gives a header these values in place of all it had; without
// values nothing changes. Transfer-Encoding is the gateway's own: it is
// ignored with a warning. Of several Content-Types the last one counts.
func (r *Response) SetHeader(name string, values ...string) error {
	if err := r.k.in(phasesToClient); err != nil {
		return err
	}
	name = dashed(name)
	switch message.Known(name) {
	case message.HeaderTransferEncoding:
		r.k.Log.Warn("manually setting Transfer-Encoding. Ignored.")
		return nil
	case message.HeaderContentType, message.HeaderContentLength:
		if len(values) > 1 {
			values = values[len(values)-1:]
		}
	}
	return setField(r.k.X.Shared, &r.k.X.Response, name, values)
}

// SetHeaders is SetHeader for several headers.
func (r *Response) SetHeaders(headers ...Header) error {
	for _, h := range headers {
		if err := r.SetHeader(h.Name, h.Values...); err != nil {
			return err
		}
	}
	return nil
}

// AddHeader appends a value to a header; Content-Type and Content-Length,
// which can be there once only, are set.
func (r *Response) AddHeader(name, value string) error {
	if err := r.k.in(phasesToClient); err != nil {
		return err
	}
	name = dashed(name)
	switch message.Known(name) {
	case message.HeaderTransferEncoding, message.HeaderContentType, message.HeaderContentLength:
		return r.SetHeader(name, value)
	}
	return addField(r.k.X.Shared, &r.k.X.Response, name, value)
}

// ClearHeader removes a header; without Content-Length the body is chunked.
func (r *Response) ClearHeader(name string) error {
	if err := r.k.in(phasesToClient); err != nil {
		return err
	}
	r.k.X.Del(&r.k.X.Response, dashed(name))
	return nil
}
