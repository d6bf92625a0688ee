package pdk

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// JSON is a body for Exit that is encoded already; it goes out as
// application/json like a table would. Message is its member "message", which
// a gRPC client gets in place of the body.
type JSON struct {
	Text    []byte
	Message string
}

// errGRPCTable refuses a table where only gRPC messages may go.
var errGRPCTable = errors.New("table body encoding with gRPC is not supported")

// Exit ends the request with a response (kong.response.exit). body is nil,
// a string, []byte, JSON, or anything AppendJSON takes, which goes out as
// application/json. status is 100 to 599. Headers replace those that stand.
//
// It returns ErrExit, which the handler returns, or what is wrong with the
// arguments. On a gRPC call the body becomes grpc-message. In header_filter
// and response the service's response is replaced.
func (r *Response) Exit(status int, body any, headers ...Header) error {
	k := r.k
	if err := k.in(phasesToClient | phase.Preread); err != nil {
		return err
	}
	if status < 100 || status > 599 {
		return fmt.Errorf("code must be a number between 100 and 599")
	}
	if k.Stream != nil {
		return r.exitStream(status, body)
	}
	text, err := exitBody(body)
	if err != nil {
		return err
	}
	return r.exit(status, text, headers)
}

// answer is a body with what its kind implies.
type answer struct {
	JSON
	table, has bool
}

func exitBody(body any) (answer, error) {
	switch b := body.(type) {
	case nil:
		return answer{}, nil
	case string:
		return answer{JSON: JSON{Text: []byte(b)}, has: true}, nil
	case []byte:
		return answer{JSON: JSON{Text: b}, has: true}, nil
	case JSON:
		return answer{JSON: b, table: true, has: true}, nil
	}
	text, err := AppendJSON(nil, body)
	if err != nil {
		return answer{}, fmt.Errorf("body cannot be encoded as JSON: %w", err)
	}
	a := answer{JSON: JSON{Text: text}, table: true, has: true}
	switch m := body.(type) {
	case map[string]string:
		a.Message = m["message"]
	case map[string]any:
		a.Message, _ = m["message"].(string)
	}
	return a, nil
}

// exit makes the response.
func (r *Response) exit(status int, a answer, headers []Header) error {
	k, x := r.k, r.k.X
	for _, h := range headers {
		if err := r.SetHeader(h.Name, h.Values...); err != nil {
			return err
		}
	}
	x.Status, x.Source = uint32(status), message.SourceExit
	given := hasHeader(headers, message.HeaderContentType)
	grpcType := given && isGRPC(r.Header("Content-Type"))
	switch {
	case grpcType && a.table:
		return errGRPCTable
	case grpcType:
		if err := r.grpc(status, ""); err != nil {
			return err
		}
	case isGRPCCall(x):
		msg := a.Message
		if !a.table && a.has {
			msg = string(a.Text)
		}
		if err := r.grpc(status, msg); err != nil {
			return err
		}
		a = answer{}
	case a.table && !given:
		if err := r.SetHeader("Content-Type", "application/json; charset=utf-8"); err != nil {
			return err
		}
	case !a.has && k.Phase&(phase.Rewrite|phase.Access|phase.WSHandshake) != 0:
		if page, ok := errorpage.Bare(status); ok {
			a.Text, a.has = []byte(page), true
			if err := r.SetHeader("Content-Type", "text/html"); err != nil {
				return err
			}
		}
	}
	if !hasHeader(headers, message.HeaderContentLength) {
		if err := r.SetHeader("Content-Length", strconv.Itoa(len(a.Text))); err != nil {
			return err
		}
	}
	k.Answer = Answer{Status: status, Body: a.Text, HasBody: a.has}
	return ErrExit
}

// grpc sets grpc-status and grpc-message from an HTTP status unless they stand.
func (r *Response) grpc(status int, msg string) error {
	code, name := errorpage.GRPCStatus(status)
	if _, given := r.LookupHeader("grpc-status"); given {
		// a plugin that chose a status chose its message too, or wants none
		if msg == "" {
			return nil
		}
	} else if err := r.SetHeader("grpc-status", strconv.Itoa(code)); err != nil {
		return err
	}
	if _, given := r.LookupHeader("grpc-message"); given {
		return nil
	}
	if msg == "" {
		msg = name
	}
	return r.SetHeader("grpc-message", msg)
}

// hasHeader says whether a known header is among headers.
func hasHeader(headers []Header, id message.KnownHeader) bool {
	for _, h := range headers {
		if message.Known(dashed(h.Name)) == id && len(h.Values) > 0 {
			return true
		}
	}
	return false
}

func isGRPC(contentType string) bool {
	k, _ := errorpage.ParseKind(contentType)
	return k == errorpage.GRPC
}

// isGRPCCall says whether the client waits for a gRPC status: by its protocol
// and content type, whatever the route is.
func isGRPCCall(x *message.Exchange) bool {
	return x.Bits&message.BitHTTP2 != 0 && x.Bits&message.BitGRPC != 0
}

// Error ends the request with an error in the form that the client accepts
// (kong.response.error): JSON, HTML, XML or plain text, or a gRPC status. An
// empty message means the status's own text. A Content-Type among the headers
// chooses the form instead of Accept. It returns like Exit.
func (r *Response) Error(status int, msg string, headers ...Header) error {
	if msg == "" {
		msg = errorpage.Message(status)
	}
	return r.ErrorText(status, msg, headers...)
}

// ErrorText is Error that takes an empty message as it is.
func (r *Response) ErrorText(status int, msg string, headers ...Header) error {
	if err := r.k.in(phasesToClient); err != nil {
		return err
	}
	if status < 100 || status > 599 {
		return fmt.Errorf("code must be a number between 100 and 599")
	}
	kind, headers := r.errorKind(headers)
	body := r.k.Gateway.errors().Append(nil, kind, msg, r.k.Request.ID())
	return r.exit(status, answer{JSON: JSON{Text: body}, has: true}, headers)
}

// errorKind chooses the form of an error and gives the headers with its
// Content-Type.
func (r *Response) errorKind(headers []Header) (errorpage.Kind, []Header) {
	headers = append(make([]Header, 0, len(headers)+1), headers...)
	for i := range headers {
		h := &headers[i]
		if message.Known(dashed(h.Name)) == message.HeaderContentType && len(h.Values) > 0 {
			h.Values = h.Values[:1]
			kind, _ := errorpage.ParseKind(h.Values[0])
			return kind, headers
		}
	}
	kind := errorpage.GRPC
	contentType := kind.ContentType()
	if !isGRPCCall(r.k.X) {
		kind = errorpage.ByAccept(r.k.Request.Header("Accept"))
		contentType = kind.ContentType()
		if kind == errorpage.GRPC {
			contentType = "" // neither a body nor a type, as recorded
		}
	}
	return kind, append(headers, H("Content-Type", contentType))
}

// errors are the templates, the built-in ones if none were set.
func (g *Gateway) errors() *errorpage.Templates {
	if g.Errors == nil {
		return errorpage.Default()
	}
	return g.Errors
}
