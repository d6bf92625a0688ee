// Package ratelimiting is the plugin rate-limiting: so many requests in a
// second, minute … year. Read schema.go first, then counters.go.
package ratelimiting

import (
	"fmt"
	"strconv"

	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	*Config
	limits [windowCount]int64
	counts *counters
}

var _ plugin.Accessor = (*handler)(nil)

// local are the counters of the process.
var local = newCounters()

func newHandler(record map[string]any) (plugin.Handler, error) {
	c := &Config{}
	if err := schema.Decode(record, c); err != nil {
		return nil, err
	}
	if c.Policy != "local" {
		return nil, fmt.Errorf("config.policy: %q cannot be used yet, only \"local\"", c.Policy)
	}
	return &handler{c, [...]int64{int64(c.Second), int64(c.Minute), int64(c.Hour), int64(c.Day), int64(c.Month), int64(c.Year)}, local}, nil
}

func (h *handler) Access(k *pdk.Kong) error {
	now := int64(k.X.StartTime)
	used, full := h.counts.take(key{k.Current.ID, h.identifier(k)}, &h.limits, now)
	// what is left, and of which window there is least (the longer one on a tie)
	tightest := -1
	var left [windowCount]int64
	for w, limit := range h.limits {
		if limit == 0 {
			continue
		}
		left[w] = limit - used[w]
		if !full {
			left[w]--
		}
		left[w] = max(left[w], 0)
		if tightest < 0 || left[w] <= left[tightest] {
			tightest = w
		}
	}
	reset := max(endOf(tightest, startsOf(now, &h.limits)[tightest])-now, 1)
	if !h.HideClientHeaders {
		if err := h.tell(k, left, tightest, reset); err != nil {
			return err
		}
		if full {
			if err := set(k, "Retry-After", reset); err != nil {
				return err
			}
		}
	}
	if full {
		return k.Response.Error(h.ErrorCode, h.ErrorMessage)
	}
	return nil
}

// headerNames are the headers of each window.
var headerNames = [windowCount]struct{ limit, remaining string }{
	{"X-RateLimit-Limit-Second", "X-RateLimit-Remaining-Second"},
	{"X-RateLimit-Limit-Minute", "X-RateLimit-Remaining-Minute"},
	{"X-RateLimit-Limit-Hour", "X-RateLimit-Remaining-Hour"},
	{"X-RateLimit-Limit-Day", "X-RateLimit-Remaining-Day"},
	{"X-RateLimit-Limit-Month", "X-RateLimit-Remaining-Month"},
	{"X-RateLimit-Limit-Year", "X-RateLimit-Remaining-Year"},
}

// tell sets the headers that tell a client where it stands.
func (h *handler) tell(k *pdk.Kong, left [windowCount]int64, tightest int, reset int64) error {
	for w, limit := range h.limits {
		if limit == 0 {
			continue
		}
		if err := set(k, headerNames[w].limit, limit); err != nil {
			return err
		}
		if err := set(k, headerNames[w].remaining, left[w]); err != nil {
			return err
		}
	}
	if err := set(k, "RateLimit-Limit", h.limits[tightest]); err != nil {
		return err
	}
	if err := set(k, "RateLimit-Remaining", left[tightest]); err != nil {
		return err
	}
	return set(k, "RateLimit-Reset", reset)
}

func set(k *pdk.Kong, name string, n int64) error {
	return k.Response.SetHeader(name, strconv.FormatInt(n, 10))
}

// identifier is what the request is counted for; the client's address where
// what limit_by names is not there.
func (h *handler) identifier(k *pdk.Kong) string {
	id := ""
	switch h.LimitBy {
	case "consumer":
		if id = k.ConsumerID(); id == "" {
			id = k.CredentialID()
		}
	case "credential":
		id = k.CredentialID()
	case "service":
		if s := k.Router.Service; s != nil {
			id = s.ID
		}
	case "header":
		id = k.Request.Header(h.HeaderName)
	case "path":
		if k.Request.Path() == h.Path {
			id = h.Path
		}
	}
	if id == "" {
		return k.Client.ForwardedIP()
	}
	return id
}
