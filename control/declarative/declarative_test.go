package declarative

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"errors"
	"fmt"
	"hash/crc32"
	"math/big"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"sort"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dao"
	"github.com/gibbon-gateway/gibbon/engine/dao/daotest"
	"github.com/gibbon-gateway/gibbon/model/entity"
	"github.com/gibbon-gateway/gibbon/model/schema"
	"golang.org/x/tools/txtar"
)

// anything is a plugin whose configuration takes any field: for the cases
// whose plugins this package does not know.
type known map[string]*schema.Schema

func (k known) Config(name string) (*schema.Schema, bool) {
	s, ok := k[name]
	return s, ok
}

func configOf(fields ...schema.Field) *schema.Schema {
	return &schema.Schema{Fields: []schema.Field{{Name: "config", Type: schema.Record, Fields: fields}}}
}

var keyAuth = &schema.Schema{Name: "key-auth", Fields: []schema.Field{
	schema.NoConsumer, schema.ProtocolsHTTP,
	{Name: "config", Type: schema.Record, Fields: []schema.Field{
		{Name: "key_names", Type: schema.Array, Required: true, Default: []any{"apikey"}, Elements: &schema.HeaderName},
		{Name: "anonymous", Type: schema.String},
	}},
}}

func str(name string, change ...func(*schema.Field)) schema.Field {
	return schema.Field{Type: schema.String}.Named(name, change...)
}

// probes are the schemas of the plugin "probe" in the recorded cases.
func probe(name string) *schema.Schema {
	num := func(name string) schema.Field { return schema.Field{Name: name, Type: schema.Number} }
	strs := &schema.Field{Type: schema.String}
	switch name {
	case "start-fails-config-errors-per-field":
		return configOf(
			str("must", schema.Require),
			num("num").Named("num", func(f *schema.Field) { f.Between = []float64{1, 5} }),
			schema.Field{Name: "int", Type: schema.Integer},
			str("pick", func(f *schema.Field) { f.OneOf = schema.List("a", "b") }),
			str("pat", func(f *schema.Field) { f.Match = "^x%d+$" }),
			str("short", func(f *schema.Field) { f.LenMin = schema.Int(3) }),
			schema.Field{Name: "flag", Type: schema.Boolean},
			schema.Field{Name: "list", Type: schema.Array, Elements: &schema.Field{Type: schema.Number}},
			schema.Field{Name: "map", Type: schema.Map, Keys: strs, Values: &schema.Field{Type: schema.Integer}},
			schema.Field{Name: "rec", Type: schema.Record, Fields: []schema.Field{str("inner", schema.Require)}},
		)
	case "start-fails-config-more-rules":
		return configOf(
			num("gt").Named("gt", func(f *schema.Field) { f.Gt = schema.Num(3) }),
			str("ne", func(f *schema.Field) { f.Ne = "x" }),
			schema.Field{Name: "notone", Type: schema.String, NotOneOf: schema.List("p", "q")},
			schema.Field{Name: "starts", Type: schema.String, StartsWith: "/"},
			schema.Field{Name: "notmatch", Type: schema.String, NotMatch: "%s"},
			schema.Field{Name: "has", Type: schema.Array, Elements: strs, Contains: "must"},
			schema.Field{Name: "eq", Type: schema.String, LenEq: schema.Int(4)},
			schema.Field{Name: "long", Type: schema.String, LenMax: schema.Int(3)},
			schema.Field{Name: "id", Type: schema.String, UUID: true},
			schema.Field{Name: "many", Type: schema.Array, Elements: strs, LenMin: schema.Int(2)},
			schema.Field{Name: "custom", Type: schema.String, Custom: func(v any) error {
				if v != "good" {
					return errors.New("only good will do")
				}
				return nil
			}},
			schema.Field{Name: "own", Type: schema.String, MatchNone: []schema.Pattern{{Pattern: "^a", Err: "no leading a"}}},
			schema.Field{Name: "any", Type: schema.String, MatchAny: &schema.AnyPattern{Patterns: []string{"^b", "^c"}, Err: "b or c please"}},
			schema.Field{Name: "all", Type: schema.String, MatchAll: []schema.Pattern{{Pattern: "1", Err: "needs a 1"}}},
			schema.Field{Name: "ts", Type: schema.Number, Timestamp: true},
			schema.Field{Name: "set", Type: schema.Set, Elements: &schema.Field{Type: schema.String, OneOf: schema.List("r", "g")}},
		)
	case "start-fails-entity-checks":
		s := configOf(str("a"), str("b"), str("c"), str("d"), str("mode"), str("file"), schema.Field{Name: "n", Type: schema.Integer})
		s.EntityChecks = []schema.EntityCheck{
			{AtLeastOneOf: []string{"config.c", "config.d"}},
			{OnlyOneOf: []string{"config.a", "config.b"}},
			{MutuallyRequired: []string{"config.a", "config.d"}},
			{Conditional: &schema.Conditional{IfField: "config.mode", IfMatch: schema.Field{Eq: "file"},
				ThenField: "config.file", ThenMatch: schema.Field{Required: true}}},
			{Distinct: []string{"config.a", "config.b"}},
			{CustomEntityCheck: &schema.CustomEntityCheck{FieldSources: []string{"config.n"}, Fn: func(e map[string]any) error {
				if n, _ := e["config"].(map[string]any)["n"].(float64); n > 5 {
					return errors.New("n is too big")
				}
				return nil
			}}},
		}
		return s
	case "start-fails-scope-not-allowed":
		s := configOf()
		s.Fields = append(s.Fields, schema.NoConsumer, schema.NoRoute, schema.ProtocolsHTTP)
		return s
	}
	return configOf()
}

