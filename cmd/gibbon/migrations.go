package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
)

// layout are the steps by which the reference's database came to its layout,
// by subsystem: core, then plugins. Tools compare the names.
var layout = []struct {
	subsystem string
	names     []string
}{
	{"core", []string{"000_base", "003_100_to_110", "004_110_to_120", "005_120_to_130", "006_130_to_140", "007_140_to_150", "008_150_to_200", "009_200_to_210", "010_210_to_211", "011_212_to_213", "012_213_to_220", "013_220_to_230", "014_230_to_270", "015_270_to_280", "016_280_to_300", "017_300_to_310", "018_310_to_320", "019_320_to_330", "020_330_to_340", "021_340_to_350", "022_350_to_360", "023_360_to_370", "024_380_to_390"}},
	{"acl", []string{"000_base_acl", "002_130_to_140", "003_200_to_210", "004_212_to_213"}},
	{"acme", []string{"000_base_acme", "001_280_to_300", "002_320_to_330", "003_350_to_360"}},
	{"ai-proxy", []string{"001_360_to_370"}},
	{"basic-auth", []string{"000_base_basic_auth", "002_130_to_140", "003_200_to_210"}},
	{"bot-detection", []string{"001_200_to_210"}},
	{"hmac-auth", []string{"000_base_hmac_auth", "002_130_to_140", "003_200_to_210"}},
	{"http-log", []string{"001_280_to_300"}},
	{"ip-restriction", []string{"001_200_to_210"}},
	{"jwt", []string{"000_base_jwt", "002_130_to_140", "003_200_to_210"}},
	{"key-auth", []string{"000_base_key_auth", "002_130_to_140", "003_200_to_210", "004_320_to_330"}},
	{"oauth2", []string{"000_base_oauth2", "003_130_to_140", "004_200_to_210", "005_210_to_211", "006_320_to_330", "007_320_to_330"}},
	{"opentelemetry", []string{"001_331_to_332"}},
	{"post-function", []string{"001_280_to_300"}},
	{"pre-function", []string{"001_280_to_300"}},
	{"rate-limiting", []string{"000_base_rate_limiting", "003_10_to_112", "004_200_to_210", "005_320_to_330", "006_350_to_360"}},
	{"response-ratelimiting", []string{"000_base_response_rate_limiting", "001_350_to_360"}},
	{"session", []string{"000_base_session", "001_add_ttl_index", "002_320_to_330"}},
}

var migrationsVerb = verb{
	name: "migrations", short: "Manage the database's layout (not there yet: without a database, list and status alone)",
	subs: []sub{{"bootstrap", "make the tables"}, {"up", "run new migrations"}, {"finish", "end pending migrations"},
		{"list", "list migrations"}, {"status", "list migrations as JSON"}, {"reset", "drop all tables"}},
	flags: []flagRow{
		{"yes", "y", isSwitch, "", "ask nothing", ""}, {"quiet", "q", isSwitch, "", "print errors only", ""}, {"force", "f", isSwitch, "", "run all again", ""},
		flagDBTimeout, flagLock, flagConf, flagPrefix},
	run: migrations,
}

// migrations without a database has nothing to do: as in the reference, every
// migration counts as executed.
func migrations(x *call) error {
	c, _, err := x.settings()
	if err != nil {
		return err
	}
	word := x.args[0]
	if word == "reset" && x.flags["yes"] == "" {
		return errors.New("not a tty: invoke 'reset' non-interactively with the --yes flag")
	}
	switch {
	case c.Datastore.Database != "off":
		return fmt.Errorf("migrations %s: %w", word, errNoDatabase)
	case word == "list":
		return listMigrations(x)
	case word == "status":
		return migrationsAsJSON(x)
	}
	return fmt.Errorf("migrations %s: there is no database to migrate, since database is off", word)
}

// listMigrations writes a line a subsystem, their names right-aligned.
func listMigrations(x *call) error {
	width := 0
	for _, s := range layout {
		width = max(width, len(s.subsystem))
	}
	fmt.Fprintln(x.out, "Executed migrations:")
	for _, s := range layout {
		fmt.Fprintf(x.out, "%*s: %s\n", width, s.subsystem, strings.Join(s.names, ", "))
	}
	return nil
}

// migrationsAsJSON writes the same as one line of JSON.
func migrationsAsJSON(x *call) error {
	type executed struct {
		Subsystem  string   `json:"subsystem"`
		Namespace  string   `json:"namespace"`
		Migrations []string `json:"migrations"`
	}
	status := struct {
		NeedsBootstrap bool       `json:"needs_bootstrap"`
		Executed       []executed `json:"executed_migrations"`
	}{}
	for _, s := range layout {
		namespace := "kong.plugins." + s.subsystem + ".migrations"
		if s.subsystem == "core" {
			namespace = "kong.db.migrations.core"
		}
		status.Executed = append(status.Executed, executed{s.subsystem, namespace, s.names})
	}
	b, err := json.Marshal(status)
	if err != nil {
		return err
	}
	fmt.Fprintf(x.out, "%s\n", b)
	return nil
}
