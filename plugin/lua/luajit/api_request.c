/* kong.request and the read side of ngx.req: functions that read the exchange. native.pdk_request is the table that becomes
 * kong.request (lib/kong/request.lua adds what needs the body or the router); native.req_* serve lib/ngx/req.lua. */
#include <stdlib.h>
#include <string.h>

#include "pdk.h"

enum { ID_COOKIE = 23 };

static gb_exchange *begin(lua_State *L, uint32_t mask) {
    gb_vm *vm = gb_self(L);
    gb_check_phase(L, vm, mask);
    if (!vm->cur) luaL_error(L, "API disabled in the current context");
    return vm->cur;
}

/* ---- paths ---- */

/* raw_target gives the target in origin form: an absolute one without scheme and authority. */
static const char *raw_target(const gb_exchange *x, size_t *n) {
    const char *s = gb_bytes(x, x->target);
    *n = x->target.len;
    if (*n == 0 || *s == '/') return s;
    const char *end = s + *n, *p = memchr(s, ':', *n);
    if (!p || end - p < 3 || p[1] != '/' || p[2] != '/') return s;
    for (p += 3; p < end && *p != '/' && *p != '?'; p++) {}
    *n = (size_t)(end - p);
    return p;
}

static const char *raw_path(const gb_exchange *x, size_t *n) {
    const char *s = raw_target(x, n);
    const char *q = memchr(s, '?', *n);
    if (q) *n = (size_t)(q - s);
    return s;
}

static int hex_value(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* decode_unreserved decodes escapes but those of RFC 3986's reserved characters and '%', whose digits become upper case. */
static size_t decode_unreserved(const char *s, size_t n, char *o) {
    static const char hex[] = "0123456789ABCDEF";
    char *start = o;
    for (size_t i = 0; i < n; i++) {
        int hi, lo;
        if (s[i] != '%' || i + 2 >= n || (hi = hex_value((unsigned char)s[i + 1])) < 0 || (lo = hex_value((unsigned char)s[i + 2])) < 0) {
            *o++ = s[i];
            continue;
        }
        int c = hi << 4 | lo;
        if (c && strchr(":/?#[]@!$&'()*+,;=%", c)) {
            *o++ = '%';
            *o++ = hex[hi];
            *o++ = hex[lo];
        } else {
            *o++ = (char)c;
        }
        i += 2;
    }
    return (size_t)(o - start);
}

/* merge removes dot segments and repeated slashes in place. */
static size_t merge(char *s, size_t n) {
    size_t o = 0, i = 0;
    while (i < n) {
        if (s[i] != '/') { /* only at the start */
            while (i < n && s[i] != '/') s[o++] = s[i++];
            continue;
        }
        while (i < n && s[i] == '/') i++;
        size_t seg = i;
        while (i < n && s[i] != '/') i++;
        size_t len = i - seg;
        if (len == 1 && s[seg] == '.') {
            if (i >= n) s[o++] = '/';
        } else if (len == 2 && s[seg] == '.' && s[seg + 1] == '.') {
            while (o > 0 && s[o - 1] != '/') o--;
            if (o > 0) o--;
            if (i >= n) s[o++] = '/';
        } else {
            s[o++] = '/';
            memmove(s + o, s + seg, len);
            o += len;
        }
    }
    return o;
}

/* push_path pushes the normalised path; most paths are normal already. */
static void push_path(lua_State *L, gb_vm *vm, gb_exchange *x) {
    size_t n;
    const char *s = raw_path(x, &n);
    int change = 0, escapes = 0;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%') escapes = 1;
        else if (s[i] == '/' && i + 1 < n && (s[i + 1] == '/' || s[i + 1] == '.')) change = 1;
    }
    if (!change && !escapes) {
        lua_pushlstring(L, s, n);
        return;
    }
    char *buf = gb_scratch(vm, n + 2);
    if (!buf) luaL_error(L, "not enough memory");
    if (escapes) n = decode_unreserved(s, n, buf);
    else memcpy(buf, s, n);
    lua_pushlstring(L, buf, merge(buf, n));
}

static int get_path(lua_State *L) {
    push_path(L, gb_self(L), begin(L, GB_REQUEST_PHASES));
    return 1;
}

static int get_raw_path(lua_State *L) {
    size_t n;
    const char *s = raw_path(begin(L, GB_REQUEST_PHASES), &n);
    lua_pushlstring(L, s, n);
    return 1;
}

static int get_path_with_query(lua_State *L) {
    size_t n;
    const char *s = raw_target(begin(L, GB_REQUEST_PHASES), &n);
    lua_pushlstring(L, s, n);
    return 1;
}

static int get_raw_query(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    /* The reference answers a failed upstream by an internal redirect, which loses the query. */
    if (x->source == GB_SOURCE_ERROR && x->upstream_status) lua_pushliteral(L, "");
    else gb_pushstr(L, x, x->args);
    return 1;
}

