/* ngx.var: the variables that the exchange answers. native.var(name) gives value, true for those and nothing for others,
 * which lib/ngx/var.lua asks Go for (plugin/pdk/vars). */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pdk.h"

enum {
    V_HOST = 1, V_METHOD, V_SCHEME, V_URI, V_TARGET, V_ARGS, V_IS_ARGS, V_REMOTE_ADDR, V_REMOTE_PORT, V_SERVER_ADDR, V_SERVER_PORT,
    V_PROTOCOL, V_HTTPS, V_CONTENT_LENGTH, V_CONTENT_TYPE, V_REAL_ADDR, V_REAL_PORT, V_UPSTREAM_URI, V_UPSTREAM_HOST,
    V_UPSTREAM_SCHEME, V_STATUS, V_REQUEST_ID, V_REQUEST, V_REQUEST_LENGTH, V_CONNECTION, V_CONNECTION_REQUESTS
};

static const struct {
    const char *name;
    int id;
} names[] = {{"host", V_HOST},
             {"request_method", V_METHOD},
             {"scheme", V_SCHEME},
             {"uri", V_URI},
             {"document_uri", V_URI},
             {"request_uri", V_TARGET},
             {"args", V_ARGS},
             {"query_string", V_ARGS},
             {"is_args", V_IS_ARGS},
             {"remote_addr", V_REMOTE_ADDR},
             {"remote_port", V_REMOTE_PORT},
             {"server_addr", V_SERVER_ADDR},
             {"server_port", V_SERVER_PORT},
             {"server_protocol", V_PROTOCOL},
             {"https", V_HTTPS},
             {"content_length", V_CONTENT_LENGTH},
             {"content_type", V_CONTENT_TYPE},
             {"realip_remote_addr", V_REAL_ADDR},
             {"realip_remote_port", V_REAL_PORT},
             {"upstream_uri", V_UPSTREAM_URI},
             {"upstream_host", V_UPSTREAM_HOST},
             {"upstream_scheme", V_UPSTREAM_SCHEME},
             {"status", V_STATUS},
             {"request_id", V_REQUEST_ID},
             {"kong_request_id", V_REQUEST_ID},
             {"request", V_REQUEST},
             {"request_length", V_REQUEST_LENGTH},
             {"connection", V_CONNECTION},
             {"connection_requests", V_CONNECTION_REQUESTS},
             {NULL, 0}};

static int push_text(lua_State *L, const char *s, size_t n) {
    lua_pushlstring(L, s, n);
    return 1;
}

static int push_number(lua_State *L, unsigned long long v) {
    char text[24];
    return push_text(L, text, (size_t)snprintf(text, sizeof text, "%llu", v));
}

static int push_str(lua_State *L, gb_exchange *x, gb_str s) { return push_text(L, gb_bytes(x, s), s.len); }

static int push_nil(lua_State *L) {
    lua_pushnil(L);
    return 1;
}

/* ---- names with a prefix ---- */

/* push_joined pushes the values of all fields called name ('_' and '-' alike), joined as nginx joins them; 0 = none. */
static int push_joined(lua_State *L, gb_exchange *x, gb_head *h, const char *name, size_t n) {
    uint32_t from = 0;
    gb_field *f = gb_next_alike(x, h, name, n, &from), *second = f ? gb_next_alike(x, h, name, n, &from) : NULL;
    if (!f) return 0;
    if (!second) return push_text(L, gb_value(x, f), f->value.len);
    const char *glue = n == 6 && gb_equal(name, "cookie", 6) ? "; " : ", ";
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    luaL_addlstring(&b, gb_value(x, f), f->value.len);
    for (; second; second = gb_next_alike(x, h, name, n, &from)) {
        luaL_addlstring(&b, glue, 2);
        luaL_addlstring(&b, gb_value(x, second), second->value.len);
    }
    luaL_pushresult(&b);
    return 1;
}

