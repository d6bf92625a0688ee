// Package all links every bundled plugin into the binary: importing it
// registers them. Nothing else is here.
package all

import (
	_ "github.com/gibbon-gateway/gibbon/plugins/correlation-id"
	_ "github.com/gibbon-gateway/gibbon/plugins/key-auth"
	_ "github.com/gibbon-gateway/gibbon/plugins/request-termination"
)
