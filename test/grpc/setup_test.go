package grpc

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/health"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/reflection"

	// The binary under test is built from it: without this line go test would show an old result after a change there.
	_ "github.com/gibbon-gateway/gibbon/gateway"
	"github.com/gibbon-gateway/gibbon/test/process"
)

var binary string

func TestMain(m *testing.M) {
	os.Exit(func() int {
		dir, err := os.MkdirTemp("", "grpc")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(dir)
		if binary, err = process.Build(dir, "github.com/gibbon-gateway/gibbon/cmd/gibbon"); err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		return m.Run()
	}())
}

// gibbon is a started gateway.
type gibbon struct {
	*process.Process
	plain, secure string // addresses of the listeners, both with http2
	prefix        string
}

// start runs a gateway with a kong.yml until the test ends.
func start(t *testing.T, conf string, env ...string) *gibbon {
	t.Helper()
	ports, err := process.TakePorts()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(ports.Release)
	dir := t.TempDir()
	lua, err := filepath.Abs("testdata")
	if err != nil {
		t.Fatal(err)
	}
	g := &gibbon{plain: process.Loopback(ports.Take()), secure: process.Loopback(ports.Take()), prefix: filepath.Join(dir, "prefix")}
	file := filepath.Join(dir, "kong.yml")
	if err := os.WriteFile(file, []byte(conf), 0o644); err != nil {
		t.Fatal(err)
	}
	env = append([]string{
		"KONG_DATABASE=off", "KONG_DECLARATIVE_CONFIG=" + file, "KONG_PLUGINS=bundled,collects,filters", "KONG_PREFIX=" + g.prefix,
		"KONG_LUA_PACKAGE_PATH=" + lua + "/?.lua;;", "KONG_PROXY_LISTEN=" + g.plain + " http2, " + g.secure + " ssl http2",
		"KONG_ADMIN_LISTEN=off", "KONG_ADMIN_GUI_LISTEN=off", "KONG_STATUS_LISTEN=off", "KONG_STREAM_LISTEN=off",
		"KONG_NGINX_DAEMON=off", "KONG_NGINX_WORKER_PROCESSES=2", "KONG_PROXY_ACCESS_LOG=off",
	}, env...)
	if g.Process, err = process.Start(dir, env, binary, "start"); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		g.Stop()
		if t.Failed() {
			b, _ := os.ReadFile(filepath.Join(g.prefix, "logs", "error.log"))
			t.Logf("gateway: %s\n%s", g.Output(), b)
		}
	})
	if err := g.Listening(g.plain, 20*time.Second); err != nil {
		t.Fatal(err)
	}
	return g
}

// everythingTo is a kong.yml that sends every call to url, through a global plugin unless that is "".
func everythingTo(url, plugin string, more string) string {
	conf := "_format_version: \"3.0\"\nservices:\n- name: s\n  url: " + url + "\n  retries: 2\n" + more +
		"  routes:\n  - {name: r, protocols: [grpc, grpcs], paths: [/]}\n"
	if plugin != "" {
		conf += "plugins: [{name: " + plugin + "}]\n"
	}
	return conf
}

// server is a gRPC server with the interop, health and reflection services.
func server(t testing.TB, secure bool, o ...grpc.ServerOption) (url string, s *grpc.Server) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	scheme := "grpc"
	if secure {
		scheme = "grpcs"
		c := selfSigned(t)
		o = append(o, grpc.Creds(credentials.NewServerTLSFromCert(&c)))
	}
	s = grpc.NewServer(o...)
	testpb.RegisterTestServiceServer(s, interop.NewTestServer())
	h := health.NewServer()
	h.SetServingStatus("up", healthpb.HealthCheckResponse_SERVING)
	healthpb.RegisterHealthServer(s, h)
	reflection.Register(s)
	go s.Serve(ln)
	t.Cleanup(s.Stop)
	return scheme + "://" + ln.Addr().String(), s
}

// dial connects to one of the gateway's listeners.
func dial(t testing.TB, addr string, secure bool) *grpc.ClientConn {
	t.Helper()
	creds := insecure.NewCredentials()
	if secure {
		creds = credentials.NewTLS(&tls.Config{InsecureSkipVerify: true})
	}
	cc, err := grpc.NewClient("passthrough:///"+addr, grpc.WithTransportCredentials(creds))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { cc.Close() })
	return cc
}

// selfSigned is a certificate for tests.
func selfSigned(t testing.TB) tls.Certificate {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	x := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour), IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, x, x, &key.PublicKey, key)
	if err != nil {
		t.Fatal(err)
	}
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}
}
