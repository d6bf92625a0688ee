package cors

import (
	"regexp"
	"strings"
)

// origin is one entry of config.origins.
type origin struct {
	// literal is the origin itself in normal form; "" for a regex.
	literal string
	// pattern is anchored at both ends.
	pattern *regexp.Regexp
	// hostOnly: the pattern has no ":", so it is matched with the host alone.
	hostOnly bool
}

// plain are the entries that are no regexes, whatever their dots would mean.
var plain = regexp.MustCompile(`^[A-Za-z0-9.:/-]+$`)

func newOrigin(text string) origin {
	if plain.MatchString(text) {
		return origin{literal: normal(text)}
	}
	return origin{
		pattern:  regexp.MustCompile("^(?:" + text + ")$"),
		hostOnly: !strings.Contains(text, ":"),
	}
}

// matches says whether asked, an origin in normal form, is this one.
func (o *origin) matches(asked string) bool {
	if o.pattern == nil {
		return o.literal == asked
	}
	if o.hostOnly {
		return o.pattern.MatchString(hostOf(asked))
	}
	return o.pattern.MatchString(asked)
}

// normal is an origin in lower case without the default port of its scheme.
func normal(text string) string {
	text = strings.ToLower(text)
	for _, d := range [...]struct{ scheme, port string }{{"http://", ":80"}, {"https://", ":443"}} {
		if strings.HasPrefix(text, d.scheme) {
			return strings.TrimSuffix(text, d.port)
		}
	}
	return text
}

// hostOf is the host of scheme://host:port.
func hostOf(text string) string {
	if _, rest, ok := strings.Cut(text, "://"); ok {
		text = rest
	}
	if i := strings.LastIndexByte(text, ':'); i > strings.LastIndexByte(text, ']') {
		text = text[:i]
	}
	return text
}
