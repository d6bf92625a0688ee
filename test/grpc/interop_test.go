package grpc

import (
	"context"
	"fmt"
	"io"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/grpclog"
	"google.golang.org/grpc/interop"
	testpb "google.golang.org/grpc/interop/grpc_testing"
)

// failing makes the interop cases' fatal log lines panics.
type failing struct{ grpclog.LoggerV2 }

func (failing) Fatal(args ...any)            { panic(fmt.Sprint(args...)) }
func (failing) Fatalf(f string, args ...any) { panic(fmt.Sprintf(f, args...)) }
func (failing) Fatalln(args ...any)          { panic(fmt.Sprintln(args...)) }

func init() { grpclog.SetLoggerV2(failing{grpclog.NewLoggerV2(io.Discard, io.Discard, io.Discard)}) }

type unary func(context.Context, testpb.TestServiceClient, ...grpc.CallOption)

var cases = []struct {
	name string
	run  unary
}{
	{"empty_unary", interop.DoEmptyUnaryCall},
	{"large_unary", interop.DoLargeUnaryCall},
	{"client_streaming", interop.DoClientStreaming},
	{"server_streaming", interop.DoServerStreaming},
	{"ping_pong", interop.DoPingPong},
	{"empty_stream", interop.DoEmptyStream},
	{"timeout_on_sleeping_server", interop.DoTimeoutOnSleepingServer},
	{"cancel_after_begin", interop.DoCancelAfterBegin},
	{"cancel_after_first_response", interop.DoCancelAfterFirstResponse},
	{"custom_metadata", interop.DoCustomMetadata},
	{"status_code_and_message", interop.DoStatusCodeAndMessage},
	{"special_status_message", interop.DoSpecialStatusMessage},
}

// TestInterop plays the interop cases through the gateway, in the clear and
// over TLS on both sides, without a plugin and with each of two kinds.
func TestInterop(t *testing.T) {
	for _, secure := range []bool{false, true} {
		url, _ := server(t, secure)
		for _, plugin := range []string{"", "collects", "filters"} {
			t.Run(fmt.Sprintf("tls=%v/plugin=%s", secure, plugin), func(t *testing.T) {
				g := start(t, everythingTo(url, plugin, ""))
				addr := g.plain
				if secure {
					addr = g.secure
				}
				cc := dial(t, addr, secure)
				for _, c := range cases {
					t.Run(c.name, func(t *testing.T) {
						play(t, func(ctx context.Context) { c.run(ctx, testpb.NewTestServiceClient(cc)) })
					})
				}
				t.Run("unimplemented_method", func(t *testing.T) {
					play(t, func(ctx context.Context) { interop.DoUnimplementedMethod(ctx, cc) })
				})
				t.Run("unimplemented_service", func(t *testing.T) {
					play(t, func(ctx context.Context) {
						interop.DoUnimplementedService(ctx, testpb.NewUnimplementedServiceClient(cc))
					})
				})
			})
		}
	}
}

func play(t *testing.T, run func(context.Context)) {
	t.Helper()
	defer func() {
		if e := recover(); e != nil {
			t.Error(e)
		}
	}()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	run(ctx)
}
