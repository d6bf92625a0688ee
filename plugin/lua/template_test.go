package lua

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestRestyTemplate(t *testing.T) {
	dir := t.TempDir()
	for name, text := range map[string]string{
		"page.html":   "{% layout = 'frame.html' %}\n<h1>{{title}}</h1>\n{-side-}\n<i>{{name}}</i>\n{-side-}\n",
		"frame.html":  "<html>{*view*}|{*blocks.side*}|{{title}}</html>",
		"item.html":   "<li>{{item or name}}</li>",
		"list.html":   "<ul>\n{% for _, i in ipairs(items) do %}\n  {(item.html, { item = i })}\n{% end %}\n</ul>",
		"broken.html": "one\n{% if %}\n",
		"fails.html":  "one\n\n{{nothing.here}}\n",
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	with := func(body string) string {
		return inAccess(t, `local template = require "resty.template" template.root = "`+dir+`" local function p(s, c) return say((template.process(s, c):gsub("\n", "~"))) end `+body)
	}
	for name, c := range map[string]struct{ body, want string }{
		"holes":       {`p("a {{x}} b {*x*} c", { x = "<\"&'/>" }) p("{{n}} {*n*} {{t}} {{nothing}} {*nothing*} {{f}}", { n = 1.5, t = true, f = function() return "<" end })`, "a &lt;&quot;&amp;&#39;&#47;&gt; b <\"&'/> c\n1.5 1.5 true   &lt;"},
		"code":        {`p("{% for i = 1, 3 do %}{{i}},{% end %}") p("{% local y = x .. '!' %}{{y}} {{string.upper(x)}} {{context.x}}", { x = "a" }) p("{% if x then %}yes{% else %}no{% end %}", {})`, "1,2,3,\na! A a\nno"},
		"lines":       {`p("a\n  {% if true then %}\n  b\n  {% end %}\nc\n") p("a {% local z = 1 %} {{z}}\nb") p("{# gone #}\nx {# in line #} y") p("{% if true then %}\r\nx{% end %}")`, "a~  b~c~\na  1~b\nx  y\nx"},
		"escaped":     {`p("\\{{x}} \\{% y %} \\\\{{x}}", { x = 1 }) p("{ {x} } {} {", {}) p("{{'}'}} {*'{%'*}")`, "{{x}} {% y %} \\1\n{ {x} } {} {\n} {%"},
		"verbatim":    {`p("{-verbatim-}{{x}} {% y %}{-verbatim-}|{-raw-}{*z*}{-raw-}", {})`, "{{x}} {% y %}|{*z*}"},
		"blocks":      {`p("{-a-}<{{x}}>{-a-}1{*blocks.a*}2{*blocks.a*}", { x = "y" }) p("{-open-} x")`, "1<y>2<y>\n{-open-} x"},
		"files":       {`p("page.html", { title = "T&", name = "N" }) p("list.html", { items = { 1, "<" } }) p("{(item.html)}|{('item.html')}|{[kind .. '.html', { name = 2 }]}", { kind = "item", name = "n" })`, "<html><h1>T&amp;</h1>~|<i>N</i>~|T&amp;</html>\n<ul>~  <li>1</li>~  <li>&lt;</li>~</ul>\n<li>n</li>|<li>n</li>|<li>2</li>"},
		"echo":        {`p("{% echo('a', 1, nil) %}b")`, "a1b"},
		"compile":     {`local f, cached = template.compile("{{x}}") say(cached, f { x = 1 }) f, cached = template.compile("{{x}}") say(cached, f { x = 2 }) say(select(2, template.compile("{{x}}", "no-cache"))) say(template.compile("page.html", nil, true)()) template.caching(false) say(template.caching(), select(2, template.compile("{{x}}"))) template.caching(true) say(template.compile_string("{{a}}") { a = 1 }, template.compile_file("item.html") { item = "f" })`, "false 1\ntrue 2\nfalse\npage.html\nfalse false\n1 <li>f</li>"},
		"views":       {`local v = template.new("<{{message}}>") v.message = "hi" say(tostring(v)) local w = template.new("inner {{x}}", "[{*view*} {{x}}]") w.x = 1 say(tostring(w)) local frame = template.new("({*view*} {{t}})") frame.t = "T" local u = template.new("{{x}}", frame) u.x = 2 say(tostring(u)) say(u:process { x = 3 })`, "<hi>\n[inner 1 1]\n(2 T)\n(3 T)"},
		"render":      {`local out = {} template.print = function(s) out[#out + 1] = s end template.render("{{a}}", { a = 1 }) template.new("{{b}}"):render { b = 2 } template.render_string("{{a}}", { a = 3 }) say(table.concat(out, "|"))`, "1|2|3"},
		"engine":      {`local e = template.new { root = "` + dir + `" } say(e.process("item.html", { item = 5 }), e ~= template) template.root = nil`, "<li>5</li> true"},
		"errors":      {`for _, s in ipairs { "broken.html", "fails.html", "{{x", "{% end %}" } do local ok, err = pcall(template.process, s, {}) say(ok, (tostring(err):gsub("^.-(%w+%.html)", "%1"))) end say(pcall(template.process)) say(pcall(template.load_file, "none.html"))`, "false broken.html:3: unexpected symbol near 'return'\nfalse fails.html:3: attempt to index global 'nothing' (a nil value)\ntrue {{x\nfalse template:1: "},
		"safe":        {`local safe = require "resty.template.safe" say(safe.process("{{x}}", { x = 1 })) say((safe.process("{% end %}"))) local f = safe.compile("{{x.y}}") say((f {})) say((safe.compile("{% end %}"))) say(safe.escape("<"))`, "1\nnil\nnil\nnil\n&lt;"},
		"escape":      {`say(template.escape("<{>", true), template.escape(nil), template.output(ngx.null) == "", template.parse("x", true):sub(1, 15))`, "&lt;&#123;&gt;  true return function"},
		"separate":    {`local f = template.compile("{% n = (n or 0) + 1 %}{{n}}") say(f {}, f {}, n)`, "1 1 nil"},
		"waits":       {`local f = template.compile("{% ngx.sleep(0.01) %}{{x}}") local a, b = ngx.thread.spawn(f, { x = 1 }), ngx.thread.spawn(f, { x = 2 }) say(select(2, ngx.thread.wait(a)), select(2, ngx.thread.wait(b)))`, "1 2"},
		"precompiled": {`local code = template.precompile("{{x}}", nil, true, true) say(code:byte(1), loadstring(code) ~= nil)`, "27 true"},
		"bounded":     {`for i = 1, 3000 do template.compile("{{x}}" .. i) end local n = 0 for _ in pairs(template.cache) do n = n + 1 end say(n <= 1000)`, "true"},
	} {
		t.Run(name, func(t *testing.T) {
			got := with(c.body)
			if name == "errors" {
				if !strings.HasPrefix(got, c.want) || !strings.Contains(got, "template file not found: none.html") || !strings.Contains(got, "view was not provided") {
					t.Error(got)
				}
				return
			}
			expect(t, got, c.want)
		})
	}
}
