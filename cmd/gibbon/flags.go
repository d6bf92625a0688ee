package main

import (
	"fmt"
	"strconv"
	"strings"
)

// flagRow is a flag of a verb.
type flagRow struct {
	long, short string // short may be empty
	kind        flagKind
	value       string // name of its value in the usage
	doc         string
	def         string // default
}

type flagKind uint8

const (
	isText flagKind = iota
	isNumber
	isSwitch
)

// Flags that several verbs have.
var (
	flagConf       = flagRow{"conf", "c", isText, "FILE", "settings file", ""}
	flagPrefix     = flagRow{"prefix", "p", isText, "FOLDER", "working folder; overrides the setting prefix", ""}
	flagNginxConf  = flagRow{"nginx-conf", "", isText, "FILE", "accepted and ignored: there is no nginx underneath", ""}
	flagNginxFlags = flagRow{"nginx-conf-flags", "", isText, "FLAGS", "accepted and ignored, as --nginx-conf", ""}
	flagMigrations = flagRow{"run-migrations", "", isSwitch, "", "migrate the database before the start", ""}
	flagDBTimeout  = flagRow{"db-timeout", "", isNumber, "SECONDS", "time to wait for the database", ""}
	flagLock       = flagRow{"lock-timeout", "", isNumber, "SECONDS", "time to wait for another node that migrates", "60"}
)

// parse reads the words after a verb into x. It returns what is wrong with
// them, or "help" when the usage is asked for.
func (x *call) parse(words []string) (problem string) {
	x.flags = map[string]string{}
	for _, f := range x.verb.flags {
		if f.def != "" {
			x.flags[f.long] = f.def
		}
	}
	for len(words) > 0 {
		word := words[0]
		words = words[1:]
		if len(word) < 2 || word[0] != '-' {
			x.args = append(x.args, word)
			continue
		}
		name, value, valued := strings.Cut(strings.TrimLeft(word, "-"), "=")
		switch {
		case name == "v" && !valued:
			x.verbose = max(x.verbose, 1)
			continue
		case name == "vv" && !valued:
			x.verbose = 2
			continue
		case name == "help" || word == "-h":
			if x.verb.name == "roar" { // recorded: it roars
				continue
			}
			return "help"
		}
		f := x.verb.flag(name, strings.HasPrefix(word, "--"))
		if f == nil {
			return "gibbon: unrecognized parameter: " + name
		}
		switch {
		case f.kind == isSwitch:
			value = "true"
		case !valued && len(words) == 0:
			return "gibbon: parameter needs a value: " + name
		case !valued:
			value, words = words[0], words[1:]
		}
		if f.kind == isNumber {
			if _, err := strconv.ParseFloat(value, 64); err != nil {
				return "gibbon: unable to convert to number: " + value
			}
		}
		x.flags[f.long] = value
	}
	return x.checkSub()
}

// checkSub checks that the first argument of a verb with sub-verbs is one of them.
func (x *call) checkSub() (problem string) {
	if len(x.verb.subs) == 0 {
		return ""
	}
	if len(x.args) == 0 {
		return "help"
	}
	for _, s := range x.verb.subs {
		if name, _, _ := strings.Cut(s.name, " "); name == x.args[0] {
			return ""
		}
	}
	return fmt.Sprintf("No such command for %s: %s", x.verb.name, x.args[0])
}

func (v *verb) flag(name string, long bool) *flagRow {
	for i := range v.flags {
		if f := &v.flags[i]; long && f.long == name || !long && f.short == name {
			return f
		}
	}
	return nil
}

// number is a number flag's value.
func (x *call) number(name string) float64 {
	v, _ := strconv.ParseFloat(x.flags[name], 64)
	return v
}

// usage is what `gibbon VERB --help` prints.
func (v *verb) usage() string {
	var b strings.Builder
	b.WriteString("\nUsage: gibbon " + v.name)
	if len(v.subs) > 0 {
		b.WriteString(" COMMAND")
	}
	b.WriteString(" [OPTIONS]")
	if v.args != "" {
		b.WriteString(" " + v.args)
	}
	fmt.Fprintf(&b, "\n\n%s.\n", v.short)
	if v.long != "" {
		b.WriteString("\n" + v.long + "\n")
	}
	if len(v.subs) > 0 {
		b.WriteString("\nThe available commands are:\n")
		for _, s := range v.subs {
			fmt.Fprintf(&b, " %-24s%s\n", s.name, s.short)
		}
	}
	b.WriteString("\nOptions:\n")
	for _, f := range v.flags {
		name := "    --" + f.long
		if f.short != "" {
			name = "-" + f.short + ", --" + f.long
		}
		if f.kind != isSwitch {
			name += " " + f.value
		}
		doc := f.doc
		if f.def != "" {
			doc += " (" + f.def + ")"
		}
		fmt.Fprintf(&b, " %-29s%s\n", name, doc)
	}
	fmt.Fprintf(&b, " %-29s%s\n %-29s%s\n\n", "    --v", "say more", "    --vv", "say all")
	return b.String()
}
