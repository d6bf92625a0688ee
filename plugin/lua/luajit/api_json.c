/* JSON for Lua: the functions of `cjson` and `cjson.safe`, and the private
 * instances that the PDK uses. An instance is a table whose closures share one
 * configuration userdata. Texts and limits are those that plugins match on
 * (golden/ngx/cjson-behaviour). */
#include <math.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lauxlib.h"
#include "lua.h"
#include "api.h"

#define JSON_MAX_DEPTH 1000
/* JSON_KEEP is how much of a grown buffer stays with its instance. */
#define JSON_KEEP (64 * 1024)

static char array_mt_key, empty_array_mt_key;
static char empty_array_mark; /* its address is cjson.empty_array */

typedef struct {
    int sparse_convert, sparse_ratio, sparse_safe;
    int encode_depth, decode_depth;
    int precision;
    int invalid_encode; /* 0 refuse, 1 as printed, 2 null */
    int invalid_decode;
    int empty_as_object, array_with_mt, escape_slash, skip_unsupported, keep_buffer;
    int safe; /* errors are returned, not thrown */
    char *buf;
    size_t len, cap;
} json_conf;

static json_conf *conf_of(lua_State *L) { return (json_conf *)lua_touserdata(L, lua_upvalueindex(1)); }

/* ---- output buffer ---- */

static void grow(lua_State *L, json_conf *c, size_t n) {
    size_t cap = c->cap ? c->cap : 512;
    while (cap - c->len < n) cap *= 2;
    char *p = realloc(c->buf, cap);
    if (!p) luaL_error(L, "not enough memory");
    c->buf = p;
    c->cap = cap;
}

static inline void need(lua_State *L, json_conf *c, size_t n) {
    if (c->cap - c->len < n) grow(L, c, n);
}

static void put(lua_State *L, json_conf *c, const char *s, size_t n) {
    need(L, c, n);
    memcpy(c->buf + c->len, s, n);
    c->len += n;
}

static inline void put1(lua_State *L, json_conf *c, char ch) {
    need(L, c, 1);
    c->buf[c->len++] = ch;
}

static void trim_buffer(json_conf *c) {
    if (c->cap > JSON_KEEP) {
        free(c->buf);
        c->buf = NULL;
        c->cap = 0;
    }
    c->len = 0;
}

/* ---- encoding ---- */

/* escapes: 0 = as it is, 'u' = \u00XX, otherwise the letter after a backslash. */
static const char escapes[256] = {
    [0] = 'u', [1] = 'u', [2] = 'u', [3] = 'u', [4] = 'u', [5] = 'u', [6] = 'u', [7] = 'u', ['\b'] = 'b', ['\t'] = 't', ['\n'] = 'n',
    [11] = 'u', ['\f'] = 'f', ['\r'] = 'r', [14] = 'u', [15] = 'u', [16] = 'u', [17] = 'u', [18] = 'u', [19] = 'u', [20] = 'u',
    [21] = 'u', [22] = 'u', [23] = 'u', [24] = 'u', [25] = 'u', [26] = 'u', [27] = 'u', [28] = 'u', [29] = 'u', [30] = 'u', [31] = 'u',
    ['"'] = '"', ['\\'] = '\\', ['/'] = '/', [127] = 'u'};

static void put_string(lua_State *L, json_conf *c, const char *s, size_t n) {
    if (n > (SIZE_MAX - 2) / 6) luaL_error(L, "string too long");
    need(L, c, n * 6 + 2);
    char *o = c->buf + c->len;
    *o++ = '"';
    for (size_t i = 0; i < n; i++) {
        unsigned char ch = (unsigned char)s[i];
        char e = escapes[ch];
        if (!e || (ch == '/' && !c->escape_slash)) {
            *o++ = (char)ch;
        } else if (e == 'u') {
            static const char hex[] = "0123456789abcdef";
            memcpy(o, "\\u00", 4);
            o[4] = hex[ch >> 4];
            o[5] = hex[ch & 15];
            o += 6;
        } else {
            *o++ = '\\';
            *o++ = e;
        }
    }
    *o++ = '"';
    c->len = (size_t)(o - c->buf);
}

