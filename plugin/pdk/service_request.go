package pdk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// ServiceRequest is kong.service.request: the request on its way to the service.
type ServiceRequest struct{ k *Kong }

// SetScheme sends the request by "http" or "https".
func (r *ServiceRequest) SetScheme(scheme string) error {
	if err := r.k.in(phasesToBalancer); err != nil {
		return err
	}
	if scheme != "http" && scheme != "https" {
		return fmt.Errorf("invalid scheme: %s", scheme)
	}
	return r.put(&r.k.X.UpstreamScheme, scheme)
}

// put stores v in the exchange and sets field to it.
func (r *ServiceRequest) put(field *message.Str, v string) error {
	s, err := r.k.X.PutString(v)
	if err == nil {
		*field = s
	}
	return err
}

// SetPath replaces the path, the service's own one included; the proxy adds
// the query. It begins with "/". Blanks, control and non-ASCII bytes and the
// like are escaped, "%", "?" and "#" are not.
func (r *ServiceRequest) SetPath(path string) error {
	if err := r.k.in(phasesToBalancer); err != nil {
		return err
	}
	if !strings.HasPrefix(path, "/") {
		return errors.New("path must start with /")
	}
	if err := r.put(&r.k.X.UpstreamURI, escapePath(path)); err != nil {
		return err
	}
	r.k.X.Bits |= message.BitURIEdited
	return nil
}

// inPath are the characters besides letters and digits that SetPath leaves alone.
const inPath = "!#$%&'()*+,-./:;=?@[]_~"

func escapePath(p string) string {
	clean := func(c byte) bool { return isAlnum(c) || strings.IndexByte(inPath, c) >= 0 }
	i := 0
	for i < len(p) && clean(p[i]) {
		i++
	}
	if i == len(p) {
		return p
	}
	b := append(make([]byte, 0, len(p)+8), p[:i]...)
	for ; i < len(p); i++ {
		if c := p[i]; clean(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		}
	}
	return string(b)
}

// SetRawQuery replaces the query as it stands, without "?"; only blanks and
// control bytes are escaped. "" removes it.
func (r *ServiceRequest) SetRawQuery(query string) error {
	if err := r.k.in(phasesToService); err != nil {
		return err
	}
	for i := 0; i < len(query); i++ {
		if query[i] <= ' ' || query[i] == 0x7f {
			query = escapeBlanks(query)
			break
		}
	}
	if err := r.put(&r.k.X.Args, query); err != nil {
		return err
	}
	r.k.X.Bits |= message.BitArgsEdited
	return nil
}

func escapeBlanks(s string) string {
	b := make([]byte, 0, len(s)+8)
	for i := 0; i < len(s); i++ {
		if c := s[i]; c <= ' ' || c == 0x7f {
			b = append(b, '%', upperHex[c>>4], upperHex[c&15])
		} else {
			b = append(b, c)
		}
	}
	return string(b)
}

// SetQuery replaces the query by encoded arguments (see EncodeArgs).
func (r *ServiceRequest) SetQuery(args map[string]any) error {
	if err := r.k.in(phasesToService); err != nil {
		return err
	}
	query, err := EncodeArgs(args)
	if err != nil {
		return err
	}
	return r.SetRawQuery(query)
}

// ClearQueryArg removes every argument of that name and encodes the rest anew,
// in order: a bare name gets "=", a blank becomes "+". A "?" stays even with
// nothing behind it.
func (r *ServiceRequest) ClearQueryArg(name string) error {
	if err := r.k.in(phasesToService); err != nil {
		return err
	}
	x := r.k.X
	if x.Args.Len == 0 {
		return nil
	}
	raw := x.View(x.Args)
	b := make([]byte, 0, len(raw))
	for raw != "" {
		var a Arg
		var ok bool
		if a, raw, ok = nextArg(raw); !ok && a.Bare {
			continue
		}
		key := unescapeArg(a.Name)
		if key == name {
			continue
		}
		if len(b) > 0 {
			b = append(b, '&')
		}
		b = append(appendFormEscaped(b, key), '=')
		b = appendFormEscaped(b, unescapeArg(a.Value))
	}
	v, err := x.Put(b)
	if err != nil {
		return err
	}
	if len(b) == 0 {
		v.Off = x.Args.Off // not zero: see Shared.Args
	}
	x.Args = v
	x.Bits |= message.BitArgsEdited
	return nil
}

