-- ngx.re: results, options, errors.
local match, find, sub, gsub, gmatch = ngx.re.match, ngx.re.find, ngx.re.sub, ngx.re.gsub, ngx.re.gmatch

function P:access()
  is("match", '{0="a12" 1="12"}', match("xa12y", "a(\\d+)", "jo"))
  is("named", '{0="k=v" 1="k" 2="v" key="k" val="v"}', match("k=v", "(?<key>\\w)=(?<val>\\w)"))
  is("no group", '{0="b" 1=false 2="b"}', match("b", "(a)|(b)"))
  is("none", "nil", match("abc", "\\d"))
  is("case", '{0="ABC"}', match("ABC", "abc", "i"))
  is("anchored", "nil", match("xabc", "abc", "a"))
  is("dot", '{0="a\\x0ab"}', match("a\nb", "a.b", "s"))
  is("utf", [[{0="\xc3\xa9" 1="\xc3\xa9"}]], match("é", "^(.)$", "u"))
  is("extended", '{0="ab"}', match("ab", "a b # comment", "x"))
  local ctx = { pos = 2 }
  is("ctx", '{0="b1" 1="1"}, {pos=5}', match("a0b1b2", "b(\\d)", "", ctx), ctx)
  is("compile", [[nil, nil, "pcre2_compile() failed: missing closing parenthesis in \x22(\x22"]], nil, match("x", "("))
  throws("option", 'unknown flag "q" (flags "q")', match, "x", "x", "q")

  is("find", "2, 4", find("xa12y", "a\\d+"))
  is("find group", "3, 4", find("xa12y", "a(\\d+)", "", nil, 1))
  is("find none", "nil", find("x", "y"))

  is("sub", '"b-aba", 1', sub("aaba", "a", "b-"))
  is("groups", '"[12]a", 1', sub("a12", "a(\\d+)", "[$1]a"))
  is("braces", '"x12y", 1', sub("12", "(\\d+)", "x${1}y"))
  is("dollar", '"$", 1', sub("a", "a", "$$"))
  is("function", '"<a>", 1', sub("a", "a", function(m) return "<" .. m[0] .. ">" end))
  is("gsub", '"-b-", 2', gsub("aba", "a", "-"))
  is("empty matches", '"-a-b-", 3', gsub("ab", "", "-"))
  is("gsub function", '"1,2", 2', gsub("a1,a2", "a(\\d)", function(m) return m[1] end))
  is("bad replacement", 'nil, nil, "failed to compile the replacement template"', sub("a", "a", "$"))

  local all = {}
  for m, err in gmatch("a1 b2 c3", "([a-z])(\\d)", "jo") do
    if err then all[#all + 1] = err end
    all[#all + 1] = m[1] .. m[2]
  end
  is("gmatch", '{"a1" "b2" "c3"}', all)

  is("split", '{"a" "b" "c"}', require("ngx.re").split("a, b, c", ", *"))
  is("limit", 'nil, "pcre_exec() failed: -47"', match(("a"):rep(40), "(a+a+)+[bc]"))
end