static void fail_type(lua_State *L, json_conf *c, int index, const char *reason) {
    (void)c;
    luaL_error(L, "Cannot serialise %s: %s", lua_typename(L, lua_type(L, index)), reason);
}

static void put_number(lua_State *L, json_conf *c, int index) {
    double v = lua_tonumber(L, index);
    char text[64];
    int n;
    if (!isfinite(v)) {
        if (c->invalid_encode == 0) fail_type(L, c, index, "must not be NaN or Infinity");
        if (c->invalid_encode == 2) {
            put(L, c, "null", 4);
            return;
        }
        const char *t = isnan(v) ? "NaN" : v > 0 ? "Infinity" : "-Infinity";
        put(L, c, t, strlen(t));
        return;
    }
    /* Whole numbers that %g would print in full. */
    if (v == floor(v) && fabs(v) < 1e14 && c->precision >= 14 && !(v == 0 && signbit(v))) {
        n = snprintf(text, sizeof text, "%lld", (long long)v);
    } else {
        n = snprintf(text, sizeof text, "%.*g", c->precision, v);
    }
    put(L, c, text, (size_t)n);
}

/* array_length is the length of the table on top as an array, -1 if it is an object. */
static int array_length(lua_State *L, json_conf *c) {
    double max = 0;
    int items = 0;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        double k;
        if (lua_type(L, -2) != LUA_TNUMBER || (k = lua_tonumber(L, -2)) < 1 || k != floor(k)) {
            lua_pop(L, 2);
            return -1;
        }
        if (k > max) max = k;
        items++;
        lua_pop(L, 1);
    }
    if (c->sparse_ratio > 0 && max > (double)items * c->sparse_ratio && max > c->sparse_safe) {
        if (!c->sparse_convert) fail_type(L, c, -1, "excessively sparse array");
        return -1;
    }
    if (max > INT32_MAX) fail_type(L, c, -1, "excessively sparse array");
    return (int)max;
}

static int put_value(lua_State *L, json_conf *c, int depth);

static void put_array(lua_State *L, json_conf *c, int depth, int n) {
    put1(L, c, '[');
    int first = 1;
    for (int i = 1; i <= n; i++) {
        size_t at = c->len;
        if (!first) put1(L, c, ',');
        lua_rawgeti(L, -1, i);
        if (put_value(L, c, depth)) first = 0;
        else c->len = at;
        lua_pop(L, 1);
    }
    put1(L, c, ']');
}

static void put_object(lua_State *L, json_conf *c, int depth) {
    put1(L, c, '{');
    int first = 1;
    lua_pushnil(L);
    while (lua_next(L, -2)) {
        size_t at = c->len;
        if (!first) put1(L, c, ',');
        int kt = lua_type(L, -2);
        if (kt == LUA_TNUMBER) {
            put1(L, c, '"');
            put_number(L, c, -2);
            put(L, c, "\":", 2);
        } else if (kt == LUA_TSTRING) {
            size_t n;
            const char *s = lua_tolstring(L, -2, &n);
            put_string(L, c, s, n);
            put1(L, c, ':');
        } else {
            fail_type(L, c, -2, "table key must be a number or string");
        }
        if (put_value(L, c, depth)) first = 0;
        else c->len = at;
        lua_pop(L, 1);
    }
    put1(L, c, '}');
}

static void put_table(lua_State *L, json_conf *c, int depth) {
    if (++depth > c->encode_depth || !lua_checkstack(L, 6)) {
        luaL_error(L, "Cannot serialise, excessive nesting (%d)", depth);
    }
    int as_array = 0, empty_mt = 0;
    if (lua_getmetatable(L, -1)) {
        lua_pushlightuserdata(L, &array_mt_key);
        lua_rawget(L, LUA_REGISTRYINDEX);
        as_array = lua_rawequal(L, -1, -2);
        lua_pop(L, 1);
        if (!as_array) {
            lua_pushlightuserdata(L, &empty_array_mt_key);
            lua_rawget(L, LUA_REGISTRYINDEX);
            empty_mt = lua_rawequal(L, -1, -2);
            lua_pop(L, 1);
        }
        lua_pop(L, 1);
    }
    if (as_array) {
        int n = array_length(L, c);
        put_array(L, c, depth, n >= 0 ? n : (int)lua_objlen(L, -1));
        return;
    }
    int n = array_length(L, c);
    if (n > 0 || (n == 0 && (empty_mt || !c->empty_as_object))) put_array(L, c, depth, n);
    else put_object(L, c, depth);
}