/* ---- plain values ---- */

static int push_one(lua_State *L, gb_exchange *x, gb_str s) {
    gb_pushstr(L, x, s);
    return 1;
}

static int get_method(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    return push_one(L, x, x->method);
}

static int get_scheme(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    return push_one(L, x, x->scheme);
}

static void push_host(lua_State *L, gb_exchange *x) {
    if (x->host.len) gb_pushstr(L, x, x->host);
    else lua_pushliteral(L, "kong"); /* the reference's server name */
}

static int get_host(lua_State *L) {
    push_host(L, begin(L, GB_REQUEST_PHASES));
    return 1;
}

static int get_port(lua_State *L) {
    lua_pushinteger(L, begin(L, GB_NOT_INIT_WORKER)->server_port);
    return 1;
}

static int get_http_version(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    lua_pushnumber(L, x->http_minor ? (x->http_major * 10 + x->http_minor) / 10.0 : x->http_major);
    return 1;
}

static int get_start_time(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    lua_pushnumber(L, (double)(int64_t)(x->start_time * 1000 + 0.5));
    return 1;
}

/* ---- kong.client's addresses ---- */

/* client_of is the request whose client is asked about. A handshake's client has no addresses here, as in the reference. */
static gb_exchange *client_of(lua_State *L) {
    gb_exchange *x = begin(L, GB_NOT_INIT_WORKER);
    if (gb_self(L)->phase & (GB_PHASE_CERTIFICATE | GB_PHASE_CLIENT_HELLO)) luaL_error(L, "API disabled in the current context");
    return x;
}

static int client_ip(lua_State *L) {
    gb_exchange *x = client_of(L);
    return push_one(L, x, x->real_remote_addr);
}

static int client_forwarded_ip(lua_State *L) {
    gb_exchange *x = client_of(L);
    return push_one(L, x, x->remote_addr);
}

static int client_port(lua_State *L) {
    lua_pushinteger(L, client_of(L)->real_remote_port);
    return 1;
}

static int client_forwarded_port(lua_State *L) {
    gb_exchange *x = client_of(L);
    if (x->remote_port) lua_pushinteger(L, x->remote_port);
    else lua_pushnil(L); /* the header named an address only */
    return 1;
}

/* ---- X-Forwarded-* ---- */

static gb_field *forwarded(gb_exchange *x, const char *name, size_t n) {
    return x->bits & GB_BIT_TRUSTED ? gb_find(x, &x->request, name, n) : NULL;
}

#define FORWARDED(x, name) forwarded(x, name, sizeof(name) - 1)

static void push_lower(lua_State *L, const char *s, size_t n) {
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (size_t i = 0; i < n; i++) luaL_addchar(&b, s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 32 : s[i]);
    luaL_pushresult(&b);
}

static int get_forwarded_scheme(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    gb_field *f = FORWARDED(x, "x-forwarded-proto");
    if (!f) return push_one(L, x, x->scheme);
    push_lower(L, gb_value(x, f), f->value.len);
    return 1;
}

/* split_host leaves the host of an authority in *s, *n and gives its port, -1 without a valid one. */
static int split_host(const char **s, size_t *n) {
    const char *at = memchr(*s, '@', *n);
    if (at) {
        *n -= (size_t)(at + 1 - *s);
        *s = at + 1;
    }
    size_t i = 0;
    if (*n && **s == '[') {
        while (i < *n && (*s)[i] != ']') i++;
    }
    while (i < *n && (*s)[i] != ':') i++;
    if (i >= *n) return -1;
    long port = 0;
    int ok = i + 1 < *n;
    for (size_t k = i + 1; k < *n; k++) {
        if ((*s)[k] < '0' || (*s)[k] > '9' || port > 65535) ok = 0;
        else port = port * 10 + ((*s)[k] - '0');
    }
    *n = i;
    return ok && port >= 1 && port <= 65535 ? (int)port : -1;
}

static int get_forwarded_host(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    gb_field *f = FORWARDED(x, "x-forwarded-host");
    if (f && f->value.len) {
        const char *s = gb_value(x, f);
        size_t n = f->value.len;
        split_host(&s, &n);
        push_lower(L, s, n);
    } else {
        push_host(L, x);
    }
    return 1;
}

