/* Encodings of the ngx API: base64, percent escapes, query strings, SQL quoting. Pure functions, legal everywhere. */
#include <stdlib.h>
#include <string.h>

#include "api.h"

const char *gb_tostring(lua_State *L, int i, size_t *n) {
    switch (lua_type(L, i)) {
    case LUA_TSTRING: return lua_tolstring(L, i, n);
    case LUA_TNUMBER: return lua_tolstring(L, i, n);
    case LUA_TBOOLEAN: lua_pushstring(L, lua_toboolean(L, i) ? "true" : "false"); break;
    case LUA_TNONE:
    case LUA_TNIL: lua_pushliteral(L, "nil"); break;
    default:
        if (luaL_callmeta(L, i, "__tostring")) break;
        if (gb_isnull(L, i)) lua_pushliteral(L, "userdata: NULL");
        else lua_pushfstring(L, "%s: %p", luaL_typename(L, i), lua_topointer(L, i));
    }
    if (lua_isnone(L, i)) lua_settop(L, i);
    else lua_replace(L, i);
    return lua_tolstring(L, i, n);
}

/* ---- percent escapes ---- */

/* Bytes that stay as they are: bit 0 in a path, bit 2 in a query component (encodeURIComponent's set). */
static unsigned char plain[256];

__attribute__((constructor)) static void fill_plain(void) {
    for (int c = 33; c < 127; c++) {
        int alnum = (c >= '0' && c <= '9') || ((c | 32) >= 'a' && (c | 32) <= 'z');
        if (alnum || strchr("-_.~!*'()", c)) plain[c] |= 4;
        if (!strchr("%#?\"<>\\^`{|}", c)) plain[c] |= 1;
    }
}

size_t gb_escape(char *out, const char *s, size_t n, int kind) {
    static const char hex[] = "0123456789ABCDEF";
    unsigned char bit = kind == 2 ? 4 : 1;
    char *o = out;
    for (size_t i = 0; i < n; i++) {
        unsigned char c = (unsigned char)s[i];
        if (plain[c] & bit) {
            *o++ = (char)c;
            continue;
        }
        *o++ = '%';
        *o++ = hex[c >> 4];
        *o++ = hex[c & 15];
    }
    return (size_t)(o - out);
}