/* put_value writes the value on top; 0 = it was skipped. */
static int put_value(lua_State *L, json_conf *c, int depth) {
    size_t n;
    const char *s;
    switch (lua_type(L, -1)) {
    case LUA_TSTRING:
        s = lua_tolstring(L, -1, &n);
        put_string(L, c, s, n);
        return 1;
    case LUA_TNUMBER: put_number(L, c, -1); return 1;
    case LUA_TBOOLEAN:
        if (lua_toboolean(L, -1)) put(L, c, "true", 4);
        else put(L, c, "false", 5);
        return 1;
    case LUA_TTABLE: put_table(L, c, depth); return 1;
    case LUA_TNIL: put(L, c, "null", 4); return 1;
    case LUA_TLIGHTUSERDATA:
        if (!lua_touserdata(L, -1)) {
            put(L, c, "null", 4);
            return 1;
        }
        if (lua_touserdata(L, -1) == &empty_array_mark) {
            put(L, c, "[]", 2);
            return 1;
        }
        /* fall through */
    default:
        if (c->skip_unsupported) return 0;
        fail_type(L, c, -1, "type not supported");
    }
    return 0;
}

static int json_encode(lua_State *L) {
    json_conf *c = conf_of(L);
    if (lua_gettop(L) != 1) return luaL_argerror(L, 1, "expected 1 argument");
    c->len = 0;
    put_value(L, c, 0);
    lua_pushlstring(L, c->buf ? c->buf : "", c->len);
    trim_buffer(c);
    return 1;
}

/* ---- decoding ---- */

enum token { OBJ_BEGIN, OBJ_END, ARR_BEGIN, ARR_END, STRING, NUMBER, TRUE_, FALSE_, NULL_, COLON, COMMA, END, ERROR_ };
static const char *const token_names[] = {"T_OBJ_BEGIN", "T_OBJ_END", "T_ARR_BEGIN", "T_ARR_END", "T_STRING", "T_NUMBER", "T_BOOLEAN",
                                          "T_BOOLEAN", "T_NULL", "T_COLON", "T_COMMA", "T_END", "T_ERROR"};

typedef struct {
    const char *s, *p, *end;
    json_conf *c;
    enum token kind;
    const char *at;    /* where the token, or its error, is */
    const char *error; /* of ERROR_ */
    double number;
    const char *str;
    size_t len;
    int depth;
} reader;

static void expected(lua_State *L, reader *r, const char *what) {
    luaL_error(L, "Expected %s but found %s at character %d", what, r->kind == ERROR_ ? r->error : token_names[r->kind],
               (int)(r->at - r->s) + 1);
}

static int hex4(const char *p, const char *end) {
    int v = 0;
    if (end - p < 4) return -1;
    for (int i = 0; i < 4; i++) {
        int ch = p[i], d;
        if (ch >= '0' && ch <= '9') d = ch - '0';
        else if ((ch | 32) >= 'a' && (ch | 32) <= 'f') d = (ch | 32) - 'a' + 10;
        else return -1;
        v = v << 4 | d;
    }
    return v;
}

static char *put_utf8(char *o, int v) {
    if (v < 0x80) {
        *o++ = (char)v;
    } else if (v < 0x800) {
        *o++ = (char)(0xC0 | v >> 6);
        *o++ = (char)(0x80 | (v & 63));
    } else if (v < 0x10000) {
        *o++ = (char)(0xE0 | v >> 12);
        *o++ = (char)(0x80 | (v >> 6 & 63));
        *o++ = (char)(0x80 | (v & 63));
    } else {
        *o++ = (char)(0xF0 | v >> 18);
        *o++ = (char)(0x80 | (v >> 12 & 63));
        *o++ = (char)(0x80 | (v >> 6 & 63));
        *o++ = (char)(0x80 | (v & 63));
    }
    return o;
}

