package proxy_test

import (
	"context"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/errorpage"
	"github.com/gibbon-gateway/gibbon/engine/health"
	"github.com/gibbon-gateway/gibbon/engine/router"
	"github.com/gibbon-gateway/gibbon/engine/worker"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/observe/log"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk"
	"github.com/gibbon-gateway/gibbon/proxy"
	"github.com/gibbon-gateway/gibbon/proxy/snapshot"
	"github.com/gibbon-gateway/gibbon/wire/http1"
	"github.com/gibbon-gateway/gibbon/wire/loop"
)

// bare is a data plane with one worker, without a gateway around it.
type bare struct {
	w    *proxy.Worker
	addr string
}

// insertFunc stores an entity of a kind and gives a reference to it.
type insertFunc func(kind string, rec map[string]any) map[string]any

// serveBare starts a data plane with plugins and the entities that fill inserts.
func serveBare(t testing.TB, enabled map[string]*plugin.Plugin, fill func(insertFunc)) *bare {
	t.Helper()
	store, err := dao.NewMemory(dao.Options{Schemas: entity.Schemas(entity.Options{Plugin: func(name string) (*schema.Schema, bool) {
		p, ok := enabled[name]
		if !ok {
			return nil, false
		}
		return p.Config, true
	}})})
	if err != nil {
		t.Fatal(err)
	}
	insert := func(kind string, rec map[string]any) map[string]any {
		out, err := store.Entities(kind).Insert(context.Background(), rec, dao.WriteOptions{})
		if err != nil {
			t.Fatalf("%s: %v", kind, err)
		}
		return map[string]any{"id": out["id"]}
	}
	fill(insert)
	var files log.Files
	sink, err := files.Open(t.TempDir()+"/error.log", log.Options{})
	if err != nil {
		t.Fatal(err)
	}
	logger := log.NewLogger(sink, log.Notice)
	resolver, err := dns.New(dns.Options{})
	if err != nil {
		t.Fatal(err)
	}
	registry := health.NewRegistry(health.Options{})
	b := snapshot.Builder{Store: store, Flavor: router.Compatible, Plugins: enabled, Resolver: resolver, Health: registry, Warn: t.Logf}
	snap := b.Build(nil, false)
	for _, p := range snap.Problems {
		t.Errorf("problem: %v", p)
	}
	const second = int64(time.Second)
	srv := &proxy.Server{Log: logger, Resolver: resolver, ErrorPages: proxy.ErrorPages{Templates: errorpage.Default()},
		Gateway: &pdk.Gateway{Store: store, Log: logger, Workspace: dao.DefaultWorkspace, WorkspaceName: "default"},
		Options: proxy.Options{RequestHead: http1.Limits{Line: 8 << 10, Total: 32 << 10, Fields: 100}, ResponseHead: http1.Limits{Total: 32 << 10, Fields: 100},
			HeaderTimeout: 10 * second, BodyTimeout: 10 * second, SendTimeout: 10 * second, KeepaliveTimeout: 10 * second, KeepaliveRequests: 1 << 40, PoolSize: 60, Token: "gibbon/test"}}
	l, err := loop.New()
	if err != nil {
		t.Fatal(err)
	}
	w := srv.Attach(&worker.Worker{Loop: l})
	srv.Swap(snap)
	fd, err := loop.Listen(netip.MustParseAddrPort("127.0.0.1:0"), loop.ListenOptions{})
	if err != nil {
		t.Fatal(err)
	}
	at := loop.LocalAddr(fd)
	if err := w.Listen(&proxy.Listener{Addr: at, FD: fd}); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := l.Run(); err != nil {
			t.Error(err)
		}
	}()
	t.Cleanup(func() {
		l.Post(func() { w.Close(); l.Stop() })
		<-ended
		unix.Close(fd)
		snapshot.Retire(snap, nil)
		registry.Close()
		resolver.Close()
		files.Close()
	})
	return &bare{w, at.String()}
}
