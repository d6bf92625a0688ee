package errorpage

import (
	"strconv"
	"strings"
)

// maxEntries bounds how many entries of an Accept field are looked at.
const maxEntries = 32

// ByAccept chooses a kind by the value of the Accept field: the entry with the
// greatest q wins, the first among equals. What has no template, "*/*", and an
// empty value give JSON. Types are case-sensitive, as recorded.
func ByAccept(accept string) Kind {
	best, bestQ := "", -1.0
	for range maxEntries {
		entry, rest, more := strings.Cut(accept, ",")
		if t, q := parseEntry(entry); q > bestQ {
			best, bestQ = t, q
		}
		if !more {
			break
		}
		accept = rest
	}
	switch best {
	case "text/html":
		return HTML
	case "application/xml":
		return XML
	case "text/plain", "text/*":
		return Plain
	}
	if strings.HasPrefix(best, "application/grpc") {
		return GRPC
	}
	return JSON
}

// parseEntry splits "type;q=0.5".
func parseEntry(entry string) (mediaType string, q float64) {
	mediaType, params, _ := strings.Cut(entry, ";")
	q = 1
	for params != "" {
		var one string
		one, params, _ = strings.Cut(params, ";")
		name, value, _ := strings.Cut(strings.TrimSpace(one), "=")
		if strings.TrimSpace(name) != "q" {
			continue
		}
		if n, err := strconv.ParseFloat(strings.TrimSpace(value), 64); err == nil {
			q = n
		}
	}
	return strings.TrimSpace(mediaType), q
}

// ForProxy chooses the kind of an error that the proxy makes itself (502, 504,
// 400 …): by Accept if there is one, else by the request's Content-Type, else
// the setting error_default_type.
func ForProxy(accept string, hasAccept bool, contentType string, byDefault Kind) Kind {
	if hasAccept {
		return ByAccept(accept)
	}
	if contentType != "" {
		if k, ok := ParseKind(contentType); ok {
			return k
		}
	}
	return byDefault
}
