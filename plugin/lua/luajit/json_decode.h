/* Lua values out of JSON: a part of api_json.c, which includes it once. */
#ifndef GB_JSON_DECODE_H
#define GB_JSON_DECODE_H

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

#endif