static void token_error(reader *r, const char *at, const char *text) {
    r->kind = ERROR_;
    r->at = at;
    r->error = text;
}

/* read_escape decodes the escape at p into o; it returns what follows, NULL after token_error. */
static const char *read_escape(reader *r, const char *p, char **o) {
    if (p + 1 >= r->end) {
        token_error(r, r->end, "unexpected end of string");
        return NULL;
    }
    switch (p[1]) {
    case '"': *(*o)++ = '"'; return p + 2;
    case '\\': *(*o)++ = '\\'; return p + 2;
    case '/': *(*o)++ = '/'; return p + 2;
    case 'b': *(*o)++ = '\b'; return p + 2;
    case 'f': *(*o)++ = '\f'; return p + 2;
    case 'n': *(*o)++ = '\n'; return p + 2;
    case 'r': *(*o)++ = '\r'; return p + 2;
    case 't': *(*o)++ = '\t'; return p + 2;
    case 'u': break;
    default: token_error(r, p, "invalid escape code"); return NULL;
    }
    int v = hex4(p + 2, r->end), low;
    const char *next = p + 6;
    if (v < 0 || (v >= 0xDC00 && v <= 0xDFFF)) goto bad;
    if (v >= 0xD800 && v <= 0xDBFF) {
        if (r->end - next < 6 || next[0] != '\\' || next[1] != 'u') goto bad;
        low = hex4(next + 2, r->end);
        if (low < 0xDC00 || low > 0xDFFF) goto bad;
        v = 0x10000 + ((v - 0xD800) << 10) + (low - 0xDC00);
        next += 6;
    }
    *o = put_utf8(*o, v);
    return next;
bad:
    token_error(r, p, "invalid unicode escape code");
    return NULL;
}

static void read_string(lua_State *L, reader *r) {
    const char *p = r->p + 1, *start = p;
    while (p < r->end && *p != '"' && *p != '\\') p++;
    r->at = r->p;
    if (p < r->end && *p == '"') {
        r->kind = STRING;
        r->str = start;
        r->len = (size_t)(p - start);
        r->p = p + 1;
        return;
    }
    json_conf *c = r->c;
    c->len = 0;
    need(L, c, (size_t)(r->end - start) + 4);
    char *o = c->buf;
    memcpy(o, start, (size_t)(p - start));
    o += p - start;
    while (p < r->end && *p != '"') {
        if (*p != '\\') {
            *o++ = *p++;
            continue;
        }
        p = read_escape(r, p, &o);
        if (!p) return;
    }
    if (p >= r->end) {
        token_error(r, r->end, "unexpected end of string");
        return;
    }
    r->kind = STRING;
    r->str = c->buf;
    r->len = (size_t)(o - c->buf);
    r->p = p + 1;
}

static void read_number(reader *r) {
    const char *p = r->p, *q = p;
    r->at = p;
    if (*q == '-') q++;
    const char *digits = q;
    int64_t v = 0;
    while (q < r->end && *q >= '0' && *q <= '9' && q - digits < 15) v = v * 10 + (*q++ - '0');
    if (q > digits && (*q < '0' || *q > '9') && *q != '.' && (*q | 32) != 'e' && (*q | 32) != 'x' && !(v == 0 && *p == '-')) {
        if (!r->c->invalid_decode && q - digits > 1 && *digits == '0') {
            token_error(r, p, "invalid number");
            return;
        }
        r->number = (double)(*p == '-' ? -v : v);
        r->kind = NUMBER;
        r->p = q;
        return;
    }
    if (!r->c->invalid_decode && (*digits < '0' || *digits > '9' || (*digits == '0' && (digits[1] | 32) == 'x'))) {
        token_error(r, p, "invalid number");
        return;
    }
    char *after;
    double d = strtod(p, &after); /* a Lua string ends with a NUL byte */
    if (after == p) {
        token_error(r, p, "invalid number");
        return;
    }
    r->number = d;
    r->kind = NUMBER;
    r->p = after;
}

