package pdk

import (
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// ServiceResponse is kong.service.response: what the service answered.
type ServiceResponse struct{ k *Kong }

// Status that the service sent; 0 without an answer of the service.
func (r *ServiceResponse) Status() int { return int(r.k.X.UpstreamStatus) }

// Header is the first value of a header that the service sent, "" without one.
// One that a plugin changed reads as changed; one that only a plugin set is
// not found.
func (r *ServiceResponse) Header(name string) string {
	v, _ := r.LookupHeader(name)
	return v
}

// LookupHeader is Header that tells an empty header from none.
func (r *ServiceResponse) LookupHeader(name string) (string, bool) {
	x := r.k.X
	if x.UpstreamStatus == 0 {
		return "", false
	}
	name = dashed(name)
	if id := message.Known(name); id == message.HeaderServer || id == message.HeaderVia {
		return "", false // written by the gateway, whatever the service sent
	}
	left := MaxHeaders
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
		if received(f) && message.EqualFold(x.NameOf(f), name) {
			return x.View(f.Value), true
		}
	}
	return "", false
}

// received says whether f came from the service, changed or not.
func received(f *message.Field) bool {
	return f.Flags&(message.FieldEdited|message.FieldReplaced) != message.FieldEdited
}

// Headers are about max headers of the response, as Response.Headers.
func (r *ServiceResponse) Headers(max int) (set HeaderSet, truncated bool) {
	set, truncated = r.k.Response.Headers(max)
	for name := range set {
		if _, ok := r.LookupHeader(name); !ok && name != "connection" {
			delete(set, name)
		}
	}
	return set, truncated
}

// RawBody is the service's whole body. It is there when the response is
// buffered (in the response phase, or after Service.Request.EnableBuffering);
// else it is empty.
func (r *ServiceResponse) RawBody() ([]byte, error) {
	body := r.k.Host.UpstreamBody()
	if body == nil {
		return nil, nil
	}
	return contents(body, 0)
}

// Body decodes the service's body by its Content-Type, or by contentType
// unless that is "", as Request.Body does. maxArgs is for forms, 0 = MaxArgs.
func (r *ServiceResponse) Body(contentType string, maxArgs int) (Body, error) {
	if contentType == "" {
		var has bool
		if contentType, has = r.k.Response.LookupHeader("Content-Type"); !has {
			return Body{}, errNoType
		}
	}
	kind, err := decodable(contentType)
	if err != nil {
		return Body{Type: kind}, err
	}
	raw, err := r.RawBody()
	if err != nil {
		return Body{Type: kind}, err
	}
	body, truncated, err := decodeBody(kind, contentType, raw, maxArgs)
	if truncated {
		r.k.Log.Notice("decode args truncated")
	}
	return body, err
}
