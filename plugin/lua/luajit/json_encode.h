/* JSON out of Lua values: a part of api_json.c, which includes it once. */
#ifndef GB_JSON_ENCODE_H
#define GB_JSON_ENCODE_H

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

#endif