static int get_forwarded_port(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    gb_field *f = FORWARDED(x, "x-forwarded-port");
    if (f) {
        char text[8] = "", *end;
        if (f->value.len && f->value.len < sizeof text) {
            memcpy(text, gb_value(x, f), f->value.len);
            long v = strtol(text, &end, 10);
            if (!*end && v >= 1 && v <= 65535) {
                lua_pushinteger(L, v);
                return 1;
            }
        }
    }
    f = FORWARDED(x, "x-forwarded-host");
    if (f) {
        const char *s = gb_value(x, f);
        size_t n = f->value.len;
        int port = split_host(&s, &n);
        if (port > 0) {
            lua_pushinteger(L, port);
            return 1;
        }
    }
    lua_pushinteger(L, x->visible_port ? x->visible_port : x->server_port);
    return 1;
}

static int get_forwarded_path(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    gb_field *f = FORWARDED(x, "x-forwarded-path");
    if (f) lua_pushlstring(L, gb_value(x, f), f->value.len);
    else push_path(L, gb_self(L), x);
    return 1;
}

static int get_forwarded_prefix(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    gb_field *f = FORWARDED(x, "x-forwarded-prefix");
    if (f) lua_pushlstring(L, gb_value(x, f), f->value.len);
    else if (x->route_prefix.len) gb_pushstr(L, x, x->route_prefix);
    else if (x->phase == GB_PHASE_REWRITE) lua_pushliteral(L, "");
    else lua_pushnil(L);
    return 1;
}

/* ---- headers ---- */

/* push_header pushes the value of a request header as nginx's $http_NAME: all Cookie fields in one. 0: there is none. */
int gb_push_request_header(lua_State *L, gb_exchange *x, gb_field *f) {
    uint32_t from = 0;
    if (!f) return 0;
    if (f->id != ID_COOKIE) {
        lua_pushlstring(L, gb_value(x, f), f->value.len);
        return 1;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    for (int i = 0; (f = gb_next(x, &x->request, "cookie", 6, &from)) != NULL; i++) {
        if (i) luaL_addlstring(&b, "; ", 2);
        luaL_addlstring(&b, gb_value(x, f), f->value.len);
    }
    luaL_pushresult(&b);
    return 1;
}

static int get_header(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "header name must be a string");
    size_t n;
    const char *name = lua_tolstring(L, 1, &n);
    gb_field *f = gb_find(x, &x->request, name, n);
    if (!f && n && (memchr(name, '-', n) || memchr(name, '_', n))) f = gb_find_alike(x, &x->request, name, n);
    if (!n || !gb_push_request_header(L, x, f)) lua_pushnil(L);
    return 1;
}

static int truncated(lua_State *L, gb_vm *vm, int more, const char *notice) {
    if (more) {
        gb_notice(L, vm, 6, notice);
        lua_pushliteral(L, "truncated");
    } else {
        lua_pushnil(L);
    }
    return 2;
}

static int headers_result(lua_State *L, gb_vm *vm, int more) { return truncated(L, vm, more, "request headers truncated"); }

static int get_headers(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    int max = gb_limit(L, 1, "max_headers", gb_max_req_headers);
    return headers_result(L, vm, gb_push_fields(L, vm, x, &x->request, max, 0));
}

/* ---- query arguments ---- */

/* query gives the arguments' text: as set_uri_args left it, but not as ngx.var.args was assigned. */
static const char *query(gb_exchange *x, size_t *n) {
    if (x->bits & GB_BIT_ARGS_VAR) {
        const char *s = raw_target(x, n), *q = memchr(s, '?', *n);
        if (!q) {
            *n = 0;
            return s;
        }
        *n -= (size_t)(q + 1 - s);
        return q + 1;
    }
    *n = x->args.len;
    return gb_bytes(x, x->args);
}

static int push_query(lua_State *L, gb_vm *vm, gb_exchange *x, int max) {
    size_t n;
    const char *s = query(x, &n);
    return truncated(L, vm, gb_push_args(L, vm, s, n, max), "uri args truncated");
}

static int get_query(lua_State *L) {
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    return push_query(L, gb_self(L), x, gb_limit(L, 1, "max_args", gb_max_uri_args));
}

static int get_query_arg(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = begin(L, GB_REQUEST_PHASES);
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "query argument name must be a string");
    size_t n, wanted_len;
    const char *s = query(x, &n), *wanted = lua_tolstring(L, 1, &wanted_len), *end = s + n;
    char *buf = gb_scratch(vm, n + 1);
    int count = 0, found = 0;
    if (!buf) return luaL_error(L, "not enough memory");
    while (s < end) {
        const char *amp = memchr(s, '&', (size_t)(end - s)), *stop = amp ? amp : end;
        const char *eq = memchr(s, '=', (size_t)(stop - s)), *name_end = eq ? eq : stop;
        if (name_end > s) {
            if (count++ == gb_max_uri_args) {
                gb_notice(L, vm, 6, "uri args truncated");
                break;
            }
            if (!found) {
                size_t len = gb_unescape(buf, s, (size_t)(name_end - s), 1);
                if (len == wanted_len && memcmp(buf, wanted, len) == 0) {
                    found = 1;
                    if (eq) lua_pushlstring(L, buf, gb_unescape(buf, eq + 1, (size_t)(stop - eq - 1), 1));
                    else lua_pushboolean(L, 1);
                }
            }
        }
        s = stop + 1;
    }
    if (!found) lua_pushnil(L);
    return 1;
}

