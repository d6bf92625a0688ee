/* frame.c: the WebSocket frame that a run is about: arguments of its handlers, and what kong.websocket does to it. */
#include <stdlib.h>

#include "core.h"

static const struct { uint32_t op; const char *name; } types[] = {{1, "text"}, {2, "binary"}, {8, "close"}, {9, "ping"}, {10, "pong"}};
enum { TYPES = sizeof types / sizeof types[0], KEEP = 64 << 10 };

/* gb_frame_begin gives r the frame that came with the entry. 0: no memory. */
int gb_frame_begin(gb_run *r, const gb_frame_in *in) {
  gb_frame *f = &r->frame;
  if (f->data.cap > KEEP) {
    free(f->data.p);
    memset(&f->data, 0, sizeof f->data);
  }
  f->data.len = 0;
  f->type = in->type;
  f->status = in->status;
  f->edited = f->dropped = 0;
  return gb_buf_add(&f->data, in->data, in->len);
}

static void push_frame(lua_State *L, const gb_frame *f) {
  lua_pushlstring(L, f->data.p ? f->data.p : "", f->data.len);
  const char *name = "unknown";
  for (int i = 0; i < TYPES; i++)
    if (types[i].op == f->type) name = types[i].name;
  lua_pushstring(L, name);
  if (f->type == 8 && f->status) lua_pushnumber(L, f->status);
  else lua_pushnil(L);
}

typedef struct { lua_State *co; const gb_frame *f; } pushing;

static int push_args(lua_State *L) {
  pushing *s = lua_touserdata(L, 1);
  push_frame(L, s->f);
  lua_xmove(L, s->co, 3);
  return 0;
}

/* gb_frame_args puts a handler's further arguments on co's stack: data, type, status. 0: it failed, the text is on top of vm->L. */
int gb_frame_args(gb_vm *vm, lua_State *co, gb_run *r) {
  pushing s = {co, &r->frame};
  gb_lift(vm);
  int st = lua_cpcall(vm->L, push_args, &s);
  vm->core->limit = vm->core->hard;
  return st == 0;
}

/* ---- for lib/kong/pdk/websocket.lua, which checks phases and arguments ---- */

static gb_frame *frame_of(lua_State *L) {
  gb_vm *vm = gb_self(L);
  if (!vm->run || !(vm->phase & GB_FRAME_PHASES)) luaL_error(L, "no frame in flight");
  return &vm->run->frame;
}

/* native.frame(): data, type, status (nil unless a close frame has one). */
static int frame_get(lua_State *L) {
  push_frame(L, frame_of(L));
  return 3;
}

/* native.frame_set(data) */
static int frame_set(lua_State *L) {
  gb_frame *f = frame_of(L);
  size_t n;
  const char *p = luaL_checklstring(L, 1, &n);
  f->data.len = 0;
  if (!gb_buf_add(&f->data, p, n)) return luaL_error(L, "not enough memory");
  f->edited = 1;
  return 0;
}

/* native.frame_status(code) */
static int frame_status(lua_State *L) {
  frame_of(L)->status = (int32_t)luaL_checknumber(L, 1);
  return 0;
}

/* native.frame_drop() */
static int frame_drop(lua_State *L) {
  frame_of(L)->dropped = 1;
  return 0;
}

void gb_open_frame(lua_State *L, gb_vm *vm) {
  static const luaL_Reg functions[] = {
      {"frame", frame_get}, {"frame_set", frame_set}, {"frame_status", frame_status}, {"frame_drop", frame_drop}, {NULL, NULL}};
  gb_register(L, vm, functions);
}
