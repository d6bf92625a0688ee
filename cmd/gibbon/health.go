package main

import (
	"errors"
	"fmt"
	"os"

	"github.com/gibbon-gateway/gibbon/gateway/prefix"
)

var healthVerb = verb{
	name: "health", short: "Tell whether the gateway runs",
	flags: []flagRow{flagPrefix},
	run: func(x *call) error {
		c, err := x.place(false)
		if err != nil {
			return err
		}
		if _, err := os.Stat(c.Prefix); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("no such prefix: %s", c.Prefix)
		}
		if _, err := os.Stat(c.EnvFile()); errors.Is(err, os.ErrNotExist) {
			return fmt.Errorf("Kong is not running at %s", c.Prefix)
		}
		if prefix.Running(c) == 0 {
			fmt.Fprint(x.out, "nginx.......not running\n\n")
			return fmt.Errorf("Kong is not running at %s", c.Prefix)
		}
		fmt.Fprintf(x.out, "nginx.......running\n\nKong is healthy at %s\n", c.Prefix)
		return nil
	},
}
