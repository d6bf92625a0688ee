/* Regular expressions for ngx.re.*: PCRE2 with its JIT, a cache of compiled
 * patterns per VM and a limit on the work of one match, so that no pattern
 * stops a worker. Functions that call back into Lua (gmatch's iterator, gsub
 * with a function) are built on these in lib/ngx/re.lua, where they may yield. */
#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "pdk.h"

int gb_re_match_limit = 100000, gb_re_cache_max = 8192;
#define RE_META "gibbon.regex"

typedef struct {
    pcre2_code *code;
    pcre2_match_data *data;
    uint32_t captures, names, name_size;
    PCRE2_SPTR name_table;
    uint32_t match_options;
    int dfa;
} regex;

typedef struct {
    pcre2_match_context *context;
    pcre2_compile_context *compile;
    pcre2_jit_stack *stack;
    int cached, limit;
} re_state;

/* Upvalues of every function here: 1 the VM, 2 re_state, 3 the cache table. */
static re_state *state_of(lua_State *L) { return (re_state *)lua_touserdata(L, lua_upvalueindex(2)); }

static int regex_gc(lua_State *L) {
    regex *r = lua_touserdata(L, 1);
    if (r->data) pcre2_match_data_free(r->data);
    if (r->code) pcre2_code_free(r->code);
    r->data = NULL;
    r->code = NULL;
    return 0;
}

static int state_gc(lua_State *L) {
    re_state *s = lua_touserdata(L, 1);
    if (s->stack) pcre2_jit_stack_free(s->stack);
    if (s->context) pcre2_match_context_free(s->context);
    if (s->compile) pcre2_compile_context_free(s->compile);
    memset(s, 0, sizeof *s);
    return 0;
}

static uint32_t parse_options(lua_State *L, const char *o, size_t n, int *jit, int *dfa, uint32_t *match_options) {
    uint32_t f = 0;
    *jit = *dfa = 0;
    *match_options = 0;
    for (size_t i = 0; i < n; i++) {
        switch (o[i]) {
        case 'a': f |= PCRE2_ANCHORED; break;
        case 'd': *dfa = 1; break;
        case 'D': f |= PCRE2_DUPNAMES; break;
        case 'i': f |= PCRE2_CASELESS; break;
        case 'j': *jit = 1; break;
        case 'J': f |= PCRE2_ALT_BSUX | PCRE2_MATCH_UNSET_BACKREF; break;
        case 'm': f |= PCRE2_MULTILINE; break;
        case 'o': break;
        case 's': f |= PCRE2_DOTALL; break;
        case 'u': f |= PCRE2_UTF; break;
        case 'U':
            f |= PCRE2_UTF;
            *match_options |= PCRE2_NO_UTF_CHECK;
            break;
        case 'x': f |= PCRE2_EXTENDED; break;
        default: luaL_error(L, "unknown flag \"%c\" (flags \"%s\")", o[i], o);
        }
    }
    return f;
}

/* compile pushes a new regex userdata; on failure it pushes the error text and returns NULL. */
static regex *compile(lua_State *L, const char *p, size_t n, uint32_t flags, int jit) {
    regex *r = lua_newuserdata(L, sizeof *r);
    memset(r, 0, sizeof *r);
    luaL_getmetatable(L, RE_META);
    lua_setmetatable(L, -2);
    int code;
    PCRE2_SIZE at;
    re_state *st = state_of(L);
    r->code = pcre2_compile((PCRE2_SPTR)p, n, flags, &code, &at, st->compile);
    if (!r->code) {
        PCRE2_UCHAR text[160];
        pcre2_get_error_message(code, text, sizeof text);
        lua_pop(L, 1);
        if (at >= n) lua_pushfstring(L, "pcre2_compile() failed: %s in \"%s\"", (char *)text, p);
        else lua_pushfstring(L, "pcre2_compile() failed: %s in \"%s\" at \"%s\"", (char *)text, p, p + at);
        return NULL;
    }
    r->data = pcre2_match_data_create_from_pattern(r->code, NULL);
    if (!r->data) luaL_error(L, "no memory");
    pcre2_pattern_info(r->code, PCRE2_INFO_CAPTURECOUNT, &r->captures);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMECOUNT, &r->names);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMEENTRYSIZE, &r->name_size);
    pcre2_pattern_info(r->code, PCRE2_INFO_NAMETABLE, &r->name_table);
    /* A pattern that the JIT cannot take is interpreted. */
    if (jit) (void)pcre2_jit_compile(r->code, PCRE2_JIT_COMPLETE);
    return r;
}

