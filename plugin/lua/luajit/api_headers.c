/* Header names, values and tables as the PDK and ngx.* read and write them; used by api_request.c, api_response.c and
 * api_upstream.c. */
#include <string.h>

#include "pdk.h"

int gb_max_req_headers = 100, gb_max_resp_headers = 100, gb_max_uri_args = 100, gb_max_post_args = 100, gb_underscores_to_dashes = 1;

int gb_limit(lua_State *L, int i, const char *name, int fallback) {
    if (lua_isnoneornil(L, i)) return fallback;
    if (lua_type(L, i) != LUA_TNUMBER) luaL_error(L, "%s must be a number", name);
    double v = lua_tonumber(L, i);
    if (v < 1) luaL_error(L, "%s must be >= 1", name);
    if (v > 1000) luaL_error(L, "%s must be <= 1000", name);
    return (int)v;
}

/* ---- escaping ---- */

/* unsafe: bit 0 in a value, bit 1 in a name; bit 2 is an underscore. */
static unsigned char unsafe[256];

__attribute__((constructor)) static void fill_unsafe(void) {
    for (int c = 0; c < 256; c++) {
        if ((c < 32 && c != '\t') || c == 127) unsafe[c] |= 1;
        if (c <= 32 || c == 127 || (c && strchr("\"(),/:;<=>?@[\\]{}", c))) unsafe[c] |= 2;
    }
    unsafe['_'] |= 4;
}

static char *escape(const char *s, size_t n, unsigned char bit, char *o) {
    static const char hex[] = "0123456789ABCDEF";
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (unsafe[c] & bit) {
            *o++ = '%';
            *o++ = hex[c >> 4];
            *o++ = hex[c & 15];
        } else {
            *o++ = (char)c;
        }
    }
    return o;
}

static int needs_escape(const char *s, size_t n, unsigned char bit) {
    for (size_t i = 0; i < n; i++)
        if (unsafe[(unsigned char)s[i]] & bit) return 1;
    return 0;
}

/* kinds are the bits of unsafe that occur in s. */
static unsigned kinds(const char *s, size_t n) {
    unsigned seen = 0;
    for (size_t i = 0; i < n; i++) seen |= unsafe[(unsigned char)s[i]];
    return seen;
}

/* plain_name says whether s has nothing but letters, digits and dashes: eight bytes at a time, as most names are. */
static int plain_name(const char *s, size_t n) {
    const uint64_t ones = ~(uint64_t)0 / 255, high = ones << 7;
    if (n < 8) return 0;
    for (size_t i = 0;;) {
        uint64_t v, lower;
        memcpy(&v, s + i, 8);
        lower = v | ones * 0x20;
        uint64_t letter = (lower + ones * (128 - 'a')) & ~(lower + ones * (127 - 'z'));
        uint64_t digit = (v + ones * (128 - '0')) & ~(v + ones * (127 - '9'));
        uint64_t dash = ~((v ^ ones * '-') + ones * 127);
        if (v & high || ((letter | digit | dash) & high) != high) return 0;
        if (i == n - 8) return 1;
        i = i + 16 > n ? n - 8 : i + 8;
    }
}

/* controls says whether s has control bytes, a tab among them: eight bytes at a time. */
static int controls(const char *s, size_t n) {
    const uint64_t ones = ~(uint64_t)0 / 255, high = ones << 7;
    uint64_t seen = 0;
    for (; n >= 8; s += 8, n -= 8) {
        uint64_t v, del;
        memcpy(&v, s, 8);
        del = v ^ ones * 127;
        seen |= ((v - ones * 32) & ~v) | ((del - ones) & ~del);
    }
    if (seen & high) return 1;
    for (; n; s++, n--)
        if ((unsigned char)*s < 32 || *s == 127) return 1;
    return 0;
}

int gb_plain_field(lua_State *L, const char **name, size_t *nn, const char **value, size_t *vn, int dashes) {
    if (lua_type(L, 1) != LUA_TSTRING || lua_type(L, 2) != LUA_TSTRING) return 0;
    *name = lua_tolstring(L, 1, nn);
    *value = lua_tolstring(L, 2, vn);
    if (*nn == 0 || *vn == 0 || *nn > UINT16_MAX) return 0;
    return (plain_name(*name, *nn) || !(kinds(*name, *nn) & (dashes ? 6 : 2))) && !controls(*value, *vn);
}

const char *gb_header_name(lua_State *L, int i, size_t *n, char *buf, int dashes) {
    const char *s = lua_tolstring(L, i, n);
    int change = needs_escape(s, *n, 2);
    if (change) {
        char *to = lua_newuserdata(L, 3 * *n + 1);
        *n = (size_t)(escape(s, *n, 2, to) - to);
        lua_replace(L, i); /* keeps the bytes alive */
        s = to;
    }
    if (!dashes || !memchr(s, '_', *n)) return s;
    char *to = buf;
    if (*n > 256) {
        to = lua_newuserdata(L, *n);
        lua_replace(L, i);
    }
    for (size_t k = 0; k < *n; k++) to[k] = s[k] == '_' ? '-' : s[k];
    return to;
}

