package lua

import (
	"errors"
	"fmt"
	"runtime/debug"
	"slices"

	"github.com/gibbon-gateway/gibbon/model/phase"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
)

// The operations behind kong.plugins.NAME.handler and .schema of plugins that
// are written in Go (lib/gibbon/bundled.lua): Lua plugins that wrap a bundled one
// call its phases with a configuration of their own.
func init() {
	RegisterOp("bundled.describe", describeBundled)
	RegisterOp("bundled.schema", func(c *Call) { c.Return(bundledSchema(c.String(0))) })
	RegisterOp("bundled.run", onRequest(runBundled))
}

// elsewhere are plugins that the reference ships in version 3.9 and this gateway does not (yet); a copy of one
// on the Lua path is found before anybody looks here.
var elsewhere = []string{"acme", "ai-prompt-decorator", "ai-prompt-guard", "ai-prompt-template", "ai-proxy", "ai-request-transformer",
	"ai-response-transformer", "aws-lambda", "azure-functions", "datadog", "file-log", "grpc-gateway", "grpc-web", "hmac-auth", "http-log", "jwt",
	"ldap-auth", "loggly", "oauth2", "opentelemetry", "prometheus", "proxy-cache", "redirect", "request-transformer", "response-ratelimiting",
	"session", "standard-webhooks", "statsd", "syslog", "tcp-log", "udp-log", "zipkin"}

// describeBundled(name): priority, version and phases of a Go plugin; "elsewhere" for one that the reference
// has and this gateway has not; nil.
func describeBundled(c *Call) {
	name := c.String(0)
	p, ok := plugin.Bundled(name)
	switch {
	case ok && p.New != nil:
		var phases []any
		for bit := range 32 {
			if ph := phase.Phase(1) << bit; p.Phases&ph != 0 {
				phases = append(phases, ph.String())
			}
		}
		c.Return(p.Priority, p.Version, phases)
	case !ok && slices.Contains(elsewhere, name):
		c.Return("elsewhere")
	default:
		c.Return(nil)
	}
}

// maxBorrowed bounds the handlers that a VM keeps for bundled.run. They are made by the contents of
// configurations, of which there are few.
const maxBorrowed = 256

// runBundled(name, phase, config, chunk, last): "" and, in body_filter, the chunk that goes on; "exit" when the
// plugin answered the request; "blocks" when it needs what is still coming in; nil and a text.
func runBundled(c *Call, k *pdk.Kong) {
	name, ph := c.String(0), phaseNamed(c.String(1))
	p, ok := plugin.Bundled(name)
	if !ok || p.Phases&ph == 0 {
		c.Return(nil, fmt.Sprintf("the plugin %q has no phase %q", name, c.String(1)))
		return
	}
	if k.Phase != ph {
		c.Return(nil, fmt.Sprintf("%s of the plugin %q cannot be called in the phase %s", ph, name, k.Phase))
		return
	}
	h, err := c.vm.borrow(p, c)
	if err != nil {
		c.Return(nil, err.Error())
		return
	}
	source := k.X.Source
	out, err := callBorrowed(k, h, ph, c.Bytes(3), c.Bool(4))
	switch {
	case errors.Is(err, pdk.ErrBlocks):
		c.Return("blocks")
	case errors.Is(err, pdk.ErrExit):
		if ph == phase.HeaderFilter {
			made(c, k, source, err)
			return
		}
		c.Return("exit")
	case err != nil:
		c.Return(nil, err.Error())
	case ph == phase.BodyFilter:
		c.Return("", out)
	default:
		c.Return("")
	}
}

// borrow gives the handler of a bundled plugin for the configuration that argument 2 of c is.
func (vm *VM) borrow(p *plugin.Plugin, c *Call) (plugin.Handler, error) {
	key := c.args.Encoded(2)
	if h, ok := vm.borrowed[p][string(key)]; ok { // no copy for a lookup
		return h, nil
	}
	h, err := makeBorrowed(p, c.Value(2))
	if err != nil {
		return nil, err
	}
	if vm.borrowed == nil {
		vm.borrowed = map[*plugin.Plugin]map[string]plugin.Handler{}
	}
	of := vm.borrowed[p]
	if of == nil || len(of) >= maxBorrowed {
		of = map[string]plugin.Handler{}
		vm.borrowed[p] = of
	}
	of[string(key)] = h
	return h, nil
}

// makeBorrowed makes a handler of a configuration from Lua: fields that the plugin does not know are the
// wrapper's own and left out, defaults are filled in.
func makeBorrowed(p *plugin.Plugin, config any) (plugin.Handler, error) {
	given, _ := schema.Normalize(config).(map[string]any)
	record := map[string]any{}
	if f := fieldNamed(p.Config.Fields, "config"); f != nil {
		for i := range f.Fields {
			if v, ok := given[f.Fields[i].Name]; ok {
				record[f.Fields[i].Name] = v
			}
		}
	}
	whole, err := p.Config.Process(map[string]any{"config": record}, schema.Insert)
	if err != nil {
		return nil, fmt.Errorf("the configuration for the plugin %q: %w", p.Name, err)
	}
	filled, _ := schema.StripNulls(whole)["config"].(map[string]any)
	if filled == nil {
		filled = map[string]any{}
	}
	h, err := p.New(filled)
	if err != nil {
		return nil, fmt.Errorf("the configuration for the plugin %q: %w", p.Name, err)
	}
	return h, nil
}

func fieldNamed(fields []schema.Field, name string) *schema.Field {
	for i := range fields {
		if fields[i].Name == name {
			return &fields[i]
		}
	}
	return nil
}

// callBorrowed runs a phase of a Go handler; a panic is an error.
func callBorrowed(k *pdk.Kong, h plugin.Handler, ph phase.Phase, chunk []byte, last bool) (out []byte, err error) {
	defer func() {
		if v := recover(); v != nil {
			err = fmt.Errorf("panic: %v\n%s", v, debug.Stack())
		}
	}()
	switch ph {
	case phase.Access:
		return nil, h.(plugin.Accessor).Access(k)
	case phase.Rewrite:
		return nil, h.(plugin.Rewriter).Rewrite(k)
	case phase.Response:
		return nil, h.(plugin.Responder).Response(k)
	case phase.HeaderFilter:
		return nil, h.(plugin.HeaderFilterer).HeaderFilter(k)
	case phase.BodyFilter:
		return h.(plugin.BodyFilterer).BodyFilter(k, chunk, last)
	case phase.Log:
		return nil, h.(plugin.Logger).Log(k)
	case phase.Preread:
		return nil, h.(plugin.Prereader).Preread(k)
	case phase.WSHandshake:
		return nil, h.(plugin.WSHandshaker).WSHandshake(k)
	case phase.WSClientFrame:
		return nil, h.(plugin.WSClientFramer).WSClientFrame(k, k.WebSocket.InFlight)
	case phase.WSUpstreamFrame:
		return nil, h.(plugin.WSUpstreamFramer).WSUpstreamFrame(k, k.WebSocket.InFlight)
	case phase.WSClose:
		return nil, h.(plugin.WSCloser).WSClose(k)
	}
	return nil, fmt.Errorf("%s cannot be called from Lua", ph)
}
