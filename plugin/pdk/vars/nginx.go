package vars

import (
	"strconv"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// nginxVariables are about nginx itself, whose place the gateway takes, and
// about files, which it does not serve: what plugins read of them is what the
// reference's nginx says.
var nginxVariables = map[string]get{
	"nginx_version":       constant("1.25.3"),
	"connections_active":  statistic(func(s *pdk.Statistics) int64 { return s.Active }),
	"connections_reading": statistic(func(s *pdk.Statistics) int64 { return s.Reading }),
	"connections_writing": statistic(func(s *pdk.Statistics) int64 { return s.Writing }),
	"connections_waiting": statistic(func(s *pdk.Statistics) int64 { return s.Waiting }),
	"document_root":       documentRoot,
	"request_filename":    requestFilename,
	"date_gmt":            date(time.UTC, "GMT"),
	"date_local":          date(time.Local, ""),
	// The name and port that nginx's proxy_pass stands for.
	"proxy_host":                destination("kong_upstream"),
	"proxy_port":                destination(""),
	"proxy_add_x_forwarded_for": addForwardedFor,
}

func statistic(of func(*pdk.Statistics) int64) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		if k.Gateway.Statistics == nil {
			return dst, false
		}
		s := k.Gateway.Statistics()
		return strconv.AppendInt(dst, of(&s), 10), true
	}
}

func documentRoot(dst []byte, k *pdk.Kong) ([]byte, bool) {
	prefix, _ := k.Gateway.Settings("prefix").(string)
	return append(append(dst, prefix...), "/html"...), true
}

func requestFilename(dst []byte, k *pdk.Kong) ([]byte, bool) {
	dst, _ = documentRoot(dst, k)
	return append(dst, k.X.View(k.X.URI)...), true
}

// date is a time as server-side includes write it.
func date(in *time.Location, zone string) get {
	return func(dst []byte, _ *pdk.Kong) ([]byte, bool) {
		now := time.Now().In(in)
		if zone == "" {
			return now.AppendFormat(dst, "Monday, 02-Jan-2006 15:04:05 MST"), true
		}
		return append(now.AppendFormat(dst, "Monday, 02-Jan-2006 15:04:05 "), zone...), true
	}
}

// destination is known once the request is on its way to the service; "" stands for its port.
func destination(name string) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		if len(k.Tries) == 0 {
			return dst, false
		}
		if name != "" {
			return append(dst, name...), true
		}
		switch k.X.View(k.X.UpstreamScheme) {
		case "https", "grpcs":
			return append(dst, "443"...), true
		}
		return append(dst, "80"...), true
	}
}

// addForwardedFor is X-Forwarded-For of the client with its own address.
func addForwardedFor(dst []byte, k *pdk.Kong) ([]byte, bool) {
	n := len(dst)
	if dst, _ = requestHeader(dst, k, "x_forwarded_for"); len(dst) > n {
		dst = append(dst, ", "...)
	}
	return append(dst, k.X.View(k.X.RemoteAddr)...), true
}
