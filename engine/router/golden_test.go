package router

import (
	"fmt"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/gibbon-gateway/gibbon/model/entity"
)

// The recorded cases are played by the golden runner against the whole gateway;
// here their routing is checked against the router alone.

const (
	goldenPlain = 8000
	goldenTLS   = 8443
)

// golden is a case: its routes and what is left of the archive.
type golden struct {
	files    map[string]string
	flavor   Flavor
	routes   []*entity.Route
	services map[string]*entity.Service
}

func loadGolden(t *testing.T, file string) *golden {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	text := strings.NewReplacer("{{proxy_port}}", fmt.Sprint(goldenPlain), "{{proxy_tls_port}}", fmt.Sprint(goldenTLS),
		"{{stream_port}}", fmt.Sprint(goldenPlain), "{{stream_tls_port}}", fmt.Sprint(goldenTLS),
		"{{upstream_port}}", "9000", "{{raw_upstream_port}}", "9000", "{{upstream}}", "up:9000").Replace(string(raw))
	g := &golden{files: map[string]string{}, services: map[string]*entity.Service{}}
	for _, f := range txtar.Parse([]byte(text)).Files {
		g.files[f.Name] = string(f.Data)
	}
	for line := range strings.Lines(g.files["env"]) {
		if v, ok := strings.CutPrefix(strings.TrimSpace(line), "KONG_ROUTER_FLAVOR="); ok {
			g.flavor = Flavor(v)
		}
	}
	g.decode(t)
	return g
}

// yamlRoute is the part of a declarative file that routing needs.
type yamlRoute struct {
	ID, Name, Expression string
	CreatedAt            int64 `yaml:"created_at"`
	Protocols            []string
	Methods, Hosts       []string
	Paths, SNIs          []string
	Headers              map[string][]string
	Sources              []entity.Peer
	Destinations         []entity.Peer
	StripPath            *bool  `yaml:"strip_path"`
	RegexPriority        int64  `yaml:"regex_priority"`
	PathHandling         string `yaml:"path_handling"`
	Redirect             int    `yaml:"https_redirect_status_code"`
	Priority             int64
}

func (g *golden) decode(t *testing.T) {
	var file struct {
		Services []struct {
			Name, URL, Path string
			Enabled         *bool
			Routes          []yamlRoute
		}
		Routes []yamlRoute
	}
	if err := yaml.Unmarshal([]byte(g.files["kong.yml"]), &file); err != nil {
		t.Fatal(err)
	}
	for _, y := range file.Routes {
		g.add(y, "")
	}
	for _, s := range file.Services {
		service := &entity.Service{ID: "service-" + s.Name, Name: s.Name, Path: s.Path, Enabled: s.Enabled == nil || *s.Enabled}
		if u, err := url.Parse(s.URL); err == nil && s.URL != "" {
			service.Path = u.EscapedPath()
		}
		g.services[service.ID] = service
		for _, y := range s.Routes {
			g.add(y, service.ID)
		}
	}
}

func (g *golden) add(y yamlRoute, service string) {
	r := &entity.Route{
		ID: y.ID, Name: y.Name, Expression: y.Expression, CreatedAt: y.CreatedAt, Protocols: y.Protocols,
		Methods: y.Methods, Hosts: y.Hosts, Paths: y.Paths, SNIs: y.SNIs, Headers: y.Headers,
		Sources: y.Sources, Destinations: y.Destinations, RegexPriority: y.RegexPriority,
		PathHandling: y.PathHandling, HTTPSRedirectStatusCode: y.Redirect, Priority: y.Priority,
		StripPath: y.StripPath == nil || *y.StripPath, Service: entity.Ref{ID: service},
	}
	if r.ID == "" {
		r.ID = fmt.Sprintf("%08d-made-up", len(g.routes))
	}
	if r.CreatedAt == 0 {
		r.CreatedAt = 1 << 40
	}
	if len(r.Protocols) == 0 {
		r.Protocols = []string{"http", "https"}
	}
	g.routes = append(g.routes, r)
}

// fields is a header for tests.
type fields [][2]string

func (f fields) Next(name string, from int) (string, int, bool) {
	for i := from; i < len(f); i++ {
		if SameName([]byte(f[i][0]), name) {
			return f[i][1], i + 1, true
		}
	}
	return "", len(f), false
}

