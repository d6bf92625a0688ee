package main

import (
	"fmt"
	"syscall"

	"github.com/gibbon-gateway/gibbon/gateway"
)

var reloadVerb = verb{
	name: "reload", short: "Let a running gateway read its configuration again",
	long: "No connection is dropped. Settings come from -c and KONG_* variables, else from\n" +
		"those that the gateway was started with; when they are refused, it goes on as it was.",
	flags: []flagRow{flagConf, flagPrefix, flagNginxConf, flagNginxFlags},
	run:   reload,
}

func reload(x *call) error {
	old, pid, err := x.running()
	if err != nil {
		return err
	}
	r := x.request(x.flags["conf"])
	if r.File == "" {
		r.File, r.Written = old.EnvFile(), true
	}
	r.Flags["prefix"] = old.Prefix
	c, _, err := r.Load()
	if err != nil {
		return err
	}
	if err := c.CheckFiles(); err != nil {
		return err
	}
	if err := gateway.Check(c); err != nil {
		return err
	}
	if err := x.prepare(c); err != nil {
		return err
	}
	if err := x.signal(pid, syscall.SIGHUP); err != nil {
		return err
	}
	fmt.Fprintln(x.out, "Kong reloaded")
	return nil
}
