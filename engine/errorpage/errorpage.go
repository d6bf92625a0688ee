package errorpage

import (
	"fmt"
	"os"
	"strings"
)

// Kind is a form of error body.
type Kind uint8

// The forms.
const (
	JSON Kind = iota
	HTML
	XML
	Plain
	// GRPC has no body: grpc-status and grpc-message say it (see GRPC status).
	GRPC
	kinds
)

var mediaTypes = [kinds]string{
	JSON: "application/json", HTML: "text/html", XML: "application/xml", Plain: "text/plain", GRPC: "application/grpc",
}

// ContentType is the value of Content-Type for a body of this kind.
func (k Kind) ContentType() string {
	if k == GRPC {
		return mediaTypes[GRPC]
	}
	return mediaTypes[k] + "; charset=utf-8"
}

// ParseKind reads a media type (error_default_type), parameters ignored; ok is
// false for any that no template exists for. Types are case-sensitive, as
// recorded; all that begin with application/grpc are GRPC.
func ParseKind(mediaType string) (kind Kind, ok bool) {
	mediaType, _, _ = strings.Cut(mediaType, ";")
	mediaType = strings.TrimSpace(mediaType)
	for k, t := range mediaTypes {
		if t == mediaType {
			return Kind(k), true
		}
	}
	if strings.HasPrefix(mediaType, mediaTypes[GRPC]) {
		return GRPC, true
	}
	return JSON, false
}

// Templates are the error bodies. Two %s each: the message, the request id.
// The zero value is not usable: begin with Default.
type Templates struct {
	JSON, HTML, XML, Plain string
}

// Default gives the built-in templates.
func Default() *Templates {
	return &Templates{
		JSON: "{\n  \"message\":\"%s\",\n  \"request_id\":\"%s\"\n}",
		HTML: "<!doctype html>\n<html>\n  <head>\n    <meta charset=\"utf-8\">\n    <title>Error</title>\n  </head>\n" +
			"  <body>\n    <h1>Error</h1>\n    <p>%s.</p>\n    <p>request_id: %s</p>\n  </body>\n</html>\n",
		XML: "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<error>\n  <message>%s</message>\n" +
			"  <requestid>%s</requestid>\n</error>\n",
		Plain: "%s\nrequest_id: %s\n",
	}
}

// Files are the settings error_template_*: paths, "" = the built-in one.
type Files struct{ JSON, HTML, XML, Plain string }

// Load reads templates. It fails with the setting's name when a file cannot be read.
func Load(f Files) (*Templates, error) {
	t := Default()
	for _, one := range []struct {
		setting, path string
		to            *string
	}{
		{"error_template_json", f.JSON, &t.JSON},
		{"error_template_html", f.HTML, &t.HTML},
		{"error_template_xml", f.XML, &t.XML},
		{"error_template_plain", f.Plain, &t.Plain},
	} {
		if one.path == "" {
			continue
		}
		text, err := os.ReadFile(one.path)
		if err != nil {
			return nil, fmt.Errorf("%s: %w; give the path of a readable file", one.setting, err)
		}
		*one.to = string(text)
	}
	return t, nil
}

// Append renders the body of kind k: the message goes in unescaped, as
// recorded. GRPC renders to nothing.
func (t *Templates) Append(dst []byte, k Kind, message, requestID string) []byte {
	var form string
	switch k {
	case HTML:
		form = t.HTML
	case XML:
		form = t.XML
	case Plain:
		form = t.Plain
	case GRPC:
		return dst
	default:
		form = t.JSON
	}
	return appendForm(dst, form, message, requestID)
}

// appendForm replaces the first %s by a, the second by b; "%%" is "%".
func appendForm(dst []byte, form, a, b string) []byte {
	args := [...]string{a, b}
	n := 0
	for {
		i := strings.IndexByte(form, '%')
		if i < 0 || i+1 == len(form) {
			return append(dst, form...)
		}
		dst = append(dst, form[:i]...)
		switch c := form[i+1]; {
		case c == 's' && n < len(args):
			dst = append(dst, args[n]...)
			n++
		case c == '%':
			dst = append(dst, '%')
		default:
			dst = append(dst, form[i:i+2]...)
		}
		form = form[i+2:]
	}
}
