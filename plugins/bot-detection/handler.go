// Package botdetection is the plugin bot-detection: it keeps out clients that
// say they are bots. Read schema.go first.
package botdetection

import (
	"regexp"
	"strings"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	allow, deny *regexp.Regexp // nil = none
}

var _ plugin.Accessor = (*handler)(nil)

// known are bots, crawlers and scraping tools by what their user agents contain.
var known = regexp.MustCompile(strings.Join([]string{
	`(?i)(?:^|[^a-z])(?:google|bing|yandex|baidu|duckduck|apple|twitter|linkedin|slack|discord|telegram|facebook|petal|seznam|exa|sogou|gpt|cc|mj12|dot)bot`,
	`(?i)facebookexternalhit|facebot|ia_archiver|slurp|baiduspider|ahrefsbot|semrushbot|rogerbot|bingpreview|mediapartners-google|adsbot-google`,
	`(?i)(?:web|site|link)(?:crawler|spider|checker)|(?:^|[^a-z])(?:crawler|spider)(?:[^a-z]|$)`,
	`(?i)scrapy|httrack|heritrix|nutch|phantomjs|headlesschrome`,
	`(?i)^(?:go-http-client|python-(?:requests|urllib)|libwww-perl|java/|lwp::)`,
}, "|"))

func newHandler(record map[string]any) (plugin.Handler, error) {
	var c Config
	if err := schema.Decode(record, &c); err != nil {
		return nil, err
	}
	h := &handler{}
	var err error
	if h.allow, err = anyOf(c.Allow); err != nil {
		return nil, err
	}
	h.deny, err = anyOf(c.Deny)
	return h, err
}

// anyOf joins patterns into one regex, nil for none.
func anyOf(patterns []string) (*regexp.Regexp, error) {
	if len(patterns) == 0 {
		return nil, nil
	}
	return regexp.Compile("(?:" + strings.Join(patterns, ")|(?:") + ")")
}

func (h *handler) Access(k *pdk.Kong) error {
	agent := k.Request.Header("User-Agent")
	if agent == "" || h.allow != nil && h.allow.MatchString(agent) {
		return nil
	}
	if h.deny != nil && h.deny.MatchString(agent) || known.MatchString(agent) {
		return k.Response.Error(403, "")
	}
	return nil
}
