package router

import (
	"slices"
	"strings"
)

// table is the index of one subsystem. A rule lies under its most telling term:
// a plain host, else (over TLS) a server name, else a wildcard host, else none;
// under that by the beginning of the path. A rule with alternatives lies in
// several places.
type table struct {
	// rules are all rules, best first; the index holds positions in it.
	rules []*rule
	// plain and tls serve connections without and with TLS: only the latter
	// can use server names, and in the default flavor the former ignore them.
	plain, tls shards
}

// shards are tries of path prefixes by name.
type shards struct {
	hosts    map[string]*trie
	snis     map[string]*trie
	endings  map[string]*trie // by what follows "*": ".example.test"
	leadings map[string]*trie // by what precedes "*": "www."
	rest     trie
}

// newTable sorts rules and indexes them.
func newTable(rules []*rule) *table {
	slices.SortStableFunc(rules, func(a, b *rule) int { return a.rank.before(&b.rank) })
	t := &table{rules: rules}
	for i, r := range rules {
		for _, k := range r.places() {
			t.tls.insert(k, int32(i))
			k.sni = namePattern{}
			t.plain.insert(k, int32(i))
		}
	}
	t.tls.settle()
	t.plain.settle()
	return t
}

// place is where a rule lies; an empty text is no condition.
type place struct {
	host, sni namePattern
	path      string
	keys      []key
}

func (r *rule) places() []place {
	if r.expr != nil {
		var out []place
		for _, t := range r.expr.Terms() {
			p := place{host: namePattern{text: t.Host}, sni: namePattern{text: t.SNI}, path: t.PathPrefix}
			switch {
			case t.Header != "":
				p.keys = []key{{header: t.Header, value: strings.ToLower(t.Value)}}
			case t.Method != "":
				p.keys = []key{{method: t.Method}}
			}
			out = append(out, p)
		}
		return out
	}
	hosts, snis := r.hosts, r.snis
	if len(hosts) == 0 {
		hosts = []namePattern{{}}
	}
	if len(snis) == 0 || len(r.hosts) > 0 {
		snis = []namePattern{{}}
	}
	var out []place
	keys := r.keys()
	for _, h := range hosts {
		for _, s := range snis {
			out = append(out, place{h, s, r.path.literal, keys})
		}
	}
	return out
}

func (s *shards) insert(k place, i int32) {
	switch {
	case k.host.text != "" && k.host.kind == whole:
		under(&s.hosts, k.host.text).insert(k.path, i, k.keys)
	case k.sni.text != "" && k.sni.kind == whole:
		under(&s.snis, k.sni.text).insert(k.path, i, k.keys)
	case k.host.text != "" && k.host.kind == ending:
		under(&s.endings, k.host.text).insert(k.path, i, k.keys)
	case k.host.text != "":
		under(&s.leadings, k.host.text).insert(k.path, i, k.keys)
	default:
		s.rest.insert(k.path, i, k.keys)
	}
}

func under(m *map[string]*trie, key string) *trie {
	if *m == nil {
		*m = make(map[string]*trie)
	}
	t := (*m)[key]
	if t == nil {
		t = new(trie)
		(*m)[key] = t
	}
	return t
}

func (s *shards) settle() {
	for _, m := range []map[string]*trie{s.hosts, s.snis, s.endings, s.leadings} {
		for _, n := range m {
			n.settle()
		}
	}
	s.rest.settle()
}

// find walks every trie that may hold a match and leaves the best in st.
func (t *table) find(req *Request, st *state) {
	s := &t.plain
	if st.tls {
		s = &t.tls
	}
	if len(s.hosts) > 0 {
		s.hosts[st.host].search(t, req, st)
	}
	if len(s.snis) > 0 && req.SNI != "" {
		s.snis[req.SNI].search(t, req, st)
	}
	if len(s.endings)+len(s.leadings) > 0 {
		name := st.host
		if st.flavor == Traditional {
			name = st.folded
		}
		for i := 0; i < len(name); i++ {
			if name[i] == '.' {
				s.endings[name[i:]].search(t, req, st)
				s.leadings[name[:i+1]].search(t, req, st)
			}
		}
	}
	s.rest.search(t, req, st)
}

// trie is a radix tree of path prefixes.
type trie struct {
	label string
	rules []int32 // ascending: best first
	keys  [][]key // of rules, while the table is built
	crowd *crowd  // where there are many rules
	first []byte  // of the labels of kids, ascending
	kids  []*trie
}

func (n *trie) insert(path string, i int32, keys []key) {
	for {
		at, found := 0, false
		if path != "" {
			at, found = slices.BinarySearch(n.first, path[0])
		}
		if path == "" {
			last := len(n.rules) - 1
			if last < 0 || n.rules[last] != i {
				n.rules, n.keys = append(n.rules, i), append(n.keys, keys)
			} else if len(keys) == 0 || len(n.keys[last]) == 0 {
				n.keys[last] = nil // one alternative without a key spoils them all
			} else if &keys[0] != &n.keys[last][0] {
				n.keys[last] = slices.Concat(n.keys[last], keys)
			}
			return
		}
		if !found {
			n.first = slices.Insert(n.first, at, path[0])
			n.kids = slices.Insert(n.kids, at, &trie{label: path})
		}
		kid := n.kids[at]
		same := commonPrefix(kid.label, path)
		if same < len(kid.label) {
			mid := &trie{label: kid.label[:same], first: []byte{kid.label[same]}, kids: []*trie{kid}}
			kid.label = kid.label[same:]
			n.kids[at] = mid
			kid = mid
		}
		n, path = kid, path[same:]
	}
}

// best tries rules, which are in order: the first that matches, or that is no
// better than what was found, ends it.
func (t *table) best(rules []int32, req *Request, st *state) {
	for _, i := range rules {
		if i >= st.best {
			return
		}
		if t.rules[i].matches(req, st) {
			st.best, st.bestHit = i, st.hit
			return
		}
	}
}

// search tries the rules of every prefix of the path.
func (n *trie) search(t *table, req *Request, st *state) {
	rest := req.Path
	for n != nil {
		if n.crowd != nil {
			n.crowd.search(t, req, st)
		} else {
			t.best(n.rules, req, st)
		}
		if rest == "" {
			return
		}
		at, found := slices.BinarySearch(n.first, rest[0])
		if !found || !strings.HasPrefix(rest, n.kids[at].label) {
			return
		}
		n = n.kids[at]
		rest = rest[len(n.label):]
	}
}

func commonPrefix(a, b string) int {
	i := 0
	for i < len(a) && i < len(b) && a[i] == b[i] {
		i++
	}
	return i
}
