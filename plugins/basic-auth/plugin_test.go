package basicauth

import (
	"encoding/base64"
	"testing"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"github.com/gibbon-gateway/gibbon/plugin"
	"github.com/gibbon-gateway/gibbon/plugin/pdk/pdktest"
)

type conf = map[string]any

const aliceID = "11111111-1111-4111-8111-111111111111"

func store(t testing.TB) dao.Store {
	credential := func(username, password string) pdktest.Entity {
		return pdktest.Entity{Kind: "basicauth_credentials",
			Record: dao.Record{"username": username, "password": password, "consumer": map[string]any{"id": aliceID}}}
	}
	return pdktest.Store(t, []*schema.Schema{credentials},
		pdktest.Entity{Kind: "consumers", Record: dao.Record{"id": aliceID, "username": "alice", "custom_id": "cust-7"}},
		pdktest.Entity{Kind: "consumers", Record: dao.Record{"username": "guest"}},
		credential("al", "s3:cret"), credential("al2", "pä"), credential("name", "secret"))
}

func run(t *testing.T, s dao.Store, c conf, request string) *pdktest.Env {
	t.Helper()
	e := pdktest.New(t, request).As("basic-auth")
	e.Gateway.Store = s
	if err := e.RunAccess(pdktest.Handler(t, config, plugin.Of(newHandler), c).(*handler)); err != nil {
		t.Fatal(err)
	}
	return e
}

func basic(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }

func TestAccess(t *testing.T) {
	s := store(t)
	for _, c := range []struct {
		name, headers string
		user          string // X-Credential-Identifier; "" = 401
	}{
		{"good", "Authorization: " + basic("al:s3:cret"), "al"},
		{"lower case, UTF-8", "authorization: basic " + base64.StdEncoding.EncodeToString([]byte("al2:pä")), "al2"},
		{"none", "X: y", ""},
		{"wrong password", "Authorization: " + basic("al:wrong"), ""},
		{"unknown user", "Authorization: " + basic("nobody:x"), ""},
		{"broken base64", "Authorization: Basic !!!", ""},
		{"no colon", "Authorization: " + basic("al"), ""},
		{"another scheme", "Authorization: Bearer abc", ""},
		{"proxy", "Proxy-Authorization: " + basic("al:s3:cret"), "al"},
		{"unknown proxy user", "Proxy-Authorization: " + basic("zz:zz") + "\nAuthorization: " + basic("al:s3:cret"), "al"},
		{"wrong proxy password", "Proxy-Authorization: " + basic("al:bad") + "\nAuthorization: " + basic("al:s3:cret"), ""},
		{"scheme alone", "Authorization: Basic", ""},
		{"many blanks", "Authorization: Basic    YWw6czM6Y3JldA==", "al"},
		{"the digest is no password", "Authorization: " + basic("name:"+digest("secret", aliceID)), ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			e := run(t, s, nil, "GET /\n"+c.headers+"\n")
			if c.user == "" {
				if e.Status() != 401 || e.Got("WWW-Authenticate") != `Basic realm="service"` {
					t.Errorf("%d %s", e.Status(), e.Got("WWW-Authenticate"))
				}
			} else if e.Exited || e.Sent("X-Credential-Identifier") != c.user || e.Sent("X-Consumer-Username") != "alice" || e.Sent("X-Consumer-Custom-ID") != "cust-7" {
				t.Errorf("exited %v, %q", e.Exited, e.Sent("X-Credential-Identifier"))
			}
		})
	}
}

func TestHideCredentials(t *testing.T) {
	s := store(t)
	good := basic("al:s3:cret")
	for _, c := range []struct{ proxy, own, sentProxy, sentOwn string }{
		{"Other x", good, "", ""},
		{good, "Other y", "", "Other y"},
	} {
		e := run(t, s, conf{"hide_credentials": true}, "GET /\nProxy-Authorization: "+c.proxy+"\nAuthorization: "+c.own+"\n")
		if e.Exited || e.Sent("Proxy-Authorization") != c.sentProxy || e.Sent("Authorization") != c.sentOwn {
			t.Errorf("%q, %q", e.Sent("Proxy-Authorization"), e.Sent("Authorization"))
		}
	}
}

func TestAnonymousAndRealm(t *testing.T) {
	s := store(t)
	e := run(t, s, conf{"anonymous": "guest"}, "GET /\nAuthorization: "+basic("al:no")+"\n")
	if e.Exited || e.Sent("X-Consumer-Username") != "guest" || e.Sent("X-Anonymous-Consumer") != "true" {
		t.Errorf("%q", e.Sent("X-Consumer-Username"))
	}
	if e := run(t, s, conf{"realm": "staff only"}, "OPTIONS /"); e.Got("WWW-Authenticate") != `Basic realm="staff only"` {
		t.Errorf("%s", e.Got("WWW-Authenticate"))
	}
}

// The digest is the one that the reference stores.
func TestDigest(t *testing.T) {
	if got := digest("secret", aliceID); got != "daaa0c42d6ef59eea2e255212f12ec4db9f6c0c6" {
		t.Errorf("%s", got)
	}
	r, ok := store(t).Entities("basicauth_credentials").By("username", "name")
	if !ok || r["password"] != "daaa0c42d6ef59eea2e255212f12ec4db9f6c0c6" {
		t.Errorf("stored: %v", r["password"])
	}
}

func TestConfigErrors(t *testing.T) {
	for want, c := range map[string]conf{
		"schema violation (config.realm: expected a string)":             {"realm": 5},
		"schema violation (config.hide_credentials: expected a boolean)": {"hide_credentials": "yes"},
		"schema violation (config.nope: unknown field)":                  {"nope": 1},
	} {
		if _, err := pdktest.Config(config, c); err == nil || err.Error() != want {
			t.Errorf("%v: error %v, want %s", c, err, want)
		}
	}
}

func FuzzParse(f *testing.F) {
	f.Add("Basic YWw6czM6Y3JldA==")
	f.Fuzz(func(t *testing.T, value string) {
		if username, _, ok := parse(value); ok && username == "" {
			t.Error("an empty user name")
		}
	})
}
