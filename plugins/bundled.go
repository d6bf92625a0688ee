// Package plugins links every bundled plugin into the binary: importing it
// registers them. A plugin is one folder below: schema.go declares it,
// handler.go runs it, README.md explains it, plugin_test.go tries it. Copy
// request-termination to begin a new one, and add it here.
package plugins

import (
	_ "github.com/gibbon-gateway/gibbon/plugins/acl"
	_ "github.com/gibbon-gateway/gibbon/plugins/basic-auth"
	_ "github.com/gibbon-gateway/gibbon/plugins/bot-detection"
	_ "github.com/gibbon-gateway/gibbon/plugins/correlation-id"
	_ "github.com/gibbon-gateway/gibbon/plugins/cors"
	_ "github.com/gibbon-gateway/gibbon/plugins/ip-restriction"
	_ "github.com/gibbon-gateway/gibbon/plugins/key-auth"
	_ "github.com/gibbon-gateway/gibbon/plugins/rate-limiting"
	_ "github.com/gibbon-gateway/gibbon/plugins/request-size-limiting"
	_ "github.com/gibbon-gateway/gibbon/plugins/request-termination"
	_ "github.com/gibbon-gateway/gibbon/plugins/response-transformer"
	_ "github.com/gibbon-gateway/gibbon/plugins/stream-bandwidth-limit"
	_ "github.com/gibbon-gateway/gibbon/plugins/websocket-size-limit"
	_ "github.com/gibbon-gateway/gibbon/plugins/websocket-validator"
)
