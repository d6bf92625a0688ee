package vault

import (
	"errors"
	"strings"
)

// errNoValue is the text for a secret that is not there.
var errNoValue = errors.New("no value found")

// env is the vault of environment variables: the option prefix and the
// resource make the variable's name, in upper case and with - as _.
type env struct {
	lookup func(name string) (string, bool)
}

func (e env) get(options map[string]string, r Reference) (string, error) {
	name := strings.ToUpper(strings.ReplaceAll(options["prefix"]+r.Resource, "-", "_"))
	v, ok := e.lookup(name)
	if !ok {
		return "", errNoValue
	}
	return v, nil
}
