package conf

import (
	"fmt"
	"sort"
	"strings"
)

// injectBlocks are the blocks of the nginx configuration that settings
// nginx_BLOCK_DIRECTIVE inject directives into.
var injectBlocks = []string{"main", "events", "http", "upstream", "proxy", "location", "status", "admin", "stream", "supstream", "sproxy", "wasm"}

// injected sorts the nginx_BLOCK_DIRECTIVE settings into blocks. A value may
// carry further directives behind a semicolon, as in "dict_a 1m; lua_shared_dict dict_b 1m".
func (b *builder) injected() {
	b.c.inject = map[string][]Inject{}
	names := make([]string, 0, len(b.values))
	for name := range b.values {
		names = append(names, name)
	}
	sort.Strings(names)
	for _, name := range names {
		v := b.values[name]
		if s, _ := Lookup(name); v.Unset || s == nil || (s.AliasOf != "" && strings.HasPrefix(s.AliasOf, "nginx_")) {
			continue
		}
		block, directive, ok := splitInjected(name)
		if !ok {
			continue
		}
		statements, err := splitStatements(directive + " " + v.Text)
		if err != nil {
			b.fail("%s: %s", name, err)
		}
		for _, s := range statements {
			d, value, _ := strings.Cut(s, " ")
			b.c.inject[block] = append(b.c.inject[block], Inject{Name: d, Value: strings.TrimSpace(value), Setting: name})
		}
	}
}

// splitInjected takes nginx_BLOCK_DIRECTIVE apart.
func splitInjected(name string) (block, directive string, ok bool) {
	rest, ok := strings.CutPrefix(name, "nginx_")
	if !ok {
		return "", "", false
	}
	for _, block := range injectBlocks {
		if d, ok := strings.CutPrefix(rest, block+"_"); ok && d != "" {
			return block, d, true
		}
	}
	return "", "", false
}

// splitStatements cuts nginx configuration at semicolons outside quotes.
func splitStatements(text string) ([]string, error) {
	var out []string
	start, quote := 0, byte(0)
	for i := 0; i < len(text); i++ {
		switch c := text[i]; {
		case c == '\\':
			i++
		case quote != 0:
			if c == quote {
				quote = 0
			}
		case c == '"' || c == '\'':
			quote = c
		case c == ';':
			out = append(out, text[start:i])
			start = i + 1
		}
	}
	if quote != 0 {
		return nil, fmt.Errorf("a quotation mark %c is not closed", quote)
	}
	out = append(out, text[start:])
	kept := out[:0]
	for _, s := range out {
		if s = strings.TrimSpace(s); s != "" {
			kept = append(kept, s)
		}
	}
	return kept, nil
}

// words splits a directive's value at blanks, as nginx does: a word may be
// quoted, and \ keeps the next character.
func words(text string) []string {
	var out []string
	for i := 0; i < len(text); {
		switch text[i] {
		case ' ', '\t', '\n', '\r':
			i++
			continue
		}
		quote := byte(0)
		if text[i] == '"' || text[i] == '\'' {
			quote = text[i]
			i++
		}
		var w strings.Builder
		for ; i < len(text); i++ {
			c := text[i]
			if c == '\\' && i+1 < len(text) {
				i++
				switch text[i] {
				case 'n':
					w.WriteByte('\n')
				case 't':
					w.WriteByte('\t')
				case 'r':
					w.WriteByte('\r')
				case '"', '\'', '\\', ' ':
					w.WriteByte(text[i])
				default:
					w.WriteByte('\\')
					w.WriteByte(text[i])
				}
				continue
			}
			if quote != 0 && c == quote || quote == 0 && strings.IndexByte(" \t\r\n", c) >= 0 {
				i++
				break
			}
			w.WriteByte(c)
		}
		out = append(out, w.String())
	}
	return out
}

// Inject lists the directives injected into a block of the nginx configuration
// (main, events, http, proxy, location, admin, status, stream, …), in order of their settings' names.
func (c *Config) Inject(block string) []Inject { return c.inject[block] }
