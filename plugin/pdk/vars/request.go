package vars

import (
	"os"
	"strconv"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// requestVariables describe the request and the response.
var requestVariables = map[string]get{
	"args":               args,
	"body_bytes_sent":    number(func(k *pdk.Kong) uint64 { return k.X.BodyBytesSent }),
	"bytes_sent":         number(func(k *pdk.Kong) uint64 { return k.X.BytesSent }),
	"content_length":     known(message.HeaderContentLength),
	"content_type":       known(message.HeaderContentType),
	"document_uri":       view(func(x *message.Exchange) message.Str { return x.URI }, true),
	"host":               host,
	"hostname":           hostname,
	"http2":              http2,
	"is_args":            isArgs,
	"kong_proxy_mode":    proxyMode,
	"kong_request_id":    view(func(x *message.Exchange) message.Str { return x.RequestID }, false),
	"limit_rate":         constant("0"),
	"msec":               msec,
	"pid":                constant(strconv.Itoa(os.Getpid())),
	"pipe":               constant("."),
	"query_string":       args,
	"remote_user":        remoteUser,
	"request":            requestLine,
	"request_body":       requestBody,
	"request_completion": completion,
	"request_id":         view(func(x *message.Exchange) message.Str { return x.RequestID }, false),
	"request_length":     number(func(k *pdk.Kong) uint64 { return k.X.RequestLength }),
	"request_method":     view(func(x *message.Exchange) message.Str { return x.Method }, true),
	"request_time":       requestTime,
	"request_uri":        view(func(x *message.Exchange) message.Str { return x.Target }, true),
	"scheme":             view(func(x *message.Exchange) message.Str { return x.Scheme }, true),
	"server_name":        constant("kong"),
	"server_protocol":    serverProtocol,
	"status":             status,
	"time_iso8601":       clock("2006-01-02T15:04:05-07:00"),
	"time_local":         clock("02/Jan/2006:15:04:05 -0700"),
	"uri":                view(func(x *message.Exchange) message.Str { return x.URI }, true),
}

func number(of func(*pdk.Kong) uint64) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) { return strconv.AppendUint(dst, of(k), 10), true }
}

// known is a field of the request.
func known(id message.KnownHeader) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		f := k.X.FindID(&k.X.Request, id)
		if f == nil {
			return dst, false
		}
		return append(dst, k.X.ValueOf(f)...), true
	}
}

func args(dst []byte, k *pdk.Kong) ([]byte, bool) {
	return append(dst, k.Request.RawQuery()...), k.X.Args.Off != 0
}

func isArgs(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Args.Len > 0 {
		dst = append(dst, '?')
	}
	return dst, true
}

func host(dst []byte, k *pdk.Kong) ([]byte, bool) { return append(dst, k.Request.Host()...), true }

func hostname(dst []byte, k *pdk.Kong) ([]byte, bool) {
	return append(dst, k.Gateway.Hostname...), true
}

func http2(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Bits&message.BitHTTP2 != 0 {
		if k.X.Flow.TLS == nil {
			return append(dst, "h2c"...), true
		}
		dst = append(dst, "h2"...)
	}
	return dst, true
}

// proxyMode is how the request is proxied: http, grpc or unbuffered.
func proxyMode(dst []byte, k *pdk.Kong) ([]byte, bool) {
	switch k.X.View(k.X.UpstreamScheme) {
	case "grpc", "grpcs":
		return append(dst, "grpc"...), true
	}
	if r := k.Router.Route; r != nil && !(r.RequestBuffering && r.ResponseBuffering) {
		return append(dst, "unbuffered"...), true
	}
	return append(dst, "http"...), true
}

// now is the loop's time within the exchange's own clock.
func now(k *pdk.Kong) int64 {
	if k.X.Times.End != 0 {
		return k.X.Times.End
	}
	if k.Worker != nil && k.Worker.Loop != nil && !k.InJob {
		return k.Worker.Loop.Now()
	}
	return k.X.Times.Start + int64(time.Since(k.X.StartWall))
}

// seconds appends nanoseconds as nginx writes times: seconds with three digits.
func seconds(dst []byte, ns int64) []byte {
	ms := max(ns, 0) / 1e6
	dst = strconv.AppendInt(dst, ms/1000, 10)
	return append(dst, '.', byte('0'+ms/100%10), byte('0'+ms/10%10), byte('0'+ms%10))
}

func requestTime(dst []byte, k *pdk.Kong) ([]byte, bool) {
	return seconds(dst, now(k)-k.X.Times.Start), true
}

func msec(dst []byte, k *pdk.Kong) ([]byte, bool) {
	at := k.X.StartWall.UnixNano() + now(k) - k.X.Times.Start
	return seconds(dst, at), true
}

func clock(layout string) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		at := k.X.StartWall.Add(time.Duration(now(k) - k.X.Times.Start))
		return at.AppendFormat(dst, layout), true
	}
}

func serverProtocol(dst []byte, k *pdk.Kong) ([]byte, bool) {
	dst = append(dst, "HTTP/"...)
	dst = strconv.AppendUint(dst, uint64(k.X.HTTPMajor), 10)
	dst = append(dst, '.')
	return strconv.AppendUint(dst, uint64(k.X.HTTPMinor), 10), true
}

// requestLine is the first line of the request.
func requestLine(dst []byte, k *pdk.Kong) ([]byte, bool) {
	x := k.X
	if x.Method.Len == 0 {
		return dst, true
	}
	dst = append(append(dst, x.Bytes(x.Method)...), ' ')
	dst = append(append(dst, x.Bytes(x.Target)...), ' ')
	return serverProtocol(dst, k)
}

// status has three digits; "000" before there is a response.
func status(dst []byte, k *pdk.Kong) ([]byte, bool) {
	s := k.X.Status
	return append(dst, byte('0'+s/100%10), byte('0'+s/10%10), byte('0'+s%10)), true
}

func completion(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Times.End != 0 && !k.X.ClientGone {
		dst = append(dst, "OK"...)
	}
	return dst, true
}

// requestBody is the body when it has been read and is in memory.
func requestBody(dst []byte, k *pdk.Kong) ([]byte, bool) {
	body := k.Host.Body()
	if body == nil {
		return dst, false
	}
	b, ok := body.Bytes()
	return append(dst, b...), ok && len(b) > 0
}

// remoteUser is the user name of basic authentication.
func remoteUser(dst []byte, k *pdk.Kong) ([]byte, bool) {
	user := basicUser(k.Request.Header("Authorization"))
	return append(dst, user...), user != ""
}
