package balancer

import (
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"

	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/model/entity"
)

// goldenCase is a recorded case as far as it concerns resolving, balancing and
// health: what the proxy and the Admin API around it would do is played.
type goldenCase struct {
	files     map[string]string
	services  []goldenService
	upstreams map[string]*entity.Upstream
	targets   map[string][]*entity.Target
	consumers map[string]string // credential key → consumer
	anonymous string
	dns       dns.Options
}

type goldenService struct {
	prefix  string
	capture *regexp.Regexp
	host    string
	port    int
	retries int
	timeout time.Duration
}

// The addresses of the upstreams: 127.0.0.1:9001 is upstream, 9002 upstream2 …
func goldenAddress(n int) string { return fmt.Sprintf("127.0.0.1:%d", 9000+n) }

func goldenReplacer(dir string) *strings.Replacer {
	pairs := []string{"{{dead_port}}", "9999", "{{case_dir}}", dir, "{{upstream}}", goldenAddress(1), "{{upstream_port}}", "9001"}
	for n := 2; n <= 5; n++ {
		pairs = append(pairs, fmt.Sprintf("{{upstream%d}}", n), goldenAddress(n), fmt.Sprintf("{{upstream%d_port}}", n), strconv.Itoa(9000+n))
	}
	return strings.NewReplacer(pairs...)
}

type yamlUpstream struct {
	Name, Algorithm      string
	Slots                int
	HashOn               string `yaml:"hash_on"`
	HashFallback         string `yaml:"hash_fallback"`
	HashOnHeader         string `yaml:"hash_on_header"`
	HashFallbackHeader   string `yaml:"hash_fallback_header"`
	HashOnCookie         string `yaml:"hash_on_cookie"`
	HashOnCookiePath     string `yaml:"hash_on_cookie_path"`
	HashOnQueryArg       string `yaml:"hash_on_query_arg"`
	HashFallbackQueryArg string `yaml:"hash_fallback_query_arg"`
	HashOnURICapture     string `yaml:"hash_on_uri_capture"`
	HostHeader           string `yaml:"host_header"`
	UseSRVName           bool   `yaml:"use_srv_name"`
	Healthchecks         struct {
		Passive struct {
			Healthy struct {
				Successes    int
				HTTPStatuses []int `yaml:"http_statuses"`
			}
			Unhealthy struct {
				HTTPFailures int   `yaml:"http_failures"`
				TCPFailures  int   `yaml:"tcp_failures"`
				Timeouts     int   `yaml:"timeouts"`
				HTTPStatuses []int `yaml:"http_statuses"`
			}
		}
	}
	Targets []struct {
		Target string
		Weight *int
	}
}

// loadGolden reads a case; ok is false for cases that need more than is played.
func loadGolden(t *testing.T, file string) (g *goldenCase, ok bool) {
	t.Helper()
	raw, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	g = &goldenCase{files: map[string]string{}, upstreams: map[string]*entity.Upstream{}, targets: map[string][]*entity.Target{}, consumers: map[string]string{}}
	for _, f := range txtar.Parse([]byte(goldenReplacer(dir).Replace(string(raw)))).Files {
		g.files[f.Name] = string(f.Data)
		if name, isFile := strings.CutPrefix(f.Name, "files/"); isFile {
			os.WriteFile(dir+"/"+name, f.Data, 0o644)
		}
		if strings.HasPrefix(f.Name, "plugins/") || strings.Contains(f.Name, ".probe") || strings.HasSuffix(f.Name, ".rawreply") || f.Name == "start.fails" ||
			strings.HasSuffix(f.Name, ".options") && strings.Contains(string(f.Data), "parallel") {
			return nil, false
		}
	}
	if strings.Contains(g.files["kong.yml"], "active:") || strings.Contains(g.files["kong.yml"], "preserve_host") {
		return nil, false
	}
	g.decode(t)
	g.environment(t)
	return g, true
}

