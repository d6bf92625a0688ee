/* kong.service.request and the write side of ngx.req: what goes to the service. native.service_request becomes the PDK's
 * table (lib/kong/service.lua adds bodies). */
#include <string.h>

#include "pdk.h"

enum { ID_HOST = 1 };

static gb_exchange *begin(lua_State *L, uint32_t mask) {
    gb_vm *vm = gb_self(L);
    gb_check_phase(L, vm, mask);
    if (!vm->cur) luaL_error(L, "API disabled in the current context");
    return vm->cur;
}

static void put(lua_State *L, gb_exchange *x, gb_str *to, const char *s, size_t n) {
    if (!gb_put(x, to, s, n)) gb_region_full(L);
}

static int same(const gb_exchange *x, gb_str s, const char *text) {
    return s.len == strlen(text) && memcmp(gb_bytes(x, s), text, s.len) == 0;
}

/* ---- headers ---- */

/* follow_host keeps $host in step with a changed Host field and, where a plugin said so, the service's Host. */
static void follow_host(lua_State *L, gb_exchange *x, int upstream) {
    gb_field *f = gb_find_id(x, &x->request, ID_HOST);
    if (!f) {
        x->host.off = x->host.len = 0;
        return;
    }
    if (upstream) x->upstream_host = f->value;
    const char *s = gb_value(x, f);
    size_t n = f->value.len, i = 0;
    if (n && *s == '[') {
        while (i < n && s[i] != ']') i++;
    }
    while (i < n && s[i] != ':') i++;
    gb_str host;
    put(L, x, &host, s, i);
    char *h = (char *)x + host.off;
    for (size_t k = 0; k < i; k++)
        if (h[k] >= 'A' && h[k] <= 'Z') h[k] |= 32;
    x->host = host;
}

/* blank is also what tells the PDK's setters, which change the service's Host, from ngx.req's. */
void gb_request_set(lua_State *L, gb_exchange *x, const char *name, size_t nn, int i, int add, int blank) {
    int host = nn == 4 && gb_equal(name, "host", 4);
    gb_set_values(L, x, &x->request, name, nn, i, add && !host, blank);
    if (host) follow_host(L, x, blank);
}

void gb_request_del(gb_exchange *x, const char *name, size_t nn) {
    gb_del(x, &x->request, name, nn);
    if (nn == 4 && gb_equal(name, "host", 4)) x->host.off = x->host.len = 0;
}

static int set_header(lua_State *L) {
    gb_exchange *x = begin(L, GB_BALANCE_PHASES);
    char buf[256];
    size_t n, vn;
    const char *name, *value;
    if (gb_plain_field(L, &name, &n, &value, &vn, 0) && !(n == 4 && gb_equal(name, "host", 4))) {
        return gb_set(x, &x->request, name, n, value, vn) ? 0 : gb_region_full(L);
    }
    lua_settop(L, 2);
    gb_check_header(L, 1, 2);
    name = lua_tolstring(L, 1, &n);
    if (n == 10 && gb_equal(name, ":authority", 10)) {
        if (!same(x, x->upstream_scheme, "grpc") && !same(x, x->upstream_scheme, "grpcs")) {
            lua_pushnil(L);
            lua_pushliteral(L, "cannot set :authority pseudo-header on non-grpc requests");
            return 2;
        }
        value = gb_header_value(L, 2, &vn, 0);
        put(L, x, &x->upstream_host, value, vn);
        return 0;
    }
    name = gb_header_name(L, 1, &n, buf, 0);
    gb_request_set(L, x, name, n, 2, 0, 1);
    return 0;
}

static int add_header(lua_State *L) {
    gb_exchange *x = begin(L, GB_UPSTREAM_PHASES);
    char buf[256];
    size_t n, vn;
    lua_settop(L, 2);
    gb_check_header(L, 1, 2);
    const char *name = gb_header_name(L, 1, &n, buf, 0);
    gb_tostring(L, 2, &vn); /* an array is one value, the text of its address */
    gb_request_set(L, x, name, n, 2, 1, 1);
    return 0;
}

static int clear_header(lua_State *L) {
    gb_exchange *x = begin(L, GB_UPSTREAM_PHASES);
    char buf[256];
    size_t n;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "header must be a string");
    const char *name = gb_header_name(L, 1, &n, buf, 0);
    gb_request_del(x, name, n);
    return 0;
}

