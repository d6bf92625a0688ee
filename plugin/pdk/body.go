package pdk

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/spool"
)

// errInFile is what RawBody returns for a body that did not stay in memory, where only that will do.
var errInFile = errors.New("request body did not fit into client body buffer, consider raising 'client_body_buffer_size'")

// RawBody is the whole request body, empty without one. It waits for bytes
// that are still coming in; to an inline handler it gives ErrBlocks instead.
//
// A body larger than client_body_buffer_size is in a file: it is read only if
// maxFile allows its size in bytes; 0 = any, -1 = none in a file. And it has to
// fit into the memory for bodies (setting body_memory_limit), of which it holds
// its size until the request ends. The slice is the gateway's own: do not
// change it.
func (r *Request) RawBody(maxFile int64) ([]byte, error) {
	body, err := r.k.readBody()
	if err != nil || body == nil {
		return nil, err
	}
	return contents(body, maxFile)
}

// BodyLength is the length of the whole request body in bytes; it waits as
// RawBody does, and reads nothing into memory.
func (r *Request) BodyLength() (int64, error) {
	body, err := r.k.readBody()
	if err != nil || body == nil {
		return 0, err
	}
	return body.Len(), nil
}

func contents(body *spool.Spool, maxFile int64) ([]byte, error) {
	if b, ok := body.Bytes(); ok {
		return b, nil
	}
	if err := FileAllowed(body.Len(), maxFile); err != nil {
		return nil, err
	}
	return load(body)
}

// FileAllowed is RawBody's refusal of a body in a file of that size, nil where
// maxFile allows it.
func FileAllowed(size, maxFile int64) error {
	switch {
	case maxFile < 0:
		return errInFile
	case maxFile > 0 && size > maxFile:
		return fmt.Errorf("request body file too big: %d > %d", size, maxFile)
	}
	return nil
}

// load is the whole body in one piece.
func load(body *spool.Spool) ([]byte, error) {
	b, err := body.Load(nil)
	return b, BudgetAdvice(err)
}

// BudgetAdvice adds to the error of a body that does not fit into memory what
// to do about it.
func BudgetAdvice(err error) error {
	var full *spool.BudgetError
	if errors.As(err, &full) {
		return fmt.Errorf("%w, consider raising 'body_memory_limit'", err)
	}
	return err
}

// Body is a decoded body.
type Body struct {
	// Type is the media type that decided, lower case, without parameters.
	Type string
	// Args are the arguments of a form, in order.
	Args Args
	// Value is a JSON object or array (see ParseJSON); of forms it is a
	// map[string]any of strings, true, and []any of these.
	Value any
}

// BodyOptions change how Request.Body decodes.
type BodyOptions struct {
	// Type is used instead of the Content-Type field.
	Type string
	// MaxArgs of a urlencoded form; 0 = MaxArgs.
	MaxArgs int
	// MaxFile is RawBody's maxFile.
	MaxFile int64
}

// Body decodes a body of application/x-www-form-urlencoded,
// multipart/form-data or application/json; see RawBody for waiting. With an
// error the Body's Type is set as far as it is known.
func (r *Request) Body(o BodyOptions) (Body, error) {
	contentType, has := o.Type, o.Type != ""
	if !has {
		if contentType, has = r.LookupHeader("Content-Type"); !has {
			return Body{}, errNoType
		}
	}
	kind, err := decodable(contentType)
	if err != nil {
		return Body{Type: kind}, err
	}
	raw, err := r.RawBody(o.MaxFile)
	if err != nil {
		return Body{Type: kind}, err
	}
	body, truncated, err := decodeBody(kind, contentType, raw, o.MaxArgs)
	if truncated {
		r.k.Log.Notice("post args truncated")
	}
	return body, err
}

// The media types of bodies.
const (
	typeForm      = "application/x-www-form-urlencoded"
	typeMultipart = "multipart/form-data"
	typeJSON      = "application/json"
)

var errNoType = errors.New("missing content type")

// decodable is the media type that contentType stands for: the beginning
// counts, so that parameters do not.
func decodable(contentType string) (string, error) {
	lower := strings.ToLower(contentType)
	for _, t := range [...]string{typeForm, typeMultipart, typeJSON} {
		if strings.HasPrefix(lower, t) {
			return t, nil
		}
	}
	kind, _, _ := strings.Cut(lower, ";")
	return strings.TrimSpace(kind), fmt.Errorf("unsupported content type '%s'", contentType)
}

// decodeBody decodes raw, whose media type is kind.
func decodeBody(kind, contentType string, raw []byte, maxArgs int) (body Body, truncated bool, err error) {
	body.Type = kind
	switch kind {
	case typeForm:
		if maxArgs <= 0 {
			maxArgs = MaxArgs
		}
		body.Args, truncated = ParseArgs(string(raw), maxArgs)
		body.Value = body.Args.Table()
	case typeMultipart:
		for _, p := range ParseMultipart(raw, contentType) {
			body.Args = append(body.Args, Arg{Name: p.Name, Value: p.Value})
		}
		body.Value = body.Args.Table()
	case typeJSON:
		body.Value, err = ParseJSON(raw)
	}
	return body, truncated, err
}

// encodeBody is decodeBody's inverse for kong.service.request.set_body. The
// content type that comes back is the one to send.
func encodeBody(kind, contentType string, table map[string]any) (raw []byte, _ string, err error) {
	switch kind {
	case typeForm:
		s, err := EncodeArgs(table)
		return []byte(s), contentType, err
	case typeMultipart:
		return EncodeMultipart(table, contentType)
	}
	raw, err = AppendJSON(nil, table)
	return raw, contentType, err
}
