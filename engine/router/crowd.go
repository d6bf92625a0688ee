package router

import (
	"strings"
	"unsafe"
)

// crowdSize is how many rules may lie in one place before they are indexed by
// what else they want: methods, header values, ports.
const crowdSize = 16

// key is a condition that a rule's match implies: a method, a value of a header
// field, or a port of the listener.
type key struct {
	method        string
	header, value string // value in lower case
	port          int
}

// crowd indexes the rules of one place.
type crowd struct {
	methods map[string][]int32
	headers []headerIndex
	ports   map[int][]int32
	rest    []int32
}

type headerIndex struct {
	name   string
	values map[string][]int32
}

// keys are alternatives of which a match of r has one; nil if there is no such
// set. Expressions bring theirs with their terms.
func (r *rule) keys() []key {
	var out []key
	for _, t := range r.headers {
		if len(t.regexes) > 0 {
			continue
		}
		for _, text := range t.texts {
			out = append(out, key{header: t.name, value: text})
		}
		return out
	}
	for _, m := range r.methods {
		out = append(out, key{method: m})
	}
	if out != nil {
		return out
	}
	for _, d := range r.destinations {
		if d.port == 0 {
			return nil
		}
		out = append(out, key{port: d.port})
	}
	return out
}

// settle indexes the crowded places of a finished trie.
func (n *trie) settle() {
	if len(n.rules) > crowdSize {
		n.crowd = newCrowd(n.rules, n.keys)
	}
	n.keys = nil
	for _, kid := range n.kids {
		kid.settle()
	}
}

func newCrowd(rules []int32, keys [][]key) *crowd {
	c := &crowd{methods: map[string][]int32{}, ports: map[int][]int32{}}
	at := map[string]int{}
	for i, r := range rules {
		if len(keys[i]) == 0 {
			c.rest = append(c.rest, r)
		}
		for _, k := range keys[i] {
			switch {
			case k.header != "":
				if _, ok := at[k.header]; !ok {
					at[k.header] = len(c.headers)
					c.headers = append(c.headers, headerIndex{k.header, map[string][]int32{}})
				}
				values := c.headers[at[k.header]].values
				values[k.value] = append(values[k.value], r)
			case k.method != "":
				c.methods[k.method] = append(c.methods[k.method], r)
			default:
				c.ports[k.port] = append(c.ports[k.port], r)
			}
		}
	}
	return c
}

func (c *crowd) search(t *table, req *Request, st *state) {
	t.best(c.rest, req, st)
	if len(c.methods) > 0 {
		t.best(c.methods[req.Method], req, st)
	}
	if len(c.ports) > 0 {
		t.best(c.ports[req.DstPort], req, st)
	}
	if req.Header == nil {
		return
	}
	for i := range c.headers {
		h := &c.headers[i]
		for from := 0; ; {
			v, next, ok := req.Header.Next(h.name, from)
			if !ok {
				break
			}
			from = next
			t.best(h.values[st.fold(v)], req, st)
		}
	}
}

// fold is s in lower case, valid until the next call.
func (st *state) fold(s string) string {
	plain := true
	for i := 0; i < len(s); i++ {
		if s[i] >= 0x80 {
			return strings.ToLower(s)
		}
		plain = plain && (s[i] < 'A' || s[i] > 'Z')
	}
	if plain {
		return s
	}
	st.scratch = st.scratch[:0]
	for i := 0; i < len(s); i++ {
		c := s[i]
		if 'A' <= c && c <= 'Z' {
			c += 'a' - 'A'
		}
		st.scratch = append(st.scratch, c)
	}
	return unsafe.String(unsafe.SliceData(st.scratch), len(st.scratch))
}