static int hex_value(int c) {
    if (c >= '0' && c <= '9') return c - '0';
    c |= 32;
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

size_t gb_unescape(char *out, const char *s, size_t n, int plus) {
    char *o = out;
    for (size_t i = 0; i < n; i++) {
        if (s[i] == '%' && i + 2 < n && hex_value((unsigned char)s[i + 1]) >= 0 && hex_value((unsigned char)s[i + 2]) >= 0) {
            *o++ = (char)(hex_value((unsigned char)s[i + 1]) << 4 | hex_value((unsigned char)s[i + 2]));
            i += 2;
        } else {
            *o++ = plus && s[i] == '+' ? ' ' : s[i];
        }
    }
    return (size_t)(o - out);
}

static char *scratch(lua_State *L, size_t n) {
    char *p = gb_scratch(gb_self(L), n ? n : 1);
    if (!p) luaL_error(L, "not enough memory");
    return p;
}

static int escape_uri(lua_State *L) {
    size_t n;
    const char *s = gb_tostring(L, 1, &n);
    int kind = lua_isnoneornil(L, 2) ? 2 : (int)luaL_checkinteger(L, 2);
    if (kind != 0 && kind != 2) return luaL_error(L, "\"type\" %d out of range", kind);
    char *out = scratch(L, 3 * n);
    lua_pushlstring(L, out, gb_escape(out, s, n, kind));
    return 1;
}

static int unescape_uri(lua_State *L) {
    size_t n;
    const char *s = gb_tostring(L, 1, &n);
    char *out = scratch(L, n);
    lua_pushlstring(L, out, gb_unescape(out, s, n, 1));
    return 1;
}

/* ---- query strings ---- */

int gb_push_args(lua_State *L, gb_vm *vm, const char *s, size_t n, int max) {
    char *buf = gb_scratch(vm, n + 1);
    if (!buf) luaL_error(L, "not enough memory");
    lua_newtable(L);
    int count = 0;
    size_t i = 0;
    while (i < n) {
        size_t end = i, eq = (size_t)-1;
        while (end < n && s[end] != '&') {
            if (s[end] == '=' && eq == (size_t)-1) eq = end;
            end++;
        }
        size_t name_end = eq == (size_t)-1 ? end : eq;
        if (name_end > i) { /* a pair without a name is dropped */
            if (max > 0 && count == max) return 1;
            count++;
            lua_pushlstring(L, buf, gb_unescape(buf, s + i, name_end - i, 1));
            lua_pushvalue(L, -1);
            lua_rawget(L, -3);
            if (eq == (size_t)-1) lua_pushboolean(L, 1);
            else lua_pushlstring(L, buf, gb_unescape(buf, s + eq + 1, end - eq - 1, 1));
            if (lua_isnil(L, -2)) { /* table name nil value */
                lua_remove(L, -2);
                lua_rawset(L, -3);
            } else if (lua_istable(L, -2)) {
                lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
                lua_pop(L, 2);
            } else {
                lua_createtable(L, 2, 0);
                lua_insert(L, -3); /* table name list old value */
                lua_rawseti(L, -3, 2);
                lua_rawseti(L, -2, 1);
                lua_rawset(L, -3);
            }
        }
        i = end + 1;
    }
    return 0;
}

/* native.decode_args(s, max): table, truncated */
static int decode_args(lua_State *L) {
    size_t n;
    const char *s = luaL_checklstring(L, 1, &n);
    int max = lua_isnoneornil(L, 2) ? 100 : (int)luaL_checkinteger(L, 2);
    int more = gb_push_args(L, gb_self(L), s, n, max);
    lua_pushboolean(L, more);
    return 2;
}


/* arg_kind says how a query argument is written: 0 not at all, 1 name=value, 2 the bare name. */
static int arg_kind(lua_State *L, int i) {
    switch (lua_type(L, i)) {
    case LUA_TSTRING:
    case LUA_TNUMBER: return 1;
    case LUA_TBOOLEAN: return lua_toboolean(L, i) ? 2 : 0;
    default: return luaL_error(L, "attempt to use %s as query arg value", luaL_typename(L, i));
    }
}

/* native.encode_pair(key, value): "k=v", "k" or nil for false; used by lib/ngx/args.lua. Escapes both. */
static int encode_pair(lua_State *L) {
    size_t kn, vn;
    const char *k = gb_tostring(L, 1, &kn);
    int kind = arg_kind(L, 2);
    if (kind == 0) {
        lua_pushnil(L);
        return 1;
    }
    if (kind == 2) {
        char *out = scratch(L, 3 * kn);
        lua_pushlstring(L, out, gb_escape(out, k, kn, 2));
        return 1;
    }
    const char *v = lua_tolstring(L, 2, &vn);
    char *out = scratch(L, 3 * (kn + vn) + 1);
    size_t at = gb_escape(out, k, kn, 2);
    out[at++] = '=';
    at += gb_escape(out + at, v, vn, 2);
    lua_pushlstring(L, out, at);
    return 1;
}

/* ---- base64 ---- */

static const char standard[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
static const char url_safe[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
static signed char value_of[2][256];

__attribute__((constructor)) static void fill_values(void) {
    memset(value_of, -1, sizeof value_of);
    for (int i = 0; i < 64; i++) {
        value_of[0][(unsigned char)standard[i]] = (signed char)i;
        value_of[1][(unsigned char)url_safe[i]] = (signed char)i;
    }
}

static size_t encode64(char *out, const unsigned char *s, size_t n, const char *alphabet, int pad) {
    char *o = out;
    for (; n >= 3; n -= 3, s += 3) {
        *o++ = alphabet[s[0] >> 2];
        *o++ = alphabet[(s[0] & 3) << 4 | s[1] >> 4];
        *o++ = alphabet[(s[1] & 15) << 2 | s[2] >> 6];
        *o++ = alphabet[s[2] & 63];
    }
    if (n) {
        *o++ = alphabet[s[0] >> 2];
        *o++ = alphabet[(s[0] & 3) << 4 | (n > 1 ? s[1] >> 4 : 0)];
        if (n > 1) *o++ = alphabet[(s[1] & 15) << 2];
        else if (pad) *o++ = '=';
        if (pad) *o++ = '=';
    }
    return (size_t)(o - out);
}

/* decode64 gives the length, or -1 for text that is not base64. lax skips foreign bytes (MIME). */
static long decode64(char *out, const unsigned char *s, size_t n, const signed char *values, int lax) {
    char *o = out;
    unsigned acc = 0;
    int bits = 0;
    size_t used = 0;
    for (size_t i = 0; i < n; i++) {
        int v = values[s[i]];
        if (v < 0) {
            if (s[i] == '=' && !lax) {
                n = i;
                break;
            }
            if (lax) continue;
            return -1;
        }
        used++;
        acc = acc << 6 | (unsigned)v;
        bits += 6;
        if (bits >= 8) {
            bits -= 8;
            *o++ = (char)(acc >> bits & 0xFF);
        }
    }
    if (used % 4 == 1 && !lax) return -1;
    return o - out;
}

static int encode_with(lua_State *L, const char *alphabet, int pad) {
    size_t n;
    const char *s;
    if (lua_isnil(L, 1)) s = "", n = 0; /* the reference takes nil for the empty string */
    else s = gb_tostring(L, 1, &n);
    char *out = scratch(L, n * 4 / 3 + 4);
    lua_pushlstring(L, out, encode64(out, (const unsigned char *)s, n, alphabet, pad));
    return 1;
}

static int encode_base64(lua_State *L) { return encode_with(L, standard, !lua_toboolean(L, 2)); }

static int decode_with(lua_State *L, const signed char *values, int lax) {
    size_t n;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "string argument only");
    const char *s = lua_tolstring(L, 1, &n);
    char *out = scratch(L, n);
    long len = decode64(out, (const unsigned char *)s, n, values, lax);
    if (len < 0) return 0;
    lua_pushlstring(L, out, (size_t)len);
    return 1;
}

static int decode_base64(lua_State *L) {
    int r = decode_with(L, value_of[0], 0);
    if (r == 0) lua_pushnil(L);
    return 1;
}

static int decode_base64mime(lua_State *L) {
    int r = decode_with(L, value_of[0], 1);
    if (r == 0) lua_pushnil(L);
    return 1;
}

static int encode_base64url(lua_State *L) {
    if (lua_type(L, 1) != LUA_TSTRING) {
        lua_pushnil(L);
        lua_pushliteral(L, "must provide a string");
        return 2;
    }
    return encode_with(L, url_safe, 0);
}

static int decode_base64url(lua_State *L) {
    if (lua_type(L, 1) != LUA_TSTRING) {
        lua_pushnil(L);
        lua_pushliteral(L, "must provide a string");
        return 2;
    }
    if (decode_with(L, value_of[1], 0)) return 1;
    lua_pushnil(L);
    lua_pushliteral(L, "invalid input");
    return 2;
}

/* ---- SQL ---- */

static int quote_sql_str(lua_State *L) {
    size_t n;
    const char *s = gb_tostring(L, 1, &n);
    char *out = scratch(L, 2 * n + 2), *o = out;
    *o++ = '\'';
    for (size_t i = 0; i < n; i++) {
        static const char from[] = "\n\r\t\b\032\"'\\", to[] = "nrtbZ\"'\\";
        const char *f = s[i] ? strchr(from, s[i]) : NULL;
        if (!s[i] || f) {
            *o++ = '\\';
            *o++ = f ? to[f - from] : '0';
        } else {
            *o++ = s[i];
        }
    }
    *o++ = '\'';
    lua_pushlstring(L, out, (size_t)(o - out));
    return 1;
}

void gb_open_codec(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"escape_uri", escape_uri},
                                         {"unescape_uri", unescape_uri},
                                         {"decode_args", decode_args},
                                         {"encode_pair", encode_pair},
                                         {"encode_base64", encode_base64},
                                         {"decode_base64", decode_base64},
                                         {"decode_base64mime", decode_base64mime},
                                         {"encode_base64url", encode_base64url},
                                         {"decode_base64url", decode_base64url},
                                         {"quote_sql_str", quote_sql_str},
                                         {NULL, NULL}};
    gb_register(L, vm, functions);
}
