package main

import (
	"errors"
	"fmt"
)

// errNoDatabase answers verbs that need the part that is not there yet.
var errNoDatabase = errors.New("this needs the database part of Gibbon, which is not there yet: use database=off with a declarative file")

var roarVerb = verb{
	name: "roar", short: "Say who this is",
	run: func(x *call) error {
		fmt.Fprint(x.out, "\n    .-\"-.\n   /|6 6|\\     hoo hoo hoo\n  {/(_0_)\\}\n   _/ ^ \\_\n  (/ /^\\ \\)\n   \"\"' '\"\"\n\n")
		return nil
	},
}