static int word(reader *r, const char *w, size_t n, enum token kind) {
    if ((size_t)(r->end - r->p) < n || memcmp(r->p, w, n) != 0) return 0;
    r->kind = kind;
    r->p += n;
    return 1;
}

static void next_token(lua_State *L, reader *r) {
    while (r->p < r->end && (*r->p == ' ' || *r->p == '\n' || *r->p == '\t' || *r->p == '\r')) r->p++;
    r->at = r->p;
    if (r->p >= r->end) {
        r->kind = END;
        return;
    }
    switch (*r->p) {
    case '{': r->kind = OBJ_BEGIN; break;
    case '}': r->kind = OBJ_END; break;
    case '[': r->kind = ARR_BEGIN; break;
    case ']': r->kind = ARR_END; break;
    case ':': r->kind = COLON; break;
    case ',': r->kind = COMMA; break;
    case '"': read_string(L, r); return;
    case 't':
        if (word(r, "true", 4, TRUE_)) return;
        goto invalid;
    case 'f':
        if (word(r, "false", 5, FALSE_)) return;
        goto invalid;
    case 'n':
        if (word(r, "null", 4, NULL_)) return;
        /* fall through */
    case 'N': case 'i': case 'I':
        if (r->c->invalid_decode && (strncasecmp(r->p, "nan", 3) == 0 || strncasecmp(r->p, "inf", 3) == 0)) {
            read_number(r);
            return;
        }
        goto invalid;
    case '-': case '0': case '1': case '2': case '3': case '4': case '5': case '6': case '7': case '8': case '9':
        read_number(r);
        return;
    default: goto invalid;
    }
    r->p++;
    return;
invalid:
    token_error(r, r->p, "invalid token");
}

static void push_value(lua_State *L, reader *r);

static void descend(lua_State *L, reader *r) {
    if (++r->depth > r->c->decode_depth || !lua_checkstack(L, 6)) {
        luaL_error(L, "Found too many nested data structures (%d) at character %d", r->depth, (int)(r->at - r->s) + 1);
    }
}

static void push_object(lua_State *L, reader *r) {
    descend(L, r);
    lua_newtable(L);
    next_token(L, r);
    if (r->kind == OBJ_END) {
        r->depth--;
        return;
    }
    for (;;) {
        if (r->kind != STRING) expected(L, r, "object key string");
        lua_pushlstring(L, r->str, r->len);
        next_token(L, r);
        if (r->kind != COLON) expected(L, r, "colon");
        next_token(L, r);
        push_value(L, r);
        lua_rawset(L, -3);
        next_token(L, r);
        if (r->kind == OBJ_END) break;
        if (r->kind != COMMA) expected(L, r, "comma or object end");
        next_token(L, r);
    }
    r->depth--;
}

static void push_array(lua_State *L, reader *r) {
    descend(L, r);
    lua_newtable(L);
    if (r->c->array_with_mt) {
        lua_pushlightuserdata(L, &array_mt_key);
        lua_rawget(L, LUA_REGISTRYINDEX);
        lua_setmetatable(L, -2);
    }
    next_token(L, r);
    if (r->kind == ARR_END) {
        r->depth--;
        return;
    }
    for (int i = 1;; i++) {
        push_value(L, r);
        lua_rawseti(L, -2, i);
        next_token(L, r);
        if (r->kind == ARR_END) break;
        if (r->kind != COMMA) expected(L, r, "comma or array end");
        next_token(L, r);
    }
    r->depth--;
}

static void push_value(lua_State *L, reader *r) {
    switch (r->kind) {
    case STRING: lua_pushlstring(L, r->str, r->len); return;
    case NUMBER: lua_pushnumber(L, r->number); return;
    case TRUE_: lua_pushboolean(L, 1); return;
    case FALSE_: lua_pushboolean(L, 0); return;
    case NULL_: lua_pushlightuserdata(L, NULL); return;
    case OBJ_BEGIN: push_object(L, r); return;
    case ARR_BEGIN: push_array(L, r); return;
    default: expected(L, r, "value");
    }
}