const char *gb_header_value(lua_State *L, int i, size_t *n, int blank) {
    const char *s = gb_tostring(L, i, n);
    if (*n == 0 && blank) {
        *n = 1;
        return " ";
    }
    if (!needs_escape(s, *n, 1)) return s;
    char *to = lua_newuserdata(L, 3 * *n);
    lua_pushlstring(L, to, (size_t)(escape(s, *n, 1, to) - to));
    lua_replace(L, i);
    lua_pop(L, 1);
    return lua_tolstring(L, i, n);
}

/* ---- checks ---- */

static const char *shown(lua_State *L, int i) {
    lua_pushvalue(L, i);
    size_t n;
    return gb_tostring(L, lua_gettop(L), &n);
}

static void check_name(lua_State *L, int i) {
    if (lua_type(L, i) == LUA_TSTRING) return;
    const char *type = lua_isnone(L, i) ? "nil" : luaL_typename(L, i);
    luaL_error(L, "invalid header name \"%s\": got %s, expected string", lua_isnone(L, i) ? "nil" : shown(L, i), type);
}

static void check_array(lua_State *L, int name, int value) {
    for (int k = 1;; k++) {
        lua_rawgeti(L, value, k);
        int t = lua_type(L, -1);
        if (t == LUA_TNIL) break;
        if (t != LUA_TSTRING) {
            luaL_error(L, "invalid header value in array \"%s\": got %s, expected string", shown(L, name), lua_typename(L, t));
        }
        lua_pop(L, 1);
    }
    lua_pop(L, 1);
}

static void check_value(lua_State *L, int name, int value, const char *wanted) {
    switch (lua_type(L, value)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
    case LUA_TBOOLEAN: return;
    case LUA_TTABLE: check_array(L, name, value); return;
    }
    const char *type = lua_isnone(L, value) ? "nil" : luaL_typename(L, value);
    luaL_error(L, "invalid header value for \"%s\": got %s, expected %s", shown(L, name), type, wanted);
}

void gb_check_header(lua_State *L, int name, int value) {
    check_name(L, name);
    check_value(L, name, value, "array of string, string, number or boolean");
}

void gb_check_headers(lua_State *L, int table) {
    lua_pushnil(L);
    while (lua_next(L, table)) {
        int top = lua_gettop(L);
        check_name(L, top - 1);
        check_value(L, top - 1, top, "string, number, boolean or array of strings");
        lua_settop(L, top - 1);
    }
}

/* ---- tables of headers ---- */

/* headers_index is __index of such a table: the lower-case name with dashes. */
static int headers_index(lua_State *L) {
    size_t n;
    if (lua_type(L, 2) != LUA_TSTRING) return 0;
    const char *s = lua_tolstring(L, 2, &n);
    char local[256], *o = n <= sizeof local ? local : lua_newuserdata(L, n);
    int changed = 0;
    for (size_t i = 0; i < n; i++) {
        char c = s[i];
        if (c >= 'A' && c <= 'Z') c |= 32;
        else if (c == '_') c = '-';
        changed |= c != s[i];
        o[i] = c;
    }
    if (!changed) return 0;
    lua_pushlstring(L, o, n);
    lua_rawget(L, 1);
    return 1;
}

static char headers_meta;

static void push_name(lua_State *L, const char *s, size_t n, int raw) {
    char local[256] = "", *o = local;
    if (raw) {
        lua_pushlstring(L, s, n);
        return;
    }
    if (n > sizeof local) o = lua_newuserdata(L, n);
    for (size_t i = 0; i < n; i++) o[i] = s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 32 : s[i];
    lua_pushlstring(L, o, n);
    if (o != local) lua_remove(L, -2);
}

/* add_pair puts a name (pushed at -2) and a value (-1) into the table at -3. */
static void add_pair(lua_State *L) {
    lua_pushvalue(L, -2);
    lua_rawget(L, -4); /* table name value old */
    if (lua_isnil(L, -1)) {
        lua_pop(L, 1);
        lua_rawset(L, -3);
    } else if (lua_istable(L, -1)) {
        lua_insert(L, -2); /* table name list value */
        lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
        lua_pop(L, 2);
    } else {
        lua_createtable(L, 2, 0);
        lua_insert(L, -3); /* table name list value old */
        lua_rawseti(L, -3, 1);
        lua_rawseti(L, -2, 2);
        lua_rawset(L, -3);
    }
}

static void push_field(lua_State *L, gb_exchange *x, gb_field *f, int raw) {
    push_name(L, gb_name(x, f), f->name.len, raw);
    lua_pushlstring(L, gb_value(x, f), f->value.len);
    add_pair(L);
}

static void set_headers_meta(lua_State *L) {
    lua_pushlightuserdata(L, &headers_meta);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_setmetatable(L, -2);
}

int gb_push_fields(lua_State *L, gb_vm *vm, gb_exchange *x, gb_head *h, int max, int raw) {
    (void)vm;
    gb_field *f = gb_fields(x, h);
    uint32_t n = h->n;
    int count = 0, more = 0;
    lua_createtable(L, 0, n < 64 ? (int)n : 64);
    for (uint32_t i = 0; i < n; i++) {
        if (f[i].flags & GB_FIELD_GONE) continue;
        if (max > 0 && count == max) {
            more = 1;
            break;
        }
        push_field(L, x, &f[i], raw);
        count++;
    }
    if (!raw) set_headers_meta(L);
    return more;
}