/* get pushes the regex of the pattern and options at these stack places; NULL with an error text pushed. */
static regex *get(lua_State *L, int pattern, int options) {
    size_t n, on = 0;
    const char *o = "";
    if (!lua_isnoneornil(L, options)) o = luaL_checklstring(L, options, &on);
    luaL_checkany(L, pattern);
    const char *p = lua_tolstring(L, pattern, &n);
    if (!p) {
        p = gb_tostring(L, pattern, &n);
    }
    /* cache[options][pattern] saves building a key for each call */
    if (on) lua_pushvalue(L, options);
    else lua_pushliteral(L, "");
    lua_rawget(L, lua_upvalueindex(3));
    if (lua_istable(L, -1)) {
        lua_pushvalue(L, pattern);
        lua_rawget(L, -2);
        regex *r = lua_touserdata(L, -1);
        if (r) {
            lua_remove(L, -2);
            return r;
        }
        lua_pop(L, 1);
    } else {
        lua_pop(L, 1);
        lua_pushnil(L);
    }
    int jit, dfa;
    uint32_t match_options, flags = parse_options(L, o, on, &jit, &dfa, &match_options);
    regex *r = compile(L, p, n, flags, jit && !dfa);
    if (!r) {
        lua_remove(L, -2);
        return NULL;
    }
    r->dfa = dfa;
    r->match_options = match_options;
    re_state *st = state_of(L);
    if (st->cached >= gb_re_cache_max) {
        lua_pushnil(L);
        while (lua_next(L, lua_upvalueindex(3))) {
            lua_pop(L, 1);
            lua_pushvalue(L, -1);
            lua_pushnil(L);
            lua_rawset(L, lua_upvalueindex(3));
        }
        st->cached = 0;
        lua_pushnil(L);
        lua_replace(L, -3);
    }
    if (!lua_istable(L, -2)) {
        lua_newtable(L);
        lua_replace(L, -3);
        if (on) lua_pushvalue(L, options);
        else lua_pushliteral(L, "");
        lua_pushvalue(L, -3);
        lua_rawset(L, lua_upvalueindex(3));
    }
    lua_pushvalue(L, pattern);
    lua_pushvalue(L, -2);
    lua_rawset(L, -4);
    st->cached++;
    lua_remove(L, -2);
    return r;
}

/* subject gives the string at place i, converting other values as tostring does. */
static const char *subject(lua_State *L, int i, size_t *n) {
    return gb_tostring(L, i, n);
}

/* run matches once from offset; > 0 = matched, 0 = no match, < 0 = a PCRE2 error. */
static int run(lua_State *L, regex *r, const char *s, size_t n, size_t from, uint32_t extra) {
    re_state *st = state_of(L);
    int rc;
    if (st->limit != gb_re_match_limit) pcre2_set_match_limit(st->context, st->limit = gb_re_match_limit);
    if (r->dfa) {
        int workspace[512];
        rc = pcre2_dfa_match(r->code, (PCRE2_SPTR)s, n, from, r->match_options | extra, r->data, st->context, workspace, 512);
        if (rc == 0) rc = 1;
    } else {
        rc = pcre2_match(r->code, (PCRE2_SPTR)s, n, from, r->match_options | extra, r->data, st->context);
    }
    return rc == PCRE2_ERROR_NOMATCH ? 0 : rc;
}

static int match_error(lua_State *L, int rc) {
    lua_pushfstring(L, "pcre_exec() failed: %d", rc);
    return 1;
}

static void push_capture(lua_State *L, regex *r, const char *s, uint32_t i, int rc) {
    PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
    if ((int)i >= rc || v[2 * i] == PCRE2_UNSET) lua_pushboolean(L, 0);
    else lua_pushlstring(L, s + v[2 * i], v[2 * i + 1] - v[2 * i]);
}

/* set_names adds the named captures to the table on top. */
static void set_names(lua_State *L, regex *r, const char *s, int rc) {
    for (uint32_t i = 0; i < r->names; i++) {
        PCRE2_SPTR e = r->name_table + i * r->name_size;
        uint32_t group = (uint32_t)e[0] << 8 | e[1];
        const char *name = (const char *)e + 2;
        uint32_t options = 0;
        pcre2_pattern_info(r->code, PCRE2_INFO_ALLOPTIONS, &options);
        if (options & PCRE2_DUPNAMES) { /* every name holds a list of what matched */
            lua_getfield(L, -1, name);
            if (!lua_istable(L, -1)) {
                lua_pop(L, 1);
                lua_newtable(L);
                lua_pushvalue(L, -1);
                lua_setfield(L, -3, name);
            }
            push_capture(L, r, s, group, rc);
            if (lua_toboolean(L, -1)) lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
            else lua_pop(L, 1);
            lua_pop(L, 1);
            continue;
        }
        push_capture(L, r, s, group, rc);
        lua_setfield(L, -2, name);
    }
}