/* ---- ngx.req ---- */

static gb_exchange *req(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (!vm->cur) luaL_error(L, "API disabled in the current context");
    return vm->cur;
}

/* native.req_headers(max, raw): ngx.req.get_headers */
static int req_headers(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = req(L);
    int max = lua_isnoneornil(L, 1) ? gb_max_req_headers : (int)luaL_checkinteger(L, 1);
    return headers_result(L, vm, gb_push_fields(L, vm, x, &x->request, max < 0 ? 0 : max, lua_toboolean(L, 2)));
}

/* native.req_uri_args(max): ngx.req.get_uri_args */
static int req_uri_args(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = req(L);
    int max = lua_isnoneornil(L, 1) ? gb_max_uri_args : (int)luaL_checkinteger(L, 1);
    return push_query(L, vm, x, max < 0 ? 0 : max);
}

static int req_method(lua_State *L) {
    gb_exchange *x = req(L);
    return push_one(L, x, x->method);
}

static int req_start_time(lua_State *L) {
    lua_pushnumber(L, req(L)->start_time);
    return 1;
}

static int req_http_version(lua_State *L) {
    gb_exchange *x = req(L);
    lua_pushnumber(L, x->http_minor ? (x->http_major * 10 + x->http_minor) / 10.0 : x->http_major);
    return 1;
}

/* native.req_raw_header(no_line): the head as the client sent it, as far as it is kept. */
static int req_raw_header(lua_State *L) {
    gb_exchange *x = req(L);
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    if (!lua_toboolean(L, 1)) {
        gb_push_request_line(L, x);
        luaL_addvalue(&b);
        luaL_addlstring(&b, "\r\n", 2);
    }
    gb_field *f = gb_fields(x, &x->request);
    for (uint32_t i = 0; i < x->request.n; i++) {
        if (f[i].flags & GB_FIELD_EDITED) continue;
        luaL_addlstring(&b, gb_name(x, &f[i]), f[i].name.len);
        luaL_addlstring(&b, ": ", 2);
        luaL_addlstring(&b, gb_value(x, &f[i]), f[i].value.len);
        luaL_addlstring(&b, "\r\n", 2);
    }
    luaL_addlstring(&b, "\r\n", 2);
    luaL_pushresult(&b);
    return 1;
}

void gb_push_request_line(lua_State *L, gb_exchange *x) {
    gb_pushstr(L, x, gb_method_sent(x));
    lua_pushliteral(L, " ");
    gb_pushstr(L, x, x->target);
    lua_pushfstring(L, " HTTP/%d.%d", x->http_major, x->http_minor);
    lua_concat(L, 4);
}

void gb_open_request(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"get_scheme", get_scheme},
                                         {"get_host", get_host},
                                         {"get_port", get_port},
                                         {"get_forwarded_scheme", get_forwarded_scheme},
                                         {"get_forwarded_host", get_forwarded_host},
                                         {"get_forwarded_port", get_forwarded_port},
                                         {"get_forwarded_path", get_forwarded_path},
                                         {"get_forwarded_prefix", get_forwarded_prefix},
                                         {"get_http_version", get_http_version},
                                         {"get_method", get_method},
                                         {"get_path", get_path},
                                         {"get_raw_path", get_raw_path},
                                         {"get_path_with_query", get_path_with_query},
                                         {"get_raw_query", get_raw_query},
                                         {"get_query_arg", get_query_arg},
                                         {"get_query", get_query},
                                         {"get_header", get_header},
                                         {"get_headers", get_headers},
                                         {"get_start_time", get_start_time},
                                         {NULL, NULL}};
    static const luaL_Reg low_level[] = {{"req_headers", req_headers},
                                         {"req_uri_args", req_uri_args},
                                         {"req_method", req_method},
                                         {"req_start_time", req_start_time},
                                         {"req_http_version", req_http_version},
                                         {"req_raw_header", req_raw_header},
                                         {NULL, NULL}};
    static const luaL_Reg client[] = {{"get_ip", client_ip},
                                      {"get_forwarded_ip", client_forwarded_ip},
                                      {"get_port", client_port},
                                      {"get_forwarded_port", client_forwarded_port},
                                      {NULL, NULL}};
    gb_register(L, vm, low_level);
    lua_newtable(L);
    gb_register(L, vm, client);
    lua_setfield(L, -2, "client");
    lua_newtable(L);
    gb_register(L, vm, functions);
    lua_setfield(L, -2, "pdk_request");
}