func certificate(name string) (string, string) {
	key, _ := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	tmpl := &x509.Certificate{SerialNumber: big.NewInt(1), DNSNames: []string{name}, NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, _ := x509.CreateCertificate(rand.Reader, tmpl, tmpl, key.Public(), key)
	pk, _ := x509.MarshalPKCS8PrivateKey(key)
	esc := func(kind string, b []byte) string {
		return strings.ReplaceAll(string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b})), "\n", `\n`)
	}
	return esc("CERTIFICATE", der), esc("PRIVATE KEY", pk)
}

var placeholders = regexp.MustCompile(`\{\{[^}]*\}\}`)

// fill replaces the placeholders of a golden case.
func fill(text string) string {
	keys := map[string]string{}
	certs := map[string]string{}
	pair := func(name string) {
		if certs[name] == "" {
			certs[name], keys[name] = certificate(name)
		}
	}
	return placeholders.ReplaceAllStringFunc(text, func(p string) string {
		p = strings.Trim(p, "{}")
		if name, ok := strings.CutPrefix(p, "cert:"); ok {
			pair(name)
			return certs[name]
		}
		if name, ok := strings.CutPrefix(p, "key:"); ok {
			pair(name)
			return keys[name]
		}
		port := fmt.Sprint(8000 + crc32.ChecksumIEEE([]byte(p))%1000)
		if strings.HasSuffix(p, "_port") {
			return port
		}
		return "127.0.0.1:" + port
	})
}

func options(flavor string, plugins PluginSchemas) Options {
	return Options{
		Entity: entity.Options{RouterFlavor: flavor,
			CheckRegexPath: func(re string) error { _, err := regexp.Compile(re); return err },
			CheckExpression: func(e string, _ []string) error {
				if strings.Contains(e, "nope") {
					return errors.New("Unknown LHS field")
				}
				return nil
			}},
		Plugins: plugins,
		Owned:   []*schema.Schema{daotest.KeyAuth(), daotest.ACLs()},
	}
}

// elsewhere names the recorded failures that are not the loader's to find.
var elsewhere = regexp.MustCompile(`setting-headers|start-fails-(version|priority|handler|schema|plugin-not-installed)|response-(and|with)-header`)

