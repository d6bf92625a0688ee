package plugintest

import (
	"strings"
	"testing"
)

var twice = &Response{Status: 201, Header: Header{{"X-Two", "a"}, {"X-Two", "b"}, {"X-One", "1"}}, Body: "made"}

// Documented row 12: kong.response changes the answer to the client, proxied or not.
func TestResponseModule(t *testing.T) {
	p := phases{"access": "if kong.request.get_query_arg('x') then kong.response.exit(200, 'own') end", "header_filter": "kong.response.set_header('X-Own', 'yes')"}
	ask(t, p, nil, twice).answered(201, "made").header("X-Own", "yes")
	ask(t, p, &Request{Path: "/?x=1"}).answered(200, "own").header("X-Own", "yes")
}

// Documented row 13.
func TestGetStatus(t *testing.T) {
	p := phases{"access": "if kong.request.get_query_arg('x') then kong.response.exit(418) end",
		"header_filter": "show('header_filter', kong.response.get_status())",
		"body_filter":   "if ngx.arg[2] then show('body_filter', kong.response.get_status()) end",
		"log":           "show('log', kong.response.get_status(), type(kong.response.get_status()))"}
	ask(t, p, nil, twice).shows("header_filter 201", "body_filter 201", "log 201 number")
	ask(t, p, &Request{Path: "/?x=1"}).shows("header_filter 418", "body_filter 418", "log 418 number")
	ask(t, phases{"response": "show(kong.response.get_status())"}, nil, twice).shows("201")
	ask(t, phases{"access": "show(fails(kong.response.get_status))"}, nil).logs("function cannot be called in access phase")
}

// Documented row 14.
func TestGetHeader(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.set_header('X-Own', 'own')\nshow(kong.response.get_header('X-Two'), kong.response.get_header('X-Own'), kong.response.get_header('X-None'))",
		"log": "show(kong.response.get_header('X-One'))"}, nil, twice).shows("a own nil", "1")
	ask(t, phases{"access": "show(fails(kong.response.get_header, 'X-One'))"}, nil).logs("function cannot be called in access phase")
}

// Documented row 15.
func TestGetHeaderSpelling(t *testing.T) {
	ask(t, phases{"log": "show(kong.response.get_header('x-oNE'), kong.response.get_header('x_one'), kong.response.get_header('X_One'))"}, nil, twice).shows("1 1 1")
}

// Documented row 16. As recorded, Content-Type, Content-Length and Connection come on top of max_headers.
func TestGetHeaders(t *testing.T) {
	ask(t, phases{"log": "local h, err = kong.response.get_headers()\nshow(h['x-two'], h['x-one'], err)\nlocal few, why = kong.response.get_headers(1)\nlocal n = 0 for _ in pairs(few) do n = n + 1 end\nshow(n, why)"},
		nil, twice).shows(`["a","b"] 1 nil`, "3 truncated")
}

// Documented row 17.
func TestGetHeadersBounds(t *testing.T) {
	many := &Response{Status: 200, Body: "x"}
	for i := range 150 {
		many.Header = append(many.Header, Field{"X-" + strings.Repeat("a", i+1), "1"})
	}
	ask(t, phases{"log": `local h, err = kong.response.get_headers()
local n = 0 for _ in pairs(h) do n = n + 1 end
show(n, err)
h = kong.response.get_headers(1000)
show(h["X_AA"], h.x_aa, h["x-AA"])
show(fails(kong.response.get_headers, 0) ~= "accepted", fails(kong.response.get_headers, 1001) ~= "accepted", fails(kong.response.get_headers, "1") ~= "accepted")`},
		nil, many).shows("100 truncated", "1 1 1", "true true true")
}

// Documented row 18.
func TestHeadersAppearWithTheResponse(t *testing.T) {
	ask(t, phases{"access": "show(fails(kong.response.get_headers))\nkong.response.exit(200, 'x', { ['X-Own'] = '1' })", "header_filter": "show(kong.response.get_headers()['x-own'])"}, nil).
		logs("function cannot be called in access phase").logs("<1>")
}

