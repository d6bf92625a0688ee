package main

import (
	"errors"
	"fmt"
)

// errNoDatabase answers verbs that need the part that is not there yet.
var errNoDatabase = errors.New("this needs the database part of Gibbon, which is not there yet: use database=off with a declarative file")

var migrationsVerb = verb{
	name: "migrations", short: "Manage the database's layout (not there yet)",
	subs: []sub{{"bootstrap", "make the tables"}, {"up", "run new migrations"}, {"finish", "end pending migrations"},
		{"list", "list migrations"}, {"status", "list migrations as JSON"}, {"reset", "drop all tables"}},
	flags: []flagRow{
		{"yes", "y", isSwitch, "", "ask nothing", ""}, {"quiet", "q", isSwitch, "", "print errors only", ""}, {"force", "f", isSwitch, "", "run all again", ""},
		flagDBTimeout, flagLock, flagConf, flagPrefix},
	run: func(x *call) error {
		c, _, err := x.settings()
		if err != nil {
			return err
		}
		if c.Datastore.Database == "off" {
			return errors.New("migrations: there is no database to migrate, since database is off")
		}
		return fmt.Errorf("migrations %s: %w", x.args[0], errNoDatabase)
	},
}

var roarVerb = verb{
	name: "roar", short: "Say who this is",
	run: func(x *call) error {
		fmt.Fprint(x.out, "\n    .-\"-.\n   /|6 6|\\     hoo hoo hoo\n  {/(_0_)\\}\n   _/ ^ \\_\n  (/ /^\\ \\)\n   \"\"' '\"\"\n\n")
		return nil
	},
}
