package grpc

import (
	"context"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	healthpb "google.golang.org/grpc/health/grpc_health_v1"
	testpb "google.golang.org/grpc/interop/grpc_testing"
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	refpb "google.golang.org/grpc/reflection/grpc_reflection_v1"
	"google.golang.org/grpc/status"
)

// within is a context that ends in time.
func within(t *testing.T, d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(context.Background(), d)
	t.Cleanup(cancel)
	return ctx
}

// TestHealthAndReflection: calls of standard services pass as any other.
func TestHealthAndReflection(t *testing.T) {
	url, _ := server(t, false)
	g := start(t, everythingTo(url, "filters", ""))
	cc := dial(t, g.plain, false)
	ctx := within(t, 10*time.Second)
	h := healthpb.NewHealthClient(cc)
	if r, err := h.Check(ctx, &healthpb.HealthCheckRequest{Service: "up"}); err != nil || r.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v %v", r, err)
	}
	if _, err := h.Check(ctx, &healthpb.HealthCheckRequest{Service: "none"}); status.Code(err) != codes.NotFound {
		t.Error(err)
	}
	watch, err := h.Watch(ctx, &healthpb.HealthCheckRequest{Service: "up"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := watch.Recv(); err != nil || r.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v %v", r, err)
	}
	s, err := refpb.NewServerReflectionClient(cc).ServerReflectionInfo(ctx)
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Send(&refpb.ServerReflectionRequest{MessageRequest: &refpb.ServerReflectionRequest_ListServices{}}); err != nil {
		t.Fatal(err)
	}
	r, err := s.Recv()
	if err != nil || len(r.GetListServicesResponse().GetService()) < 3 {
		t.Errorf("%v %v", r, err)
	}
}

// TestWatchIsNotHeldUp: a stream that does not end passes message by message, although a plugin wants whole responses.
func TestWatchIsNotHeldUp(t *testing.T) {
	url, _ := server(t, false)
	g := start(t, everythingTo(url, "collects", ""))
	ctx := within(t, 10*time.Second)
	watch, err := healthpb.NewHealthClient(dial(t, g.plain, false)).Watch(ctx, &healthpb.HealthCheckRequest{Service: "up"})
	if err != nil {
		t.Fatal(err)
	}
	if r, err := watch.Recv(); err != nil || r.Status != healthpb.HealthCheckResponse_SERVING {
		t.Errorf("%v %v", r, err)
	}
	if h, _ := watch.Header(); len(h.Get("x-collected")) != 1 {
		t.Errorf("the response phase did not run: %v", h)
	}
}

// TestPluginsRun: what the plugins of these tests do to a unary call; collects
// has a response phase.
//
// Documented row 64. Lifted: the response phase runs on HTTP/2 and gRPC, too.
func TestPluginsRun(t *testing.T) {
	for plugin, field := range map[string]string{"collects": "x-collected", "filters": "x-filtered"} {
		passed := make(chan string, 1)
		url, _ := server(t, false, grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			md, _ := metadata.FromIncomingContext(ctx)
			passed <- strings.Join(md.Get("x-passed"), ",")
			return h(ctx, req)
		}))
		g := start(t, everythingTo(url, plugin, ""))
		var head metadata.MD
		_, err := testpb.NewTestServiceClient(dial(t, g.plain, false)).EmptyCall(within(t, 10*time.Second), &testpb.Empty{}, grpc.Header(&head))
		if err != nil || len(head.Get(field)) != 1 || <-passed != "access" {
			t.Errorf("%s: %v %v", plugin, head, err)
		}
	}
}

// TestGatewayErrors: what the gateway answers itself is a status of gRPC's.
func TestGatewayErrors(t *testing.T) {
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	dead := ln.Addr().String()
	ln.Close()
	g := start(t, "_format_version: \"3.0\"\nservices:\n- {name: s, url: \"grpc://"+dead+"\", retries: 1, routes: [{name: r, protocols: [grpc, grpcs], paths: [/grpc.testing]}]}\n")
	cc := dial(t, g.plain, false)
	if _, err := testpb.NewTestServiceClient(cc).EmptyCall(within(t, 10*time.Second), &testpb.Empty{}); status.Code(err) == codes.OK || status.Code(err) == codes.DeadlineExceeded {
		t.Error(err)
	}
	if _, err := healthpb.NewHealthClient(cc).Check(within(t, 10*time.Second), &healthpb.HealthCheckRequest{}); status.Code(err) != codes.Unimplemented && status.Code(err) != codes.NotFound {
		t.Error(err) // 404
	}
}

