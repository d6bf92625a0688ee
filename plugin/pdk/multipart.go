package pdk

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"strings"
)

// maxParts bounds how many parts of a multipart body are read.
const maxParts = 1000

// Part is one part of a multipart/form-data body.
type Part struct {
	// Name is the field's name, Value its content.
	Name, Value string
	// Header are the part's header lines as they stood, with line ends.
	Header string
}

// ParseMultipart splits a multipart/form-data body by the boundary that
// contentType names. What does not look like a part is skipped; without a
// boundary, or with another one than the body uses, there are no parts.
func ParseMultipart(body []byte, contentType string) []Part {
	boundary := boundaryOf(contentType)
	if boundary == "" {
		return nil
	}
	delimiter := []byte("--" + boundary)
	var parts []Part
	_, rest, found := bytes.Cut(body, delimiter)
	for found && len(parts) < maxParts && !bytes.HasPrefix(rest, []byte("--")) {
		var one []byte
		one, rest, found = bytes.Cut(rest, delimiter)
		if p, ok := parsePart(one); ok {
			parts = append(parts, p)
		}
	}
	return parts
}

// parsePart reads what stands between two delimiters. Lines end in CRLF or LF.
func parsePart(b []byte) (p Part, ok bool) {
	b = cutLineEnd(b, bytes.TrimPrefix)
	b = cutLineEnd(b, bytes.TrimSuffix)
	for len(b) > 0 {
		line, rest, more := bytes.Cut(b, []byte("\n"))
		text := strings.TrimSuffix(string(line), "\r")
		if text == "" {
			if !more && len(line) == 0 {
				return p, ok
			}
			p.Value = string(rest)
			return p, ok
		}
		p.Header += text + "\r\n"
		field, value, _ := strings.Cut(text, ":")
		if strings.EqualFold(strings.TrimSpace(field), "Content-Disposition") {
			p.Name, ok = parameter(value, "name")
		}
		b = rest
	}
	return p, ok
}

func cutLineEnd(b []byte, cut func(b, affix []byte) []byte) []byte {
	if c := cut(b, []byte("\r\n")); len(c) < len(b) {
		return c
	}
	return cut(b, []byte("\n"))
}

// boundaryOf is the boundary parameter of a Content-Type, "" without one.
func boundaryOf(contentType string) string {
	v, _ := parameter(contentType, "boundary")
	return v
}

// parameter finds name=value or name="value" among a field's parameters.
func parameter(field, name string) (string, bool) {
	_, params, _ := strings.Cut(field, ";")
	for params != "" {
		params = strings.TrimLeft(params, " \t;")
		key, rest, ok := strings.Cut(params, "=")
		if !ok {
			return "", false
		}
		var value string
		if strings.HasPrefix(rest, `"`) {
			end := strings.IndexByte(rest[1:], '"')
			if end < 0 {
				return "", false
			}
			value, params = rest[1:1+end], rest[2+end:]
		} else {
			value, params, _ = strings.Cut(rest, ";")
			value = strings.TrimSpace(value)
		}
		if strings.EqualFold(strings.TrimSpace(key), name) {
			return value, true
		}
	}
	return "", false
}

// EncodeMultipart makes a multipart/form-data body of a table of strings and
// numbers, parts sorted by name, with the boundary that contentType names or a
// new one. The content type that comes back names it.
func EncodeMultipart(table map[string]any, contentType string) (body []byte, _ string, err error) {
	boundary := boundaryOf(contentType)
	if boundary == "" {
		var r [16]byte
		if _, err := rand.Read(r[:]); err != nil {
			return nil, "", err
		}
		boundary = hex.EncodeToString(r[:])
	}
	for _, name := range sortedKeys(table) {
		value := table[name]
		if _, isBool := value.(bool); isBool {
			return nil, "", fmt.Errorf("invalid value %q: got boolean, expected string or number", name)
		}
		text, err := scalarText(value)
		if err != nil {
			return nil, "", fmt.Errorf("invalid value %q: %w", name, err)
		}
		body = append(body, "--"+boundary+"\r\nContent-Disposition: form-data; name=\""+name+"\"\r\n\r\n"+text+"\r\n"...)
	}
	return append(body, "--"+boundary+"--\r\n"...), "multipart/form-data; boundary=" + boundary, nil
}