static int json_decode(lua_State *L) {
    reader r = {0};
    size_t n;
    if (lua_gettop(L) != 1) return luaL_argerror(L, 1, "expected 1 argument");
    int t = lua_type(L, 1);
    if (t != LUA_TSTRING && t != LUA_TNUMBER) {
        return luaL_error(L, "bad argument #1 to '?' (string expected, got %s)", t == LUA_TNONE ? "no value" : lua_typename(L, t));
    }
    r.s = r.p = lua_tolstring(L, 1, &n);
    r.end = r.s + n;
    r.c = conf_of(L);
    if (n >= 2 && (!r.s[0] || !r.s[1])) return luaL_error(L, "JSON parser does not support UTF-16 or UTF-32");
    next_token(L, &r);
    push_value(L, &r);
    next_token(L, &r);
    if (r.kind != END) expected(L, &r, "the end");
    trim_buffer(r.c);
    return 1;
}

/* protected runs the C function in upvalue 2 and returns nil, text where it throws. */
static int json_protected(lua_State *L) {
    int n = lua_gettop(L);
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    if (lua_pcall(L, n, LUA_MULTRET, 0) == 0) return lua_gettop(L);
    lua_pushnil(L);
    lua_insert(L, -2);
    return 2;
}

/* ---- configuration ---- */

static int int_option(lua_State *L, int *field, int min, int max) {
    if (!lua_isnoneornil(L, 1)) {
        int v = (int)luaL_checkinteger(L, 1);
        if (v < min || v > max) {
            return luaL_argerror(L, 1, lua_pushfstring(L, "expected integer between %d and %d", min, max));
        }
        *field = v;
    }
    lua_pushinteger(L, *field);
    return 1;
}

static int bool_option(lua_State *L, int *field) {
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TBOOLEAN);
        *field = lua_toboolean(L, 1);
    }
    lua_pushboolean(L, *field);
    return 1;
}

static int invalid_option(lua_State *L, int *field, int with_null) {
    if (!lua_isnoneornil(L, 1)) {
        if (with_null && lua_type(L, 1) == LUA_TSTRING) {
            if (strcmp(lua_tostring(L, 1), "null") != 0) return luaL_argerror(L, 1, "invalid option");
            *field = 2;
        } else {
            luaL_checktype(L, 1, LUA_TBOOLEAN);
            *field = lua_toboolean(L, 1);
        }
    }
    if (*field == 2) lua_pushliteral(L, "null");
    else lua_pushboolean(L, *field);
    return 1;
}

static int json_max_depth(lua_State *L) { return int_option(L, &conf_of(L)->encode_depth, 1, INT32_MAX); }
static int json_decode_max_depth(lua_State *L) { return int_option(L, &conf_of(L)->decode_depth, 1, INT32_MAX); }
static int json_precision(lua_State *L) { return int_option(L, &conf_of(L)->precision, 1, 16); }
static int json_keep_buffer(lua_State *L) { return bool_option(L, &conf_of(L)->keep_buffer); }
static int json_invalid_encode(lua_State *L) { return invalid_option(L, &conf_of(L)->invalid_encode, 1); }
static int json_invalid_decode(lua_State *L) { return invalid_option(L, &conf_of(L)->invalid_decode, 0); }
static int json_empty_as_object(lua_State *L) { return bool_option(L, &conf_of(L)->empty_as_object); }
static int json_array_with_mt(lua_State *L) { return bool_option(L, &conf_of(L)->array_with_mt); }
static int json_escape_slash(lua_State *L) { return bool_option(L, &conf_of(L)->escape_slash); }
static int json_skip_unsupported(lua_State *L) { return bool_option(L, &conf_of(L)->skip_unsupported); }