// Documented row 19.
// Documented row 20.
func TestGetSource(t *testing.T) {
	p := phases{"access": "local x = kong.request.get_query_arg('x') if x == 'exit' then kong.response.exit(200) elseif x == 'error' then kong.response.error(500) end",
		"header_filter": "show(kong.response.get_source())", "log": "show(kong.response.get_source())"}
	ask(t, p, nil).shows("service", "service")
	ask(t, p, &Request{Path: "/?x=exit"}).shows("exit", "exit")
	ask(t, p, nil, &Response{Down: true}).shows("error", "error")
}

// Documented row 21.
func TestSetStatus(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.set_status(404)"}, nil, twice).answered(404, "made")
	ask(t, phases{"response": "kong.response.set_status(404)"}, nil, twice).answered(404, "made")
	ask(t, phases{"access": "kong.response.set_status(202) kong.response.exit(203)"}, nil).answered(203, "")
	ask(t, phases{"header_filter": "show(fails(kong.response.set_status, '404') ~= 'accepted', fails(kong.response.set_status, 99) ~= 'accepted', fails(kong.response.set_status, 600) ~= 'accepted', fails(kong.response.set_status) ~= 'accepted')"},
		nil, twice).shows("true true true true").answered(201, "made")
	ask(t, phases{"log": "show(fails(kong.response.set_status, 200))"}, nil).logs("function cannot be called in log phase")
}

// Documented row 22.
func TestSetHeader(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.set_header('X-Two', 'c') kong.response.set_header('X-N', 5) kong.response.set_header('X-B', true)"}, nil, twice).
		header("X-Two", "c").header("X-N", "5").header("X-B", "true")
	ask(t, phases{"header_filter": "show(fails(kong.response.set_header, 'A') ~= 'accepted', fails(kong.response.set_header, 1, 'b') ~= 'accepted', fails(kong.response.set_header, 'A', print) ~= 'accepted')"},
		nil).shows("true true true")
	ask(t, phases{"log": "show(fails(kong.response.set_header, 'A', 'b'))"}, nil).logs("function cannot be called in log phase")
}

// Documented row 23.
func TestSetHeaderUnderscores(t *testing.T) {
	p := phases{"header_filter": "kong.response.set_header('X_Under_Score', '1')"}
	ask(t, p, nil).header("X-Under-Score", "1").header("X_Under_Score")
	g, err := New(Options{Document: document + "probe\n", Plugins: []string{"probe"}, LuaPath: luaPlugin(t, "probe", map[string]string{"handler.lua": p.handler()}),
		Settings: func(name string) any {
			if name == "nginx_http_lua_transform_underscores_in_response_headers" {
				return "off"
			}
			return nil
		}})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	asked(t, g, nil).header("X_Under_Score", "1").header("X-Under-Score")
}

// Documented row 24.
// Documented row 29.
func TestSetTransferEncoding(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.set_header('Transfer-Encoding', 'gzip') kong.response.set_headers({ ['Transfer-Encoding'] = 'gzip', ['X-A'] = '1' })"}, nil, twice).
		answered(201, "made").header("Transfer-Encoding").header("X-A", "1")
}

// Documented row 25.
func TestAddHeader(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.add_header('X-Two', 'c') kong.response.add_header('X-New', 5) kong.response.add_header('X-New', false)"}, nil, twice).
		header("X-Two", "a", "b", "c").header("X-New", "5", "false")
	ask(t, phases{"header_filter": "show(fails(kong.response.add_header, 'A') ~= 'accepted', fails(kong.response.add_header, nil, 'b') ~= 'accepted')"}, nil).shows("true true")
}

// Documented row 26.
func TestClearHeader(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.clear_header('x-two') show(fails(kong.response.clear_header) ~= 'accepted')"}, nil, twice).
		header("X-Two").header("X-One", "1").shows("true")
}

// Documented row 27.
func TestSetHeaders(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.set_headers({ ['X-Two'] = 'c', ['X-List'] = { '1', '2' } })\nshow(fails(kong.response.set_headers) ~= 'accepted', fails(kong.response.set_headers, { A = print }) ~= 'accepted')"},
		nil, twice).header("X-Two", "c").header("X-List", "1", "2").header("X-One", "1").shows("true true")
}

