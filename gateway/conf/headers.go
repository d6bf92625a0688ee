package conf

import (
	"sort"
	"strings"
)

// headerTokens are the entries of `headers` in lower case and what each switches on.
var headerTokens = map[string]func(h *Headers){
	"server_tokens": func(h *Headers) { h.Server, h.Via = true, true },
	"latency_tokens": func(h *Headers) {
		h.ProxyLatency, h.UpstreamLatency, h.ResponseLatency, h.AdminLatency = true, true, true, true
	},
	"server":                  func(h *Headers) { h.Server = true },
	"via":                     func(h *Headers) { h.Via = true },
	"x-kong-proxy-latency":    func(h *Headers) { h.ProxyLatency = true },
	"x-kong-upstream-latency": func(h *Headers) { h.UpstreamLatency = true },
	"x-kong-response-latency": func(h *Headers) { h.ResponseLatency = true },
	"x-kong-admin-latency":    func(h *Headers) { h.AdminLatency = true },
	"x-kong-upstream-status":  func(h *Headers) { h.UpstreamStatus = true },
	"x-kong-request-id":       func(h *Headers) { h.RequestID = true },
}

// upstreamHeaderTokens are those of `headers_upstream`.
var upstreamHeaderTokens = map[string]func(h *Headers){
	"x-kong-request-id": func(h *Headers) { h.UpstreamRequestID = true },
}

// headers reads the settings headers and headers_upstream.
func (b *builder) headers() {
	for setting, tokens := range map[string]map[string]func(*Headers){"headers": headerTokens, "headers_upstream": upstreamHeaderTokens} {
		for i, t := range b.list(setting) {
			if t == "off" {
				if i == 0 {
					break // in front, it switches off whatever follows
				}
				continue
			}
			switchOn, ok := tokens[strings.ToLower(t)]
			if !ok {
				names := make([]string, 0, len(tokens))
				for n := range tokens {
					names = append(names, n)
				}
				sort.Strings(names)
				b.fail("%s: invalid entry '%s', expected off or a list of %s", setting, t, strings.Join(names, ", "))
				continue
			}
			switchOn(&b.c.Headers)
		}
	}
}
