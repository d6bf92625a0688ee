package luajit

import (
	"fmt"
	"strings"
	"testing"
)

// shows is a Lua function that gives a call's results, or its error, as text.
const shows = `local function shows(ok, ...)
	local t = {}
	for i = 1, select("#", ...) do local v = select(i, ...) t[i] = type(v) == "string" and '"' .. v .. '"' or tostring(v) end
	return (ok and "" or "! ") .. table.concat(t, " ")
end
`

func TestStringPatterns(t *testing.T) {
	h := newHost(t, 0)
	for _, c := range [][2]string{
		// find
		{`find, "a.b", ".", 1, true`, `2 2`},
		{`find, "abc", "b"`, `2 2`},
		{`find, "abc", ""`, `1 0`},
		{`find, "abc", "", 4`, `4 3`},
		{`find, "abc", "", 5`, `nil`},
		{`find, "abc", "c", -1`, `3 3`},
		{`find, "abc", "a", -99`, `1 1`},
		{`find, "key=val", "(%w+)=(%w+)"`, `1 7 "key" "val"`},
		{`find, "aXb", "%u"`, `2 2`},
		{`find, "ab", "^b"`, `nil`},
		{`find, "a^b", "^", 1, true`, `2 2`},
		{`find, "a\0b", "%z"`, `2 2`},
		{`find, 1234, 3`, `3 3`},
		// match
		{`match, "  x y ", "^%s*(.-)%s*$"`, `"x y"`},
		{`match, "abc", "()b()"`, `2 3`},
		{`match, "abab", "(a)(b)%1%2"`, `"a" "b"`},
		{`match, "f(a(b)c)d", "%b()"`, `"(a(b)c)"`},
		{`match, "THE (quick) fox", "%f[%a]%a+%f[%A]", 5`, `"quick"`},
		{`match, "a]b", "[]]"`, `"]"`},
		{`match, "a-b", "[a%-]+"`, `"a-"`},
		{`match, "x^y", "[%^]y"`, `"^y"`},
		{`match, "2024-01-31", "(%d+)-(%d+)-(%d+)"`, `"2024" "01" "31"`},
		{`match, "aaa", "a-"`, `""`},
		{`match, "aaab", "a-b"`, `"aaab"`},
		{`match, "color colour", "colou?r", 2`, `"colour"`},
		{`match, "abc", "$"`, `""`},
		{`match, "a$c", "a$c"`, `"a$c"`},
		// gsub
		{`gsub, "hello world", "o", "0"`, `"hell0 w0rld" 2`},
		{`gsub, "hello", "", "-"`, `"-h-e-l-l-o-" 6`},
		{`gsub, "hello world", "(%w+)", "<%1>"`, `"<hello> <world>" 2`},
		{`gsub, "hello world", "%w+", "%0 %0", 1`, `"hello hello world" 1`},
		{`gsub, "$name is $age", "%$(%w+)", { name = "x", age = 3 }`, `"x is 3" 2`},
		{`gsub, "abc", "%w", function(c) if c ~= "b" then return c:upper() end end`, `"AbC" 3`},
		{`gsub, "abc", "b", "%%"`, `"a%c" 1`},
		{`gsub, "abab", "^a", "x"`, `"xbab" 1`},
		{`gsub, "abc", "b", false`, `! "bad argument #3 to '?' (string/function/table expected)"`},
		{`gsub, "abc", "b", function() return {} end`, `! "invalid replacement value (a table)"`},
		// wrong patterns
		{`match, "a", "%"`, `! "malformed pattern (ends with '%')"`},
		{`match, "a", "[a"`, `! "malformed pattern (missing ']')"`},
		{`match, "a", "(a"`, `! "unfinished capture"`},
		{`match, "a", "a)"`, `! "invalid pattern capture"`},
		{`match, "a", "%1"`, `! "invalid capture index"`},
		{`match, "a", "%ba"`, `! "unbalanced pattern"`},
		{`match, "a", "%fa"`, `! "missing '[' after '%f' in pattern"`},
		{`match, ("a"):rep(40), ("(a)"):rep(33)`, `! "too many captures"`},
		{`gsub, "a", "a", "%2"`, `! "invalid capture index"`},
	} {
		f, args, _ := strings.Cut(c[0], ",")
		if _, err := h.Eval(fmt.Sprintf("%s local got = shows(pcall(string.%s, %s)) if got ~= ... then error(got, 0) end", shows, f, args), "=test", AppendValue(nil, c[1])); err != nil {
			t.Errorf("%s: %v, want %s", c[0], err, c[1])
		}
	}
}

// agrees is Lua code that compares the first result of our match with that of
// LuaJIT's own gmatch, which serves short texts. An anchor means nothing to gmatch.
const agrees = shows + `
local s, p = ...
local function first() for a, b, c in s:gmatch(p) do return a, b, c end return nil end
local function ours() local a, b, c = s:match(p) return a, b, c end
local theirs = shows(pcall(first))
local got = shows(pcall(ours))
theirs, got = theirs:gsub("[%s nil]+$", ""), got:gsub("[%s nil]+$", "")
if theirs:gsub("test:%d+: ", "") ~= got:gsub("test:%d+: ", "") then error(("%q with %q: %s, LuaJIT has %s"):format(s, p, got, theirs), 0) end`

func agree(h *host, subject, pattern string) error {
	if len(subject) > 10 || len(pattern) > 20 || strings.HasPrefix(pattern, "^") || strings.Count(pattern, "(") > 3 {
		return nil
	}
	_, err := h.Eval(agrees, "=test", AppendValue(AppendValue(nil, subject), pattern))
	return err
}

var patternSeeds = [][2]string{{"abc", "b"}, {"key=val", "(%w+)=(%w*)"}, {"(a)b", "%b()"}, {"a b", "%f[%w]%w-"}, {"x]", "[^]]"}, {"aab", "(a)%1"}, {"a\x00b", "%z"}, {"a", "[a-"}, {"", "()"}}

func FuzzStringPattern(f *testing.F) {
	for _, s := range patternSeeds {
		f.Add(s[0], s[1])
	}
	h := newHost(f, 64<<20)
	f.Fuzz(func(t *testing.T, subject, pattern string) {
		if err := agree(h, subject, pattern); err != nil {
			t.Error(err)
		}
	})
}
