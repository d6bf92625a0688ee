/* ngx.shared.DICT: the methods of the table that native.shdict(name) returns. Checks and results are those of the
 * reference (golden/ngx/shared-dictionary). */
#include <stdlib.h>
#include <string.h>

#include "api.h"
#include "shdict.h"

#define SHDICT_META "gibbon.shdict"
#define MAX_KEY 65535

/* self is the dictionary of the method's first argument. */
static gb_shdict *self(lua_State *L) {
    if (lua_istable(L, 1)) {
        lua_rawgeti(L, 1, 1);
        gb_shdict **d = lua_touserdata(L, -1);
        if (d && lua_getmetatable(L, -1)) {
            luaL_getmetatable(L, SHDICT_META);
            int ok = lua_rawequal(L, -1, -2);
            lua_pop(L, 3);
            if (ok) return *d;
        }
    }
    luaL_error(L, "bad \"zone\" argument");
    return NULL;
}

/* key gives the key's bytes, or NULL with nil and a text pushed (return 2 then). */
static const char *key(lua_State *L, size_t *n) {
    if (lua_isnoneornil(L, 2)) {
        lua_pushnil(L);
        lua_pushliteral(L, "nil key");
        return NULL;
    }
    const char *k = gb_tostring(L, 2, n);
    if (*n == 0 || *n > MAX_KEY) {
        lua_pushnil(L);
        lua_pushstring(L, *n == 0 ? "empty key" : "key too long");
        return NULL;
    }
    return k;
}

static int64_t ttl_arg(lua_State *L, int i, const char *name) {
    if (lua_isnoneornil(L, i)) return 0;
    double s = lua_tonumber(L, i);
    if (!lua_isnumber(L, i) || s < 0) luaL_error(L, "bad \"%s\" argument", name);
    return s > 0 && s < 0.001 ? 1 : (int64_t)(s * 1000);
}

/* value reads what is to be stored; 0 for a type that cannot be. */
static int value(lua_State *L, int i, gb_shvalue *v) {
    memset(v, 0, sizeof *v);
    switch (lua_type(L, i)) {
    case LUA_TNIL:
    case LUA_TNONE: v->type = GB_SH_NIL; return 1;
    case LUA_TBOOLEAN:
        v->type = GB_SH_BOOL;
        v->number = lua_toboolean(L, i);
        return 1;
    case LUA_TNUMBER:
        v->type = GB_SH_NUMBER;
        v->number = lua_tonumber(L, i);
        return 1;
    case LUA_TSTRING:
        v->type = GB_SH_STRING;
        v->data = (char *)lua_tolstring(L, i, &v->len);
        return 1;
    default: return 0;
    }
}

static int push_pair_value(lua_State *L) { /* protected: upvalues are none, 1 a gb_shvalue */
    gb_shvalue *v = lua_touserdata(L, 1);
    lua_pushlstring(L, v->data, v->len);
    return 1;
}

static void push_value(lua_State *L, gb_shvalue *v) {
    if (v->type == GB_SH_BOOL) {
        lua_pushboolean(L, v->number != 0);
    } else if (v->type == GB_SH_NUMBER) {
        lua_pushnumber(L, v->number);
    } else {
        /* out of memory must not lose the copy */
        lua_pushcfunction(L, push_pair_value);
        lua_pushlightuserdata(L, v);
        int rc = lua_pcall(L, 1, 1, 0);
        free(v->data);
        if (rc) lua_error(L);
    }
}

static int nil_text(lua_State *L, const char *text) {
    lua_pushnil(L);
    lua_pushstring(L, text);
    return 2;
}

static const char *const texts[] = {"", "exists", "not found", "no memory", "not a number", "value is a list", "value not a list"};

static int store(lua_State *L, int mode, int safe) {
    gb_shdict *d = self(L);
    size_t kn;
    gb_shvalue v;
    int forced;
    const char *k = key(L, &kn);
    if (!k) return 2;
    if (!value(L, 3, &v)) return nil_text(L, "bad value type");
    if (v.type == GB_SH_NIL && mode != GB_SH_SET) return nil_text(L, "attempt to add or replace nil values");
    int64_t ttl = ttl_arg(L, 4, "exptime");
    if (!lua_isnoneornil(L, 5)) v.flags = (uint32_t)luaL_checknumber(L, 5);
    int r = gb_shdict_store(d, k, kn, &v, ttl, mode, safe, &forced);
    if (r == GB_SH_OK) {
        lua_pushboolean(L, 1);
        lua_pushnil(L);
    } else {
        if (r == GB_SH_NOMEM) lua_pushnil(L);
        else lua_pushboolean(L, 0);
        lua_pushstring(L, texts[r]);
    }
    if (safe) return 2;
    lua_pushboolean(L, forced);
    return 3;
}

