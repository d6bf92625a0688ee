package stream

import (
	"crypto/tls"
	"fmt"
	"net/netip"
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/router"
)

// TestRouterFlavors: every flavor finds routes of all four protocols.
func TestRouterFlavors(t *testing.T) {
	cert, _ := certificate(t, "here.test")
	there, _ := certificate(t, "there.test")
	for _, flavor := range []router.Flavor{router.Compatible, router.Traditional, router.Expressions} {
		t.Run(string(flavor), func(t *testing.T) {
			r := newRig(t, Options{})
			r.on(func() { r.builder.Flavor = flavor })
			host, port := echo(t, nil)
			tlsHost, tlsPort := echo(t, &tls.Config{Certificates: []tls.Certificate{there}})
			udpHost, udpPort := echoUDP(t)
			plain, secure, udp := r.listen(Listener{}), r.listen(Listener{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}}), r.listen(Listener{UDP: true})
			add := func(protocol, addr, sni, host string, port int) {
				service := kv{"protocol": "tcp", "host": host, "port": port}
				dst := 0
				fmt.Sscanf(addr, "127.0.0.1:%d", &dst)
				rec := kv{"protocols": []any{protocol}}
				switch {
				case flavor == router.Expressions && sni != "":
					rec["expression"] = fmt.Sprintf(`net.protocol == %q && tls.sni == %q`, protocol, sni)
				case flavor == router.Expressions:
					rec["expression"] = fmt.Sprintf("net.src.ip in 127.0.0.0/8 && net.dst.port == %d", dst)
				case sni != "": // without TLS the default flavor does not look at snis, so the port has to tell
					rec["snis"], rec["destinations"] = []any{sni}, []any{kv{"port": float64(dst)}}
				default:
					rec["destinations"] = []any{kv{"port": float64(dst)}}
				}
				rec["service"] = r.insert("services", service)
				r.insert("routes", rec)
			}
			if flavor == router.Expressions {
				r.useExpressions()
			}
			add("tcp", plain, "", host, port)
			add("tls", secure, "end.test", host, port)
			add("tls_passthrough", secure, "pass.test", tlsHost, tlsPort)
			add("udp", udp, "", udpHost, udpPort)
			talk(t, dial(t, plain), "plain", "plain")
			talk(t, dialUDP(t, udp), "datagram", "datagram")
			for name, want := range map[string]string{"end.test": "here.test", "pass.test": "there.test"} {
				c, err := dialTLS(t, secure, name)
				if err != nil {
					t.Fatalf("%s: %v", name, err)
				}
				if got := c.ConnectionState().PeerCertificates[0].Subject.CommonName; got != want {
					t.Errorf("%s: certificate of %s, want %s", name, got, want)
				}
				talk(t, c, name, name)
			}
		})
	}
}

// TestProxyProtocolBeforeTLS: the header comes first, TLS after it, in one packet or more.
func TestProxyProtocolBeforeTLS(t *testing.T) {
	cert, _ := certificate(t, "a.test")
	r := newRig(t, Options{Trusted: []netip.Prefix{loopback}})
	host, port := echo(t, nil)
	r.route("tls", kv{"protocol": "tcp", "host": host, "port": port}, kv{"sources": []any{kv{"ip": "10.1.2.3"}}})
	addr := r.listen(Listener{ProxyProtocol: true, TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	raw := dial(t, addr)
	raw.Write([]byte("PROXY TCP4 10.1.2.3 10.0.0.1 1000 2000\r\n"))
	c := tls.Client(raw, &tls.Config{ServerName: "a.test", InsecureSkipVerify: true})
	talk(t, c, "hello", "hello")
	c.Close()
	if got := r.wantAccess(1); !strings.HasPrefix(got, "10.1.2.3 TCP 200 received 5 sent 5") {
		t.Error(got)
	}
}