static int set_headers(lua_State *L) {
    gb_exchange *x = begin(L, GB_UPSTREAM_PHASES);
    char buf[256];
    size_t n;
    if (!lua_istable(L, 1)) return luaL_error(L, "headers must be a table");
    gb_check_headers(L, 1);
    lua_pushnil(L);
    while (lua_next(L, 1)) {
        int top = lua_gettop(L);
        lua_pushvalue(L, top - 1);
        const char *name = gb_header_name(L, top + 1, &n, buf, 0);
        gb_request_set(L, x, name, n, top, 0, 1);
        lua_settop(L, top - 1);
    }
    return 0;
}

/* ---- scheme, path, query, method ---- */

static int set_scheme(lua_State *L) {
    gb_exchange *x = begin(L, GB_BALANCE_PHASES);
    size_t n;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "scheme must be a string");
    const char *s = lua_tolstring(L, 1, &n);
    if (strcmp(s, "http") != 0 && strcmp(s, "https") != 0) return luaL_error(L, "invalid scheme: %s", s);
    put(L, x, &x->upstream_scheme, s, n);
    return 0;
}

static int set_path(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = begin(L, GB_BALANCE_PHASES);
    static const char hex[] = "0123456789ABCDEF";
    size_t n;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "path must be a string");
    const char *s = lua_tolstring(L, 1, &n);
    if (n == 0 || *s != '/') return luaL_error(L, "path must start with /");
    char *out = gb_scratch(vm, 3 * n), *o = out;
    if (!out) return luaL_error(L, "not enough memory");
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (c <= 32 || c >= 127 || strchr("\"<>\\^`{|}", c)) {
            *o++ = '%';
            *o++ = hex[c >> 4];
            *o++ = hex[c & 15];
        } else {
            *o++ = (char)c;
        }
    }
    put(L, x, &x->upstream_uri, out, (size_t)(o - out));
    x->bits |= GB_BIT_URI_EDITED;
    return 0;
}

static void set_args(lua_State *L, gb_exchange *x, const char *s, size_t n) {
    put(L, x, &x->args, s, n);
    x->bits |= GB_BIT_ARGS_EDITED;
    x->bits &= ~(uint32_t)GB_BIT_ARGS_VAR;
}

static int set_raw_query(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = begin(L, GB_UPSTREAM_PHASES);
    size_t n;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "query must be a string");
    const char *s = lua_tolstring(L, 1, &n);
    char *out = gb_scratch(vm, 3 * n + 1), *o = out;
    if (!out) return luaL_error(L, "not enough memory");
    for (size_t i = 0; i < n; i++) { /* what would end the request line may not pass */
        unsigned char c = (unsigned char)s[i];
        if (c <= 32 || c == 127) o += (size_t)(gb_escape(o, s + i, 1, 2));
        else *o++ = (char)c;
    }
    set_args(L, x, out, (size_t)(o - out));
    return 0;
}

static int set_method(lua_State *L) {
    static const char *const methods[] = {"GET",  "HEAD", "PUT",      "POST",      "DELETE", "OPTIONS", "MKCOL", "COPY",
                                          "MOVE", "PROPFIND", "PROPPATCH", "LOCK", "UNLOCK",  "PATCH", "TRACE"};
    gb_exchange *x = begin(L, GB_UPSTREAM_PHASES);
    size_t n;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "method must be a string");
    const char *s = lua_tolstring(L, 1, &n);
    for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
        if (strcmp(methods[i], s) == 0) {
            gb_set_method(L, x, s, n);
            return 0;
        }
    return luaL_error(L, "invalid method: %s", s);
}

void gb_set_method(lua_State *L, gb_exchange *x, const char *s, size_t n) {
    gb_extra *e = gb_need_extra(L, x);
    if (!e->method.len) e->method = x->method;
    put(L, x, &x->method, s, n);
}

/* append writes one decoded and re-encoded part of a pair: space as '+'. */
static char *append(char *o, char *buf, const char *s, size_t n) {
    n = gb_unescape(buf, s, n, 1);
    for (size_t i = 0; i < n; i++) {
        if (buf[i] == ' ') *o++ = '+';
        else o += gb_escape(o, buf + i, 1, 2);
    }
    return o;
}

