package vars

import (
	"errors"
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/wire/message"
)

// errFixed refuses to write a variable that nginx has as read-only.
var errFixed = errors.New("variable not changeable")

// fields are the writable variables that stand in the exchange, with the bit
// that tells the proxy of the change.
var fields = map[string]struct {
	field func(*message.Exchange) *message.Str
	bit   uint32
}{
	"args":            {func(x *message.Exchange) *message.Str { return &x.Args }, message.BitArgsEdited},
	"upstream_host":   {func(x *message.Exchange) *message.Str { return &x.UpstreamHost }, 0},
	"upstream_scheme": {func(x *message.Exchange) *message.Str { return &x.UpstreamScheme }, 0},
	"upstream_uri":    {func(x *message.Exchange) *message.Str { return &x.UpstreamURI }, message.BitURIEdited},
}

// edits are the writable variables that are computed unless they were set.
var edits = map[string]bool{
	"upstream_te": true, "upstream_upgrade": true, "upstream_connection": true, "upstream_via": true,
	"upstream_x_forwarded_for": true, "upstream_x_forwarded_host": true, "upstream_x_forwarded_path": true,
	"upstream_x_forwarded_port": true, "upstream_x_forwarded_prefix": true, "upstream_x_forwarded_proto": true,
	"kong_proxy_mode": true, "limit_rate": true,
}

// definable says whether a name is one that the configuration sets, or one of
// $session_NAME: OIDC plugins write these and count on a template of nginx.conf
// that defines them.
func definable(k *pdk.Kong, name string) bool {
	if _, known := ids[name]; known {
		return false
	}
	_, ok := k.Gateway.Variables[name]
	return ok || strings.HasPrefix(name, "session_")
}

// Set writes a variable. It fails, with nginx's texts, for one that is
// read-only or unknown.
func Set(k *pdk.Kong, name, value string) error {
	if f, ok := fields[name]; ok {
		v, err := k.X.PutString(value)
		if err != nil {
			return err
		}
		*f.field(k.X) = v
		k.X.Bits |= f.bit
		return nil
	}
	if edits[name] || definable(k, name) {
		if k.Edits == nil {
			k.Edits = make(map[string]string, 4)
		}
		k.Edits[name] = value
		return nil
	}
	if _, known := Resolve(name); known {
		return errFixed
	}
	return fmt.Errorf("variable \"%s\" not found for writing; maybe it is a built-in variable that is not changeable "+
		"or you forgot to use \"set $%s '';\" in the config file to define it first", name, name)
}