static int push_arg(lua_State *L, gb_exchange *x, const char *name, size_t n) {
    const char *s = gb_bytes(x, x->args), *end = s + x->args.len;
    while (s < end) {
        const char *amp = memchr(s, '&', (size_t)(end - s)), *stop = amp ? amp : end;
        if ((size_t)(stop - s) > n && s[n] == '=' && gb_equal(s, name, n)) return push_text(L, s + n + 1, (size_t)(stop - s) - n - 1);
        s = stop + 1;
    }
    return push_nil(L);
}

static int push_cookie(lua_State *L, gb_exchange *x, const char *name, size_t n) {
    uint32_t from = 0;
    for (gb_field *f; (f = gb_next(x, &x->request, "cookie", 6, &from)) != NULL;) {
        const char *s = gb_value(x, f), *end = s + f->value.len;
        while (s < end) {
            while (s < end && (*s == ' ' || *s == ';')) s++;
            const char *semi = memchr(s, ';', (size_t)(end - s)), *stop = semi ? semi : end;
            if ((size_t)(stop - s) > n && s[n] == '=' && gb_equal(s, name, n)) return push_text(L, s + n + 1, (size_t)(stop - s) - n - 1);
            s = stop;
        }
    }
    return push_nil(L);
}

static int prefixed(lua_State *L, gb_exchange *x, const char *s, size_t n) {
    if (n > 5 && memcmp(s, "http_", 5) == 0) return push_joined(L, x, &x->request, s + 5, n - 5) || push_nil(L);
    if (n > 4 && memcmp(s, "arg_", 4) == 0) return push_arg(L, x, s + 4, n - 4);
    if (n > 7 && memcmp(s, "cookie_", 7) == 0) return push_cookie(L, x, s + 7, n - 7);
    if (n > 10 && memcmp(s, "sent_http_", 10) == 0) return push_joined(L, x, &x->response, s + 10, n - 10) || push_nil(L);
    return 0;
}

/* ---- the table ---- */

static int push_is_args(lua_State *L, gb_exchange *x) {
    /* nginx remembers the first value it computed in a request */
    gb_extra *e = gb_need_extra(L, x);
    if (!e->is_args) e->is_args = x->args.len ? 2 : 1;
    return push_text(L, "?", e->is_args == 2);
}

static int push_args_var(lua_State *L, gb_exchange *x) {
    gb_extra *e = gb_extra_of(x);
    if (e && e->args.len) return push_str(L, x, e->args);
    if (x->args.len || (x->bits & (GB_BIT_ARGS_EDITED | GB_BIT_ARGS_VAR)) || memchr(gb_bytes(x, x->target), '?', x->target.len)) {
        return push_str(L, x, x->args);
    }
    return push_nil(L);
}

static int push_header(lua_State *L, gb_exchange *x, const char *name) {
    gb_field *f = gb_find(x, &x->request, name, strlen(name));
    return f ? push_text(L, gb_value(x, f), f->value.len) : 0;
}

