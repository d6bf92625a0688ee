package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"syscall"

	"github.com/gibbon-gateway/gibbon/gateway"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/gateway/prefix"
)

var startVerb = verb{
	name: "start", short: "Start the gateway",
	long: "Makes the working folder if need be and starts the gateway in the background; with\n" +
		"KONG_NGINX_DAEMON=off it stays in the foreground. A configuration that is refused is\n" +
		"an error here: the command returns when all listeners accept.",
	flags: []flagRow{flagConf, flagPrefix, flagNginxConf, flagMigrations, flagDBTimeout, flagLock, flagNginxFlags},
	run:   start,
}

// runGateway is gateway.Run; tests put another in its place.
var runGateway = gateway.Run

func start(x *call) error {
	if os.Getenv(readyVariable) != "" {
		return x.child()
	}
	c, warnings, err := x.settings()
	if err != nil {
		return err
	}
	x.warn(warnings)
	return x.startWith(c, warnings)
}

// startWith starts a gateway of settings that are loaded.
func (x *call) startWith(c *conf.Config, warnings []conf.Warning) error {
	if x.flags["run-migrations"] != "" && c.Datastore.Database != "off" {
		return errNoDatabase
	}
	if prefix.Running(c) != 0 {
		return fmt.Errorf("Kong is already running in %s", c.Prefix)
	}
	if err := x.prepare(c); err != nil {
		return err
	}
	if !c.Daemon {
		return x.serve(c, warnings, nil)
	}
	x.sayf(1, "starting in the background")
	if err := x.launch(c); err != nil {
		return err
	}
	fmt.Fprintln(x.out, "Kong started")
	return nil
}

// prepare makes the files of the prefix and says so when the prefix itself is new.
func (x *call) prepare(c *conf.Config) error {
	if err := c.CheckFiles(); err != nil {
		return err
	}
	if _, err := os.Stat(c.Prefix); errors.Is(err, os.ErrNotExist) {
		fmt.Fprintf(x.out, "prefix directory %s not found, trying to create it\n", c.Prefix)
	}
	x.sayf(1, "preparing the prefix directory at %s", c.Prefix)
	_, err := prefix.Prepare(c)
	return err
}

// serve is the life of the gateway's own process; ready is called when it accepts, and may be nil.
func (x *call) serve(c *conf.Config, warnings []conf.Warning, ready func()) error {
	instance, err := prefix.Claim(c)
	if errors.Is(err, prefix.ErrRunning) {
		return fmt.Errorf("Kong is already running in %s", c.Prefix)
	} else if err != nil {
		return err
	}
	defer instance.Release()
	wishes := make(chan gateway.Signal, 8)
	stop := forward(wishes)
	defer stop()
	return runGateway(context.Background(), c, gateway.Options{
		Signals: wishes,
		Ready:   ready,
		Settings: func() (*conf.Config, []conf.Warning, error) {
			return written(c, x.environ)
		},
		Warnings: warnings,
	})
}

// forward turns the process's signals into an operator's wishes until stop is called.
func forward(wishes chan<- gateway.Signal) (stop func()) {
	means := map[os.Signal]gateway.Signal{
		syscall.SIGHUP: gateway.Reload, syscall.SIGUSR1: gateway.Reopen, syscall.SIGQUIT: gateway.Quit,
		syscall.SIGTERM: gateway.Stop, syscall.SIGINT: gateway.Stop,
	}
	arrived := make(chan os.Signal, 8)
	done := make(chan struct{})
	for s := range means {
		signal.Notify(arrived, s)
	}
	go func() {
		for {
			select {
			case s := <-arrived:
				select {
				case wishes <- means[s]:
				case <-done:
					return
				}
			case <-done:
				return
			}
		}
	}()
	return func() { signal.Stop(arrived); close(done) }
}