// Documented row 28, of the lists. As recorded, names come in no order (that of Lua's tables), whatever the documents say.
func TestSetHeadersOrder(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.set_headers({ ['X-A'] = { 'z', 'y', 'z' }, ['X-B'] = '2' })"}, nil).header("X-A", "z", "y", "z").header("X-B", "2")
}

// Documented row 30.
// Documented row 31. The chunk becomes nothing; read again, it is "", as an empty chunk is.
func TestGetRawBody(t *testing.T) {
	ask(t, phases{"body_filter": "local chunk, last = ngx.arg[1], ngx.arg[2]\nlocal body = kong.response.get_raw_body()\nif not last then show('early', body, ngx.arg[1]) else show('whole', #body) end"},
		nil, &Response{Status: 200, Header: Header{{"Transfer-Encoding", "chunked"}}, Body: "0123456789"}).answered(200, "0123456789").logs("<whole 10>").shows("early nil ", "whole 10")
	ask(t, phases{"response": "show(kong.response.get_raw_body())"}, nil, &Response{Status: 200, Header: Header{{"Transfer-Encoding", "chunked"}}, Body: "whole"}).answered(200, "whole").shows("whole")
	ask(t, phases{"log": "show(fails(kong.response.get_raw_body))"}, nil).logs("function cannot be called in log phase")
}

// Documented row 32.
func TestSetRawBody(t *testing.T) {
	p := phases{"header_filter": "kong.response.clear_header('Content-Length')",
		"body_filter": "local body = kong.response.get_raw_body() if body then kong.response.set_raw_body('<' .. body .. '>') end show(fails(kong.response.set_raw_body, 5) ~= 'accepted')"}
	ask(t, p, nil, twice).answered(201, "<made>").logs("<true>")
}

// Documented row 33.
func TestSetRawBodyAndLength(t *testing.T) {
	longer := "if ngx.arg[2] then kong.response.set_raw_body('a longer body than before') else ngx.arg[1] = nil end"
	ask(t, phases{"header_filter": "kong.response.clear_header('Content-Length')", "body_filter": longer}, nil, twice).answered(201, "a longer body than before")
	if x := ask(t, phases{"body_filter": longer}, nil, twice); x.Response != nil && x.Response.Body == "a longer body than before" {
		t.Error("a body longer than its Content-Length came through")
	}
}

// Documented row 34.
func TestExit(t *testing.T) {
	ask(t, phases{"access": "return kong.response.exit(403, 'no', { ['X-Why'] = 'so' })"}, nil).answered(403, "no").header("X-Why", "so")
	askGlobal(t, phases{"rewrite": "return kong.response.exit(403, 'no')"}, nil).answered(403, "no")
	ask(t, phases{"header_filter": "return kong.response.exit(403)"}, nil, twice).answered(403, "")
	ask(t, phases{"access": "show(fails(kong.response.exit, 'x') ~= 'accepted', fails(kong.response.exit, 99) ~= 'accepted', fails(kong.response.exit, 200, 5) ~= 'accepted', fails(kong.response.exit, 200, 'x', 5) ~= 'accepted')"},
		nil).shows("true true true true").answered(200, "ok\n")
	ask(t, phases{"log": "show(fails(kong.response.exit, 200))"}, nil).logs("function cannot be called in log phase")
}

// Documented row 35.
func TestExitEndsThePhase(t *testing.T) {
	ask(t, phases{"access": "kong.response.exit(200, 'x') show('not reached')", "header_filter": "show('header')", "body_filter": "if ngx.arg[2] then show('body') end", "log": "show('log')"}, nil).
		shows("header", "body", "log").ran("access", "header_filter", "body_filter", "log")
	g, err := New(Options{Document: document + "probe\n    - name: request-termination\n", Plugins: []string{"probe", "request-termination"},
		LuaPath: luaPlugin(t, "probe", map[string]string{"handler.lua": phases{"access": "kong.response.exit(200, 'first')"}.handler()})})
	if err != nil {
		t.Fatal(err)
	}
	defer g.Close()
	asked(t, g, nil).answered(200, "first").ran("access")
}