/* context_pos reads ctx.pos as an offset; -1 when it lies behind the subject. */
static long context_pos(lua_State *L, int ctx, size_t n) {
    if (!lua_istable(L, ctx)) {
        if (!lua_isnoneornil(L, ctx)) luaL_error(L, "bad ctx argument #4 to ? (table expected, got %s)", luaL_typename(L, ctx));
        return 0;
    }
    lua_getfield(L, ctx, "pos");
    long p = lua_isnil(L, -1) ? 1 : (long)lua_tonumber(L, -1);
    lua_pop(L, 1);
    if (p <= 0) return 0;
    if ((size_t)(p - 1) > n) return -1;
    return p - 1;
}

/* start does what match and find begin with: the compiled pattern is pushed and run. *out is run's result. */
static regex *start(lua_State *L, const char **s, size_t *n, int *out) {
    *s = subject(L, 1, n);
    regex *r = get(L, 2, 3);
    if (!r) return NULL;
    long from = context_pos(L, 4, *n);
    *out = from < 0 ? 0 : run(L, r, *s, *n, (size_t)from, 0);
    if (*out > 0 && lua_istable(L, 4)) {
        lua_pushnumber(L, (double)pcre2_get_ovector_pointer(r->data)[1] + 1);
        lua_setfield(L, 4, "pos");
    }
    return r;
}

/* ngx.re.match(subject, pattern, options, ctx, result) */
static int re_match(lua_State *L) {
    const char *s;
    size_t n;
    int rc;
    lua_settop(L, 5);
    regex *r = start(L, &s, &n, &rc);
    if (!r || rc < 0) {
        if (r) match_error(L, rc);
        lua_pushnil(L);
        lua_insert(L, -2);
        return 2;
    }
    if (rc == 0) {
        lua_pushnil(L);
        return 1;
    }
    if (lua_istable(L, 5)) lua_pushvalue(L, 5);
    else lua_createtable(L, (int)r->captures + 1, (int)r->names);
    for (uint32_t i = 0; i <= r->captures; i++) {
        push_capture(L, r, s, i, rc);
        lua_rawseti(L, -2, (int)i);
    }
    set_names(L, r, s, rc);
    return 1;
}

/* ngx.re.find(subject, pattern, options, ctx, nth) */
static int re_find(lua_State *L) {
    const char *s;
    size_t n;
    int rc;
    lua_settop(L, 5);
    regex *r = start(L, &s, &n, &rc);
    if (!r || rc < 0) {
        if (r) match_error(L, rc);
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushvalue(L, -3);
        return 3;
    }
    if (rc == 0) {
        lua_pushnil(L);
        return 1;
    }
    long nth = lua_isnil(L, 5) ? 0 : (long)luaL_checkinteger(L, 5);
    if (nth < 0 || nth > (long)r->captures) {
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushliteral(L, "nth out of bound");
        return 3;
    }
    PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
    if (nth >= rc || v[2 * nth] == PCRE2_UNSET) {
        lua_pushnil(L);
        lua_pushnil(L);
        return 2;
    }
    lua_pushnumber(L, (double)v[2 * nth] + 1);
    lua_pushnumber(L, (double)v[2 * nth + 1]);
    return 2;
}

/* native.re_step(subject, pattern, options, from): one match from byte offset
 * from on, for loops in Lua: captures, first, after; nil without one; nil, nil, nil, text on an error. */
static int re_step(lua_State *L) {
    size_t n;
    lua_settop(L, 4);
    const char *s = subject(L, 1, &n);
    regex *r = get(L, 2, 3);
    size_t from = (size_t)lua_tonumber(L, 4);
    int rc = 0;
    if (r && from <= n) rc = run(L, r, s, n, from, 0);
    if (!r || rc < 0) {
        if (r) match_error(L, rc);
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushvalue(L, -4);
        return 4;
    }
    if (rc == 0) {
        lua_pushnil(L);
        return 1;
    }
    lua_createtable(L, (int)r->captures + 1, (int)r->names);
    for (uint32_t i = 0; i <= r->captures; i++) {
        push_capture(L, r, s, i, rc);
        lua_rawseti(L, -2, (int)i);
    }
    set_names(L, r, s, rc);
    PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
    lua_pushnumber(L, (double)v[0]);
    lua_pushnumber(L, (double)v[1]);
    return 3;
}

/* template_part reads one $-reference at t: its group, and *used bytes. -1: invalid; -2: a literal '$'. */
static int template_part(const char *t, size_t n, size_t *used) {
    if (n < 2) return -1;
    if (t[1] == '$') {
        *used = 2;
        return -2;
    }
    size_t i = 1;
    int brace = t[1] == '{', v = 0;
    if (brace) i++;
    size_t digits = i;
    while (i < n && t[i] >= '0' && t[i] <= '9' && v < 1000) v = v * 10 + (t[i++] - '0');
    if (i == digits || (brace && (i >= n || t[i] != '}'))) return -1;
    *used = i + (size_t)brace;
    return v;
}

