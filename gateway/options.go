package gateway

import (
	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/proxy"
	"github.com/gibbon-gateway/gibbon/version"
	"github.com/gibbon-gateway/gibbon/wire/http1"
)

// proxyOptions are the data plane's settings out of all settings.
func proxyOptions(c *conf.Config) proxy.Options {
	l := &c.Limits
	o := proxy.Options{
		RequestHead: http1.Limits{Line: l.LargeHeaderSize, Total: l.LargeHeaders * l.LargeHeaderSize, Fields: maxFields,
			DropUnderscores: !l.UnderscoresInHeaders, KeepOddNames: !l.IgnoreInvalidHeaders},
		ResponseHead:      http1.Limits{Total: max(l.ProxyBufferSize, minResponseHead), Fields: maxFields},
		MaxBody:           l.MaxBodySize,
		BodyBuffer:        l.BodyBufferSize,
		MaxCollected:      l.BufferedResponse,
		SpoolDir:          c.SpoolDir(),
		HeaderTimeout:     int64(l.HeaderTimeout),
		BodyTimeout:       int64(l.BodyTimeout),
		SendTimeout:       int64(l.SendTimeout),
		KeepaliveTimeout:  int64(l.KeepaliveTimeout),
		KeepaliveRequests: uint64(l.KeepaliveRequests),
		MaxConnections:    c.WorkerConnections,
		UpstreamHTTP2:     c.Upstream.HTTP2,
		PoolSize:          c.Upstream.KeepalivePoolSize,
		PoolRequests:      c.Upstream.KeepaliveMaxRequests,
		PoolIdle:          int64(c.Upstream.KeepaliveIdleTimeout),
		Trusted:           c.Client.TrustedIPs,
		TrustedUnix:       c.Client.TrustedUnix,
		RealIPHeader:      lower(c.Client.RealIPHeader),
		RealIPRecursive:   c.Client.RealIPRecursive,
		PortMaps:          map[uint16]uint16{},
		Token:             version.Token,
		Charset:           l.Charset,
		DefaultType:       l.DefaultType,
		AllowDebugHeader:  c.Client.AllowDebugHeader,
		AddHeader:         proxy.AddHeader(l.AddHeader),
	}
	for from, to := range c.Listen.PortMaps {
		o.PortMaps[uint16(from)] = uint16(to)
	}
	h := &c.Headers
	o.Headers = proxy.HeaderSet{
		Server: h.Server, Via: h.Via, ProxyLatency: h.ProxyLatency, UpstreamLatency: h.UpstreamLatency,
		ResponseLatency: h.ResponseLatency, UpstreamStatus: h.UpstreamStatus, RequestID: h.RequestID,
		UpstreamRequestID: h.UpstreamRequestID,
	}
	return o
}

// maxFields bounds the header fields of one message; nginx has no such limit,
// the size limits bring it to about 4000.
const maxFields = 4096

// minResponseHead is the least that proxy_buffer_size can be set to.
const minResponseHead = 1024

// errorPages are the templates of error answers.
func errorPages(c *conf.Config) proxy.ErrorPages {
	t := errorpage.Default()
	for _, x := range []struct {
		to   *string
		from string
	}{{&t.HTML, c.Errors.TemplateHTML}, {&t.JSON, c.Errors.TemplateJSON}, {&t.Plain, c.Errors.TemplatePlain}, {&t.XML, c.Errors.TemplateXML}} {
		if x.from != "" {
			*x.to = x.from
		}
	}
	kind, _ := errorpage.ParseKind(c.Errors.DefaultType)
	return proxy.ErrorPages{Templates: t, Default: kind}
}

func lower(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c | 0x20
		}
	}
	return string(b)
}
