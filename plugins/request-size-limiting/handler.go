// Package requestsizelimiting is the plugin request-size-limiting: requests
// with too large a body are refused. Read schema.go first.
package requestsizelimiting

import (
	"strconv"

	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

type handler struct {
	// limit is in bytes.
	limit         int64
	requireLength bool
}

var _ plugin.Accessor = (*handler)(nil)

var units = map[string]int64{"megabytes": 1 << 20, "kilobytes": 1 << 10, "bytes": 1}

func newHandler(c *Config) plugin.Handler {
	return &handler{c.AllowedPayloadSize * units[c.SizeUnit], c.RequireContentLength}
}

func (h *handler) Access(k *pdk.Kong) error {
	length, err := strconv.ParseInt(k.Request.Header("Content-Length"), 10, 64)
	if err == nil && length >= 0 {
		return h.check(k, length)
	}
	if h.requireLength && k.Request.Header("Transfer-Encoding") == "" {
		return k.Response.Error(411, "A valid Content-Length header is required")
	}
	// a body of a length that nobody told has to be read to be measured
	if length, err = k.Request.BodyLength(); err != nil {
		return err
	}
	return h.check(k, length)
}

func (h *handler) check(k *pdk.Kong, length int64) error {
	if length <= h.limit {
		return nil
	}
	status := 413
	if k.Request.Header("Expect") == "100-continue" {
		status = 417 // the client asked whether it may send the body
	}
	return k.Response.Error(status, "Request size limit exceeded")
}