func (g *goldenCase) decode(t *testing.T) {
	var file struct {
		Services []struct {
			URL         string
			Retries     *int
			ReadTimeout int `yaml:"read_timeout"`
			Routes      []struct {
				Paths   []string
				Plugins []struct{ Config struct{ Anonymous string } }
			}
		}
		Upstreams []yamlUpstream
		Consumers []struct {
			ID, Username string
			Keys         []struct{ Key string } `yaml:"keyauth_credentials"`
		}
	}
	if err := yaml.Unmarshal([]byte(g.files["kong.yml"]), &file); err != nil {
		t.Fatal(err)
	}
	for _, s := range file.Services {
		u, err := url.Parse(s.URL)
		if err != nil {
			t.Fatal(err)
		}
		gs := goldenService{host: u.Hostname(), port: 80, retries: 5, timeout: time.Minute}
		if p, err := strconv.Atoi(u.Port()); err == nil {
			gs.port = p
		}
		if s.Retries != nil {
			gs.retries = *s.Retries
		}
		if s.ReadTimeout > 0 {
			gs.timeout = time.Duration(s.ReadTimeout) * time.Millisecond
		}
		gs.prefix = s.Routes[0].Paths[0]
		if re, isRegex := strings.CutPrefix(gs.prefix, "~"); isRegex {
			gs.prefix = ""
			gs.capture = regexp.MustCompile("^" + re)
		}
		for _, p := range s.Routes[0].Plugins {
			g.anonymous = p.Config.Anonymous
		}
		g.services = append(g.services, gs)
	}
	for _, c := range file.Consumers {
		for _, k := range c.Keys {
			g.consumers[k.Key] = c.Username
		}
	}
	for i, y := range file.Upstreams {
		g.upstream(y, i)
	}
}

func (g *goldenCase) upstream(y yamlUpstream, i int) {
	u := &entity.Upstream{
		ID: fmt.Sprintf("u%d", i), Name: y.Name, Algorithm: y.Algorithm, Slots: y.Slots, HashOn: y.HashOn, HashFallback: y.HashFallback,
		HashOnHeader: y.HashOnHeader, HashFallbackHeader: y.HashFallbackHeader, HashOnCookie: y.HashOnCookie, HashOnCookiePath: y.HashOnCookiePath,
		HashOnQueryArg: y.HashOnQueryArg, HashFallbackQueryArg: y.HashFallbackQueryArg, HashOnURICapture: y.HashOnURICapture,
		HostHeader: y.HostHeader, UseSRVName: y.UseSRVName,
	}
	if u.Algorithm == "" && u.HashOn != "" {
		u.Algorithm = "consistent-hashing" // the schema's rule
	}
	p, yp := &u.Healthchecks.Passive, y.Healthchecks.Passive
	p.Healthy = entity.Healthy{Successes: yp.Healthy.Successes, HTTPStatuses: yp.Healthy.HTTPStatuses}
	p.Unhealthy = entity.Unhealthy{HTTPFailures: yp.Unhealthy.HTTPFailures, TCPFailures: yp.Unhealthy.TCPFailures, Timeouts: yp.Unhealthy.Timeouts, HTTPStatuses: yp.Unhealthy.HTTPStatuses}
	if p.Healthy.HTTPStatuses == nil {
		p.Healthy.HTTPStatuses = []int{200, 201, 302}
	}
	if p.Unhealthy.HTTPStatuses == nil {
		p.Unhealthy.HTTPStatuses = []int{429, 500, 503}
	}
	g.upstreams[u.Name] = u
	for n, yt := range y.Targets {
		t := &entity.Target{ID: fmt.Sprintf("%s-t%d", u.ID, n), Target: yt.Target, Weight: 100}
		if yt.Weight != nil {
			t.Weight = *yt.Weight
		}
		g.targets[u.Name] = append(g.targets[u.Name], t)
	}
}

// environment reads the dns_* settings.
func (g *goldenCase) environment(t *testing.T) {
	o := &g.dns
	o.StaleTTL, o.NotFoundTTL, o.ErrorTTL = time.Hour, 30*time.Second, time.Second
	for line := range strings.Lines(g.files["env"]) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		n, _ := strconv.Atoi(value)
		var err error
		switch name {
		case "KONG_DNS_STALE_TTL":
			o.StaleTTL = time.Duration(n) * time.Second
		case "KONG_DNS_NOT_FOUND_TTL":
			o.NotFoundTTL = time.Duration(n) * time.Second
		case "KONG_DNS_ORDER":
			o.Order, err = dns.ParseOrder(strings.Split(value, ","))
		case "KONG_DNS_HOSTSFILE":
			o.HostsFile = value
		}
		if err != nil {
			t.Fatal(err)
		}
	}
}
