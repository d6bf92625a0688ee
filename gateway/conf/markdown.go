package conf

import (
	"fmt"
	"sort"
	"strings"
)

// Markdown is the page docs/settings.md: every row of the table and every
// injected directive that is honoured. `go run ./docs/settings` writes it.
func Markdown() string {
	var b strings.Builder
	b.WriteString(markdownHead)
	for _, t := range tables {
		fmt.Fprintf(&b, "\n## %s\n\n", t.title)
		if t.title == "Enterprise" {
			names := make([]string, 0, len(t.rows))
			for i := range t.rows {
				names = append(names, "`"+t.rows[i].Name+"`")
			}
			b.WriteString("These settings of the Enterprise edition are known by name; setting one is warned about and has no effect.\n\n" + strings.Join(names, ", ") + "\n")
			continue
		}
		b.WriteString("| setting | kind | default | meaning |\n|---|---|---|---|\n")
		for i := range t.rows {
			b.WriteString(t.rows[i].markdown())
		}
	}
	b.WriteString("\n## Directives that are honoured\n\nA setting `nginx_BLOCK_DIRECTIVE` injects an nginx directive; an inner block (location, then proxy) wins over an outer one (http).\n" +
		"A value may carry more directives behind a semicolon: `nginx_http_lua_shared_dict=a 1m; lua_shared_dict b 2m`. Any other directive is warned about by name.\n\n| directive | blocks | meaning |\n|---|---|---|\n")
	names := make([]string, 0, len(directivesKnown))
	for n := range directivesKnown {
		names = append(names, n)
	}
	sort.Strings(names)
	for _, n := range names {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", n, directivesKnown[n].blocks, directivesKnown[n].doc)
	}
	return b.String()
}

// markdown is the row of a setting.
func (s *Setting) markdown() string {
	name, kind, doc := s.Name, s.Type.String(), s.Doc
	if s.Type == Prefix {
		name += "*"
	}
	if len(s.Enum) > 0 {
		kind = strings.Join(s.Enum, ", ")
	}
	switch {
	case s.NoEffect != "":
		doc += " *No effect: " + s.NoEffect + ".*"
	case s.Part != "" && !Parts[s.Part]:
		doc += " *Not in use yet: it belongs to the part “" + s.Part + "”.*"
	case s.Deprecated && s.AliasOf == "":
		doc += " *An old setting that still works.*"
	case s.AliasOf != "":
		doc += " *The same as `" + s.AliasOf + "`.*"
	}
	value := ""
	if s.Default != "" {
		value = "`" + s.Default + "`"
	}
	return fmt.Sprintf("| `%s` | %s | %s | %s |\n", name, kind, value, strings.ReplaceAll(doc, "|", "\\|"))
}

const markdownHead = `# Settings

<!-- Made by: go run ./docs/settings > docs/settings.md -->

Settings come from a file and from variables. The file is named by ` + "`-c`" + `, else it is the first of /etc/gibbon/gibbon.conf, /etc/gibbon.conf,
/etc/kong/kong.conf and /etc/kong.conf that exists. A setting ` + "`name`" + ` is also read from the variables ` + "`KONG_NAME`" + ` and ` + "`GIBBON_NAME`" + `. Later sources win:
default, file, ` + "`KONG_*`, `GIBBON_*`" + `, flags of the command line. An empty variable takes the default away.

In the file, a line is ` + "`name = value`" + `; a ` + "`#`" + ` begins a comment anywhere and ` + "`\\#`" + ` is a literal one; a ` + "`\\`" + ` at the end of a line goes on in the next. Quotes belong to the value.
A value, or an entry of a list, may be a reference to a secret, such as ` + "`{vault://env/db-password}`" + `.

Kinds: *string*; *number*; *on/off*, also true and false; *list*, with commas between; words, which are all that is allowed.
Sizes are bytes, or have k, m or g behind them. Times in settings of nginx's kind are seconds, or have units: ` + "`1h30m`, `500ms`" + `. Relative paths of logs begin at the prefix.
A value that is wrong keeps the gateway from starting, and the message names the setting. A name that is unknown, or that has no effect here, is warned about.

## Listen syntax

    ADDRESS:PORT [flags] [, …]        or  unix:PATH [flags]        or  off

An IPv6 address needs brackets. Flags: ` + "`ssl`, `http2`, `proxy_protocol`, `deferred`, `bind`, `reuseport`, `backlog=N`, `ipv6only=on|off`, `so_keepalive=on|off|IDLE:INTERVAL:COUNT`" + `,
and ` + "`udp`" + ` in stream_listen, which knows no ` + "`http2`" + `.
`