static int clear_query_arg(lua_State *L) {
    gb_exchange *x = begin(L, GB_UPSTREAM_PHASES);
    size_t wanted_len;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "query argument name must be a string");
    const char *wanted = lua_tolstring(L, 1, &wanted_len), *s = gb_bytes(x, x->args), *end = s + x->args.len;
    if (s == end) return 0;
    size_t n = x->args.len;
    char *buf = lua_newuserdata(L, n + 1), *out = lua_newuserdata(L, 4 * n + 8), *o = out;
    while (s < end) {
        const char *amp = memchr(s, '&', (size_t)(end - s)), *stop = amp ? amp : end;
        const char *eq = memchr(s, '=', (size_t)(stop - s)), *name_end = eq ? eq : stop;
        size_t len = gb_unescape(buf, s, (size_t)(name_end - s), 1);
        if (stop > s && !(len == wanted_len && memcmp(buf, wanted, len) == 0)) {
            if (o > out) *o++ = '&';
            o = append(o, buf, s, (size_t)(name_end - s));
            *o++ = '=';
            if (eq) o = append(o, buf, eq + 1, (size_t)(stop - eq - 1));
        }
        s = stop + 1;
    }
    uint32_t off = x->args.off;
    set_args(L, x, out, (size_t)(o - out));
    if (o == out) x->args.off = off; /* not zero: the '?' stays (message.Shared.Args) */
    return 0;
}

/* ---- ngx.req ---- */

static gb_exchange *req(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (!vm->cur) luaL_error(L, "API disabled in the current context");
    return vm->cur;
}

/* ngx.req.set_header(name, value), add_header, clear_header */
static int req_set(lua_State *L, int add) {
    gb_exchange *x = req(L);
    char buf[256];
    size_t n;
    lua_settop(L, 2);
    if (lua_type(L, 1) != LUA_TSTRING && lua_type(L, 1) != LUA_TNUMBER) {
        return luaL_error(L, "bad 'name' argument: string expected, got %s", luaL_typename(L, 1));
    }
    gb_tostring(L, 1, &n);
    const char *name = gb_header_name(L, 1, &n, buf, 0);
    if (add && (lua_isnil(L, 2) || (lua_istable(L, 2) && lua_objlen(L, 2) == 0)))
        return luaL_error(L, "invalid header value");
    if (lua_isnil(L, 2) || (lua_istable(L, 2) && lua_objlen(L, 2) == 0)) {
        gb_request_del(x, name, n);
        return 0;
    }
    size_t vn;
    if (!add && !lua_istable(L, 2)) {
        gb_tostring(L, 2, &vn);
        if (vn == 0) {
            gb_request_del(x, name, n);
            return 0;
        }
    }
    gb_request_set(L, x, name, n, 2, add, 0);
    return 0;
}

static int req_set_header(lua_State *L) { return req_set(L, 0); }
static int req_add_header(lua_State *L) { return req_set(L, 1); }

static int req_clear_header(lua_State *L) {
    lua_settop(L, 1);
    return req_set(L, 0);
}

/* native.req_set_method(text): checked by lib/ngx/req.lua */
static int req_set_method(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    gb_set_method(L, req(L), s, n);
    return 0;
}

/* native.req_set_uri_args(text) */
static int req_set_uri_args(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    set_args(L, req(L), s, n);
    return 0;
}

/* native.req_set_uri(text): $uri only; the upstream path stays the router's */
static int req_set_uri(lua_State *L) {
    size_t n;
    gb_exchange *x = req(L);
    const char *s = luaL_checklstring(L, 1, &n);
    if (n == 0) return luaL_error(L, "attempt to use zero-length uri");
    put(L, x, &x->uri, s, n);
    return 0;
}

void gb_open_upstream(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"set_scheme", set_scheme},
                                         {"set_path", set_path},
                                         {"set_raw_query", set_raw_query},
                                         {"set_method", set_method},
                                         {"clear_query_arg", clear_query_arg},
                                         {"set_header", set_header},
                                         {"add_header", add_header},
                                         {"clear_header", clear_header},
                                         {"set_headers", set_headers},
                                         {NULL, NULL}};
    static const luaL_Reg low_level[] = {{"req_set_header", req_set_header},
                                         {"req_add_header", req_add_header},
                                         {"req_clear_header", req_clear_header},
                                         {"req_set_method", req_set_method},
                                         {"req_set_uri_args", req_set_uri_args},
                                         {"req_set_uri", req_set_uri},
                                         {NULL, NULL}};
    gb_register(L, vm, low_level);
    lua_newtable(L);
    gb_register(L, vm, functions);
    lua_setfield(L, -2, "service_request");
}
