/* thread.c: the primitives under ngx.thread: light threads that Lua code starts within its run, waits for and kills. The
 * Lua side (lib/gibbon/ngx_thread.lua) keeps results and states; here is only what needs the scheduler. */
#include "core.h"

/* gb_post puts t at the end of its run's threads that can go on; nargs values on its stack are what it is resumed with. */
void gb_post(gb_thread *t, int nargs) {
  gb_run *r = t->run;
  t->nargs = nargs;
  t->parked = 0;
  t->is_posted = 1;
  t->posted = NULL;
  if (r->posted_last) r->posted_last->posted = t;
  else r->posted = t;
  r->posted_last = t;
}

/* gb_posted takes the first of them, NULL if there is none. */
gb_thread *gb_posted(gb_run *r) {
  gb_thread *t = r->posted;
  if (!t) return NULL;
  r->posted = t->posted;
  if (!r->posted) r->posted_last = NULL;
  t->is_posted = 0;
  return t;
}

void gb_unpost(gb_thread *t) {
  gb_run *r = t->run;
  if (!t->is_posted) return;
  gb_thread *before = NULL;
  for (gb_thread *p = r->posted; p && p != t; p = p->posted) before = p;
  if (before) before->posted = t->posted;
  else r->posted = t->posted;
  if (r->posted_last == t) r->posted_last = before;
  t->is_posted = 0;
}

static void need_waiting(lua_State *L, gb_vm *vm) {
  if (!vm->core->thread || vm->nest) gb_refuse(L, vm);
  if (!lua_isyieldable(L)) luaL_error(L, "attempt to yield across C-call boundary");
}

/* native.spawn(f, ...) gives the coroutine of a new thread, which runs f(...) until it waits for the first time. */
static int spawn(lua_State *L) {
  gb_vm *vm = gb_self(L);
  need_waiting(L, vm);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  int n = lua_gettop(L);
  gb_thread *t = gb_thread_spawn(L, vm);
  lua_insert(L, 1);
  /* An error must not be raised in a coroutine that does not run: the limit is lifted, as in sched.c. */
  uint64_t limit = vm->core->limit;
  vm->core->limit = UINT64_MAX;
  int fits = lua_checkstack(t->co, n + 1);
  vm->core->limit = limit;
  if (!fits) {
    gb_thread_drop(vm, t, 1);
    return luaL_error(L, "too many arguments");
  }
  lua_xmove(L, t->co, n);
  vm->core->spawned = t;
  vm->core->want = GB_WANT_SPAWN;
  return lua_yield(L, 1);
}

/* native.park() stops the thread until native.unpark(co), where co is the coroutine that called. */
static int park(lua_State *L) {
  gb_vm *vm = gb_self(L);
  need_waiting(L, vm);
  vm->core->want = GB_WANT_PARK;
  return lua_yield(L, 0);
}

static gb_thread *thread_of(lua_State *L, gb_vm *vm) {
  lua_State *co = lua_tothread(L, 1);
  gb_thread *t = co ? lua_getexdata2(co) : NULL;
  return t && t->run && t->run == vm->run ? t : NULL;
}

static int unpark(lua_State *L) {
  gb_thread *t = thread_of(L, gb_self(L));
  int ok = t && t->parked;
  if (ok) gb_post(t, 0);
  lua_pushboolean(L, ok);
  return 1;
}

/* native.kill(co) ends a spawned thread of this run that waits, and gives its handle (8 bytes) for what Go does on its
 * behalf; nil where co is no such thread. */
static int kill_thread(lua_State *L) {
  gb_vm *vm = gb_self(L);
  gb_thread *t = thread_of(L, vm);
  if (!t || !t->own || t->co != lua_tothread(L, 1)) return 0;
  if (lua_status(t->co) != LUA_YIELD) return 0; /* it runs: this call comes from within it, on the same C stack maybe */
  uint64_t handle = gb_thread_handle(t);
  gb_thread_drop(vm, t, 1);
  lua_pushlstring(L, (const char *)&handle, sizeof handle);
  return 1;
}

void gb_open_thread(lua_State *L, gb_vm *vm) {
  static const luaL_Reg list[] = {{"spawn", spawn}, {"park", park}, {"unpark", unpark}, {"kill", kill_thread}, {NULL, NULL}};
  gb_register(L, vm, list);
}
