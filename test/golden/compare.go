package golden

import (
	"encoding/json"
	"regexp"
	"sort"
	"strconv"
	"strings"
)

var volatile = []struct {
	re  *regexp.Regexp
	sub string
}{
	{regexp.MustCompile(`(?im)^(date): .*$`), "$1: <date>"},
	{regexp.MustCompile(`(?im)^(x-kong-(?:proxy|upstream|response|admin)-latency): .*$`), "$1: <ms>"},
	{regexp.MustCompile(`(?im)^(x-kong-request-id): .*$`), "$1: <request-id>"},
	{regexp.MustCompile(`(?im)"request_id": ?"[0-9a-f]+"`), `"request_id":"<request-id>"`},
	{regexp.MustCompile(`(?i)<requestid>[0-9a-f]+</requestid>`), `<requestid><request-id></requestid>`},
	{regexp.MustCompile(`(?im)request_id: [0-9a-f]{32}`), `request_id: <request-id>`},
	{regexp.MustCompile(`"(created_at|updated_at|config_hash|expire_at)":\s*\d+(\.\d+)?`), `"$1":<time>`},
	{regexp.MustCompile(`[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}`), "<uuid>"},
	{regexp.MustCompile(`gibbon/[0-9a-z][0-9A-Za-z.+-]*`), "<server>"},
}

var clientPort = regexp.MustCompile(`(?im)^(x-real-port|x-forwarded-client-port): \d+$`)

// blank replaces what differs from run to run in every gateway.
func blank(s string) string {
	for _, v := range volatile {
		s = v.re.ReplaceAllString(s, v.sub)
	}
	return s
}

// normalise is blank plus the case's own placeholders, longest value first.
func normalise(s string, subst map[string]string) string {
	s = blank(s)
	values := make([]string, 0, len(subst))
	for v := range subst {
		values = append(values, v)
	}
	sort.Slice(values, func(i, j int) bool { return len(values[i]) > len(values[j]) })
	for _, v := range values {
		s = replaceApart(s, v, subst[v])
	}
	return clientPort.ReplaceAllString(hideCerts(s), "$1: <port>")
}

// replaceApart is ReplaceAll, but that a number is left alone which is a part of a longer one: ports turn up in hashes, too.
func replaceApart(s, v, by string) string {
	if strings.Trim(v, "0123456789") != "" {
		return strings.ReplaceAll(s, v, by)
	}
	var b strings.Builder
	for from := 0; ; {
		at := strings.Index(s[from:], v)
		if at < 0 {
			return b.String() + s[from:]
		}
		at += from
		end := at + len(v)
		b.WriteString(s[from:at])
		if at > 0 && hexDigit(s[at-1]) || end < len(s) && hexDigit(s[end]) {
			b.WriteString(v)
		} else {
			b.WriteString(by)
		}
		from = end
	}
}

func hexDigit(c byte) bool { return '0' <= c && c <= '9' || 'a' <= c|0x20 && c|0x20 <= 'f' }

// same says whether a record of that kind (upstream, response, log) is what the case wants.
func same(kind, want, got string, o options) bool {
	switch {
	case want == got:
		return true
	case kind == "log":
		return false
	case kind == "upstream" && o.has("tolerance"):
		return near(want, got, o.number("tolerance", 0)*o.number("repeat", 1)/100)
	}
	return canonical(want, o.has("unordered")) == canonical(got, o.has("unordered"))
}

var (
	placeholderQuote = regexp.MustCompile(`":\s*(<time>|\{\{\w+\}\})`)
	contentLength    = regexp.MustCompile(`(?im)^(content-length): \d+$`)
)

// canonical makes the order and case of header names irrelevant, and with unordered that of JSON lists too.
func canonical(s string, unordered bool) string {
	parts := strings.Split(s, "\n=====\n")
	for i, p := range parts {
		parts[i] = strings.TrimRight(canonicalMessage(p, unordered), "\n")
	}
	return strings.TrimRight(strings.Join(parts, "\n=====\n"), "\n")
}

func canonicalMessage(s string, unordered bool) string {
	head, body, _ := strings.Cut(s, "\n\n")
	var v any
	if json.Unmarshal([]byte(strings.TrimSpace(placeholderQuote.ReplaceAllString(body, `":"$1"`))), &v) == nil {
		if unordered {
			sortLists(v)
		}
		if b, err := json.MarshalIndent(v, "", " "); err == nil {
			body = string(b)
			head = contentLength.ReplaceAllString(head, "$1: <json>")
		}
	}
	lines := strings.Split(head, "\n")
	headers := lines[1:]
	name := func(l string) string { n, _, _ := strings.Cut(strings.ToLower(l), ":"); return n }
	sort.SliceStable(headers, func(i, j int) bool { return name(headers[i]) < name(headers[j]) })
	for i, l := range headers {
		if _, v, ok := strings.Cut(l, ":"); ok {
			headers[i] = name(l) + ":" + v
		}
	}
	return strings.Join(lines, "\n") + "\n\n" + body
}

func sortLists(v any) {
	switch v := v.(type) {
	case map[string]any:
		for _, x := range v {
			sortLists(x)
		}
	case []any:
		for _, x := range v {
			sortLists(x)
		}
		key := func(i int) string { b, _ := json.Marshal(v[i]); return string(b) }
		sort.Slice(v, func(i, j int) bool { return key(i) < key(j) })
	}
}

// near compares two distributions, lines `name count`, with slack requests of tolerance a name.
func near(want, got string, slack int) bool {
	parse := func(s string) map[string]int {
		m := map[string]int{}
		for l := range strings.SplitSeq(s, "\n") {
			if i := strings.LastIndex(l, " "); i > 0 {
				m[l[:i]], _ = strconv.Atoi(l[i+1:])
			}
		}
		return m
	}
	w, g := parse(want), parse(got)
	for name := range g {
		if _, ok := w[name]; !ok {
			w[name] = 0
		}
	}
	for name, n := range w {
		if d := n - g[name]; d > slack || -d > slack {
			return false
		}
	}
	return true
}

var logLevel = regexp.MustCompile(`\[(debug|info|notice|warn|error|crit|alert|emerg)\]`)

// pluginLog extracts what the case's own plugins logged: `level [plugin] message` a line.
func pluginLog(log string, plugins []string) string {
	var out []string
	for line := range strings.SplitSeq(log, "\n") {
		for _, p := range plugins {
			_, msg, ok := strings.Cut(line, "["+p+"] ")
			if !ok {
				continue
			}
			level := "?"
			if m := logLevel.FindStringSubmatch(line); m != nil {
				level = m[1]
			}
			for _, tail := range []string{", client: ", ", context: ", " while ", ", request_id: "} {
				msg, _, _ = strings.Cut(msg, tail)
			}
			out = append(out, level+" ["+p+"] "+msg)
		}
	}
	return strings.Join(out, "\n")
}
