// Package grpc tests gRPC through a whole gateway with google.golang.org/grpc
// on both ends: the interop cases of its authors, each with a Lua plugin that
// collects responses, with one that filters them, and with none; and what those
// cases do not show, such as retries on connections that went away. There is no
// code here, only tests; setup_test.go first.
package grpc