static int sh_set(lua_State *L) { return store(L, GB_SH_SET, 0); }
static int sh_safe_set(lua_State *L) { return store(L, GB_SH_SET, 1); }
static int sh_add(lua_State *L) { return store(L, GB_SH_ADD, 0); }
static int sh_safe_add(lua_State *L) { return store(L, GB_SH_ADD, 1); }
static int sh_replace(lua_State *L) { return store(L, GB_SH_REPLACE, 0); }

static int sh_delete(lua_State *L) {
    lua_settop(L, 2);
    return store(L, GB_SH_SET, 0);
}

static int get(lua_State *L, int stale) {
    gb_shdict *d = self(L);
    size_t kn;
    gb_shvalue v = {0};
    int old;
    const char *k = key(L, &kn);
    if (!k) return 2;
    int r = gb_shdict_get(d, k, kn, stale, &v, &old);
    if (r == GB_SH_MISSING) {
        lua_pushnil(L);
        return 1;
    }
    if (r != GB_SH_OK) return nil_text(L, texts[r]);
    push_value(L, &v);
    if (v.flags) lua_pushnumber(L, v.flags);
    else if (stale) lua_pushnil(L);
    else return 1;
    if (!stale) return 2;
    lua_pushboolean(L, old);
    return 3;
}

static int sh_get(lua_State *L) { return get(L, 0); }
static int sh_get_stale(lua_State *L) { return get(L, 1); }

static int sh_incr(lua_State *L) {
    gb_shdict *d = self(L);
    size_t kn;
    double out = 0;
    int forced;
    const char *k = key(L, &kn);
    if (!k) return 2;
    double by = luaL_checknumber(L, 3);
    int has_init = !lua_isnoneornil(L, 4);
    double init = has_init ? luaL_checknumber(L, 4) : 0;
    if (!has_init && !lua_isnoneornil(L, 5)) return luaL_error(L, "must provide \"init\" when providing \"init_ttl\"");
    int64_t ttl = ttl_arg(L, 5, "init_ttl");
    int r = gb_shdict_incr(d, k, kn, by, has_init, init, ttl, &out, &forced);
    if (r != GB_SH_OK) return nil_text(L, texts[r]);
    lua_pushnumber(L, out);
    if (!has_init) return 1;
    lua_pushnil(L);
    lua_pushboolean(L, forced);
    return 3;
}

static int sh_ttl(lua_State *L) {
    gb_shdict *d = self(L);
    size_t kn;
    int64_t ms;
    const char *k = key(L, &kn);
    if (!k) return 2;
    int r = gb_shdict_ttl(d, k, kn, &ms);
    if (r != GB_SH_OK) return nil_text(L, texts[r]);
    lua_pushnumber(L, (double)ms / 1000);
    return 1;
}

static int sh_expire(lua_State *L) {
    gb_shdict *d = self(L);
    size_t kn;
    const char *k = key(L, &kn);
    if (!k) return 2;
    if (lua_isnoneornil(L, 3)) return luaL_error(L, "bad \"exptime\" argument");
    int r = gb_shdict_expire(d, k, kn, ttl_arg(L, 3, "exptime"));
    if (r != GB_SH_OK) return nil_text(L, texts[r]);
    lua_pushboolean(L, 1);
    return 1;
}

static int push_list(lua_State *L, int left) {
    gb_shdict *d = self(L);
    size_t kn, len = 0;
    gb_shvalue v;
    const char *k = key(L, &kn);
    if (!k) return 2;
    if (!value(L, 3, &v) || v.type == GB_SH_NIL || v.type == GB_SH_BOOL) return nil_text(L, "bad value type");
    int r = gb_shdict_push(d, k, kn, &v, left, &len);
    if (r != GB_SH_OK) return nil_text(L, texts[r]);
    lua_pushnumber(L, (double)len);
    return 1;
}

static int sh_lpush(lua_State *L) { return push_list(L, 1); }
static int sh_rpush(lua_State *L) { return push_list(L, 0); }

static int pop_list(lua_State *L, int left) {
    gb_shdict *d = self(L);
    size_t kn;
    gb_shvalue v = {0};
    const char *k = key(L, &kn);
    if (!k) return 2;
    int r = gb_shdict_pop(d, k, kn, left, &v);
    if (r == GB_SH_MISSING) {
        lua_pushnil(L);
        return 1;
    }
    if (r != GB_SH_OK) return nil_text(L, texts[r]);
    push_value(L, &v);
    return 1;
}

