package main

import (
	"fmt"
	"os"
	"runtime/pprof"
)

// profileVariable names a file for a CPU profile of the gateway's own process:
// `make pgo` gathers default.pgo with it, which the build follows.
const profileVariable = "GIBBON_INTERNAL_CPU_PROFILE"

// profile writes a CPU profile until done is called, if the environment asks for one.
func profile() (done func(), err error) {
	name := os.Getenv(profileVariable)
	if name == "" {
		return func() {}, nil
	}
	f, err := os.Create(name)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", profileVariable, err)
	}
	if err := pprof.StartCPUProfile(f); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s: %w", profileVariable, err)
	}
	return func() {
		pprof.StopCPUProfile()
		_ = f.Close()
	}, nil
}