static int push_var(lua_State *L, gb_exchange *x, int id) {
    char text[32];
    switch (id) {
    case V_HOST: return x->host.len ? push_str(L, x, x->host) : push_text(L, "kong", 4);
    case V_METHOD: return push_str(L, x, gb_method_sent(x));
    case V_SCHEME: return push_str(L, x, x->scheme);
    case V_URI: return push_str(L, x, x->uri);
    case V_TARGET: return push_str(L, x, x->target);
    case V_ARGS: return push_args_var(L, x);
    case V_IS_ARGS: return push_is_args(L, x);
    case V_REMOTE_ADDR: return push_str(L, x, x->remote_addr);
    case V_REMOTE_PORT: return x->remote_port ? push_number(L, x->remote_port) : push_text(L, "", 0);
    case V_SERVER_ADDR: return push_str(L, x, x->server_addr);
    case V_SERVER_PORT: return push_number(L, x->server_port);
    case V_PROTOCOL: return push_text(L, text, (size_t)snprintf(text, sizeof text, "HTTP/%d.%d", x->http_major, x->http_minor));
    case V_HTTPS: return push_text(L, "on", x->scheme.len == 5 ? 2 : 0);
    case V_CONTENT_LENGTH: return push_header(L, x, "content-length");
    case V_CONTENT_TYPE: return push_header(L, x, "content-type") || push_nil(L);
    case V_REAL_ADDR: return push_str(L, x, x->real_remote_addr);
    case V_REAL_PORT: return push_number(L, x->real_remote_port);
    case V_UPSTREAM_URI: return push_str(L, x, x->upstream_uri);
    case V_UPSTREAM_HOST: return push_str(L, x, x->upstream_host);
    case V_UPSTREAM_SCHEME: return push_str(L, x, x->upstream_scheme);
    case V_STATUS: return push_text(L, text, (size_t)snprintf(text, sizeof text, "%03u", x->status));
    case V_REQUEST_ID: return push_str(L, x, x->request_id);
    case V_REQUEST: gb_push_request_line(L, x); return 1;
    case V_REQUEST_LENGTH: return push_number(L, x->request_length);
    case V_CONNECTION: return push_number(L, x->connection_serial);
    case V_CONNECTION_REQUESTS: return push_number(L, x->connection_requests);
    }
    return 0;
}

/* native.var(name): value, true; nothing for a variable that Go has to look up. Upvalue 2 maps names to numbers. */
static int var(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = vm->cur;
    int pushed;
    if (!x) return luaL_error(L, "API disabled in the current context");
    if (lua_type(L, 1) == LUA_TSTRING) {
        lua_pushvalue(L, 1);
        lua_rawget(L, lua_upvalueindex(2));
        int id = (int)lua_tointeger(L, -1);
        size_t n;
        const char *s = lua_tolstring(L, 1, &n);
        pushed = id ? push_var(L, x, id) : prefixed(L, x, s, n);
    } else if (lua_type(L, 1) == LUA_TNUMBER) { /* $1 and so on: no location has a regular expression */
        pushed = push_nil(L);
    } else {
        return luaL_error(L, "bad variable name");
    }
    if (!pushed) return 0;
    lua_pushboolean(L, 1);
    return 2;
}

/* native.set_var(name, value): true for a variable that was set here. */
static int set_var(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = vm->cur;
    size_t n;
    if (!x) return luaL_error(L, "API disabled in the current context");
    const char *name = luaL_checkstring(L, 1);
    const char *v = lua_isnil(L, 2) ? "" : gb_tostring(L, 2, &n);
    if (lua_isnil(L, 2)) n = 0;
    gb_str *to = NULL;
    if (strcmp(name, "args") == 0) {
        gb_extra *e = gb_extra_of(x);
        to = e && e->is_args == 1 ? &e->args : &x->args;
        x->bits |= GB_BIT_ARGS_EDITED | GB_BIT_ARGS_VAR;
    } else if (strcmp(name, "upstream_uri") == 0) {
        to = &x->upstream_uri;
        x->bits |= GB_BIT_URI_EDITED;
    } else if (strcmp(name, "upstream_host") == 0) {
        to = &x->upstream_host;
    } else if (strcmp(name, "upstream_scheme") == 0) {
        to = &x->upstream_scheme;
    } else {
        return 0;
    }
    if (!gb_put(x, to, v, n)) return gb_region_full(L);
    lua_pushboolean(L, 1);
    return 1;
}

void gb_open_var(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"set_var", set_var}, {NULL, NULL}};
    gb_register(L, vm, functions);
    lua_pushlightuserdata(L, vm);
    lua_newtable(L);
    for (int i = 0; names[i].name; i++) {
        lua_pushinteger(L, names[i].id);
        lua_setfield(L, -2, names[i].name);
    }
    lua_pushcclosure(L, var, 2);
    lua_setfield(L, -2, "var");
}
