package gateway

import (
	"context"
	"crypto/tls"
	"fmt"
	"os"
	"sync"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/spool"
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/gateway/conf"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/version"
)

// node is one running gateway.
type node struct {
	conf    *conf.Config
	options Options
	files   log.Files
	log     *log.Logger

	catalog *catalog
	store   *dao.Memory
	dns     *dns.Resolver
	health  *health.Registry
	builder *snapshot.Builder
	server  *proxy.Server

	streams   *streams // nil without stream_listen
	workers   []*worker.Worker
	proxies   []*proxy.Worker
	running   sync.WaitGroup
	listening []int
	// unixPaths are the files of those among them that are unix sockets.
	unixPaths []string
	accepting [][]*proxy.Listener
	// ticketKeys has the keys of session tickets; see limitTickets.
	ticketKeys tls.Config
}

// Run serves until ctx ends or a Quit or Stop signal is obeyed; it returns nil
// when it has drained and the reason otherwise. Errors before Ready mean that
// the configuration was refused or that a listener could not be opened.
func Run(ctx context.Context, c *conf.Config, o Options) error {
	n := &node{conf: c, options: o}
	defer n.close()
	if err := n.start(); err != nil {
		return err
	}
	if o.Ready != nil {
		o.Ready()
	}
	n.serve(ctx)
	return nil
}

// start goes from settings to accepting connections.
func (n *node) start() error {
	if err := n.openLogs(); err != nil {
		return err
	}
	for _, w := range n.options.Warnings {
		n.log.Warnf("%s", w)
	}
	n.limitDescriptors()
	n.log.Noticef("%s starts with %d workers, prefix %s", version.Token, n.workerCount(), n.conf.Prefix)
	var err error
	if n.catalog, err = loadCatalog(n.conf, n.log); err != nil {
		return err
	}
	if n.store, err = n.catalog.newStore(); err != nil {
		return err
	}
	if err = n.loadEntities(); err != nil {
		return err
	}
	if err = n.openEngines(); err != nil {
		return err
	}
	if err = n.openServer(); err != nil {
		return err
	}
	n.debugRequests(&n.conf.Client)
	if err = n.makeWorkers(); err != nil {
		return err
	}
	if err = n.makeStreams(); err != nil {
		return err
	}
	first := n.build(nil, false)
	n.server.Swap(first)
	if err = n.startRuntimes(first); err != nil {
		return err
	}
	listeners, err := n.openListeners()
	if err != nil {
		return err
	}
	if err = n.accept(listeners); err != nil {
		return err
	}
	return n.acceptStreams()
}

// serve obeys signals until the end.
func (n *node) serve(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-n.options.Signals:
			switch s {
			case Reload:
				n.reload()
			case Reopen:
				if err := n.files.Reopen(); err != nil {
					n.log.Errorf("reopening the logs failed: %v", err)
				}
			case Quit:
				n.drain(n.conf.Limits.ShutdownTimeout, n.options.Signals)
				return
			case Stop:
				return
			}
		}
	}
}

func (n *node) close() {
	n.closeListeners()
	if len(n.workers) > 0 {
		n.stopWorkers()
	}
	n.streams.closeSockets()
	if n.server != nil {
		snapshot.Retire(n.server.Snapshot(), nil)
	}
	if n.health != nil {
		n.health.Close()
	}
	if n.dns != nil {
		n.dns.Close()
	}
	if n.catalog != nil {
		n.catalog.close()
	}
	_ = n.files.Close()
}

func (n *node) openLogs() error {
	path := n.conf.Logs.ProxyError
	if path == "" {
		path = os.DevNull
	}
	var err error
	if n.log, err = log.OpenError(&n.files, path, n.conf.Logs.Level); err != nil {
		return fmt.Errorf("proxy_error_log: %w", err)
	}
	return nil
}

// openEngines makes what resolves names and judges upstreams.
func (n *node) openEngines() error {
	o, err := dnsOptions(n.conf)
	if err != nil {
		return err
	}
	if n.dns, err = dns.New(o); err != nil {
		return err
	}
	n.health = health.NewRegistry(health.Options{OnChange: func(e health.Event) {
		state := "unhealthy"
		if e.Healthy {
			state = "healthy"
		}
		n.log.Warnf("upstream %s: %s is %s (%s)", e.Upstream, e.Key.Addr, state, e.Reason)
	}})
	return nil
}

func dnsOptions(c *conf.Config) (dns.Options, error) {
	d := &c.DNS
	o := dns.Options{HostsFile: d.HostsFile, StaleTTL: d.StaleTTL, NotFoundTTL: d.NotFoundTTL,
		ErrorTTL: d.ErrorTTL, CacheSize: d.CacheSize, NoSync: d.NoSync, NewClient: d.NewClient}
	if d.ValidTTL > 0 {
		o.ValidTTL = &d.ValidTTL
	}
	var err error
	if len(d.Servers) > 0 {
		if o.Servers, err = dns.ParseServers(d.Servers); err != nil {
			return o, fmt.Errorf("dns_resolver: %w", err)
		}
	}
	order := d.Order
	if d.NewClient {
		order = d.Family
	}
	if o.Order, err = dns.ParseOrder(order); err != nil {
		return o, fmt.Errorf("dns_order: %w", err)
	}
	return o, nil
}

