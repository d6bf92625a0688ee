package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/gibbon-gateway/gibbon/gateway"
)

var configVerb = verb{
	name: "config", short: "Work with declarative configuration", args: "[FILE]",
	long: "FILE is ./kong.yml for init and db_export if not given.",
	subs: []sub{{"init [FILE]", "write an example to begin with"}, {"parse FILE", "check a declarative file"},
		{"db_import FILE", "put a declarative file into the database"}, {"db_export [FILE]", "write the database's content as a declarative file"}},
	flags: []flagRow{flagConf, flagPrefix},
	run:   config,
}

func config(x *call) error {
	word, file := x.args[0], ""
	if len(x.args) > 1 {
		file = x.args[1]
	}
	if word == "init" {
		return initConfig(file)
	}
	c, _, err := x.settings()
	if err != nil {
		return err
	}
	off := c.Datastore.Database == "off"
	switch {
	case word != "db_export" && file == "":
		return errors.New("expected a declarative configuration file; see `gibbon config --help`")
	case word == "db_export" && off, word == "db_import" && off:
		return fmt.Errorf("'%s' only works with a database.\nWithout one, set declarative_config, or send the file to the Admin API's /config", word)
	case word == "db_export":
		return fmt.Errorf("%s: %w", word, errNoDatabase)
	}
	if file, err = filepath.Abs(file); err != nil {
		return err
	}
	if _, err := os.Stat(file); errors.Is(err, os.ErrNotExist) {
		return fmt.Errorf("Failed parsing:\n%s: No such file or directory", file)
	}
	x.sayf(1, "parsing %s", file)
	if err := gateway.CheckFile(c, file); err != nil {
		return fmt.Errorf("Failed parsing:\n%w", err)
	}
	if word == "db_import" {
		return fmt.Errorf("%s: %w", word, errNoDatabase)
	}
	fmt.Fprintln(x.out, "parse successful")
	return nil
}

// initConfig writes the example.
func initConfig(file string) error {
	if file == "" {
		file = "kong.yml"
	}
	file, err := filepath.Abs(file)
	if err != nil {
		return err
	}
	f, err := os.OpenFile(file, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%s already exists.\nWill not overwrite it.", file)
	} else if err != nil {
		return err
	}
	_, err = f.WriteString(strings.TrimLeft(example, "\n"))
	return errors.Join(err, f.Close())
}

// example is what `config init` writes.
const example = `
# A declarative configuration: all that a gateway without a database serves.
# Check it with:  gibbon config parse kong.yml
# Serve it with:  KONG_DATABASE=off KONG_DECLARATIVE_CONFIG=kong.yml gibbon start

_format_version: "3.0"
_transform: true

# Services are the upstreams; routes say which requests go there.
# services:
# - name: example
#   url: http://127.0.0.1:9000
#   routes:
#   - name: example
#     paths: [/example]
#   # Plugins of a service, a route or a consumer; a plugins list at the top level is for all requests.
#   plugins:
#   - name: key-auth

# Consumers are who uses the services, with their credentials.
# consumers:
# - username: somebody
#   keyauth_credentials:
#   - key: a-secret-key
`
