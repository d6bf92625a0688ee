// Package daotest is the suite that every dao.Store passes. It holds tests
// only; read Run.
package daotest

import (
	"context"
	"errors"
	"slices"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
)

// KeyAuth is a plugin-owned kind as key-auth declares it.
func KeyAuth() *schema.Schema {
	return &schema.Schema{
		Name: "keyauth_credentials", EndpointKey: "key", CacheKey: []string{"key"}, Workspaceable: true, TTL: true,
		AdminAPIName: "key-auths", AdminAPINestedName: "key-auth",
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt,
			{Name: "consumer", Type: schema.Foreign, Reference: "consumers", Required: true, OnDelete: "cascade"},
			{Name: "key", Type: schema.String, Auto: true, Unique: true},
			schema.Tags,
		},
	}
}

// ACLs is a kind that is unique by two fields together.
func ACLs() *schema.Schema {
	return &schema.Schema{
		Name: "acls", CacheKey: []string{"consumer", "group"}, Workspaceable: true,
		Fields: []schema.Field{
			schema.ID, schema.CreatedAt,
			{Name: "consumer", Type: schema.Foreign, Reference: "consumers", Required: true, OnDelete: "cascade"},
			{Name: "group", Type: schema.String, Required: true},
			schema.Tags,
		},
	}
}

// Schemas are the kinds that the suite uses.
func Schemas() []*schema.Schema {
	cors := &schema.Schema{Name: "cors", Fields: []schema.Field{
		{Name: "config", Type: schema.Record, Fields: []schema.Field{{Name: "max_age", Type: schema.Number}}}}}
	return append(entity.Schemas(entity.Options{Plugin: func(n string) (*schema.Schema, bool) { return cors, n == "cors" }}),
		KeyAuth(), ACLs())
}

type rec = map[string]any

var ctx = context.Background()

// Run plays the suite; open makes an empty store with Schemas.
func Run(t *testing.T, open func(t *testing.T) dao.Store) {
	tests := map[string]func(*testing.T, dao.Store){
		"defaults and look-ups": testLookups, "uniqueness": testUnique, "foreign keys": testForeign,
		"update": testUpdate, "upsert": testUpsert, "delete": testDelete, "pages": testPages,
		"workspaces": testWorkspaces, "changes": testChanges, "replace all": testReplace, "ttl": testTTL,
	}
	for name, fn := range tests {
		t.Run(name, func(t *testing.T) { fn(t, open(t)) })
	}
}

func insert(t *testing.T, s dao.Store, kind string, r rec) rec {
	t.Helper()
	out, err := s.Entities(kind).Insert(ctx, r, dao.WriteOptions{})
	if err != nil {
		t.Fatalf("insert %s %v: %v", kind, r, err)
	}
	return out
}

func id(r rec) string { return r["id"].(string) }

func ref(r rec) rec { return rec{"id": r["id"]} }

func wantError(t *testing.T, err error, code dao.Code, message string) {
	t.Helper()
	var e *dao.Error
	if !errors.As(err, &e) || e.Code != code || message != "" && e.Message != message {
		t.Errorf("error %v, want %d %q", err, code, message)
	}
}