static int json_sparse(lua_State *L) {
    json_conf *c = conf_of(L);
    if (!lua_isnoneornil(L, 1)) {
        luaL_checktype(L, 1, LUA_TBOOLEAN);
        c->sparse_convert = lua_toboolean(L, 1);
    }
    if (!lua_isnoneornil(L, 2)) c->sparse_ratio = (int)luaL_checkinteger(L, 2);
    if (!lua_isnoneornil(L, 3)) c->sparse_safe = (int)luaL_checkinteger(L, 3);
    lua_pushboolean(L, c->sparse_convert);
    lua_pushinteger(L, c->sparse_ratio);
    lua_pushinteger(L, c->sparse_safe);
    return 3;
}

static int json_gc(lua_State *L) {
    json_conf *c = lua_touserdata(L, 1);
    free(c->buf);
    c->buf = NULL;
    return 0;
}

static void push_instance(lua_State *L, int safe);

static int json_new(lua_State *L) {
    push_instance(L, conf_of(L)->safe);
    return 1;
}

static void method(lua_State *L, const char *name, lua_CFunction f, int wrap) {
    lua_pushvalue(L, -1); /* stack: table, conf, conf */
    lua_pushcclosure(L, f, 1);
    if (wrap) {
        lua_pushvalue(L, -2);
        lua_insert(L, -2);
        lua_pushcclosure(L, json_protected, 2);
    }
    lua_setfield(L, -3, name);
}

static void push_mt(lua_State *L, char *key) {
    lua_pushlightuserdata(L, key);
    lua_rawget(L, LUA_REGISTRYINDEX);
}

static void push_instance(lua_State *L, int safe) {
    lua_newtable(L);
    json_conf *c = lua_newuserdata(L, sizeof *c);
    memset(c, 0, sizeof *c);
    c->sparse_ratio = 2;
    c->sparse_safe = 10;
    c->encode_depth = c->decode_depth = JSON_MAX_DEPTH;
    c->precision = 14;
    c->invalid_decode = c->empty_as_object = c->keep_buffer = 1;
    c->safe = safe;
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, json_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    method(L, "encode", json_encode, safe);
    method(L, "decode", json_decode, safe);
    method(L, "new", json_new, 0);
    method(L, "encode_sparse_array", json_sparse, 0);
    method(L, "encode_max_depth", json_max_depth, 0);
    method(L, "decode_max_depth", json_decode_max_depth, 0);
    method(L, "encode_number_precision", json_precision, 0);
    method(L, "encode_keep_buffer", json_keep_buffer, 0);
    method(L, "encode_invalid_numbers", json_invalid_encode, 0);
    method(L, "decode_invalid_numbers", json_invalid_decode, 0);
    method(L, "encode_empty_table_as_object", json_empty_as_object, 0);
    method(L, "decode_array_with_array_mt", json_array_with_mt, 0);
    method(L, "encode_escape_forward_slash", json_escape_slash, 0);
    method(L, "encode_skip_unsupported_value_types", json_skip_unsupported, 0);
    lua_pop(L, 1);
    lua_pushlightuserdata(L, NULL);
    lua_setfield(L, -2, "null");
    push_mt(L, &array_mt_key);
    lua_setfield(L, -2, "array_mt");
    push_mt(L, &empty_array_mt_key);
    lua_setfield(L, -2, "empty_array_mt");
    lua_pushlightuserdata(L, &empty_array_mark);
    lua_setfield(L, -2, "empty_array");
    lua_pushliteral(L, "cjson");
    lua_setfield(L, -2, "_NAME");
    lua_pushliteral(L, "2.1.0.14");
    lua_setfield(L, -2, "_VERSION");
}

/* native.json(safe) makes an instance. */
static int json_make(lua_State *L) {
    push_instance(L, lua_toboolean(L, 1));
    return 1;
}

static void ensure_mt(lua_State *L, char *key) {
    lua_pushlightuserdata(L, key);
    lua_newtable(L);
    lua_rawset(L, LUA_REGISTRYINDEX);
}

void gb_open_json(lua_State *L, gb_vm *vm) {
    (void)vm;
    ensure_mt(L, &array_mt_key);
    ensure_mt(L, &empty_array_mt_key);
    lua_pushcfunction(L, json_make);
    lua_setfield(L, -2, "json");
}

void gb_push_array_mt(lua_State *L) { push_mt(L, &array_mt_key); }
