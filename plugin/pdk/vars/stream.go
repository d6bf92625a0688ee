package vars

import (
	"strconv"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

func init() { add(streamVariables) }

// streamVariables describe an L4 session; an HTTP request has none of them.
// What both have (addresses, $status, $bytes_sent, $ssl_*) stands with the others.
var streamVariables = map[string]get{
	"protocol": session(func(dst []byte, _ *pdk.Kong, s *pdk.Stream) ([]byte, bool) { return append(dst, s.Protocol...), true }),
	"bytes_received": session(func(dst []byte, k *pdk.Kong, _ *pdk.Stream) ([]byte, bool) {
		return strconv.AppendUint(dst, k.X.RequestLength, 10), true
	}),
	"session_time": session(sessionTime),
	"ssl_preread_server_name": session(func(dst []byte, _ *pdk.Kong, s *pdk.Stream) ([]byte, bool) {
		return append(dst, s.PrereadName...), s.PrereadName != ""
	}),
	"ssl_preread_alpn_protocols": session(prereadProtocols),
	"ssl_preread_protocol":       session(prereadVersion),
	"upstream_bytes_sent": session(func(dst []byte, _ *pdk.Kong, s *pdk.Stream) ([]byte, bool) {
		return strconv.AppendUint(dst, s.UpstreamSent, 10), true
	}),
	"upstream_bytes_received": session(func(dst []byte, _ *pdk.Kong, s *pdk.Stream) ([]byte, bool) {
		return strconv.AppendUint(dst, s.UpstreamReceived, 10), true
	}),
	"upstream_first_byte_time": session(upstreamTime(func(t *message.Times) int64 { return t.UpstreamHead })),
	"upstream_session_time":    session(upstreamTime(func(t *message.Times) int64 { return t.UpstreamEnd })),
}

func session(of func(dst []byte, k *pdk.Kong, s *pdk.Stream) ([]byte, bool)) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		if k.Stream == nil {
			return dst, false
		}
		return of(dst, k, k.Stream)
	}
}

func sessionTime(dst []byte, k *pdk.Kong, _ *pdk.Stream) ([]byte, bool) {
	return seconds(dst, now(k)-k.X.Times.Start), true
}

func upstreamTime(until func(*message.Times) int64) func([]byte, *pdk.Kong, *pdk.Stream) ([]byte, bool) {
	return func(dst []byte, k *pdk.Kong, _ *pdk.Stream) ([]byte, bool) {
		from, to := k.X.Times.ConnectStart, until(&k.X.Times)
		if from == 0 || to == 0 {
			return dst, false
		}
		return seconds(dst, to-from), true
	}
}

func prereadProtocols(dst []byte, _ *pdk.Kong, s *pdk.Stream) ([]byte, bool) {
	return append(dst, strings.Join(s.PrereadProtocols, ",")...), len(s.PrereadProtocols) > 0
}

func prereadVersion(dst []byte, _ *pdk.Kong, s *pdk.Stream) ([]byte, bool) {
	v := pdk.TLSVersion(s.PrereadVersion)
	return append(dst, v...), v != ""
}
