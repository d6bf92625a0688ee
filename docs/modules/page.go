package main

import (
	"fmt"
	"strings"

	"github.com/gibbon-gateway/gibbon/plugin/lua"
)

// installed are Lua modules that Debian's packages bring; `make deps` installs those of the group lua, as does whoever packages the gateway.
var installed = []struct{ pkg, modules, what string }{
	{"lua-penlight", "pl.*", "strings, tables, files, templates"},
	{"lua-inspect", "inspect", "tables as text for people"},
	{"lua-lpeg", "lpeg, re", "parsing expression grammars"},
	{"lua-filesystem", "lfs", "files and folders"},
	{"lua-basexx", "basexx", "base 2, 16, 32 and 64"},
	{"lua-resty-lrucache", "resty.lrucache, resty.lrucache.pureffi", "caches of a worker"},
	{"lua-messagepack", "MessagePack", "the format MessagePack"},
	{"lua-expat", "lxp, lxp.lom, lxp.totable", "XML by libexpat"},
	{"lua-yaml", "lyaml", "YAML by libyaml"},
	{"lua-zlib", "zlib", "deflate and inflate streams"},
	{"lua-binaryheap", "binaryheap", "priority queues"},
	{"lua-socket", "mime", "of it `mime` alone; `socket.*` and `ltn12` are ours, over cosockets"},
}

// optional are packages that a plugin may ask its user to install.
var optional = []struct{ pkg, modules, what string }{
	{"lua-luaossl", "openssl, openssl.cipher, openssl.digest, openssl.pkey …", "an older binding to OpenSSL; new code uses resty.openssl.*"},
	{"lua-rex-pcre2", "rex_pcre2", "lrexlib; ngx.re has the same expressions"},
	{"lua-dkjson", "dkjson", "JSON in Lua; cjson is quicker"},
	{"lua-iconv", "iconv", "character sets"},
	{"lua-ldap", "lualdap", "LDAP by a blocking library: it holds the worker up while it waits"},
	{"lua-mmdb", "mmdb", "MaxMind's databases of addresses"},
	{"lua-posix", "posix, posix.*", "POSIX"},
	{"lua-uri", "uri", "URIs"},
}

// own are modules of public plugins' authors, by what they are: they come with the plugin, or from LuaRocks, onto the user's path.
var own = []struct{ modules, what string }{
	{"kong.plugins.NAME.*", "a plugin's own files, and those of plugins that build on each other"},
	{"lapis, lapis.*", "the web framework of the reference's Admin API; routes of plugins are tables in api.lua (kong.api.endpoints)"},
	{"escher, paseto.v2, xmlua, graphql-parser", "pure Lua or FFI libraries of LuaRocks: they run from `lua_package_path`"},
	{"px.*, fiware.*, resurfaceio-logger, logger", "libraries of one vendor's plugins"},
}

// missing are modules of the reference that are not there yet.
var missing []string

const head = `# Lua modules that plugins require

Where each comes from. Made from the library itself: ` + "`go run ./docs/modules > docs/lua-modules.md`" + `; a test loads every one, another uses those that public plugins use as they use
them ([thirdparty_test.go](../plugin/lua/thirdparty_test.go), [shipped_test.go](../plugin/lua/shipped_test.go)).

` + "`require`" + ` looks at the gateway's own modules first, then at ` + "`lua_package_path`" + ` and ` + "`lua_package_cpath`" + `, then at Debian's folders, and last at the modules marked *yours first*.
`

// page is the document.
func page() string {
	var b strings.Builder
	b.WriteString(head)
	b.WriteString("\n## In the gateway\n\n| module | what it is |\n|---|---|\n")
	for _, m := range lua.Modules() {
		doc := strings.ReplaceAll(m.Doc, "|", "\\|")
		doc = strings.ReplaceAll(strings.ReplaceAll(doc, "<", "&lt;"), "*", "\\*")
		if m.UserFirst {
			doc = strings.TrimSpace(doc + " *(yours first)*")
		}
		fmt.Fprintf(&b, "| `%s` | %s |\n", m.Name, doc)
	}
	b.WriteString("\nBeside them LuaJIT's own: `bit`, `ffi`, `jit`, `string.buffer`, `table.new`, `table.clear`, `table.nkeys`, `table.isempty`, `table.clone`, and `cjson`, `cjson.safe`, `ngx`, `kong.pdk`.\n")
	b.WriteString("\nAnd last, where nothing else has that name, `kong.plugins.NAME.handler` and `kong.plugins.NAME.schema` of every bundled plugin that is written in Go ([write-a-plugin.md](write-a-plugin.md)).\n")
	b.WriteString("\n## From Debian\n\n`make deps` installs these:\n\n| package | modules | what it is |\n|---|---|---|\n")
	for _, p := range installed {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.pkg, code(p.modules), p.what)
	}
	b.WriteString("\nOthers that plugins ask their users to install:\n\n| package | modules | what it is |\n|---|---|---|\n")
	for _, p := range optional {
		fmt.Fprintf(&b, "| `%s` | %s | %s |\n", p.pkg, code(p.modules), p.what)
	}
	b.WriteString("\nDebian's `lua-nginx-*` packages install a whole nginx and name their modules `nginx.*`: not these.\n")
	b.WriteString("\n## Yours\n\nPure Lua libraries run unmodified on the gateway's sockets when they are on `lua_package_path`:\n\n| modules | what they are |\n|---|---|\n")
	for _, p := range own {
		fmt.Fprintf(&b, "| %s | %s |\n", code(p.modules), p.what)
	}
	if len(missing) > 0 {
		b.WriteString("\n## Not there yet\n\n" + code(strings.Join(missing, ", ")) + "\n")
	}
	return b.String()
}

func code(list string) string {
	parts := strings.Split(list, ", ")
	for i, p := range parts {
		name, rest, _ := strings.Cut(p, " ")
		parts[i] = strings.TrimSpace("`" + name + "` " + rest)
	}
	return strings.Join(parts, ", ")
}
