/* codec.c: Lua values to bytes and back. A value is a tag byte and its content; numbers are in the machine's order.
 *   0 nil  1 false  2 true  3 number (double)  4 string (u32 length, bytes)  5 list (u32 count, values)
 *   6 map (u32 count, key and value each)  7 JSON null  8 list with the JSON array metatable  9 raw integer (int64)
 *   10 the value of a registry reference (int64); only towards Lua */
#include <math.h>
#include <stdlib.h>

#include "core.h"

enum { T_NIL, T_FALSE, T_TRUE, T_NUMBER, T_STRING, T_LIST, T_MAP, T_NULL, T_ARRAY, T_INT, T_REF };
enum { MAX_DEPTH = 100, MAX_BYTES = 1 << 30 };

int gb_buf_room(gb_buf *b, size_t n) {
  if (b->cap - b->len >= n) return 1;
  size_t cap = b->cap ? b->cap : 512;
  while (cap - b->len < n) cap *= 2;
  if (cap > MAX_BYTES) return 0;
  char *p = realloc(b->p, cap);
  if (!p) return 0;
  b->p = p;
  b->cap = cap;
  return 1;
}

int gb_buf_add(gb_buf *b, const void *p, size_t n) {
  if (!gb_buf_room(b, n)) return 0;
  if (n) memcpy(b->p + b->len, p, n);
  b->len += n;
  return 1;
}

static void add(lua_State *L, gb_buf *b, const void *p, size_t n) {
  if (!gb_buf_add(b, p, n)) luaL_error(L, "value is too large to be passed on");
}

static void add_tag(lua_State *L, gb_buf *b, uint8_t tag) { add(L, b, &tag, 1); }

static void add_count(lua_State *L, gb_buf *b, uint8_t tag, uint32_t n) {
  add_tag(L, b, tag);
  add(L, b, &n, 4);
}

static void add_string(lua_State *L, gb_buf *b, const char *s, size_t n) {
  if (n > MAX_BYTES) luaL_error(L, "value is too large to be passed on");
  add_count(L, b, T_STRING, (uint32_t)n);
  add(L, b, s, n);
}

static void encode_value(lua_State *L, gb_vm *vm, gb_buf *b, int i, int depth);

/* list_length: the length of a table whose keys are 1..n, else -1 (an empty table too, unless it has the array metatable). */
static int64_t list_length(lua_State *L, gb_vm *vm, int i, int *array) {
  size_t n = lua_objlen(L, i);
  *array = 0;
  if (vm->core->array_mt > 0 && lua_getmetatable(L, i)) {
    lua_rawgeti(L, LUA_REGISTRYINDEX, vm->core->array_mt);
    *array = lua_rawequal(L, -1, -2);
    lua_pop(L, 2);
  }
  if (*array) return (int64_t)n;
  if (n == 0) return -1;
  size_t seen = 0;
  for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
    lua_Number k = lua_type(L, -2) == LUA_TNUMBER ? lua_tonumber(L, -2) : 0;
    if (k < 1 || k > (lua_Number)n || k != floor(k)) {
      lua_pop(L, 2);
      return -1;
    }
    seen++;
  }
  return seen == n ? (int64_t)n : -1;
}

static void encode_key(lua_State *L, gb_buf *b, int i) {
  size_t n;
  char text[40];
  switch (lua_type(L, i)) {
    case LUA_TSTRING: {
      const char *s = lua_tolstring(L, i, &n);
      add_string(L, b, s, n);
      return;
    }
    case LUA_TNUMBER:
      n = (size_t)snprintf(text, sizeof text, "%.14g", lua_tonumber(L, i));
      add_string(L, b, text, n);
      return;
    case LUA_TBOOLEAN:
      if (lua_toboolean(L, i)) add_string(L, b, "true", 4);
      else add_string(L, b, "false", 5);
      return;
    default: luaL_error(L, "a %s cannot be a key of a table that is passed on", luaL_typename(L, i));
  }
}

static void encode_table(lua_State *L, gb_vm *vm, gb_buf *b, int i, int depth) {
  int array;
  if (depth >= MAX_DEPTH) luaL_error(L, "table is nested too deeply to be passed on");
  luaL_checkstack(L, 8, "table is nested too deeply");
  int64_t n = list_length(L, vm, i, &array);
  if (n >= 0) {
    add_count(L, b, array ? T_ARRAY : T_LIST, (uint32_t)n);
    for (int64_t k = 1; k <= n; k++) {
      lua_rawgeti(L, i, (int)k);
      encode_value(L, vm, b, lua_gettop(L), depth + 1);
      lua_pop(L, 1);
    }
    return;
  }
  size_t at = b->len;
  uint32_t count = 0;
  add_count(L, b, T_MAP, 0);
  for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
    encode_key(L, b, lua_gettop(L) - 1);
    encode_value(L, vm, b, lua_gettop(L), depth + 1);
    count++;
  }
  memcpy(b->p + at + 1, &count, 4);
}

