package main

import (
	"fmt"
	"strings"
)

var checkVerb = verb{
	name: "check", short: "Check a settings file", args: "[FILE]",
	long: "FILE is /etc/kong/kong.conf if not given. KONG_* variables count too. References to\n" +
		"vaults are not looked up, and files that settings name are not read.",
	run: check,
}

func check(x *call) error {
	file := "/etc/kong/kong.conf"
	if len(x.args) > 0 {
		file = x.args[0]
	}
	r := x.request(file)
	r.KeepReferences = true
	_, warnings, err := r.Load()
	x.warn(warnings)
	if err != nil {
		for _, line := range strings.Split(err.Error(), "\n") {
			fmt.Fprintf(x.err, "%s [error] %s\n", stamp(), line)
		}
		return exitStatus(1)
	}
	fmt.Fprintf(x.out, "configuration at %s is valid\n", file)
	return nil
}