/* Known header numbers (wire/message/known.go). */
enum { ID_CONNECTION = 2, ID_CONTENT_LENGTH = 3, ID_CONTENT_TYPE = 4 };

static int built_in(const gb_field *f) { return f->id == ID_CONNECTION || f->id == ID_CONTENT_LENGTH || f->id == ID_CONTENT_TYPE; }

/* gb_push_response_fields: the reference lists the fields that it keeps apart first, whatever the limit. */
int gb_push_response_fields(lua_State *L, gb_vm *vm, gb_exchange *x, int max, int raw) {
    (void)vm;
    gb_field *f = gb_fields(x, &x->response);
    uint32_t n = x->response.n;
    int apart = 0, listed = 0, more = 0, connection = 0;
    lua_createtable(L, 0, n < 64 ? (int)n + 1 : 64);
    for (uint32_t i = 0; i < n; i++)
        if (!(f[i].flags & GB_FIELD_GONE) && built_in(&f[i])) {
            push_field(L, x, &f[i], raw);
            connection |= f[i].id == ID_CONNECTION;
            apart++;
        }
    if (!connection && !(x->bits & GB_BIT_HTTP2)) {
        lua_pushstring(L, raw ? "Connection" : "connection");
        gb_push_connection(L, x);
        lua_rawset(L, -3);
        apart++;
    }
    int room = max <= 0 ? INT32_MAX : max > apart ? max - apart : 1;
    for (uint32_t i = 0; i < n; i++) {
        if ((f[i].flags & GB_FIELD_GONE) || built_in(&f[i])) continue;
        if (listed == room) {
            more = 1;
            break;
        }
        push_field(L, x, &f[i], raw);
        listed++;
    }
    if (!raw) set_headers_meta(L);
    return more;
}

void gb_push_connection(lua_State *L, gb_exchange *x) {
    gb_field *f = gb_find_id(x, &x->response, ID_CONNECTION);
    if (f) {
        lua_pushlstring(L, gb_value(x, f), f->value.len);
        return;
    }
    gb_field *c = gb_find_id(x, &x->request, ID_CONNECTION);
    int keep = x->http_major > 1 || x->http_minor > 0;
    if (c && c->value.len == 5 && gb_equal(gb_value(x, c), "close", 5)) keep = 0;
    if (c && c->value.len == 10 && gb_equal(gb_value(x, c), "keep-alive", 10)) keep = 1;
    lua_pushstring(L, x->status == 101 ? "upgrade" : keep ? "keep-alive" : "close");
}

/* ---- setting ---- */

void gb_set_values(lua_State *L, gb_exchange *x, gb_head *h, const char *name, size_t nn, int i, int add, int blank) {
    size_t vn;
    if (!lua_istable(L, i)) {
        const char *v = gb_header_value(L, i, &vn, blank);
        int ok = add ? gb_add(x, h, name, nn, v, vn) : gb_set(x, h, name, nn, v, vn);
        if (!ok) gb_region_full(L);
        return;
    }
    int count = (int)lua_objlen(L, i);
    if (count == 0 && !add) gb_del(x, h, name, nn);
    for (int k = 1; k <= count; k++) {
        lua_rawgeti(L, i, k);
        const char *v = gb_header_value(L, lua_gettop(L), &vn, blank);
        int ok = add || k > 1 ? gb_add(x, h, name, nn, v, vn) : gb_set(x, h, name, nn, v, vn);
        lua_pop(L, 1);
        if (!ok) gb_region_full(L);
    }
}

/* native.set_limits(table): the settings that bound what header and argument functions read. */
static int set_limits(lua_State *L) {
    static const struct {
        const char *name;
        int *value;
    } limits[] = {{"lua_max_req_headers", &gb_max_req_headers},
                  {"lua_max_resp_headers", &gb_max_resp_headers},
                  {"lua_max_uri_args", &gb_max_uri_args},
                  {"lua_max_post_args", &gb_max_post_args},
                  {"lua_regex_match_limit", &gb_re_match_limit},
                  {"lua_regex_cache_max_entries", &gb_re_cache_max}};
    for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
        lua_getfield(L, 1, limits[i].name);
        if (lua_isnumber(L, -1)) *limits[i].value = (int)lua_tonumber(L, -1);
        lua_pop(L, 1);
    }
    lua_getfield(L, 1, "underscores_to_dashes");
    if (lua_isboolean(L, -1)) gb_underscores_to_dashes = lua_toboolean(L, -1);
    lua_pop(L, 1);
    return 0;
}

void gb_open_headers(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"set_limits", set_limits}, {NULL, NULL}};
    lua_pushlightuserdata(L, &headers_meta);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, headers_index);
    lua_setfield(L, -2, "__index");
    lua_rawset(L, LUA_REGISTRYINDEX);
    gb_register(L, vm, functions);
}
