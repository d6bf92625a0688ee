package vars

import (
	"crypto/sha1"
	"crypto/tls"
	"crypto/x509"
	"encoding/base64"
	"encoding/hex"
	"encoding/pem"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// connectionVariables describe the connection with the client and its TLS.
var connectionVariables = map[string]get{
	"binary_remote_addr":         binaryAddr,
	"connection":                 number(func(k *pdk.Kong) uint64 { return k.X.ConnectionSerial }),
	"connection_requests":        number(func(k *pdk.Kong) uint64 { return k.X.ConnectionRequests }),
	"connection_time":            connectionTime,
	"https":                      https,
	"proxy_protocol_addr":        proxied(func(a netip.AddrPort) string { return a.Addr().Unmap().String() }),
	"proxy_protocol_port":        proxied(func(a netip.AddrPort) string { return strconv.Itoa(int(a.Port())) }),
	"proxy_protocol_server_addr": proxiedServer,
	"proxy_protocol_server_port": absent,
	"realip_remote_addr":         view(func(x *message.Exchange) message.Str { return x.RealRemoteAddr }, true),
	"realip_remote_port":         port(func(k *pdk.Kong) uint16 { return k.X.RealRemotePort }),
	"remote_addr":                view(func(x *message.Exchange) message.Str { return x.RemoteAddr }, true),
	"remote_port":                port(func(k *pdk.Kong) uint16 { return k.X.RemotePort }),
	"server_addr":                view(func(x *message.Exchange) message.Str { return x.ServerAddr }, true),
	"server_port":                port(func(k *pdk.Kong) uint16 { return k.X.ServerPort }),

	"ssl_alpn_protocol":       state(func(s *tls.ConnectionState) string { return s.NegotiatedProtocol }),
	"ssl_cipher":              state(func(s *tls.ConnectionState) string { return tls.CipherSuiteName(s.CipherSuite) }),
	"ssl_protocol":            state(func(s *tls.ConnectionState) string { return pdk.TLSVersion(s.Version) }),
	"ssl_server_name":         state(func(s *tls.ConnectionState) string { return s.ServerName }),
	"ssl_session_reused":      state(reused),
	"ssl_client_verify":       clientVerify,
	"ssl_client_cert":         client(func(c *x509.Certificate) string { return strings.ReplaceAll(rawCert(c), "\n", "\n\t") }),
	"ssl_client_raw_cert":     client(rawCert),
	"ssl_client_escaped_cert": client(func(c *x509.Certificate) string { return url.PathEscape(rawCert(c)) }),
	"ssl_client_fingerprint":  client(func(c *x509.Certificate) string { h := sha1.Sum(c.Raw); return hex.EncodeToString(h[:]) }),
	"ssl_client_i_dn":         client(func(c *x509.Certificate) string { return c.Issuer.String() }),
	"ssl_client_s_dn":         client(func(c *x509.Certificate) string { return c.Subject.String() }),
	"ssl_client_serial":       client(func(c *x509.Certificate) string { return strings.ToUpper(c.SerialNumber.Text(16)) }),
	"ssl_client_v_start":      client(func(c *x509.Certificate) string { return c.NotBefore.UTC().Format(certTime) }),
	"ssl_client_v_end":        client(func(c *x509.Certificate) string { return c.NotAfter.UTC().Format(certTime) }),
	"ssl_client_v_remain":     client(func(c *x509.Certificate) string { return strconv.Itoa(int(time.Until(c.NotAfter).Hours() / 24)) }),
}

// certTime is how OpenSSL writes the times of a certificate.
const certTime = "Jan _2 15:04:05 2006 GMT"

func binaryAddr(dst []byte, k *pdk.Kong) ([]byte, bool) {
	a, err := netip.ParseAddr(k.X.View(k.X.RemoteAddr))
	if err != nil {
		return dst, false
	}
	return append(dst, a.Unmap().AsSlice()...), true
}

func connectionTime(dst []byte, k *pdk.Kong) ([]byte, bool) {
	return seconds(dst, int64(time.Since(k.X.Flow.Accepted))), true
}

func https(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Flow.TLS != nil {
		dst = append(dst, "on"...)
	}
	return dst, true
}

// port is empty where there is none: on a unix socket, or where real_ip_header
// named an address alone.
func port(of func(*pdk.Kong) uint16) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		if p := of(k); p != 0 {
			dst = strconv.AppendUint(dst, uint64(p), 10)
		}
		return dst, true
	}
}

func proxied(text func(netip.AddrPort) string) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		if a := k.X.Flow.Proxied; a.IsValid() {
			dst = append(dst, text(a)...)
		}
		return dst, true
	}
}

func proxiedServer(dst []byte, k *pdk.Kong) ([]byte, bool) {
	if k.X.Flow.Proxied.IsValid() {
		dst = append(dst, k.X.Flow.LocalText()...)
	}
	return dst, true
}

// state is a variable of the TLS connection; none in the clear.
func state(of func(*tls.ConnectionState) string) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		s := k.X.Flow.TLS
		if s == nil {
			return dst, false
		}
		v := of(s)
		return append(dst, v...), v != ""
	}
}

func reused(s *tls.ConnectionState) string {
	if s.DidResume {
		return "r"
	}
	return "."
}

func clientVerify(dst []byte, k *pdk.Kong) ([]byte, bool) {
	switch {
	case k.X.Flow.ClientVerify != "":
		return append(dst, k.X.Flow.ClientVerify...), true
	case k.X.Flow.TLS != nil:
		return append(dst, "NONE"...), true
	}
	return dst, false
}

// client is a variable of the client's certificate; none without one.
func client(of func(*x509.Certificate) string) get {
	return func(dst []byte, k *pdk.Kong) ([]byte, bool) {
		s := k.X.Flow.TLS
		if s == nil || len(s.PeerCertificates) == 0 {
			return dst, false
		}
		return append(dst, of(s.PeerCertificates[0])...), true
	}
}

func rawCert(c *x509.Certificate) string {
	return strings.TrimSuffix(string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: c.Raw})), "\n")
}

// basicUser is the user name in an Authorization field of the Basic scheme.
func basicUser(authorization string) string {
	scheme, rest, _ := strings.Cut(authorization, " ")
	if !strings.EqualFold(scheme, "Basic") {
		return ""
	}
	plain, err := base64.StdEncoding.DecodeString(strings.TrimSpace(rest))
	if err != nil {
		return ""
	}
	user, _, has := strings.Cut(string(plain), ":")
	if !has {
		return ""
	}
	return user
}
