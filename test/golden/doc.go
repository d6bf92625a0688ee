// Package golden replays recorded behaviour of the reference gateway against a gibbon binary.
//
// A case is a txtar archive under test/testdata/golden (the README there has the format): a configuration,
// requests, and what the client, the upstreams and the error log showed. A case runs in a process and on
// ports of its own; the package knows no other package of the module and speaks to the gateway only as a client,
// an upstream and a name server would. It is no unit test of anything.
//
// Read run.go first (the life of a case), then stage.go (what stands around the gateway) and compare.go.
package golden
