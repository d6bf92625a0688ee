-- resty.redis on a socket that plays the server.
local redis = require "resty.redis"

local function server(text)
  local r = redis:new()
  local sock = { sent = "" }
  function sock:send(data) self.sent = self.sent .. data return #data end
  function sock:receive(what)
    if what then
      local data = text:sub(1, what)
      if #data < what then return nil, "closed", data end
      text = text:sub(what + 1)
      return data
    end
    local line, rest = text:match("^(.-)\r\n(.*)$")
    if not line then return nil, "closed" end
    text = rest
    return line
  end
  function sock:setkeepalive() return 1 end
  function sock:close() self.closed = true return 1 end
  r._sock = sock
  return r, sock
end

function P:access()
  local r, sock = server("+OK\r\n$5\r\nhello\r\n$-1\r\n:7\r\n-ERR wrong\r\n*3\r\n$1\r\na\r\n:2\r\n-ERR in\r\n*-1\r\n*0\r\n")
  is("set", '"OK"', (r:set("k", "v")))
  is("sent", [["*3\x0d\x0a$3\x0d\x0aset\x0d\x0a$1\x0d\x0ak\x0d\x0a$1\x0d\x0av\x0d\x0a"]], sock.sent)
  is("get", '"hello"', (r:get("k")))
  is("null", "null", (r:get("k")))
  is("integer", "7", (r:incrby("n", 7)))
  is("error", 'false, "ERR wrong"', r:get("list"))
  is("array", '{"a" 2 {false "ERR in"}}', (r:lrange("l", 0, -1)))
  is("no array", "null", (r:exec()))
  is("empty", "{}", (r:keys("*")))
  is("gone", 'nil, "closed"', r:get("k"))
  is("keepalive", "1", (r:set_keepalive(1000, 10)))

  r, sock = server("+OK\r\n:1\r\n-ERR x\r\n")
  r:init_pipeline()
  is("pipelined", "nil, nil, nil", r:set("a", 1), r:incr("b"), (r:get("c")))
  is("replies", '{"OK" 1 {false "ERR x"}}', (r:commit_pipeline()))
  is("no pipeline", 'nil, "no pipeline"', r:commit_pipeline())

  r, sock = server("*3\r\n$9\r\nsubscribe\r\n$1\r\nc\r\n:1\r\n*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$2\r\nhi\r\n*3\r\n$11\r\nunsubscribe\r\n$1\r\nc\r\n:0\r\n$1\r\nv\r\n")
  is("not subscribed", 'nil, "not subscribed"', r:read_reply())
  is("subscribe", '{"subscribe" "c" 1}', (r:subscribe("c")))
  is("refused", 'nil, "subscribed state"', r:get("k"))
  is("message", '{"message" "c" "hi"}', (r:read_reply()))
  is("unsubscribe", '{"unsubscribe" "c" 0}', (r:unsubscribe("c")))
  is("after", '"v"', (r:get("k")))

  r, sock = server(("+OK\r\n"):rep(3))
  r:hmset("h", { f = "v" })
  is("hmset", [["*4\x0d\x0a$5\x0d\x0ahmset\x0d\x0a$1\x0d\x0ah\x0d\x0a$1\x0d\x0af\x0d\x0a$1\x0d\x0av\x0d\x0a"]], sock.sent)
  redis.register_module_prefix("bf")
  sock.sent = ""
  r:bf():add("k", 1)
  is("module", [["*3\x0d\x0a$6\x0d\x0abf.add\x0d\x0a$1\x0d\x0ak\x0d\x0a$1\x0d\x0a1\x0d\x0a"]], sock.sent)
  is("hash", '{a="1" b="2"}', r:array_to_hash({ "a", "1", "b", "2" }))
end
