-- xmlhandler.print: says what it sees.
local M = {}
M.__index = M

function M.new(_) return setmetatable({}, M) end

function M:starttag(tag) print("Start    : ", tag.name) for k, v in pairs(tag.attrs or {}) do print("  + ", k, "='", v, "'") end end
function M:endtag(tag) print("End      : ", tag.name) end
function M:text(s) print("Text     : ", s) end
function M:cdata(s) print("CDATA    : ", s) end
function M:comment(s) print("Comment  : ", s) end
function M:decl(tag) print("XML Decl : ", tag.name) end
function M:pi(tag) print("PI       : ", tag.name) end
function M:dtd(tag) print("DTD      : ", tag.value) end

return M
