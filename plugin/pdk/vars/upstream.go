package vars

import (
	"net"
	"strconv"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// upstreamVariables describe what goes to the service and what came back.
var upstreamVariables = map[string]get{
	"upstream_addr":               upstreamAddr,
	"upstream_connect_time":       elapsed(func(t *message.Times) (from, to int64) { return t.ConnectStart, t.Connected }),
	"upstream_header_time":        elapsed(func(t *message.Times) (from, to int64) { return t.ConnectStart, t.UpstreamHead }),
	"upstream_response_time":      elapsed(func(t *message.Times) (from, to int64) { return t.ConnectStart, t.UpstreamEnd }),
	"upstream_status":             upstreamStatus,
	"upstream_host":               view(func(x *message.Exchange) message.Str { return x.UpstreamHost }, true),
	"upstream_scheme":             view(func(x *message.Exchange) message.Str { return x.UpstreamScheme }, true),
	"upstream_uri":                view(func(x *message.Exchange) message.Str { return x.UpstreamURI }, true),
	"upstream_te":                 te,
	"upstream_upgrade":            upgrade,
	"upstream_connection":         connection,
	"upstream_via":                via,
	"upstream_x_forwarded_for":    forwardedFor,
	"upstream_x_forwarded_host":   text(func(k *pdk.Kong) string { return k.Request.ForwardedHost() }),
	"upstream_x_forwarded_path":   forwardedPath,
	"upstream_x_forwarded_port":   forwardedPort,
	"upstream_x_forwarded_prefix": forwardedPrefix,
	"upstream_x_forwarded_proto":  text(func(k *pdk.Kong) string { return k.Request.ForwardedScheme() }),
}

func text(of func(*pdk.Kong) string) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) { return append(dst, of(k)...), true }
}

// upstreamAddr lists the addresses that were tried.
func upstreamAddr(dst []byte, k *pdk.Kong) ([]byte, bool) {
	for i := range k.Tries {
		if i > 0 {
			dst = append(dst, ", "...)
		}
		t := &k.Tries[i]
		dst = append(dst, net.JoinHostPort(t.IP, strconv.Itoa(t.Port))...)
	}
	return dst, len(k.Tries) > 0
}

// upstreamStatus lists the statuses of the tries.
func upstreamStatus(dst []byte, k *pdk.Kong) ([]byte, bool) {
	n := len(dst)
	dst = k.AppendUpstreamStatuses(dst)
	return dst, len(dst) > n
}

// elapsed is a time of the last try; none if it did not get that far.
func elapsed(of func(*message.Times) (from, to int64)) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		from, to := of(&k.X.Times)
		if from == 0 || to == 0 {
			return dst, false
		}
		return seconds(dst, to-from), true
	}
}

func te(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.Request.Header("TE") == "trailers" {
		dst = append(dst, "trailers"...)
	}
	return dst, true
}

func upgrade(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Bits&message.BitUpgrade != 0 {
		dst = append(dst, k.Request.Header("Upgrade")...)
	}
	return dst, true
}

func connection(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Bits&message.BitUpgrade != 0 {
		return append(dst, "upgrade"...), true
	}
	return append(dst, "keep-alive"...), true
}

func via(dst []byte, k *pdk.Kong) ([]byte, bool) {
	v := k.Request.Header("Via")
	return append(dst, v...), v != ""
}

// forwardedFor is the client's X-Forwarded-For with the connection's address behind it.
func forwardedFor(dst []byte, k *pdk.Kong) ([]byte, bool) {
	dst, found := header(dst, k, &k.X.Request, "x_forwarded_for", ", ")
	if found {
		dst = append(dst, ", "...)
	}
	return append(dst, k.Client.IP()...), true
}

// forwardedPath is the path as sent, unless a trusted client says another.
func forwardedPath(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Bits&message.BitTrusted != 0 {
		if v := k.Request.Header("X-Forwarded-Path"); v != "" {
			return append(dst, v...), true
		}
	}
	return append(dst, k.Request.RawPath()...), true
}

func forwardedPort(dst []byte, k *pdk.Kong) ([]byte, bool) {
	return strconv.AppendInt(dst, int64(k.Request.ForwardedPort()), 10), true
}

func forwardedPrefix(dst []byte, k *pdk.Kong) ([]byte, bool) {
	v := k.Request.ForwardedPrefix()
	return append(dst, v...), v != ""
}
