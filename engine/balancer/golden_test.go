package balancer

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/gibbon-gateway/gibbon/engine/dns"
	"github.com/gibbon-gateway/gibbon/engine/dns/dnstest"
	"github.com/gibbon-gateway/gibbon/engine/health"
)

// TestGolden plays the recorded cases of balancing against these packages
// alone. The golden runner plays them against the whole gateway.
func TestGolden(t *testing.T) {
	files, _ := filepath.Glob("../../test/testdata/golden/balancer/*.txtar")
	played := 0
	for _, file := range files {
		g, ok := loadGolden(t, file)
		if !ok {
			continue
		}
		played++
		t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar"), func(t *testing.T) {
			t.Parallel()
			newPlayer(t, g).play()
		})
	}
	if played < 46 {
		t.Errorf("only %d of %d cases can be played", played, len(files))
	}
}

// player stands for proxy and Admin API.
type player struct {
	*goldenCase
	t         *testing.T
	server    *dnstest.Server
	resolver  *dns.Resolver
	balancers map[string]*Balancer
	letters   map[string]map[string]string // by group: upstream → letter
}

func newPlayer(t *testing.T, g *goldenCase) *player {
	p := &player{goldenCase: g, t: t, balancers: map[string]*Balancer{}, letters: map[string]map[string]string{}}
	var err error
	if p.server, err = dnstest.Start(g.files["dns"]); err != nil {
		t.Fatal(err)
	}
	g.dns.Servers = []netip.AddrPort{p.server.Addr}
	g.dns.ResolvConf = filepath.Join(t.TempDir(), "resolv.conf")
	os.WriteFile(g.dns.ResolvConf, []byte("options timeout:1 attempts:1\n"), 0o644)
	if p.resolver, err = dns.New(g.dns); err != nil {
		t.Fatal(err)
	}
	h := health.NewRegistry(health.Options{})
	for name, u := range g.upstreams {
		p.balancers[name] = New(u, g.targets[name], nil, Deps{Resolver: p.resolver, Health: h})
	}
	t.Cleanup(func() {
		for _, b := range p.balancers {
			b.Close()
		}
		h.Close()
		p.resolver.Close()
		p.server.Close()
	})
	return p
}

// seen is one request at an upstream; exchange is what came of one request.
type seen struct{ upstream, host string }
type exchange struct {
	seen    []seen
	status  int
	message string
	cookie  string
}

func (p *player) play() {
	for n := 1; ; n++ {
		raw, ok := p.files[fmt.Sprintf("%d.request", n)]
		if !ok {
			return
		}
		if zone, ok := p.files[fmt.Sprintf("%d.dns", n)]; ok {
			p.server.Set(zone)
		}
		o := p.options(n)
		if d, err := time.ParseDuration(o["wait"]); err == nil && p.files["dns"] != "" {
			time.Sleep(d)
		}
		if _, ok := o["admin"]; ok {
			p.admin(n, raw)
			continue
		}
		repeat := 1
		if s, ok := o["repeat"]; ok {
			repeat, _ = strconv.Atoi(s)
		}
		var all []exchange
		for i := range repeat {
			all = append(all, p.request(n, strings.ReplaceAll(raw, "{{i}}", strconv.Itoa(i+1))))
		}
		p.compare(n, o, all)
	}
}

func (p *player) options(n int) map[string]string {
	o := map[string]string{}
	for _, w := range strings.Fields(p.files[fmt.Sprintf("%d.options", n)]) {
		name, value, _ := strings.Cut(w, "=")
		o[name] = value
	}
	return o
}

// request is the proxy: route, choose, try, report, try again.
func (p *player) request(n int, raw string) (x exchange) {
	k := newGoldenRequest(p, raw)
	s := slices.IndexFunc(p.services, func(s goldenService) bool {
		return s.capture != nil && s.capture.MatchString(k.url.Path) || s.prefix != "" && strings.HasPrefix(k.url.Path, s.prefix)
	})
	k.service = &p.services[s]
	b := p.balancers[k.service.host]
	if b == nil {
		return p.plain(n, k)
	}
	var tries Tries
	for try := range k.service.retries + 1 {
		peer, err := b.Pick(k, &tries)
		if err == ErrResolving {
			b.Wait(p.t.Context())
			peer, err = b.Pick(k, &tries)
		}
		if err != nil {
			if try == 0 {
				x.status, x.message = dns.Problem(k.service.host, err)
			}
			return x
		}
		r := p.try(n, peer.Addr, peer.HostHeader(80), k, &x)
		x.cookie = tries.SetCookie
		b.Done(peer, r)
		if r.Failure == health.NoFailure || !k.again(r, x) {
			return x
		}
		tries.Failed(peer)
	}
	return x
}

// plain is a service whose host is no upstream.
func (p *player) plain(n int, k *goldenRequest) (x exchange) {
	for range k.service.retries + 1 {
		a, err := p.resolver.Resolve(p.t.Context(), k.service.host)
		if err != nil {
			x.status, x.message = dns.Problem(k.service.host, err)
			return x
		}
		// The Host of a plain service is its own host; not compared.
		if r := p.try(n, a.Pick(k.service.port), "", k, &x); r.Failure == health.NoFailure {
			return x
		}
	}
	return x
}