// methods are those that SetMethod takes.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "PUT": true, "POST": true, "DELETE": true, "OPTIONS": true, "MKCOL": true, "COPY": true,
	"MOVE": true, "PROPFIND": true, "PROPPATCH": true, "LOCK": true, "UNLOCK": true, "PATCH": true, "TRACE": true,
}

// SetMethod changes the method; those of RFC 9110 without CONNECT, PATCH and
// those of WebDAV are taken, in upper case.
func (r *ServiceRequest) SetMethod(method string) error {
	if err := r.k.in(phasesToService); err != nil {
		return err
	}
	if !methods[method] {
		return fmt.Errorf("invalid method: %s", method)
	}
	return r.put(&r.k.X.Method, method)
}

// SetHeader gives a header these values in place of all it had; without values
// nothing changes. Setting Host, or :authority for a gRPC service, changes
// what the service sees as Host.
func (r *ServiceRequest) SetHeader(name string, values ...string) error {
	if err := r.k.in(phasesToBalancer); err != nil {
		return err
	}
	x := r.k.X
	if name == ":authority" {
		if s := x.View(x.UpstreamScheme); s != "grpc" && s != "grpcs" {
			return errors.New("cannot set :authority pseudo-header on non-grpc requests")
		}
		name = "Host" // HTTP/2 carries the one as the other
	}
	if err := setField(x.Shared, &x.Request, name, values); err != nil || len(values) == 0 {
		return err
	}
	return r.hostChanged(name, values[0])
}

// hostChanged follows an edit of the Host field.
func (r *ServiceRequest) hostChanged(name, value string) error {
	if message.Known(name) != message.HeaderHost {
		return nil
	}
	x := r.k.X
	if err := r.put(&x.UpstreamHost, value); err != nil {
		return err
	}
	host, _ := splitHost(value)
	return r.put(&x.Host, strings.ToLower(host))
}

// SetHeaders is SetHeader for several headers.
func (r *ServiceRequest) SetHeaders(headers ...Header) error {
	if err := r.k.in(phasesToService); err != nil {
		return err
	}
	for _, h := range headers {
		if err := r.SetHeader(h.Name, h.Values...); err != nil {
			return err
		}
	}
	return nil
}

// AddHeader appends a value to a header; adding Host replaces it.
func (r *ServiceRequest) AddHeader(name, value string) error {
	if err := r.k.in(phasesToService); err != nil {
		return err
	}
	if message.Known(name) == message.HeaderHost {
		return r.SetHeader(name, value)
	}
	return addField(r.k.X.Shared, &r.k.X.Request, name, value)
}

// ClearHeader removes a header. Host stays for the service, and what the
// gateway itself adds comes back.
func (r *ServiceRequest) ClearHeader(name string) error {
	if err := r.k.in(phasesToService); err != nil {
		return err
	}
	x := r.k.X
	x.Del(&x.Request, name)
	if message.Known(name) == message.HeaderHost {
		x.Host = message.Str{}
	}
	return nil
}

// SetRawBody replaces the request body and its Content-Length.
func (r *ServiceRequest) SetRawBody(body []byte) error {
	if err := r.k.in(phasesToBalancer); err != nil {
		return err
	}
	return r.k.onLoop(func() error { return r.k.Host.SetBody(body) })
}

// errNoBodyType is SetBody's refusal to guess.
var errNoBodyType = errors.New("content type was neither explicitly given as an argument or received as a header")

// SetBody encodes a table by a content type (application/json,
// application/x-www-form-urlencoded, multipart/form-data) or, if that is "",
// by the request's, and sends it as the body under that type.
func (r *ServiceRequest) SetBody(table map[string]any, contentType string) error {
	if err := r.k.in(phase.Rewrite | phase.Access); err != nil {
		return err
	}
	if contentType == "" {
		var has bool
		if contentType, has = r.k.Request.LookupHeader("Content-Type"); !has {
			return errNoBodyType
		}
	}
	kind, err := decodable(contentType)
	if err != nil {
		return fmt.Errorf("unsupported content type %s", contentType)
	}
	raw, contentType, err := encodeBody(kind, contentType, table)
	if err != nil {
		return err
	}
	if err := r.SetRawBody(raw); err != nil {
		return err
	}
	return r.SetHeader("Content-Type", contentType)
}

// EnableBuffering asks for the whole response before any of it goes on, so
// that header_filter can read its body.
func (r *ServiceRequest) EnableBuffering() error {
	if err := r.k.in(phasesToBalancer); err != nil {
		return err
	}
	r.k.Balance.Buffering = true
	r.k.X.Bits |= message.BitBuffered
	return nil
}