static void encode_value(lua_State *L, gb_vm *vm, gb_buf *b, int i, int depth) {
  switch (lua_type(L, i)) {
    case LUA_TNONE:
    case LUA_TNIL: add_tag(L, b, T_NIL); return;
    case LUA_TBOOLEAN: add_tag(L, b, lua_toboolean(L, i) ? T_TRUE : T_FALSE); return;
    case LUA_TNUMBER: {
      lua_Number v = lua_tonumber(L, i);
      add_tag(L, b, T_NUMBER);
      add(L, b, &v, sizeof v);
      return;
    }
    case LUA_TSTRING: {
      size_t n;
      const char *s = lua_tolstring(L, i, &n);
      add_string(L, b, s, n);
      return;
    }
    case LUA_TTABLE: encode_table(L, vm, b, i, depth); return;
    case LUA_TLIGHTUSERDATA:
      if (gb_isnull(L, i)) {
        add_tag(L, b, T_NULL);
        return;
      } /* fall through */
    default: luaL_error(L, "a %s cannot be passed on", luaL_typename(L, i));
  }
}

/* gb_encode appends the values from stack index first to last; a Lua error for what cannot travel. */
int gb_encode(lua_State *L, gb_vm *vm, gb_buf *b, int first, int last) {
  for (int i = first; i <= last; i++) encode_value(L, vm, b, i, 0);
  return last - first + 1;
}

typedef struct { const char *p, *end; } reader;

static void take(lua_State *L, reader *r, void *to, size_t n) {
  if ((size_t)(r->end - r->p) < n) luaL_error(L, "value from the gateway is cut off");
  memcpy(to, r->p, n);
  r->p += n;
}

static void decode_value(lua_State *L, gb_vm *vm, reader *r, int depth) {
  uint8_t tag;
  uint32_t n;
  take(L, r, &tag, 1);
  switch (tag) {
    case T_NIL: lua_pushnil(L); return;
    case T_FALSE: lua_pushboolean(L, 0); return;
    case T_TRUE: lua_pushboolean(L, 1); return;
    case T_NULL: gb_pushnull(L); return;
    case T_NUMBER: {
      lua_Number v;
      take(L, r, &v, sizeof v);
      lua_pushnumber(L, v);
      return;
    }
    case T_INT: {
      int64_t v;
      take(L, r, &v, sizeof v);
      lua_pushnumber(L, (lua_Number)v);
      return;
    }
    case T_REF: {
      int64_t v;
      take(L, r, &v, sizeof v);
      lua_rawgeti(L, LUA_REGISTRYINDEX, (int)v);
      return;
    }
    case T_STRING:
      take(L, r, &n, 4);
      if ((size_t)(r->end - r->p) < n) luaL_error(L, "value from the gateway is cut off");
      lua_pushlstring(L, r->p, n);
      r->p += n;
      return;
    case T_LIST:
    case T_ARRAY:
      take(L, r, &n, 4);
      if (depth > MAX_DEPTH) luaL_error(L, "value from the gateway is nested too deeply");
      luaL_checkstack(L, 6, "value from the gateway");
      lua_createtable(L, n < 1 << 20 ? (int)n : 0, 0);
      for (uint32_t i = 1; i <= n; i++) {
        decode_value(L, vm, r, depth + 1);
        lua_rawseti(L, -2, (int)i);
      }
      if (tag == T_ARRAY && vm->core->array_mt > 0) {
        lua_rawgeti(L, LUA_REGISTRYINDEX, vm->core->array_mt);
        lua_setmetatable(L, -2);
      }
      return;
    case T_MAP:
      take(L, r, &n, 4);
      if (depth > MAX_DEPTH) luaL_error(L, "value from the gateway is nested too deeply");
      luaL_checkstack(L, 6, "value from the gateway");
      lua_createtable(L, 0, n < 1 << 20 ? (int)n : 0);
      for (uint32_t i = 0; i < n; i++) {
        decode_value(L, vm, r, depth + 1);
        decode_value(L, vm, r, depth + 1);
        lua_rawset(L, -3);
      }
      return;
    default: luaL_error(L, "value from the gateway has the unknown tag %d", (int)tag);
  }
}

/* gb_decode pushes the values of p and returns how many. Call it protected. */
int gb_decode(lua_State *L, gb_vm *vm, const char *p, size_t n) {
  reader r = {p, p + n};
  int count = 0;
  while (r.p < r.end) {
    luaL_checkstack(L, 4, "too many results");
    decode_value(L, vm, &r, 0);
    count++;
  }
  return count;
}
