package main

import (
	"fmt"
	"runtime"

	"github.com/gibbon-gateway/gibbon/version"
)

var versionVerb = verb{
	name: "version", short: "Print the version",
	long:  "With -a also the version of Kong whose interface is spoken, and what this was built with.",
	flags: []flagRow{{"all", "a", isSwitch, "", "all versions", ""}},
	run: func(x *call) error {
		fmt.Fprintln(x.out, version.Token)
		if x.flags["all"] != "" {
			fmt.Fprintf(x.out, "Kong: %s\nGo: %s\n", version.Interface, runtime.Version())
		}
		return nil
	},
}
