/* trace.c: what is said about an error: its message, or a glance at the table it was, and where it happened. */
#include <stdio.h>

#include "core.h"

enum { SHOWN_FIELDS = 8 };

static void show_scalar(lua_State *L, luaL_Buffer *b, int i) {
  switch (lua_type(L, i)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
      lua_pushvalue(L, i);
      luaL_addvalue(b);
      return;
    case LUA_TBOOLEAN: luaL_addstring(b, lua_toboolean(L, i) ? "true" : "false"); return;
    default:
      luaL_addchar(b, '<');
      luaL_addstring(b, luaL_typename(L, i));
      luaL_addchar(b, '>');
  }
}

/* show_table pushes a line about the table at i: a few of its fields. No metamethod runs. */
static void show_table(lua_State *L, int i) {
  lua_newtable(L); /* the fields' texts, since a luaL_Buffer does not stand lua_next */
  int list = lua_gettop(L), n = 0;
  for (lua_pushnil(L); lua_next(L, i); lua_pop(L, 1)) {
    if (n == SHOWN_FIELDS) {
      lua_pop(L, 2);
      lua_pushliteral(L, "...");
      lua_rawseti(L, list, ++n);
      break;
    }
    int k = lua_gettop(L) - 1;
    luaL_Buffer b;
    lua_pushvalue(L, k);
    lua_pushvalue(L, k + 1);
    int at = lua_gettop(L);
    luaL_buffinit(L, &b);
    show_scalar(L, &b, at - 1);
    luaL_addstring(&b, "=");
    show_scalar(L, &b, at);
    luaL_pushresult(&b);
    lua_rawseti(L, list, ++n);
    lua_settop(L, k + 1);
  }
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  luaL_addstring(&b, "the error is a table: {");
  for (int k = 1; k <= n; k++) {
    if (k > 1) luaL_addstring(&b, ", ");
    lua_rawgeti(L, list, k);
    luaL_addvalue(&b);
  }
  luaL_addstring(&b, "}");
  luaL_pushresult(&b);
  lua_replace(L, list);
}

/* message pushes a string for the error value at i. */
static void message(lua_State *L, int i) {
  if (lua_isstring(L, i)) {
    lua_pushvalue(L, i);
    lua_tostring(L, -1);
  } else if (luaL_getmetafield(L, i, "__tostring")) {
    lua_pushvalue(L, i);
    if (lua_pcall(L, 1, 1, 0) || !lua_isstring(L, -1)) {
      lua_pop(L, 1);
      lua_pushfstring(L, "the error is a %s whose __tostring fails", luaL_typename(L, i));
    }
  } else if (lua_istable(L, i)) {
    show_table(L, i);
  } else {
    lua_pushfstring(L, "the error is a %s value", luaL_typename(L, i));
  }
}

/* gb_message_handler is the message handler of calls on the main state. LuaJIT does not call it for "not enough memory". */
int gb_message_handler(lua_State *L) {
  gb_vm *vm = gb_self(L);
  if (vm->core->exiting) return 1;
  gb_lift(vm); /* gb_end puts the limit back, plain() as well */
  message(L, 1);
  luaL_traceback(L, L, lua_tostring(L, -1), 1);
  return 1;
}

typedef struct { gb_vm *vm; lua_State *co; } describing;

/* add_line writes the traceback of a dead coroutine. LuaJIT no longer knows the line of its innermost Lua function, but the
 * message begins with it: "FILE:LINE: text" makes "\tFILE: in function" into "\tFILE:LINE: in function". */
static void add_line(gb_buf *b, const char *text, size_t n) {
  static const char head[] = "\nstack traceback:\n\t";
  const char *at = strstr(text, head), *colon = at, *end;
  if (at) {
    const char *top = at + sizeof head - 1, *in = strstr(top, ": in ");
    size_t file = in ? (size_t)(in - top) : 0;
    if (in && file < (size_t)(at - text) && !memcmp(text, top, file) && text[file] == ':') {
      for (end = colon = text + file + 1; *end >= '0' && *end <= '9'; end++) {}
      if (end > colon && *end == ':') {
        gb_buf_add(b, text, (size_t)(in - text));
        gb_buf_add(b, colon - 1, (size_t)(end - colon) + 1);
        gb_buf_add(b, in, n - (size_t)(in - text));
        return;
      }
    }
  }
  gb_buf_add(b, text, n);
}

static int describe(lua_State *L) {
  describing *d = lua_touserdata(L, 1);
  size_t n;
  lua_xmove(d->co, L, 1);
  message(L, 2);
  luaL_traceback(L, d->co, lua_tostring(L, -1), 0);
  const char *s = lua_tolstring(L, -1, &n);
  add_line(&d->vm->core->error, s, n);
  return 0;
}

/* gb_describe puts message and traceback of the failed coroutine co into core->error. */
void gb_describe(gb_vm *vm, lua_State *co) {
  gb_core *c = vm->core;
  describing d = {vm, co};
  c->error.len = 0;
  gb_lift(vm);
  /* A hook that is armed (time budget, memory) would stop the description as well. */
  if (c->hooked || atomic_load_explicit(&c->kill, memory_order_acquire)) gb_stopped(vm);
  if (lua_cpcall(vm->L, describe, &d)) {
    lua_pop(vm->L, 1);
    if (c->error.len == 0) gb_buf_add(&c->error, "error while an error was described", 34);
  }
  c->limit = c->hard;
}