// try is one connection to an address.
func (p *player) try(n int, addr netip.AddrPort, host string, k *goldenRequest, x *exchange) Result {
	name, which := "", 0
	switch port := int(addr.Port()) - 9000; {
	case port == 1 && addr.Addr().String() == "127.0.0.1":
		name, which = "upstream", 1
	case port == 1 && slices.Contains([]string{"127.0.0.2", "127.0.0.3"}, addr.Addr().String()):
		name, which = "upstream@"+addr.Addr().String(), 1
	case port >= 2 && port <= 5 && addr.Addr().String() == "127.0.0.1":
		name, which = fmt.Sprintf("upstream%d", port), port
	}
	reply, ok := p.files[fmt.Sprintf("%d.reply%d", n, which)]
	if !ok {
		if reply, ok = p.files[fmt.Sprintf("%d.reply", n)]; !ok {
			reply = "HTTP/1.1 200 OK\n"
		}
	}
	if which == 0 || strings.HasPrefix(reply, "DOWN") {
		x.status = 502
		return Result{Failure: health.TCPFailure}
	}
	x.seen = append(x.seen, seen{name, host})
	var sleep string
	fmt.Sscanf(reply, "SLEEP %s", &sleep)
	if d, _ := time.ParseDuration(sleep); d > k.service.timeout {
		x.status = 504
		return Result{Failure: health.TimeoutFailure}
	}
	if sleep != "" {
		_, reply, _ = strings.Cut(reply, "\n")
	}
	if _, err := fmt.Sscanf(reply, "HTTP/1.1 %d", &x.status); err != nil { // CLOSE, RESET
		x.status = 502
		return Result{Failure: health.TCPFailure}
	}
	return Result{Status: x.status, Latency: time.Millisecond}
}

// goldenRequest is a request, and what it is hashed on.
type goldenRequest struct {
	player  *player
	service *goldenService
	method  string
	url     *url.URL
	header  http.Header
}

func newGoldenRequest(p *player, raw string) *goldenRequest {
	lines := strings.Split(raw, "\n")
	f := strings.Fields(lines[0])
	u, err := url.Parse(f[1])
	if err != nil {
		p.t.Fatal(err)
	}
	k := &goldenRequest{player: p, method: f[0], url: u, header: http.Header{}}
	for _, l := range lines[1:] {
		name, value, ok := strings.Cut(l, ":")
		if !ok {
			break
		}
		k.header.Add(name, strings.TrimSpace(value))
	}
	return k
}

// again: a refused connection always, else methods that are idempotent.
func (k *goldenRequest) again(r Result, x exchange) bool {
	refused := r.Failure == health.TCPFailure && len(x.seen) == 0
	return refused || k.method != "POST" && k.method != "PATCH"
}

func (k *goldenRequest) HashValues(on HashOn, name string, dst []string) []string {
	var v string
	switch on {
	case HashConsumer:
		if v = k.player.consumers[k.header.Get("Apikey")]; v == "" {
			v = k.player.anonymous
		}
	case HashIP:
		if v = k.header.Get("X-Real-Ip"); v == "" {
			v = "127.0.0.1"
		}
	case HashHeader:
		return append(dst, k.header.Values(name)...)
	case HashCookie:
		for _, c := range k.header.Values("Cookie") {
			cookies, _ := http.ParseCookie(c)
			for _, c := range cookies {
				if c.Name == name {
					v = c.Value
				}
			}
		}
	case HashPath:
		v = k.url.Path
	case HashQueryArg:
		return append(dst, k.url.Query()[name]...)
	case HashURICapture:
		if re := k.service.capture; re != nil {
			if m := re.FindStringSubmatch(k.url.Path); m != nil {
				v = m[re.SubexpIndex(name)]
			}
		}
	}
	if v == "" {
		return dst
	}
	return append(dst, v)
}

// compare checks the records of a step.
func (p *player) compare(n int, o map[string]string, all []exchange) {
	counts, statuses := map[string]int{}, map[string]int{}
	var order []string
	group, anon := o["anon"], false
	_, anon = o["anon"]
	for _, x := range all {
		statuses[strconv.Itoa(x.status)]++
		for _, s := range x.seen {
			name := s.upstream
			if anon {
				name = p.letter(group, name)
			}
			counts[name]++
			host := s.host
			if anon {
				host = name
			}
			order = append(order, name+" "+host)
		}
	}
	want := p.files[fmt.Sprintf("%d.upstream", n)]
	response := p.files[fmt.Sprintf("%d.response", n)]
	if _, ok := o["distribution"]; ok {
		p.compareCounts(n, want, counts, len(all), o["tolerance"])
		wantStatus := map[string]int{}
		for line := range strings.Lines(response) {
			f := strings.Fields(line)
			c, _ := strconv.Atoi(f[len(f)-1])
			wantStatus[f[1]] += c
		}
		if fmt.Sprint(statuses) != fmt.Sprint(wantStatus) {
			p.t.Errorf("step %d: got answers %v, want %v", n, statuses, wantStatus)
		}
		return
	}
	p.compareRequests(n, want, order)
	f := strings.Fields(response)
	if got := strconv.Itoa(all[0].status); got != f[1] {
		p.t.Errorf("step %d: got status %s, want %s", n, got, f[1])
	}
	if m := all[0].message; m != "" && !strings.Contains(response, `"message":"`+m+`"`) {
		p.t.Errorf("step %d: got message %q, want\n%s", n, m, response)
	}
	if strings.Contains(response, "Set-Cookie") != (all[0].cookie != "") {
		p.t.Errorf("step %d: got cookie %q", n, all[0].cookie)
	}
}

