/* The tables whose fields depend on what runs: ngx (ctx, status …), ngx.arg, kong.ctx. Their metamethods are C functions,
 * since nearly every handler uses them. */
#include <string.h>

#include "pdk.h"

static char context_meta; /* registry key of the metatable of ngx.ctx, set by lib/ngx/ctx.lua */

/* push_context pushes the running context's table (ngx.ctx), making it; 0 at load time. */
static int push_context(lua_State *L, gb_vm *vm) {
    int32_t *ref = gb_context_ref(vm);
    if (!ref) return 0;
    if (*ref <= 0) {
        lua_newtable(L);
        lua_pushlightuserdata(L, &context_meta);
        lua_rawget(L, LUA_REGISTRYINDEX);
        if (lua_istable(L, -1) && vm->cur) lua_setmetatable(L, -2);
        else lua_pop(L, 1);
        *ref = luaL_ref(L, LUA_REGISTRYINDEX);
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, *ref);
    return 1;
}

/* Tables that are sure to be filled get room for some fields at once. Of the library's own table the first places of the
 * array are kong.ctx.shared and every plugin's kong.ctx.plugin, as many as have been used so far. */
enum { ROOM = 3, SHARED = 1, MAX_SLOTS = 128 };

/* push_request pushes the library's own table of the context; 0 at load time. */
static int push_request(lua_State *L, gb_vm *vm) {
    int32_t *ref = gb_request_ref(vm);
    if (!ref) return 0;
    if (*ref <= 0) {
        lua_createtable(L, SHARED + (int)(vm->slots < MAX_SLOTS ? vm->slots : MAX_SLOTS), 0);
        lua_pushvalue(L, -1);
        *ref = luaL_ref(L, LUA_REGISTRYINDEX);
        return 1;
    }
    lua_rawgeti(L, LUA_REGISTRYINDEX, *ref);
    return 1;
}

static int is(lua_State *L, int i, const char *name, size_t n) {
    size_t len;
    const char *s = lua_type(L, i) == LUA_TSTRING ? lua_tolstring(L, i, &len) : NULL;
    return s && len == n && memcmp(s, name, n) == 0;
}

#define IS(i, name) is(L, i, name, sizeof(name) - 1)

static void disabled(lua_State *L) { luaL_error(L, "API disabled in the current context"); }

static int ngx_index(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (IS(2, "ctx")) {
        if (!push_context(L, vm)) disabled(L);
        return 1;
    }
    if (IS(2, "status")) {
        if (!vm->cur) disabled(L);
        lua_pushinteger(L, (lua_Integer)vm->cur->status);
        return 1;
    }
    if (IS(2, "headers_sent")) {
        gb_exchange *x = vm->cur;
        if (!x) disabled(L);
        lua_pushboolean(L, x->head_sent || gb_said(vm) || (vm->phase & (GB_PHASE_BODY_FILTER | GB_PHASE_LOG)));
        return 1;
    }
    if (IS(2, "is_subrequest")) {
        lua_pushboolean(L, 0);
        return 1;
    }
    return 0;
}

static int ngx_newindex(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (IS(2, "ctx")) {
        int32_t *ref = gb_context_ref(vm);
        luaL_checktype(L, 3, LUA_TTABLE);
        if (!ref) disabled(L);
        if (*ref > 0) {
            lua_rawseti(L, LUA_REGISTRYINDEX, *ref);
        } else {
            *ref = luaL_ref(L, LUA_REGISTRYINDEX);
        }
        return 0;
    }
    if (IS(2, "status")) {
        gb_exchange *x = vm->cur;
        if (!x) disabled(L);
        double code = luaL_checknumber(L, 3);
        if (x->head_sent || gb_said(vm) || (vm->phase & (GB_PHASE_BODY_FILTER | GB_PHASE_LOG))) {
            gb_log_text(vm, 4, "attempt to set ngx.status after sending out response headers");
            return 0;
        }
        x->status = code < 0 || code > 999 ? 0 : (uint32_t)code;
        x->reason.off = x->reason.len = 0;
        return 0;
    }
    if (IS(2, "headers_sent") || IS(2, "is_subrequest")) return luaL_error(L, "attempt to write to ngx.%s", lua_tostring(L, 2));
    lua_rawset(L, 1);
    return 0;
}

/* ---- kong.ctx ---- */

/* ctx_key is the place of the table of kong.ctx's field at index 2 in the library's own table; 0: it is no such field, or
 * none here. */
static int ctx_key(lua_State *L, gb_vm *vm) {
    const char *name = lua_tolstring(L, 2, NULL);
    if (name == vm->plugin_name) {
        if (!vm->bound || vm->phase == GB_PHASE_TIMER) return 0;
        gb_plugin *p = vm->bound->plugin;
        if (!p->slot) p->slot = SHARED + ++vm->slots;
        return (int)p->slot;
    }
    return name == vm->shared_name ? SHARED : 0;
}