// Documented row 36.
func TestExitBodies(t *testing.T) {
	ask(t, phases{"access": "kong.response.exit(200, 'plain', { ['Content-Type'] = 'text/x' })"}, nil).answered(200, "plain").header("Content-Type", "text/x").header("Content-Length", "5")
	ask(t, phases{"access": "kong.response.exit(200, { a = 1 })"}, nil).answered(200, `{"a":1}`).header("Content-Type", "application/json; charset=utf-8").header("Content-Length", "7")
	ask(t, phases{"access": "kong.response.exit(204)"}, nil).answered(204, "")
}

// Documented row 37.
func TestExitHeaders(t *testing.T) {
	ask(t, phases{"access": "kong.response.set_header('X-Keep', '1') kong.response.set_header('X-B', 'old') kong.response.exit(200, 'x', { ['X-B'] = 'new', ['X-A'] = { '1', '2' } })"}, nil).
		header("X-Keep", "1").header("X-B", "new").header("X-A", "1", "2")
}

// Documented row 38. As recorded, the response's Content-Type decides, grpc-message is the status's name, and a table throws.
// Documented row 39. As recorded, a text is sent all the same.
func TestExitOnGRPC(t *testing.T) {
	const grpc = "{ ['Content-Type'] = 'application/grpc' }"
	ask(t, phases{"access": "kong.response.exit(403, nil, " + grpc + ")"}, nil).answered(403, "").header("grpc-status", "7").header("grpc-message", "PermissionDenied")
	ask(t, phases{"access": "kong.response.exit(403, 'text', " + grpc + ")"}, nil).answered(403, "text").header("grpc-status", "7")
	ask(t, phases{"access": "kong.response.exit(500, nil, { ['Content-Type'] = 'application/grpc', ['grpc-message'] = 'mine', ['grpc-status'] = 9 })"}, nil).
		header("grpc-message", "mine").header("grpc-status", "9")
	ask(t, phases{"access": "show(fails(kong.response.exit, 403, { message = 'no' }, " + grpc + ") ~= 'accepted')"}, nil).shows("true")
}

// Documented row 43. As recorded, a body is sent, too, and the phase goes on: exit does not stop code in header_filter.
func TestExitInHeaderFilter(t *testing.T) {
	ask(t, phases{"header_filter": "kong.response.exit(403) show('goes on')"}, nil, twice).answered(403, "").shows("goes on")
	ask(t, phases{"header_filter": "kong.response.exit(403, 'text')"}, nil, twice).answered(403, "text").header("X-One", "1")
}

// Documented row 44. As recorded, any status from 100 to 599 is taken.
func TestError(t *testing.T) {
	x := ask(t, phases{"access": "return kong.response.error(403, 'not you', { ['X-Why'] = 'so' })"}, nil).header("X-Why", "so")
	if x.Response.Status != 403 || !strings.Contains(x.Response.Body, "not you") {
		t.Errorf("%v", x.Response)
	}
	ask(t, phases{"access": "show(fails(kong.response.error, 600) ~= 'accepted', fails(kong.response.error, 'x') ~= 'accepted', fails(kong.response.error, 500, 5) ~= 'accepted')"}, nil).shows("true true true")
	ask(t, phases{"log": "show(fails(kong.response.error, 500))"}, nil).logs("function cannot be called in log phase")
}

// Documented row 45.
func TestErrorFormats(t *testing.T) {
	for accept, want := range map[string]string{"application/json": "application/json; charset=utf-8", "text/html": "text/html; charset=utf-8",
		"application/xml": "application/xml; charset=utf-8", "text/plain": "text/plain; charset=utf-8", "": "application/json; charset=utf-8"} {
		r := &Request{}
		if accept != "" {
			r.Header = Header{{"Accept", accept}}
		}
		x := ask(t, phases{"access": "kong.response.error(403, 'no')"}, r).header("Content-Type", want)
		if x.Response.Header.Get("Content-Length") == "" {
			t.Error("no Content-Length")
		}
	}
	x := ask(t, phases{"access": "kong.response.error(403, 'no', { ['Content-Type'] = 'application/xml' })"}, &Request{Header: Header{{"Accept", "text/html"}}})
	if !strings.Contains(x.Response.Body, "<?xml") {
		t.Errorf("the headers' Content-Type does not count: %v", x.Response)
	}
}
