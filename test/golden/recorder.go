package golden

import (
	"fmt"
	"sort"
	"strings"
	"sync"
)

// recorder keeps, in order, what the upstreams of a case saw in a step.
type recorder struct {
	mu     sync.Mutex
	seen   []*entry
	probes map[string]bool // different health probes
	brief  bool            // long bodies are summed up
	raw    []string        // L4: what the raw upstream received

	addrs map[string]string // host:port of each upstream by its name; set before the first request
	alias map[string]string // letters of anonymous upstreams: "group name" → letter
}

type entry struct{ from, text string }

func newRecorder() *recorder {
	return &recorder{probes: map[string]bool{}, addrs: map[string]string{}, alias: map[string]string{}}
}

func (r *recorder) add(from, text string) *entry {
	r.mu.Lock()
	defer r.mu.Unlock()
	e := &entry{from, text}
	r.seen = append(r.seen, e)
	return e
}

// request notes a request, summed up where the step says brief.
func (r *recorder) request(from string, m *message) *entry {
	r.mu.Lock()
	brief := r.brief
	r.mu.Unlock()
	return r.add(from, m.text(brief))
}

func (r *recorder) extend(e *entry, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	e.text += text
}

func (r *recorder) probe(m *message) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.probes[m.text(false)] = true
}

func (r *recorder) bytes(kind string, b []byte) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.raw = append(r.raw, fmt.Sprintf("%s %q", kind, b))
}

func (r *recorder) reset(brief bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.seen, r.raw, r.probes, r.brief = nil, nil, map[string]bool{}, brief
}

// text is what goes into N.upstream.
func (r *recorder) text(o options) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var out string
	switch {
	case len(r.raw) > 0:
		return strings.Join(r.raw, "\n")
	case o.has("probes"):
		var p []string
		for k := range r.probes {
			p = append(p, k)
		}
		sort.Strings(p)
		out = strings.Join(p, "\n=====\n")
	case o.has("distribution"):
		n := map[string]int{}
		for _, e := range r.seen {
			n[r.name(e, o)]++
		}
		out = counts(n)
	default:
		out = r.requests(o)
	}
	if out == "" {
		return "(no request)"
	}
	return out
}

func (r *recorder) requests(o options) string {
	var out []string
	for _, e := range r.seen {
		name, text := r.name(e, o), e.text
		if o.has("anon") {
			text = strings.ReplaceAll(text, r.addrs[e.from], name)
		}
		if name != "upstream" {
			text = name + " " + text
		}
		out = append(out, text)
	}
	if o.has("unordered") {
		sort.Slice(out, func(i, j int) bool { return blank(out[i]) < blank(out[j]) })
	}
	return strings.Join(out, "\n=====\n")
}

// name is the upstream's own, or under `anon` and `anon=GROUP` a letter in the order in which that group of steps
// first meets the upstreams.
func (r *recorder) name(e *entry, o options) string {
	if !o.has("anon") {
		return e.from
	}
	group := o["anon"] + " "
	if r.alias[group+e.from] == "" {
		met := 0
		for k := range r.alias {
			if strings.HasPrefix(k, group) {
				met++
			}
		}
		r.alias[group+e.from] = string(rune('A' + met))
	}
	return r.alias[group+e.from]
}

// counts writes a distribution, a line `name count` each.
func counts(n map[string]int) string {
	var out []string
	for k, v := range n {
		out = append(out, fmt.Sprintf("%s %d", k, v))
	}
	sort.Strings(out)
	return strings.Join(out, "\n")
}
