package main

import (
	"fmt"
	"syscall"
	"time"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/gateway/prefix"
)

var stopVerb = verb{
	name: "stop", short: "Stop a running gateway at once",
	long:  "Requests in flight are cut off; `gibbon quit` lets them end.",
	flags: []flagRow{flagPrefix},
	run: func(x *call) error {
		c, pid, err := x.running()
		if err != nil {
			return err
		}
		return x.stop(c, pid)
	},
}

// running finds the gateway of the prefix.
func (x *call) running() (*conf.Config, int, error) {
	c, err := x.place(true)
	if err != nil {
		return nil, 0, err
	}
	pid := prefix.Running(c)
	if pid == 0 {
		return nil, 0, fmt.Errorf("nginx not running in prefix: %s", c.Prefix)
	}
	return c, pid, nil
}

// patience is how long a gateway that was told to stop at once may take.
const patience = 10 * time.Second

// stop ends the gateway with process id pid.
func (x *call) stop(c *conf.Config, pid int) error {
	if err := x.signal(pid, syscall.SIGTERM); err != nil {
		return err
	}
	if !gone(c, pid, patience) {
		x.sayf(1, "the process %d does not end, killing it", pid)
		if err := x.signal(pid, syscall.SIGKILL); err != nil {
			return err
		}
		gone(c, pid, patience)
	}
	fmt.Fprintln(x.out, "Kong stopped")
	return nil
}

// signal sends a signal to the gateway's process.
func (x *call) signal(pid int, s syscall.Signal) error {
	x.sayf(1, "sending %s signal to pid %d", s, pid)
	if err := syscall.Kill(pid, s); err != nil {
		return fmt.Errorf("could not send a signal to the process %d: %w", pid, err)
	}
	return nil
}

// gone waits until the process pid does not run in the prefix any more.
func gone(c *conf.Config, pid int, wait time.Duration) bool {
	for end := time.Now().Add(wait); ; time.Sleep(10 * time.Millisecond) {
		if prefix.Running(c) != pid {
			return true
		}
		if time.Now().After(end) {
			return false
		}
	}
}
