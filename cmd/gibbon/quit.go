package main

import (
	"fmt"
	"syscall"
	"time"
)

var quitVerb = verb{
	name: "quit", short: "Stop a running gateway when its requests have ended",
	long: "New connections are refused at once, requests in flight go on. What has not ended\n" +
		"within the timeout is cut off.",
	flags: []flagRow{flagPrefix,
		{"timeout", "t", isNumber, "SECONDS", "time that requests in flight may take", "10"},
		{"wait", "w", isNumber, "SECONDS", "time to wait before anything is done", "0"}},
	run: func(x *call) error {
		c, pid, err := x.running()
		if err != nil {
			return err
		}
		if wait := x.number("wait"); wait > 0 {
			x.sayf(1, "waiting %v seconds before quitting", wait)
			time.Sleep(seconds(wait))
		}
		if err := x.signal(pid, syscall.SIGQUIT); err != nil {
			return err
		}
		if gone(c, pid, seconds(x.number("timeout"))) {
			fmt.Fprintln(x.out, "Kong stopped (gracefully)")
			return nil
		}
		fmt.Fprintln(x.out, "Timeout, Kong stopped forcefully")
		if err := x.signal(pid, syscall.SIGTERM); err != nil {
			return err
		}
		if !gone(c, pid, patience) {
			return x.signal(pid, syscall.SIGKILL)
		}
		return nil
	},
}

// seconds is a number flag's value as a duration.
func seconds(v float64) time.Duration { return time.Duration(v * float64(time.Second)) }