// goldenRequest is step n as the router would see it; ok is false where the
// request never gets that far.
func (g *golden) request(n int) (req Request, raw string, ok bool) {
	options := strings.Fields(g.files[fmt.Sprintf("%d.options", n)])
	text := g.files[fmt.Sprintf("%d.request", n)]
	if slices.Contains(options, "escaped") {
		text = strings.NewReplacer("\\r\\n\n", "\n", "\\r\\n", "\n").Replace(text)
	}
	head, _, _ := strings.Cut(text, "\n\n")
	lines := strings.Split(strings.TrimSpace(head), "\n")
	method, rest, _ := strings.Cut(lines[0], " ")
	target := strings.TrimSuffix(strings.TrimSuffix(rest, " HTTP/1.1"), " HTTP/1.0")
	req = Request{
		Method: method, Scheme: "http", SrcIP: netip.MustParseAddr("127.0.0.1"), DstIP: netip.MustParseAddr("127.0.0.1"),
		SrcPort: 40000, DstPort: goldenPlain,
	}
	for _, o := range options {
		if o == "tls" {
			req.Scheme, req.DstPort = "https", goldenTLS
			if req.SNI == "" {
				req.SNI = "default.test"
			}
		}
		if v, ok := strings.CutPrefix(o, "sni="); ok {
			req.SNI = v
		}
	}
	var header fields
	for _, line := range lines[1:] {
		name, value, _ := strings.Cut(line, ":")
		value = strings.TrimSpace(value)
		header = append(header, [2]string{name, value})
		if strings.EqualFold(name, "host") {
			req.Host = value
		}
		if strings.EqualFold(name, "x-forwarded-proto") && strings.Contains(g.files["env"], "TRUSTED_IPS") {
			req.ForwardedProto = value
		}
	}
	req.Header = header
	if _, after, found := strings.Cut(target, "://"); found {
		i := strings.IndexByte(after, '/')
		if target = "/"; i >= 0 {
			target = after[i:]
		}
	}
	raw, req.Query, _ = strings.Cut(target, "?")
	req.Query, _, _ = strings.Cut(req.Query, "#")
	if method == "TRACE" || strings.ToUpper(method) != method || !CheckPath(raw) {
		return req, raw, false
	}
	req.Path = string(NormalizePath(nil, raw))
	return req, raw, true
}

// startFailsElsewhere are refused by the schema of routes, not by the router.
var startFailsElsewhere = []string{
	"method-field-must-be-upper-case", "path-with-double-slash", "sources-refused-on-http-routes", "route-path-must-be-normalised",
}

func TestGoldenRouting(t *testing.T) {
	files, _ := filepath.Glob("../../test/testdata/golden/routing/*.txtar")
	if len(files) == 0 {
		t.Fatal("no recorded cases")
	}
	for _, file := range files {
		name := strings.TrimSuffix(filepath.Base(file), ".txtar")
		t.Run(name, func(t *testing.T) {
			g := loadGolden(t, file)
			r, problems := Build(g.flavor, g.routes, g.services)
			if _, fails := g.files["start.fails"]; fails {
				if len(problems) == 0 && !slices.Contains(startFailsElsewhere, name) {
					t.Error("the reference refuses this configuration")
				}
				return
			}
			for _, p := range problems {
				t.Error(p)
			}
			var m Match
			for n := 1; g.files[fmt.Sprintf("%d.request", n)] != ""; n++ {
				g.step(t, r, &m, n)
			}
		})
	}
}

func (g *golden) step(t *testing.T, r *Router, m *Match, n int) {
	req, _, ok := g.request(n)
	status := strings.Fields(g.files[fmt.Sprintf("%d.response", n)])[1]
	if !ok {
		if status != "400" && status != "405" {
			t.Errorf("step %d: refused, recorded %s", n, status)
		}
		return
	}
	found := r.Match(&req, m)
	line, rest, _ := strings.Cut(g.files[fmt.Sprintf("%d.upstream", n)], "\n")
	if line == "(no request)" {
		code, _ := strconv.Atoi(status)
		switch {
		case !found && code != 404:
			t.Errorf("step %d: no route, recorded %d", n, code)
		case found && code == 404:
			t.Errorf("step %d: route %s, recorded 404", n, m.Entry.Route.Name)
		case found && (code == 426 || code < 400) && m.Redirect != code && !slices.Contains(m.Entry.Route.Protocols, "grpc") && !slices.Contains(m.Entry.Route.Protocols, "grpcs"):
			t.Errorf("step %d: redirect %d, recorded %d", n, m.Redirect, code)
		}
		return
	}
	if !found || m.Redirect != 0 {
		t.Errorf("step %d: found %v, redirect %d, recorded %s", n, found, m.Redirect, line)
		return
	}
	got := string(UpstreamPath(nil, m, req.Path))
	want, _, _ := strings.Cut(strings.Fields(line)[1], "?")
	if got != want {
		t.Errorf("step %d: %s %s: route %s, upstream path %q, recorded %q", n, req.Method, req.Path, m.Entry.Route.Name, got, want)
	}
	prefix := ""
	for l := range strings.Lines(rest) {
		if v, ok := strings.CutPrefix(l, "X-Forwarded-Prefix: "); ok {
			prefix = strings.TrimSuffix(v, "\n")
		}
	}
	if got := m.ForwardedPrefix(); got != prefix {
		t.Errorf("step %d: X-Forwarded-Prefix %q, recorded %q", n, got, prefix)
	}
	for l := range strings.Lines(g.files[fmt.Sprintf("%d.response", n)]) {
		if v, ok := strings.CutPrefix(l, "X-Captures: "); ok {
			if got := joinCaptures(m.Captures(nil, req.Path)); got != strings.TrimSpace(v) {
				t.Errorf("step %d: captures %q, recorded %q", n, got, strings.TrimSpace(v))
			}
		}
	}
}

func joinCaptures(captures []Capture) string {
	var out []string
	for _, c := range captures {
		out = append(out, fmt.Sprintf("%d=%s", c.Index, c.Value))
		if c.Name != "" {
			out = append(out, c.Name+"="+c.Value)
		}
	}
	slices.Sort(out)
	return strings.Join(out, ";")
}