func (p *player) letter(group, name string) string {
	m := p.letters[group]
	if m == nil {
		m = map[string]string{}
		p.letters[group] = m
	}
	if m[name] == "" {
		m[name] = string(rune('A' + len(m)))
	}
	return m[name]
}

func (p *player) compareCounts(n int, want string, got map[string]int, total int, tolerance string) {
	percent, _ := strconv.Atoi(tolerance)
	slack := total * percent / 100
	for line := range strings.Lines(want) {
		var name string
		var c int
		if fmt.Sscan(line, &name, &c); c == 0 {
			continue
		}
		if d := got[name] - c; d > slack || d < -slack {
			p.t.Errorf("step %d: %s got %d requests, want %d (of %v)", n, name, got[name], c, got)
		}
		delete(got, name)
	}
	if len(got) > 0 && slack == 0 {
		p.t.Errorf("step %d: also %v", n, got)
	}
}

// compareRequests compares the order of upstreams, and the Host header.
func (p *player) compareRequests(n int, want string, got []string) {
	var wanted []string
	if !strings.HasPrefix(want, "(no request)") {
		for block := range strings.SplitSeq(want, "=====\n") {
			first, _, _ := strings.Cut(block, " ")
			if slices.Contains([]string{"GET", "HEAD", "POST", "PUT", "DELETE", "PATCH"}, first) {
				first = "upstream"
			}
			_, host, _ := strings.Cut(block, "Host: ")
			host, _, _ = strings.Cut(host, "\n")
			wanted = append(wanted, first+" "+host)
		}
	}
	if len(got) != len(wanted) {
		p.t.Errorf("step %d: got requests %q, want %q", n, got, wanted)
		return
	}
	for i := range got {
		// A plain service's Host is the proxy's business.
		if got[i] != wanted[i] && !(strings.HasSuffix(got[i], " ") && strings.HasPrefix(wanted[i], got[i])) {
			p.t.Errorf("step %d: got request %q, want %q", n, got[i], wanted[i])
		}
	}
}

// admin plays setting and showing health; other calls are passed over.
func (p *player) admin(n int, raw string) {
	f := strings.Fields(raw)
	path := strings.Split(f[1], "/")
	if f[0] == "PUT" {
		ok := p.balancers[path[2]].SetHealth(path[4], netip.AddrPort{}, path[5] == "healthy")
		if notFound := strings.Contains(p.files[fmt.Sprintf("%d.response", n)], " 404 "); ok == notFound {
			p.t.Errorf("step %d: SetHealth %v", n, ok)
		}
		return
	}
	if len(path) != 4 || path[3] != "health" {
		return
	}
	b := p.balancers[path[2]]
	b.Wait(p.t.Context())
	_, body, _ := strings.Cut(p.files[fmt.Sprintf("%d.response", n)], "\n\n")
	body = strings.NewReplacer("<time>", "0").Replace(body)
	var want struct {
		Data []struct {
			Target, Health string
			Data           struct {
				Host, DNS  string
				Port       int
				NodeWeight int
				Weight     Weights
				Addresses  json.RawMessage
			}
		}
	}
	if err := json.Unmarshal([]byte(body), &want); err != nil {
		p.t.Fatal(err)
	}
	view := b.Health()
	for _, w := range want.Data {
		i := slices.IndexFunc(view.Targets, func(v TargetView) bool { return v.Target == w.Target })
		if i < 0 {
			p.t.Errorf("step %d: no target %s", n, w.Target)
			continue
		}
		v := view.Targets[i]
		if string(v.Status) != w.Health || v.Host != w.Data.Host || v.Port != w.Data.Port || v.DNS != w.Data.DNS || v.NodeWeight != w.Data.NodeWeight || v.Weight != w.Data.Weight {
			p.t.Errorf("step %d: got %+v, want %+v", n, v, w)
		}
		for _, a := range v.Addresses {
			ip := fmt.Sprintf(`"ip":"%s"`, a.Addr.Addr())
			if s := string(w.Data.Addresses); !strings.Contains(s, ip) || !strings.Contains(s, fmt.Sprintf(`"health":"%s"`, a.Status)) {
				p.t.Errorf("step %d: got address %+v, want %s", n, a, s)
			}
		}
	}
}