func testLookups(t *testing.T, s dao.Store) {
	svc := insert(t, s, "services", rec{"name": "a", "host": "a.test"})
	if svc["port"] != 80.0 || svc["protocol"] != "http" || svc["created_at"] == nil {
		t.Errorf("defaults missing: %v", svc)
	}
	e := s.Entities("services")
	for _, got := range []func() (rec, bool){
		func() (rec, bool) { return e.Get(id(svc)) },
		func() (rec, bool) { return e.By("name", "a") },
		func() (rec, bool) { return e.By("id", id(svc)) },
	} {
		if r, ok := got(); !ok || r["name"] != "a" {
			t.Errorf("not found: %v", r)
		}
	}
	if _, ok := e.By("name", "b"); ok {
		t.Error("found what is not there")
	}
	if s.Entities("nope").Valid() {
		t.Error("unknown kind is valid")
	}
	u := insert(t, s, "consumers", rec{"username": "u"})
	k := insert(t, s, "keyauth_credentials", rec{"consumer": ref(u)})
	if r, ok := s.Entities("keyauth_credentials").By("key", k["key"].(string)); !ok || id(r) != id(k) {
		t.Error("no credential by its generated key")
	}
	insert(t, s, "acls", rec{"consumer": ref(u), "group": "g"})
	ck := dao.CacheKey(s.Entities("acls").Schema(), rec{"consumer": ref(u), "group": "g"})
	if _, ok := s.Entities("acls").ByCacheKey(ck); !ok {
		t.Error("no acl by cache key")
	}
	ck = dao.CacheKey(s.Entities("keyauth_credentials").Schema(), k)
	if _, ok := s.Entities("keyauth_credentials").ByCacheKey(ck); !ok {
		t.Error("no credential by cache key")
	}
	n := 0
	s.Entities("acls").ByForeign("consumer", id(u), func(rec) bool { n++; return true })
	if n != 1 {
		t.Errorf("%d acls of the consumer", n)
	}
}

func testUnique(t *testing.T, s dao.Store) {
	a := insert(t, s, "services", rec{"name": "dup", "host": "a.test"})
	_, err := s.Entities("services").Insert(ctx, rec{"name": "dup", "host": "b"}, dao.WriteOptions{})
	wantError(t, err, dao.UniqueViolation, `UNIQUE violation detected on '{name="dup"}'`)
	_, err = s.Entities("services").Insert(ctx, rec{"host": "b", "id": id(a)}, dao.WriteOptions{})
	wantError(t, err, dao.PrimaryKeyViolation, `primary key violation on key '{id="`+id(a)+`"}'`)
	insert(t, s, "plugins", rec{"name": "cors"})
	_, err = s.Entities("plugins").Insert(ctx, rec{"name": "cors"}, dao.WriteOptions{})
	wantError(t, err, dao.UniqueViolation, `UNIQUE violation detected on '{consumer=null,name="cors",route=null,service=null}'`)
	insert(t, s, "plugins", rec{"name": "cors", "service": ref(a)})
	_, err = s.Entities("services").Insert(ctx, rec{}, dao.WriteOptions{})
	wantError(t, err, dao.SchemaViolation, "schema violation (host: required field missing)")
}

func testForeign(t *testing.T, s dao.Store) {
	const none = "11111111-1111-4111-8111-111111111111"
	e := s.Entities("routes")
	_, err := e.Insert(ctx, rec{"paths": []any{"/"}, "service": rec{"id": none}}, dao.WriteOptions{})
	wantError(t, err, dao.ForeignKeyViolation, `the foreign key '{id="`+none+`"}' does not reference an existing 'services' entity.`)
	_, err = e.Insert(ctx, rec{"paths": []any{"/"}, "service": rec{"name": "nope"}}, dao.WriteOptions{})
	wantError(t, err, dao.ForeignKeysUnresolved,
		`foreign key unresolved (service.name: the foreign key cannot be resolved with '{name="nope"}' for an existing 'services' entity)`)
	svc := insert(t, s, "services", rec{"name": "s", "host": "h"})
	r := insert(t, s, "routes", rec{"paths": []any{"/"}, "service": rec{"name": "s"}})
	if scope, _ := r["service"].(rec); scope["id"] != svc["id"] {
		t.Errorf("not resolved: %v", r["service"])
	}
}