// openServer makes the data plane and the snapshot builder.
func (n *node) openServer() error {
	pages := errorPages(n.conf)
	spool.SetBudget(n.conf.Limits.BodyMemory)
	n.server = &proxy.Server{Options: proxyOptions(n.conf), Log: n.log, ErrorPages: pages, Resolver: n.dns,
		Gateway: n.gatewayView(pages)}
	n.catalog.lua.SetGateway(n.server.Gateway)
	access, err := n.openAccessLog(n.workerCount())
	if err != nil {
		return err
	}
	if access != nil {
		n.server.Access = access
	}
	if n.server.Options.ClientCertificates, err = clientCertificates(n.conf); err != nil {
		return err
	}
	tlsDefaults, err := n.tlsDefaults()
	if err != nil {
		return err
	}
	n.builder = &snapshot.Builder{Store: n.store, Flavor: flavor(n.conf), Plugins: n.catalog.enabled, Resolver: n.dns,
		Health: n.health, TLS: tlsDefaults, Resolve: n.catalog.resolveSecrets, Warn: n.log.Warnf}
	return nil
}

// gatewayView is what plugins see of the process.
func (n *node) gatewayView(pages proxy.ErrorPages) *pdk.Gateway {
	host, _ := os.Hostname()
	ports := map[int]int{}
	for k, v := range n.conf.Listen.PortMaps {
		ports[k] = v
	}
	return &pdk.Gateway{Store: n.store, Health: n.health, Log: n.log, Errors: pages.Templates, NodeID: nodeID(n.conf), Hostname: host,
		Workspace: dao.DefaultWorkspace, WorkspaceName: "default", Settings: settingsView(n.conf), PortMaps: ports, Variables: n.conf.Lua.Variables,
		Trusted: trustedView(n.conf), Resolver: n.dns, Eval: n.catalog.lua.Eval, Statistics: n.statistics}
}

// statistics counts all that clients do. Connections are not told apart by
// what they wait for: each has a request or none.
func (n *node) statistics() pdk.Statistics {
	s := n.server
	if s == nil {
		return pdk.Statistics{}
	}
	return pdk.Statistics{Active: s.Active.Load(), Writing: s.Active.Load(), Accepted: s.Accepted.Load(), Handled: s.Handled.Load(),
		Requests: s.Total.Load()}
}

// build makes a snapshot and logs its problems.
func (n *node) build(prev *snapshot.Snapshot, codeChanged bool) *snapshot.Snapshot {
	start := time.Now()
	s := n.builder.Build(prev, codeChanged)
	for _, p := range s.Problems {
		n.log.Errorf("left out of the configuration: %v", p)
	}
	n.log.Infof("snapshot %d built in %v", s.Number, time.Since(start).Round(time.Microsecond))
	return s
}

// reload reads settings, entities and Lua code anew. What cannot be loaded
// leaves the running state as it is.
func (n *node) reload() {
	if n.options.Settings != nil {
		next, warnings, err := n.options.Settings()
		if err != nil {
			n.log.Errorf("reload: the settings are refused, the old ones stay: %v", err)
			return
		}
		for _, w := range warnings {
			n.log.Warnf("%s", w)
		}
		n.warnFixed(next)
		n.conf.Datastore = next.Datastore
		n.log.SetLevel(next.Logs.Level)
		n.debugRequests(&next.Client)
	}
	if err := n.catalog.reload(); err != nil {
		n.log.Errorf("reload: plugins are refused, the old ones stay: %v", err)
		return
	}
	if err := n.loadEntities(); err != nil {
		n.log.Errorf("reload: the configuration is refused, the old one stays: %v", err)
		return
	}
	n.publish(true)
	n.log.Noticef("configuration reloaded")
}

// publish builds a snapshot of the store and makes it current.
func (n *node) publish(codeChanged bool) {
	prev := n.server.Snapshot()
	n.builder.Plugins = n.catalog.enabled
	next := n.build(prev, codeChanged)
	if err := n.startRuntimes(next); err != nil {
		n.log.Errorf("the new configuration does not start, the old one stays: %v", err)
		snapshot.Retire(next, prev)
		return
	}
	n.server.Swap(next)
	snapshot.Retire(prev, next)
}

// warnFixed names the settings that only a restart changes.
func (n *node) warnFixed(next *conf.Config) {
	if fmt.Sprint(next.Listen) != fmt.Sprint(n.conf.Listen) || next.Workers != n.conf.Workers {
		n.log.Warnf("changed listeners or numbers of workers take effect with a restart")
	}
}