static int sh_lpop(lua_State *L) { return pop_list(L, 1); }
static int sh_rpop(lua_State *L) { return pop_list(L, 0); }

static int sh_llen(lua_State *L) {
    gb_shdict *d = self(L);
    size_t kn, len;
    const char *k = key(L, &kn);
    if (!k) return 2;
    int r = gb_shdict_llen(d, k, kn, &len);
    if (r != GB_SH_OK) return nil_text(L, texts[r]);
    lua_pushnumber(L, (double)len);
    return 1;
}

static int sh_flush_all(lua_State *L) {
    gb_shdict_flush_all(self(L));
    return 0;
}

static int sh_flush_expired(lua_State *L) {
    gb_shdict *d = self(L);
    double max = lua_isnoneornil(L, 2) ? 0 : luaL_checknumber(L, 2);
    lua_pushnumber(L, (double)gb_shdict_flush_expired(d, max > 0 ? (size_t)max : 0));
    return 1;
}

static int push_keys(lua_State *L) { /* protected: 1 the block, 2 how many */
    const char *p = lua_touserdata(L, 1);
    int n = (int)lua_tonumber(L, 2);
    lua_createtable(L, n, 0);
    for (int i = 1; i <= n; i++) {
        uint32_t len;
        memcpy(&len, p, 4);
        lua_pushlstring(L, p + 4, len);
        lua_rawseti(L, -2, i);
        p += 4 + len;
    }
    return 1;
}

static int sh_get_keys(lua_State *L) {
    gb_shdict *d = self(L);
    double max = lua_isnoneornil(L, 2) ? 1024 : luaL_checknumber(L, 2);
    if (max < 0) return luaL_error(L, "bad \"max_count\" argument");
    size_t n;
    lua_pushcfunction(L, push_keys);
    char *block = gb_shdict_keys(d, (size_t)max, &n);
    if (!block) return luaL_error(L, "no memory");
    lua_pushlightuserdata(L, block);
    lua_pushnumber(L, (double)n);
    int rc = lua_pcall(L, 2, 1, 0);
    free(block);
    if (rc) return lua_error(L);
    return 1;
}

static int sh_capacity(lua_State *L) {
    lua_pushnumber(L, (double)gb_shdict_capacity(self(L)));
    return 1;
}

static int sh_free_space(lua_State *L) {
    lua_pushnumber(L, (double)gb_shdict_free_space(self(L)));
    return 1;
}

/* native.shdict(name): the dictionary's table, nil if there is none of that name. Its methods stand in the metatable. */
static int shdict(lua_State *L) {
    gb_shdict *d = gb_shdict_find(luaL_checkstring(L, 1));
    if (!d) return 0;
    lua_createtable(L, 1, 0);
    gb_shdict **u = lua_newuserdata(L, sizeof *u);
    *u = d;
    luaL_getmetatable(L, SHDICT_META);
    lua_pushvalue(L, -1);
    lua_setmetatable(L, -3);
    lua_insert(L, -2);
    lua_rawseti(L, -3, 1);
    lua_setmetatable(L, -2);
    return 1;
}

static void add_name(const char *name, void *arg) {
    lua_State *L = arg;
    lua_pushstring(L, name);
    lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
}

/* native.shdict_names(): the declared names. */
static int shdict_names(lua_State *L) {
    lua_newtable(L);
    gb_shdict_each(add_name, L);
    return 1;
}

void gb_open_shdict(lua_State *L, gb_vm *vm) {
    static const luaL_Reg methods[] = {{"get", sh_get},
                                       {"get_stale", sh_get_stale},
                                       {"set", sh_set},
                                       {"safe_set", sh_safe_set},
                                       {"add", sh_add},
                                       {"safe_add", sh_safe_add},
                                       {"replace", sh_replace},
                                       {"delete", sh_delete},
                                       {"incr", sh_incr},
                                       {"ttl", sh_ttl},
                                       {"expire", sh_expire},
                                       {"lpush", sh_lpush},
                                       {"rpush", sh_rpush},
                                       {"lpop", sh_lpop},
                                       {"rpop", sh_rpop},
                                       {"llen", sh_llen},
                                       {"flush_all", sh_flush_all},
                                       {"flush_expired", sh_flush_expired},
                                       {"get_keys", sh_get_keys},
                                       {"capacity", sh_capacity},
                                       {"free_space", sh_free_space},
                                       {NULL, NULL}};
    static const luaL_Reg functions[] = {{"shdict", shdict}, {"shdict_names", shdict_names}, {NULL, NULL}};
    luaL_newmetatable(L, SHDICT_META);
    lua_newtable(L);
    gb_register(L, vm, methods);
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
    gb_register(L, vm, functions);
}
