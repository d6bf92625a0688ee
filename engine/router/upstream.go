package router

import "strings"

// UpstreamPath appends the path that the upstream is asked for (without the
// query) to dst: path is the normal form that was given to Router.Match. It
// joins the service's path and the request's, less what strip_path takes off,
// as path_handling says, and escapes the result.
//
// path_handling v1 has an effect in the traditional flavor only, as in the
// reference. The result has at most 3*(len(path)+len(Service.Path))+1 bytes.
// strip_path removes as many bytes from the front as the matched text
// is long, even where an expression matched further back.
func UpstreamPath(dst []byte, m *Match, path string) []byte {
	e := m.Entry
	service := "/"
	if e.Service != nil && e.Service.Path != "" {
		service = e.Service.Path
	}
	stripped := e.Route.StripPath && m.Matched != ""
	rest := path
	if stripped {
		rest = path[min(len(m.Matched), len(path)):]
	}
	if e.v1 {
		return joinV1(dst, service, rest, stripped)
	}
	return joinV0(dst, service, path, rest)
}

// joinV0 puts one slash at the seam. Where nothing remains the service's path
// stands alone, and ends in a slash only if the request's path did.
func joinV0(dst []byte, service, path, rest string) []byte {
	if path == "/" {
		return EscapePath(dst, service)
	}
	rest = strings.TrimLeft(rest, "/")
	front := strings.TrimSuffix(service, "/")
	if rest == "" && front != "" && !strings.HasSuffix(path, "/") {
		return EscapePath(dst, front)
	}
	dst = EscapePath(dst, front)
	dst = append(dst, '/')
	return EscapePath(dst, rest)
}

// joinV1 concatenates. A path that nothing was stripped from loses its first
// slash; of two slashes at the seam one goes.
func joinV1(dst []byte, service, rest string, stripped bool) []byte {
	if !stripped || strings.HasSuffix(service, "/") {
		rest = strings.TrimPrefix(rest, "/")
	}
	dst = EscapePath(dst, service)
	return EscapePath(dst, rest)
}

// ForwardedPrefix is the value of X-Forwarded-Prefix: the text that strip_path
// removes, "" where the header is not sent.
func (m *Match) ForwardedPrefix() string {
	if !m.Entry.Route.StripPath || m.Matched == "/" {
		return ""
	}
	return m.Matched
}
