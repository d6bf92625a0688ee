package main

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/gibbon-gateway/gibbon/gateway/prefix"
)

var hybridVerb = verb{
	name: "hybrid", short: "Make what a hybrid deployment needs", args: "[CERT KEY]",
	subs:  []sub{{"gen_cert [CERT KEY]", "make the certificate that control and data planes share (./cluster.crt, ./cluster.key)"}},
	flags: []flagRow{{"days", "d", isNumber, "DAYS", "time that the certificate is valid", "1095"}},
	run:   hybrid,
}

func hybrid(x *call) error {
	cert, key := "cluster.crt", "cluster.key"
	switch len(x.args) {
	case 1:
	case 3:
		cert, key = x.args[1], x.args[2]
	default:
		return errors.New("both cert and key path needs to be provided")
	}
	for _, p := range []*string{&cert, &key} {
		absolute, err := filepath.Abs(*p)
		if err != nil {
			return err
		}
		*p = absolute
		if _, err := os.Stat(absolute); err == nil {
			return fmt.Errorf("%s already exists.\nWill not overwrite it.", absolute)
		}
	}
	certificate, private, err := prefix.SelfSigned("kong_clustering", time.Duration(x.number("days")*24*float64(time.Hour)))
	if err != nil {
		return err
	}
	if err := os.WriteFile(key, private, 0o600); err != nil {
		return err
	}
	if err := os.WriteFile(cert, certificate, 0o644); err != nil {
		return err
	}
	fmt.Fprintf(x.out, "Successfully generated certificate/key pairs, they have been written to: '%s' and '%s'.\n", cert, key)
	return nil
}