// TestConnectionsGoAway: calls survive that a server ends its connections again and again.
func TestConnectionsGoAway(t *testing.T) {
	var peers sync.Map
	var met atomic.Int32
	url, _ := server(t, false, grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionAge: 50 * time.Millisecond, MaxConnectionAgeGrace: 5 * time.Second}),
		grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			p, _ := peer.FromContext(ctx)
			if _, known := peers.LoadOrStore(p.Addr.String(), true); !known {
				met.Add(1)
			}
			return h(ctx, req)
		}))
	g := start(t, everythingTo(url, "", ""))
	var wg sync.WaitGroup
	end := time.Now().Add(2 * time.Second)
	for range 8 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			c := testpb.NewTestServiceClient(dial(t, g.plain, false))
			for n := 0; time.Now().Before(end); n++ {
				if _, err := c.EmptyCall(within(t, 10*time.Second), &testpb.Empty{}); err != nil {
					t.Errorf("call %d: %v", n, err)
					return
				}
			}
		}()
	}
	wg.Wait()
	if n := met.Load(); n < 5 {
		t.Errorf("only %d connections", n)
	}
}

// TestBalancesCalls: each call chooses its target, whatever connection it came on, and calls to one target share connections.
func TestBalancesCalls(t *testing.T) {
	var calls [2]atomic.Int32
	var conns sync.Map
	targets := ""
	for i := range calls {
		url, _ := server(t, false, grpc.UnaryInterceptor(func(ctx context.Context, req any, _ *grpc.UnaryServerInfo, h grpc.UnaryHandler) (any, error) {
			calls[i].Add(1)
			p, _ := peer.FromContext(ctx)
			conns.Store(p.Addr.String(), true)
			return h(ctx, req)
		}))
		targets += fmt.Sprintf("{target: \"%s\"},", strings.TrimPrefix(url, "grpc://"))
	}
	g := start(t, everythingTo("grpc://both.up", "", "")+"upstreams:\n- {name: both.up, targets: ["+targets+"]}\n", "KONG_NGINX_WORKER_PROCESSES=1")
	c := testpb.NewTestServiceClient(dial(t, g.plain, false))
	var wg sync.WaitGroup
	for range 40 {
		wg.Add(1)
		go func() {
			defer wg.Done()
			if _, err := c.EmptyCall(within(t, 10*time.Second), &testpb.Empty{}); err != nil {
				t.Error(err)
			}
		}()
	}
	wg.Wait()
	if a, b := calls[0].Load(), calls[1].Load(); a != 20 || b != 20 {
		t.Errorf("%d and %d calls", a, b)
	}
	n := 0
	conns.Range(func(any, any) bool { n++; return true })
	if n > 4 {
		t.Errorf("40 calls to two targets took %d connections", n)
	}
}

// TestManyStreams: more streams at a time than a server allows on a connection wait for their turn or get a connection of their own.
func TestManyStreams(t *testing.T) {
	url, _ := server(t, false, grpc.MaxConcurrentStreams(10))
	g := start(t, everythingTo(url, "", ""), "KONG_NGINX_WORKER_PROCESSES=1")
	var wg sync.WaitGroup
	for range 4 {
		c := testpb.NewTestServiceClient(dial(t, g.plain, false))
		for range 25 {
			wg.Add(1)
			go func() {
				defer wg.Done()
				s, err := c.FullDuplexCall(within(t, 20*time.Second))
				if err != nil {
					t.Error(err)
					return
				}
				for range 3 {
					req := &testpb.StreamingOutputCallRequest{ResponseParameters: []*testpb.ResponseParameters{{Size: 1000, IntervalUs: 20000}}}
					if err := s.Send(req); err != nil {
						t.Error(err)
						return
					}
					if _, err := s.Recv(); err != nil {
						t.Error(err)
						return
					}
				}
				_ = s.CloseSend()
				if _, err := s.Recv(); err != io.EOF {
					t.Error(err)
				}
			}()
		}
	}
	wg.Wait()
}
