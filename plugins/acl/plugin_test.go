package acl

import (
	"strings"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

const (
	aliceID = "00000000-0000-4000-8000-00000000000a"
	bobID   = "00000000-0000-4000-8000-00000000000b"
	carlID  = "00000000-0000-4000-8000-00000000000c"
)

func store(t testing.TB) dao.Store {
	in := func(consumer, group, id string) pdktest.Entity {
		return pdktest.Entity{Kind: "acls", Record: dao.Record{"id": id, "group": group, "consumer": map[string]any{"id": consumer}}}
	}
	who := func(id, name string) pdktest.Entity {
		return pdktest.Entity{Kind: "consumers", Record: dao.Record{"id": id, "username": name}}
	}
	return pdktest.Store(t, []*schema.Schema{groups},
		who(aliceID, "alice"), who(bobID, "bob"), who(carlID, "carl"),
		in(aliceID, "gold", "00000000-0000-4000-8000-000000000001"),
		in(aliceID, "eu", "00000000-0000-4000-8000-000000000002"),
		in(bobID, "banned", "00000000-0000-4000-8000-000000000003"))
}

func TestAccess(t *testing.T) {
	s := store(t)
	consumer := func(id string) map[string]any { return map[string]any{"id": id} }
	credential := map[string]any{"id": "k"}
	allow, deny := conf{"allow": []any{"gold", "silver"}}, conf{"deny": []any{"banned"}}
	ext := conf{"allow": []any{"ext"}}
	always := conf{"allow": []any{"ext"}, "always_use_authenticated_groups": true}
	for _, c := range []struct {
		name       string
		config     conf
		consumer   map[string]any
		credential map[string]any
		groups     any // authenticated groups
		status     int // 0: let in
		sent       string
		header     string
	}{
		{"allowed", allow, consumer(aliceID), credential, nil, 0, "gold, eu", headerConsumer},
		{"not allowed", allow, consumer(bobID), credential, nil, 403, "", ""},
		{"no groups, allow", allow, consumer(carlID), credential, nil, 403, "", ""},
		{"nobody", allow, nil, nil, nil, 401, "", ""},
		{"not denied", deny, consumer(aliceID), credential, nil, 0, "gold, eu", headerConsumer},
		{"denied", deny, consumer(bobID), credential, nil, 403, "", ""},
		{"no groups, deny", deny, consumer(carlID), credential, nil, 0, "", headerConsumer},
		{"hidden", conf{"allow": []any{"eu"}, "hide_groups_header": true}, consumer(aliceID), credential, nil, 0, "forged", headerConsumer},
		{"found groups", allow, nil, nil, []any{"a", "gold"}, 0, "a, gold", headerAuthenticated},
		{"other found groups", allow, nil, nil, []string{"a"}, 403, "", ""},
		{"credential alone", allow, nil, credential, nil, 403, "", ""},
		{"found groups, deny", deny, nil, nil, []any{"a"}, 0, "", headerAuthenticated},
		{"denied found group", deny, nil, nil, []any{"banned"}, 403, "", ""},
		{"a consumer's own count", ext, consumer(aliceID), credential, []any{"ext"}, 403, "", ""},
		{"found ones count always", always, consumer(aliceID), credential, []any{"ext"}, 0, "ext", headerAuthenticated},
		{"always, none found", always, consumer(aliceID), credential, nil, 403, "", ""},
		{"anonymous", ext, consumer(carlID), nil, []any{"ext"}, 0, "ext", headerAuthenticated},
		{"no list", allow, nil, nil, "gold", 401, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := pdktest.New(t, "GET /\nX-Consumer-Groups: forged\n").As("acl")
			e.Gateway.Store = s
			if c.consumer != nil || c.credential != nil {
				if err := e.Client.Authenticate(c.consumer, c.credential); err != nil {
					t.Fatal(err)
				}
			}
			if c.groups != nil {
				e.Ctx.SetShared(keyGroups, c.groups)
			}
			if err := e.RunAccess(pdktest.Handler(t, config, plugin.Of(newHandler), c.config).(*handler)); err != nil {
				t.Fatal(err)
			}
			if e.Status() != c.status || c.header != "" && e.Sent(c.header) != c.sent {
				t.Errorf("%d, %s: %q; %s", e.Status(), c.header, e.Sent(c.header), e.Body())
			}
			if c.status == 403 && !strings.Contains(e.Body(), "You cannot consume this service") {
				t.Errorf("%s", e.Body())
			}
		})
	}
}

func TestConfigErrors(t *testing.T) {
	const one = "exactly one of these fields must be non-empty: 'config.allow', 'config.deny'"
	const none = "at least one of these fields must be non-empty: 'config.allow', 'config.deny'"
	for _, c := range []struct {
		config conf
		want   string
	}{
		{conf{}, "2 schema violations (" + one + "; " + none + ")"},
		{conf{"allow": []any{"a"}, "deny": []any{"b"}}, "schema violation (" + one + ")"},
		{conf{"allow": "a"}, "schema violation (config.allow: expected an array)"},
		{conf{"allow": []any{"a"}, "whitelist": []any{"b"}}, "schema violation (config.whitelist: unknown field)"},
	} {
		if _, err := pdktest.Config(config, c.config); err == nil || err.Error() != c.want {
			t.Errorf("%v: error %v, want %s", c.config, err, c.want)
		}
	}
}
