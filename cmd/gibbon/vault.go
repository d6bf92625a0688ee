package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/engine/vault"
)

var vaultVerb = verb{
	name: "vault", short: "Look up a reference", args: "REFERENCE",
	subs:  []sub{{"get REFERENCE", "print what a reference such as env/name or {vault://env/name/key} means"}},
	flags: []flagRow{flagConf, flagPrefix},
	run: func(x *call) error {
		if len(x.args) < 2 {
			return errors.New("the 'get' command needs a <reference> argument\n\nusage: gibbon vault get <reference>")
		}
		c, _, err := x.settings()
		if err != nil {
			return err
		}
		reference := x.args[1]
		if !vault.IsReference(reference) {
			reference = "{vault://" + reference + "}"
		}
		v := vault.New(vault.Options{Environ: x.variable, Enabled: c.Plugins.Vaults, Defaults: map[string]map[string]string{"env": {"prefix": c.Plugins.VaultEnvPrefix}}})
		value, err := v.Resolve(reference)
		if err != nil {
			return err
		}
		fmt.Fprintln(x.out, value)
		return nil
	},
}

// variable looks an environment variable up.
func (x *call) variable(name string) (string, bool) {
	for _, e := range x.environ {
		if v, ok := strings.CutPrefix(e, name+"="); ok {
			return v, true
		}
	}
	return "", false
}
