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

#include "json_encode.h"
#include "json_decode.h"

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
