package main

import "github.com/gibbon-gateway/gibbon/gateway/prefix"

var restartVerb = verb{
	name: "restart", short: "Stop the gateway if it runs, and start it",
	long: "Connections are lost, unlike with `gibbon reload`. The settings are checked first:\n" +
		"when they are refused, the running gateway goes on.",
	flags: startVerb.flags,
	run: func(x *call) error {
		c, warnings, err := x.settings()
		if err != nil {
			return err
		}
		x.warn(warnings)
		if pid := prefix.Running(c); pid != 0 {
			if err := x.stop(c, pid); err != nil {
				return err
			}
		}
		return x.startWith(c, warnings)
	},
}