/* template_ok checks a replacement before anything is matched. */
static int template_ok(const char *t, size_t n) {
    for (size_t i = 0; i < n;) {
        size_t used = 1;
        if (t[i] == '$' && template_part(t + i, n - i, &used) == -1) return 0;
        i += used;
    }
    return 1;
}

static void add_template(luaL_Buffer *b, const char *t, size_t n, regex *r, const char *s, int rc) {
    PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
    for (size_t i = 0; i < n;) {
        size_t used = 1;
        if (t[i] != '$') {
            size_t j = i;
            while (j < n && t[j] != '$') j++;
            luaL_addlstring(b, t + i, j - i);
            i = j;
            continue;
        }
        int g = template_part(t + i, n - i, &used);
        if (g == -2) luaL_addchar(b, '$');
        else if (g < rc && v[2 * g] != PCRE2_UNSET) luaL_addlstring(b, s + v[2 * g], v[2 * g + 1] - v[2 * g]);
        i += used;
    }
}

/* replace serves ngx.re.sub and gsub with a replacement template:
 * (subject, pattern, template, options). */
static int replace(lua_State *L, int all) {
    size_t n, tn;
    lua_settop(L, 4);
    const char *s = subject(L, 1, &n);
    const char *t = subject(L, 3, &tn);
    regex *r = get(L, 2, 4);
    if (!r || !template_ok(t, tn)) {
        if (r) lua_pushliteral(L, "failed to compile the replacement template");
        lua_pushnil(L);
        lua_pushnil(L);
        lua_pushvalue(L, -3);
        return 3;
    }
    luaL_Buffer b;
    luaL_buffinit(L, &b);
    size_t from = 0, copied = 0;
    int count = 0;
    while (from <= n) {
        int rc = run(L, r, s, n, from, 0);
        if (rc < 0) {
            luaL_pushresult(&b);
            lua_pushnil(L);
            lua_pushnil(L);
            match_error(L, rc);
            return 3;
        }
        if (rc == 0) break;
        PCRE2_SIZE *v = pcre2_get_ovector_pointer(r->data);
        PCRE2_SIZE first = v[0], after = v[1];
        luaL_addlstring(&b, s + copied, first - copied);
        add_template(&b, t, tn, r, s, rc);
        copied = after;
        count++;
        if (!all) break;
        if (after > first) {
            from = after;
        } else { /* an empty match: go on one character further */
            from = after + 1;
            while (from < n && ((unsigned char)s[from] & 0xC0) == 0x80) from++;
        }
    }
    luaL_addlstring(&b, s + copied, n - copied);
    luaL_pushresult(&b);
    lua_pushinteger(L, count);
    return 2;
}

static int re_sub(lua_State *L) { return replace(L, 0); }
static int re_gsub(lua_State *L) { return replace(L, 1); }

void gb_open_re(lua_State *L, gb_vm *vm) {
    luaL_newmetatable(L, RE_META);
    lua_pushcfunction(L, regex_gc);
    lua_setfield(L, -2, "__gc");
    lua_pop(L, 1);
    re_state *s = lua_newuserdata(L, sizeof *s);
    memset(s, 0, sizeof *s);
    lua_createtable(L, 0, 1);
    lua_pushcfunction(L, state_gc);
    lua_setfield(L, -2, "__gc");
    lua_setmetatable(L, -2);
    s->context = pcre2_match_context_create(NULL);
    s->compile = pcre2_compile_context_create(NULL);
    s->stack = pcre2_jit_stack_create(32 * 1024, 1024 * 1024, NULL);
    if (!s->context || !s->compile || !s->stack) luaL_error(L, "no memory for regular expressions");
    pcre2_set_match_limit(s->context, s->limit = gb_re_match_limit);
    pcre2_set_heap_limit(s->context, 20000);
    pcre2_jit_stack_assign(s->context, NULL, s->stack);
    lua_newtable(L); /* the cache */
    static const luaL_Reg functions[] = {{"re_match", re_match}, {"re_find", re_find}, {"re_step", re_step},
                                         {"re_sub", re_sub},     {"re_gsub", re_gsub}, {NULL, NULL}};
    for (const luaL_Reg *f = functions; f->name; f++) {
        lua_pushlightuserdata(L, vm);
        lua_pushvalue(L, -3);
        lua_pushvalue(L, -3);
        lua_pushcclosure(L, f->func, 3);
        lua_setfield(L, -4, f->name);
    }
    lua_pop(L, 2);
}
