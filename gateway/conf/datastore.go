package conf

import (
	"net"
	"net/netip"
	"path/filepath"
	"strings"
	"time"
)

// datastore reads where entities come from.
func (b *builder) datastore() {
	d := &b.c.Datastore
	d.Database = b.text("database")
	d.DeclarativeConfig = b.text("declarative_config")
	if d.DeclarativeConfig != "" {
		d.DeclarativeConfig, _ = filepath.Abs(d.DeclarativeConfig)
	}
	d.DeclarativeConfigString = b.text("declarative_config_string")
	d.UpdateFrequency, d.UpdatePropagation = b.seconds("db_update_frequency"), b.seconds("db_update_propagation")
	d.CacheTTL, d.CacheNegTTL, d.ResurrectTTL = b.seconds("db_cache_ttl"), b.seconds("db_cache_neg_ttl"), b.seconds("db_resurrect_ttl")
	d.WarmupEntities = b.list("db_cache_warmup_entities")
	switch d.Database {
	case "cassandra":
		b.fail("database: cassandra is not supported, use postgres or off")
	case "off":
		if d.DeclarativeConfig != "" && d.DeclarativeConfigString != "" {
			b.fail("declarative_config and declarative_config_string exclude each other: unset one of them")
		}
		return
	}
	if d.DeclarativeConfig != "" || d.DeclarativeConfigString != "" {
		b.warn("declarative_config", "has no effect, since database is %s", d.Database)
	}
	d.Postgres = b.postgres("pg_", Postgres{})
	if b.text("pg_ro_host") != "" {
		ro := b.postgres("pg_ro_", d.Postgres)
		d.PostgresRO = &ro
	}
}

// postgres reads one connection's settings; those that are not set come from base.
func (b *builder) postgres(prefix string, base Postgres) Postgres {
	p := base
	for name, into := range map[string]*string{"host": &p.Host, "database": &p.Database, "user": &p.User, "password": &p.Password, "schema": &p.Schema} {
		if t := b.text(prefix + name); t != "" {
			*into = t
		}
	}
	for name, into := range map[string]*int{"port": &p.Port, "max_concurrent_queries": &p.MaxConcurrentQueries, "pool_size": &p.PoolSize, "backlog": &p.Backlog} {
		high := 1 << 30
		if name == "port" {
			high = 65535
		}
		if !b.values[prefix+name].Unset {
			*into = b.whole(prefix+name, 0, high)
		}
	}
	for name, into := range map[string]*time.Duration{"timeout": &p.Timeout, "keepalive_timeout": &p.KeepaliveTimeout, "semaphore_timeout": &p.SemaphoreTimeout} {
		if !b.values[prefix+name].Unset {
			*into = b.duration(prefix+name, time.Millisecond)
		}
	}
	for name, into := range map[string]*bool{"ssl": &p.SSL, "ssl_verify": &p.SSLVerify} {
		if !b.values[prefix+name].Unset {
			*into = b.on(prefix + name)
		}
	}
	return p
}

// dns reads the settings of the resolver in use.
func (b *builder) dns() {
	d := &b.c.DNS
	d.NewClient = b.on("new_dns_client")
	servers := "dns_resolver"
	if d.NewClient {
		servers = "resolver_address"
		*d = DNS{NewClient: true, HostsFile: b.text("resolver_hosts_file"), ValidTTL: b.seconds("resolver_valid_ttl"), StaleTTL: b.seconds("resolver_stale_ttl"),
			ErrorTTL: b.seconds("resolver_error_ttl"), NotFoundTTL: b.seconds("resolver_error_ttl"), CacheSize: b.whole("resolver_lru_cache_size", 1, 1<<24)}
		d.Family = b.recordTypes("resolver_family", "A", "AAAA", "SRV")
	} else {
		*d = DNS{HostsFile: b.text("dns_hostsfile"), ValidTTL: b.seconds("dns_valid_ttl"), StaleTTL: b.seconds("dns_stale_ttl"),
			ErrorTTL: b.seconds("dns_error_ttl"), NotFoundTTL: b.seconds("dns_not_found_ttl"), CacheSize: b.whole("dns_cache_size", 1, 1<<24), NoSync: b.on("dns_no_sync")}
		d.Order = b.recordTypes("dns_order", "LAST", "SRV", "A", "AAAA", "CNAME")
		if b.values["dns_hostsfile"].Source > FromDefault && d.HostsFile != "" && !exists(d.HostsFile) {
			b.fail("dns_hostsfile: file '%s' does not exist", d.HostsFile)
		}
	}
	for _, s := range b.list(servers) {
		server, ok := serverAddress(s)
		if !ok {
			b.fail("%s must be a comma separated list of IPv4 or IPv6 addresses with or without a port, got '%s'", servers, s)
			continue
		}
		d.Servers = append(d.Servers, server)
	}
}

// recordTypes is a list of words out of allowed, in upper case.
func (b *builder) recordTypes(setting string, allowed ...string) []string {
	var out []string
	for _, t := range b.list(setting) {
		t = strings.ToUpper(t)
		if !contains(allowed, t) {
			b.fail("%s: invalid entry '%s', expected a list of %s", setting, t, strings.Join(allowed, ", "))
			continue
		}
		out = append(out, t)
	}
	return out
}

// serverAddress makes IP:PORT of an address with or without a port (53).
func serverAddress(s string) (string, bool) {
	if a, err := netip.ParseAddr(strings.Trim(s, "[]")); err == nil {
		return net.JoinHostPort(a.String(), "53"), true
	}
	ap, err := netip.ParseAddrPort(s)
	if err != nil || ap.Port() == 0 {
		return "", false
	}
	return ap.String(), true
}