// TestRecordedFailures loads every recorded configuration that the reference
// refuses at start; where the text was recorded, it must be the same but for
// the order of fields.
func TestRecordedFailures(t *testing.T) {
	n := 0
	for _, path := range golden(t) {
		ar, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		files := filesOf(ar)
		want, fails := files["start.fails"]
		doc, ok := files["kong.yml"]
		name := strings.TrimSuffix(filepath.Base(path), ".txtar")
		if !fails || !ok || elsewhere.MatchString(name) {
			continue
		}
		n++
		flavor := ""
		if strings.Contains(files["env"], "ROUTER_FLAVOR=expressions") {
			flavor = entity.Expressions
		}
		plugins := known{"probe": probe(name), "key-auth": keyAuth}
		_, err = Load([]byte(fill(doc)), options(flavor, plugins))
		if err == nil {
			t.Errorf("%s: accepted", path)
			continue
		}
		if testing.Verbose() {
			t.Logf("%s:\n%v", name, err)
		}
		if _, text, ok := strings.Cut(want, "error parsing declarative config file kong.yml:\n"); ok {
			if g, w := lines(err.Error()), lines(text); !slices.Equal(g, w) {
				t.Errorf("%s:\n got\n%s\nwant\n%s", path, err, text)
			}
		}
	}
	if n < 35 {
		t.Errorf("only %d cases found", n)
	}
}

func golden(t *testing.T) []string {
	var list []string
	filepath.WalkDir("../../test/testdata/golden", func(p string, _ os.DirEntry, err error) error {
		if err == nil && strings.HasSuffix(p, ".txtar") {
			list = append(list, p)
		}
		return nil
	})
	if len(list) == 0 {
		t.Skip("no golden cases in this tree")
	}
	return list
}

func filesOf(ar *txtar.Archive) map[string]string {
	m := map[string]string{}
	for _, f := range ar.Files {
		m[f.Name] = string(f.Data)
	}
	return m
}

func lines(s string) []string {
	l := strings.Split(strings.TrimSpace(s), "\n")
	sort.Strings(l)
	return l
}

// TestRecordedConfigurationsLoad loads every recorded configuration that the
// reference takes and puts it into a store. Configurations of plugins are not
// looked at.
func TestRecordedConfigurationsLoad(t *testing.T) {
	n := 0
	for _, path := range golden(t) {
		ar, _ := txtar.ParseFile(path)
		files := filesOf(ar)
		doc, ok := files["kong.yml"]
		if _, fails := files["start.fails"]; fails || !ok {
			continue
		}
		if strings.Contains(doc, "basicauth") || strings.Contains(doc, "jwt_secrets") || strings.Contains(path, "with-daos") {
			continue // entities that plugins bring
		}
		n++
		flavor := ""
		for _, f := range []string{entity.Expressions, entity.Traditional} {
			if strings.Contains(files["env"], "ROUTER_FLAVOR="+f+"\n") {
				flavor = f
			}
		}
		o := options(flavor, nil)
		o.Entity.CheckRegexPath = nil // Go's regexp is not the router's
		o.Entity.Plugin = func(string) (*schema.Schema, bool) { return &schema.Schema{}, true }
		c, err := Load([]byte(fill(doc)), o)
		if err != nil {
			t.Errorf("%s: %v", path, err)
			continue
		}
		m, err := dao.NewMemory(dao.Options{Schemas: append(entity.Schemas(o.Entity), o.Owned...)})
		if err != nil {
			t.Fatal(err)
		}
		if err := m.ReplaceAll(t.Context(), c.Set); err != nil {
			t.Errorf("%s: %v", path, err)
		}
		decodeAll(t, path, m)
	}
	t.Logf("%d configurations", n)
}

// decodeAll decodes every entity into its struct.
func decodeAll(t *testing.T, path string, s dao.Store) {
	into := map[string]func() any{
		"services": func() any { return new(entity.Service) }, "routes": func() any { return new(entity.Route) },
		"consumers": func() any { return new(entity.Consumer) }, "plugins": func() any { return new(entity.Plugin) },
		"upstreams": func() any { return new(entity.Upstream) }, "targets": func() any { return new(entity.Target) },
		"certificates": func() any { return new(entity.Certificate) }, "snis": func() any { return new(entity.SNI) },
		"ca_certificates": func() any { return new(entity.CACertificate) }, "vaults": func() any { return new(entity.Vault) },
		"keys": func() any { return new(entity.Key) },
	}
	for kind, make := range into {
		s.Entities(kind).Each(func(r dao.Record) bool {
			if err := schema.Decode(r, make()); err != nil {
				t.Errorf("%s: %s: %v", path, kind, err)
			}
			return true
		})
	}
}