static int ctx_index(lua_State *L) {
    gb_vm *vm = gb_self(L);
    int key = ctx_key(L, vm);
    if (!key || !push_request(L, vm)) return 0;
    lua_rawgeti(L, -1, key);
    if (!lua_isnil(L, -1)) return 1;
    lua_createtable(L, 0, ROOM);
    lua_pushvalue(L, -1);
    lua_rawseti(L, -4, key);
    return 1;
}

static int ctx_newindex(lua_State *L) {
    gb_vm *vm = gb_self(L);
    int key = ctx_key(L, vm);
    if (!key) {
        if (!IS(2, "plugin")) lua_rawset(L, 1);
        return 0;
    }
    if (!push_request(L, vm)) return 0;
    lua_pushvalue(L, 3);
    lua_rawseti(L, -2, key);
    return 0;
}

/* ---- ngx.arg ---- */

static int arg_index(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (!(vm->phase & GB_PHASE_BODY_FILTER)) disabled(L);
    int i = (int)luaL_checkinteger(L, 2);
    if (i == 1) lua_pushlstring(L, vm->chunk ? vm->chunk : "", vm->chunk_len);
    else if (i == 2) lua_pushboolean(L, vm->chunk_last);
    else return luaL_error(L, "bad argument #%d to 'ngx.arg' (index out of range)", i);
    return 1;
}

static void collect(lua_State *L, luaL_Buffer *b, int i, int depth) {
    size_t n;
    switch (lua_type(L, i)) {
    case LUA_TSTRING:
    case LUA_TNUMBER: {
        lua_pushvalue(L, i);
        lua_tolstring(L, -1, &n);
        luaL_addvalue(b);
        return;
    }
    case LUA_TTABLE: break;
    default: luaL_error(L, "bad argument #1 to 'ngx.arg' (string, number, or array table expected, got %s)", luaL_typename(L, i));
    }
    if (depth > 100) luaL_error(L, "chunk nested too deeply");
    luaL_checkstack(L, 4, "chunk nested too deeply");
    int len = (int)lua_objlen(L, i);
    for (int k = 1; k <= len; k++) {
        lua_rawgeti(L, i, k);
        /* luaL_Buffer keeps parts on the stack: join what the element gives first */
        luaL_Buffer part;
        int at = lua_gettop(L);
        luaL_buffinit(L, &part);
        collect(L, &part, at, depth + 1);
        luaL_pushresult(&part);
        lua_remove(L, at);
        luaL_addvalue(b);
    }
}

static int arg_newindex(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (!(vm->phase & GB_PHASE_BODY_FILTER)) disabled(L);
    int i = (int)luaL_checkinteger(L, 2);
    size_t n = 0;
    const char *s = "";
    if (i == 2) {
        vm->chunk_last = (uint8_t)lua_toboolean(L, 3);
        return 0;
    }
    if (i != 1) return luaL_error(L, "attempt to write to undefined element %d of ngx.arg", i);
    if (lua_type(L, 3) == LUA_TSTRING || lua_type(L, 3) == LUA_TNUMBER) {
        s = lua_tolstring(L, 3, &n);
    } else if (!lua_isnil(L, 3)) {
        luaL_Buffer b;
        luaL_buffinit(L, &b);
        collect(L, &b, 3, 0);
        luaL_pushresult(&b);
        s = lua_tolstring(L, -1, &n);
    }
    if (!gb_set_chunk(vm, s, n)) return luaL_error(L, "not enough memory");
    return 0;
}

/* native.set_ctx_meta(metatable): of ngx.ctx tables made from now on */
static int set_ctx_meta(lua_State *L) {
    luaL_checktype(L, 1, LUA_TTABLE);
    lua_pushlightuserdata(L, &context_meta);
    lua_pushvalue(L, 1);
    lua_rawset(L, LUA_REGISTRYINDEX);
    return 0;
}

/* keep_name keeps an interned string for good and gives its bytes. */
static const char *keep_name(lua_State *L, const char *name) {
    lua_pushstring(L, name);
    const char *s = lua_tostring(L, -1);
    luaL_ref(L, LUA_REGISTRYINDEX);
    return s;
}

void gb_open_context(lua_State *L, gb_vm *vm) {
    vm->plugin_name = keep_name(L, "plugin");
    vm->shared_name = keep_name(L, "shared");
    static const luaL_Reg functions[] = {{"ngx_index", ngx_index}, {"ngx_newindex", ngx_newindex}, {"ctx_index", ctx_index},
                                         {"ctx_newindex", ctx_newindex}, {"arg_index", arg_index}, {"arg_newindex", arg_newindex},
                                         {"set_ctx_meta", set_ctx_meta}, {NULL, NULL}};
    gb_register(L, vm, functions);
}