func testUpdate(t *testing.T, s dao.Store) {
	svc := insert(t, s, "services", rec{"name": "s", "host": "h", "path": "/x"})
	e := s.Entities("services")
	got, err := e.Update(ctx, id(svc), rec{"port": 81.0, "path": schema.Null, "name": "t"}, dao.WriteOptions{})
	if err != nil || got["port"] != 81.0 || got["path"] != nil || got["host"] != "h" {
		t.Errorf("%v %v", got, err)
	}
	if _, ok := e.By("name", "s"); ok {
		t.Error("old name still there")
	}
	if r, ok := e.By("name", "t"); !ok || r["port"] != 81.0 {
		t.Error("new name not there")
	}
	if svc["port"] != 80.0 {
		t.Error("the old record was changed in place")
	}
	_, err = e.Update(ctx, "11111111-1111-4111-8111-111111111111", rec{"port": 1.0}, dao.WriteOptions{})
	wantError(t, err, dao.NotFound, "")
	up := insert(t, s, "upstreams", rec{"name": "u"})
	got, err = s.Entities("upstreams").Update(ctx, id(up),
		rec{"healthchecks": rec{"passive": rec{"unhealthy": rec{"http_failures": 3.0}}}}, dao.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	unhealthy := got["healthchecks"].(rec)["passive"].(rec)["unhealthy"].(rec)
	if unhealthy["http_failures"] != 3.0 || unhealthy["http_statuses"] == nil {
		t.Errorf("records do not merge: %v", unhealthy)
	}
	u := insert(t, s, "consumers", rec{"username": "u"})
	_, err = s.Entities("consumers").Update(ctx, id(u), rec{"username": schema.Null}, dao.WriteOptions{})
	wantError(t, err, dao.SchemaViolation,
		"schema violation (when updating, at least one of these fields must be non-empty: 'custom_id', 'username')")
}

func testUpsert(t *testing.T, s dao.Store) {
	const one = "11111111-1111-4111-8111-111111111111"
	e := s.Entities("services")
	if _, err := e.Upsert(ctx, one, rec{"host": "h", "path": "/x"}, dao.WriteOptions{}); err != nil {
		t.Fatal(err)
	}
	got, err := e.Upsert(ctx, one, rec{"host": "i"}, dao.WriteOptions{})
	if err != nil || got["path"] != nil || got["host"] != "i" || e.Len() != 1 {
		t.Errorf("%v %v", got, err)
	}
}

func testDelete(t *testing.T, s dao.Store) {
	svc := insert(t, s, "services", rec{"host": "h"})
	route := insert(t, s, "routes", rec{"paths": []any{"/"}, "service": ref(svc)})
	insert(t, s, "plugins", rec{"name": "cors", "service": ref(svc)})
	_, err := s.Entities("services").Delete(ctx, id(svc))
	wantError(t, err, dao.ForeignKeyViolation, "an existing 'routes' entity references this 'services' entity")
	if s.Entities("plugins").Len() != 1 {
		t.Error("a refused delete took something along")
	}
	for _, x := range []struct {
		kind string
		r    rec
	}{{"routes", route}, {"services", svc}} {
		if r, err := s.Entities(x.kind).Delete(ctx, id(x.r)); err != nil || r == nil {
			t.Errorf("delete %s: %v %v", x.kind, r, err)
		}
	}
	if s.Entities("plugins").Len() != 0 {
		t.Error("plugin did not go with its service")
	}
	if r, err := s.Entities("services").Delete(ctx, id(svc)); r != nil || err != nil {
		t.Errorf("second delete: %v %v", r, err)
	}
}

func testPages(t *testing.T, s dao.Store) {
	ids := []string{"33333333-3333-4333-8333-333333333333", "11111111-1111-4111-8111-111111111111", "22222222-2222-4222-8222-222222222222"}
	for i, x := range ids {
		insert(t, s, "services", rec{"id": x, "host": "h", "tags": []any{"all", []any{"x", "y", "y"}[i]}})
	}
	slices.Sort(ids)
	e := s.Entities("services")
	var got []string
	q := dao.Query{Size: 2}
	for {
		p, err := e.Page(ctx, q)
		if err != nil {
			t.Fatal(err)
		}
		for _, r := range p.Records {
			got = append(got, id(r))
		}
		if q.After = p.Next; p.Next == "" {
			break
		}
	}
	if !slices.Equal(got, ids) {
		t.Errorf("pages %v", got)
	}
	p, _ := e.Page(ctx, dao.Query{Tags: []string{"all", "y"}})
	if len(p.Records) != 2 {
		t.Errorf("%d with both tags", len(p.Records))
	}
	p, _ = e.Page(ctx, dao.Query{Tags: []string{"x", "nope"}, TagsAny: true})
	if len(p.Records) != 1 {
		t.Errorf("%d with any tag", len(p.Records))
	}
	_, err := e.Page(ctx, dao.Query{Size: 1001})
	wantError(t, err, dao.InvalidSize, "size must be an integer between 1 and 1000")
}

func testWorkspaces(t *testing.T, s dao.Store) {
	const other = "22222222-aaaa-4222-8222-222222222222"
	a := insert(t, s, "services", rec{"name": "s", "host": "a"})
	e := s.Entities("services").In(other)
	if _, ok := e.By("name", "s"); ok {
		t.Error("seen from another workspace")
	}
	b, err := e.Insert(ctx, rec{"name": "s", "host": "b"}, dao.WriteOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if r, _ := s.Entities("services").By("name", "s"); id(r) != id(a) {
		t.Error("names of two workspaces mix")
	}
	if _, ok := e.Get(id(a)); ok {
		t.Error("id of another workspace found")
	}
	if b["ws_id"] != other {
		t.Errorf("ws_id %v", b["ws_id"])
	}
}

func testChanges(t *testing.T, s dao.Store) {
	var got []dao.Change
	cancel := s.Subscribe(func(c []dao.Change) { got = append(got, c...) })
	u := insert(t, s, "consumers", rec{"username": "u"})
	insert(t, s, "acls", rec{"consumer": ref(u), "group": "g"})
	s.Entities("consumers").Update(ctx, id(u), rec{"custom_id": "c"}, dao.WriteOptions{})
	s.Entities("consumers").Delete(ctx, id(u))
	var text []string
	for _, c := range got {
		text = append(text, map[dao.Op]string{dao.Created: "+", dao.Updated: "*", dao.Deleted: "-"}[c.Op]+c.Kind)
	}
	if !slices.Equal(text, []string{"+consumers", "+acls", "*consumers", "-acls", "-consumers"}) {
		t.Errorf("changes %v", text)
	}
	cancel()
	insert(t, s, "consumers", rec{"username": "v"})
	if len(got) != 5 {
		t.Error("told after cancel")
	}
}

func testReplace(t *testing.T, s dao.Store) {
	insert(t, s, "services", rec{"name": "old", "host": "h"})
	const sid = "11111111-1111-4111-8111-111111111111"
	bad := dao.Set{"routes": {{"id": sid, "service": rec{"id": sid}}}}
	if err := s.ReplaceAll(ctx, bad); err == nil {
		t.Error("dangling reference accepted")
	}
	if _, ok := s.Entities("services").By("name", "old"); !ok {
		t.Error("a failed replacement changed something")
	}
	if err := s.ReplaceAll(ctx, dao.Set{"services": {{"id": sid, "name": "new", "host": "h"}}}); err != nil {
		t.Fatal(err)
	}
	if _, ok := s.Entities("services").By("name", "old"); ok {
		t.Error("old entity still there")
	}
	if _, ok := s.Entities("services").By("name", "new"); !ok {
		t.Error("new entity not there")
	}
	twice := dao.Set{"services": {{"id": sid, "name": "n"}, {"id": "22222222-2222-4222-8222-222222222222", "name": "n"}}}
	wantError(t, s.ReplaceAll(ctx, twice), dao.UniqueViolation, "")
}

func testTTL(t *testing.T, s dao.Store) {
	u := insert(t, s, "consumers", rec{"username": "u"})
	e := s.Entities("keyauth_credentials")
	_, err := e.Insert(ctx, rec{"consumer": ref(u), "key": "k"}, dao.WriteOptions{TTL: 100_000_001})
	wantError(t, err, dao.InvalidOptions, "invalid option (ttl: must be an integer between 0 and 100000000)")
	if _, err := e.Insert(ctx, rec{"consumer": ref(u), "key": "k"}, dao.WriteOptions{TTL: 100}); err != nil {
		t.Fatal(err)
	}
	if _, ok := e.By("key", "k"); !ok {
		t.Error("gone too early")
	}
}
