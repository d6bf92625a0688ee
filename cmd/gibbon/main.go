package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
)

// verbs are the commands by the order of the usage.
var verbs = []*verb{
	&startVerb, &stopVerb, &quitVerb, &restartVerb, &reloadVerb,
	&checkVerb, &configVerb, &pluginVerb, &prepareVerb, &healthVerb, &drainVerb, &versionVerb,
	&vaultVerb, &hybridVerb, &migrationsVerb, &roarVerb,
}

// verb is one command.
type verb struct {
	name  string
	short string // what it does, in a line
	long  string // more for its usage; may be empty
	args  string // what follows the flags, for the usage line
	subs  []sub  // its sub-verbs; the first argument then names one
	flags []flagRow
	// run does it. An error is printed as `Error: …` and makes the exit status 1, unless it is an exitStatus.
	run func(x *call) error
}

// sub is a sub-verb: its name, with what follows it, and what it does in a line.
type sub struct{ name, short string }

// call is one invocation of a verb.
type call struct {
	verb    *verb
	args    []string          // without flags; with sub-verbs, args[0] is one
	flags   map[string]string // by long name; a switch's value is "true"
	environ []string
	verbose int // 1 with --v, 2 with --vv
	out     io.Writer
	err     io.Writer
}

// exitStatus ends a verb that has printed what there is to say.
type exitStatus int

func (e exitStatus) Error() string { return fmt.Sprintf("exit status %d", int(e)) }

func main() {
	os.Exit(run(os.Args[1:], os.Environ(), os.Stdout, os.Stderr))
}

// run is main without its surroundings; it returns the exit status.
func run(words, environ []string, out, errs io.Writer) int {
	if len(words) == 0 {
		fmt.Fprint(errs, usage())
		return 1
	}
	var v *verb
	for _, candidate := range verbs {
		if candidate.name == words[0] {
			v = candidate
		}
	}
	if v == nil {
		if words[0] != "--help" && words[0] != "-h" && words[0] != "help" {
			fmt.Fprintf(errs, "No such command: %s\n\n", words[0])
		}
		fmt.Fprint(errs, usage())
		return 1
	}
	x := &call{verb: v, environ: environ, out: out, err: errs}
	if problem := x.parse(words[1:]); problem != "" {
		if problem != "help" {
			fmt.Fprintf(errs, "%s\n\n", problem)
		}
		fmt.Fprint(errs, v.usage())
		return 1
	}
	return x.finish(v.run(x))
}

// finish prints an error the way all verbs do and makes an exit status of it.
func (x *call) finish(err error) int {
	var status exitStatus
	switch {
	case err == nil:
		return 0
	case errors.As(err, &status):
		return int(status)
	}
	fmt.Fprintf(x.err, "Error: %s\n", err)
	if x.verbose == 0 {
		fmt.Fprint(x.err, "\n  Run with --v (verbose) or --vv (debug) for more details\n")
	}
	return 1
}

// sayf prints a line of progress at --v (level 1) or --vv (level 2).
func (x *call) sayf(level int, format string, args ...any) {
	if x.verbose >= level {
		fmt.Fprintf(x.out, "%s [%s] %s\n", stamp(), []string{"", "verbose", "debug"}[level], fmt.Sprintf(format, args...))
	}
}

// usage is what `gibbon` alone prints.
func usage() string {
	var b strings.Builder
	b.WriteString("\nUsage: gibbon COMMAND [OPTIONS]\n\nThe available commands are:\n")
	for _, v := range verbs {
		fmt.Fprintf(&b, " %-12s%s\n", v.name, v.short)
	}
	b.WriteString("\nOptions:\n --v         say more\n --vv        say all\n\n`gibbon COMMAND --help` tells more about one.\n\n")
	return b.String()
}
