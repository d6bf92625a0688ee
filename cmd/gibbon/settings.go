package main

import (
	"errors"
	"fmt"
	"os"
	"strings"
	"time"

	"github.com/gibbon-gateway/gibbon/gateway/conf"
)

// stamp is the time in front of lines that look like a log's.
func stamp() string { return time.Now().Format("2006/01/02 15:04:05") }

// settings loads the settings that the flags and the environment say.
func (x *call) settings() (*conf.Config, []conf.Warning, error) {
	return x.request(x.flags["conf"]).Load()
}

// request is where a verb's settings come from.
func (x *call) request(file string) conf.Request {
	r := conf.Request{File: file, Environ: x.environ, Flags: map[string]string{}}
	if p := x.flags["prefix"]; p != "" {
		r.Flags["prefix"] = p
	}
	if file != "" {
		x.sayf(1, "reading config file at %s", file)
	}
	return r
}

// place finds the prefix for verbs that only need to know where a gateway runs; needUsed refuses a prefix that no gateway was ever started in.
func (x *call) place(needUsed bool) (*conf.Config, error) {
	c, err := x.request("").Place()
	if err != nil {
		return nil, err
	}
	if _, err := os.Stat(c.EnvFile()); needUsed && errors.Is(err, os.ErrNotExist) {
		return nil, fmt.Errorf("no file at: %s", c.EnvFile())
	}
	return c, nil
}

// written loads the settings that the gateway in c's prefix was started or
// reloaded with. The environment counts for references only: its KONG_*
// variables are those of the start, and are in the file already.
func written(c *conf.Config, environ []string) (*conf.Config, []conf.Warning, error) {
	rest := environ[:0:0]
	for _, e := range environ {
		if !strings.HasPrefix(e, "KONG_") && !strings.HasPrefix(e, "GIBBON_") {
			rest = append(rest, e)
		}
	}
	return conf.Request{File: c.EnvFile(), Written: true, Environ: rest, Flags: map[string]string{"prefix": c.Prefix}}.Load()
}

// warn prints warnings about settings, and about flags that have no effect.
func (x *call) warn(warnings []conf.Warning) {
	for _, f := range []string{"nginx-conf", "nginx-conf-flags"} {
		if x.flags[f] != "" {
			warnings = append(warnings, conf.Warning{Text: "--" + f + " has no effect, since there is no nginx underneath"})
		}
	}
	for _, w := range warnings {
		fmt.Fprintf(x.err, "%s [warn] %s\n", stamp(), w)
	}
}
