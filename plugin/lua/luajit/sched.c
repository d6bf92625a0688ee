/* sched.c: light threads, the flat scheduler and the coroutine library that goes with it (see core.h). */
#include <stdlib.h>

#include "core.h"

enum { MAX_NEST = 200, MAX_CHAIN = 20000, DIRECT = 16 };

/* ---- threads ---- */

uint64_t gb_thread_handle(const gb_thread *t) { return (uint64_t)t->gen << 32 | t->index; }

gb_thread *gb_thread_find(gb_vm *vm, uint64_t handle) {
  uint32_t i = (uint32_t)handle;
  if (i >= vm->core->threads_n) return NULL;
  gb_thread *t = vm->core->threads[i];
  return t->gen == (uint32_t)(handle >> 32) && t->run ? t : NULL;
}

typedef struct { gb_vm *vm; gb_thread *t; } making;

static int make_coroutine(lua_State *L) {
  making *m = lua_touserdata(L, 1);
  m->t->co = lua_newthread(L);
  lua_setexdata2(m->t->co, NULL);
  m->t->ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static gb_thread *free_slot(gb_core *c) {
  gb_thread *t = c->spare;
  if (t) {
    c->spare = t->sibling;
    return t;
  }
  if (c->threads_n == c->threads_cap) {
    uint32_t cap = c->threads_cap ? 2 * c->threads_cap : 64;
    gb_thread **p = realloc(c->threads, cap * sizeof *p);
    if (!p) return NULL;
    c->threads = p;
    c->threads_cap = cap;
  }
  t = calloc(1, sizeof *t);
  if (!t) return NULL;
  t->chain = t->inlined;
  t->cap = GB_CHAIN_INLINE;
  t->ref = LUA_NOREF;
  t->index = c->threads_n;
  c->threads[c->threads_n++] = t;
  return t;
}

static void begin_thread(gb_core *c, gb_thread *t, gb_run *r, gb_bound *b) {
  t->gen++;
  t->run = r;
  t->bound = b;
  t->depth = 1;
  t->chain[0] = t->co;
  t->sibling = r->threads;
  r->threads = t;
  lua_setexdata2(t->co, t);
  c->live++;
}

/* gb_thread_take gives a thread with an idle coroutine; NULL when the VM has no memory for one. */
gb_thread *gb_thread_take(gb_vm *vm, gb_run *r, gb_bound *b) {
  gb_core *c = vm->core;
  gb_thread *t;
  if (c->pool_n) {
    t = c->pool[--c->pool_n];
  } else {
    t = free_slot(c);
    if (!t) return NULL;
    making m = {vm, t};
    if (lua_cpcall(vm->L, make_coroutine, &m)) {
      lua_pop(vm->L, 1);
      t->co = NULL;
      t->sibling = c->spare;
      c->spare = t;
      return NULL;
    }
  }
  begin_thread(c, t, r, b);
  return t;
}

/* gb_thread_spawn gives a thread with a coroutine of its own, which it leaves on top of L's stack. It may raise. */
gb_thread *gb_thread_spawn(lua_State *L, gb_vm *vm) {
  gb_core *c = vm->core;
  lua_State *co = lua_newthread(L);
  lua_setexdata2(co, NULL);
  lua_pushvalue(L, -1);
  int32_t ref = luaL_ref(L, LUA_REGISTRYINDEX);
  gb_thread *t = free_slot(c);
  if (!t) {
    luaL_unref(L, LUA_REGISTRYINDEX, ref);
    luaL_error(L, "not enough memory");
  }
  t->co = co;
  t->ref = ref;
  t->own = 1;
  begin_thread(c, t, vm->run, vm->bound);
  return t;
}

/* gb_thread_drop ends t. A coroutine that returned is used again as it is; one that was abandoned or failed is reset. */
void gb_thread_drop(gb_vm *vm, gb_thread *t, int reset) {
  gb_core *c = vm->core;
  for (gb_thread **p = &t->run->threads; *p; p = &(*p)->sibling)
    if (*p == t) {
      *p = t->sibling;
      break;
    }
  for (uint32_t i = 0; i < t->depth; i++) lua_setexdata2(t->chain[i], NULL);
  gb_unpost(t);
  if (t->run->entry == t) t->run->entry = NULL;
  t->parked = 0;
  t->run = NULL;
  t->bound = NULL;
  t->gen++;
  c->live--;
  if (reset) lua_resetthread(vm->L, t->co);
  else lua_settop(t->co, 0);
  if (c->pool_n < GB_POOL && !t->own) {
    c->pool[c->pool_n++] = t;
    return;
  }
  luaL_unref(vm->L, LUA_REGISTRYINDEX, t->ref);
  t->co = NULL;
  t->ref = LUA_NOREF;
  t->own = 0;
  t->sibling = c->spare;
  c->spare = t;
}

/* ---- the scheduler ---- */

static int push_chain(gb_thread *t, lua_State *co) {
  if (t->depth == t->cap) {
    if (t->cap >= MAX_CHAIN) return 0;
    uint32_t cap = 2 * t->cap;
    lua_State **p = t->chain == t->inlined ? malloc(cap * sizeof *p) : realloc(t->chain, cap * sizeof *p);
    if (!p) return 0;
    if (t->chain == t->inlined) memcpy(p, t->inlined, sizeof t->inlined);
    t->chain = p;
    t->cap = cap;
  }
  t->chain[t->depth++] = co;
  lua_setexdata2(co, t);
  return 1;
}

/* room makes sure that n values fit on co's stack. A suspended coroutine must not raise an error, so the memory limit is
 * lifted: what remains is LuaJIT's own limit on slots, which is an answer. Up to DIRECT values always fit. */
static int room(gb_vm *vm, lua_State *co, int n) {
  if (n <= DIRECT) return 1;
  gb_core *c = vm->core;
  uint64_t limit = c->limit;
  c->limit = UINT64_MAX;
  int ok = lua_checkstack(co, n + 2);
  c->limit = limit;
  return ok;
}

/* leave ends the run of the chain's last coroutine: its resumer gets true and its values, or false and its error. */
static int leave(gb_vm *vm, gb_thread *t, int ok) {
  lua_State *child = t->chain[--t->depth], *parent = t->chain[t->depth - 1];
  int n = ok ? lua_gettop(child) : 1;
  lua_setexdata2(child, NULL);
  if (!room(vm, parent, n + 1)) {
    lua_settop(child, 0);
    lua_pushboolean(parent, 0);
    lua_pushnil(parent); /* no memory may be taken here for a text */
    return 2;
  }
  lua_pushboolean(parent, ok);
  lua_xmove(child, parent, n);
  return n + 1;
}

/* gb_advance runs t until its own coroutine ends or something is wanted of Go. nargs values are on the running coroutine's
 * stack. Afterwards t->chain[depth-1] is the coroutine that stopped. */
int gb_advance(gb_vm *vm, gb_thread *t, int nargs) {
  gb_core *c = vm->core;
  for (;;) {
    lua_State *co = t->chain[t->depth - 1];
    c->want = GB_WANT_NOTHING;
    int st = lua_resume(co, nargs);
    if (st != LUA_YIELD) {
      if (t->depth == 1) return st ? GB_FAILED : GB_ENDED;
      nargs = leave(vm, t, st == 0);
      continue;
    }
    switch (c->want) {
      case GB_WANT_RESUME: {
        lua_State *child = lua_tothread(co, 1);
        int n = lua_gettop(co) - 1;
        if (!push_chain(t, child)) {
          lua_settop(co, 1);
          lua_pushboolean(co, 0);
          lua_pushnil(co);
          nargs = 2;
          break;
        }
        lua_xmove(co, child, n);
        nargs = n;
        break;
      }
      case GB_WANT_ASK: return GB_ASKS;
      case GB_WANT_WAIT: return GB_WAITS;
      case GB_WANT_EXIT: return GB_EXITS;
      case GB_WANT_SPAWN: return GB_SPAWNS;
      case GB_WANT_PARK: return GB_PARKS;
      default: /* coroutine.yield, or a C module's own yield */
        if (t->depth == 1) return GB_YIELDED;
        nargs = leave(vm, t, 1);
    }
  }
}

/* ---- coroutine.* ---- */

static lua_State *coroutine_arg(lua_State *L) {
  lua_State *co = lua_tothread(L, 1);
  if (!co) luaL_argerror(L, 1, "coroutine expected");
  return co;
}

static void refuse_in_log(lua_State *L, gb_vm *vm) {
  if (vm->phase == GB_PHASE_LOG) gb_refuse(L, vm);
}

static int co_create(lua_State *L) {
  gb_vm *vm = gb_self(L);
  refuse_in_log(L, vm);
  luaL_checktype(L, 1, LUA_TFUNCTION);
  lua_State *co = lua_newthread(L);
  lua_setexdata2(co, NULL);
  lua_pushvalue(L, 1);
  lua_xmove(L, co, 1);
  return 1;
}

static const char *status_of(lua_State *L, lua_State *co) {
  if (co == L) return "running";
  if (lua_getexdata2(co)) return "normal";
  int st = lua_status(co);
  if (st == LUA_YIELD) return "suspended";
  lua_Debug ar;
  if (st == 0 && lua_getstack(co, 0, &ar)) return "normal"; /* the main state under a nested resume */
  return st == 0 && lua_gettop(co) > 0 ? "suspended" : "dead";
}

static int refuse_resume(lua_State *L, const char *why, const char *status) {
  lua_pushboolean(L, 0);
  lua_pushfstring(L, why, status);
  return 2;
}

/* nested resumes co from within a C call: values go in and out on this C stack, and nothing can wait. */
static int nested(lua_State *L, gb_vm *vm, lua_State *co, int n) {
  gb_core *c = vm->core;
  if (vm->nest >= MAX_NEST || gb_stack_low()) return luaL_error(L, "C stack overflow");
  gb_thread t = {0}, *outer = c->thread;
  t.chain = t.inlined;
  t.cap = GB_CHAIN_INLINE;
  t.run = vm->run;
  push_chain(&t, co);
  lua_xmove(L, co, n);
  c->thread = &t;
  vm->nest++;
  int r = gb_advance(vm, &t, n);
  vm->nest--;
  c->thread = outer;
  lua_setexdata2(co, NULL);
  if (t.chain != t.inlined) free(t.chain);
  n = r == GB_FAILED ? 1 : lua_gettop(co);
  luaL_checkstack(L, n + 1, "too many results to resume");
  lua_pushboolean(L, r != GB_FAILED);
  lua_xmove(co, L, n);
  return n + 1;
}

static int co_resume(lua_State *L) {
  gb_vm *vm = gb_self(L);
  lua_State *co = coroutine_arg(L);
  refuse_in_log(L, vm);
  const char *st = status_of(L, co);
  if (strcmp(st, "suspended") != 0) return refuse_resume(L, "cannot resume %s coroutine", st);
  int n = lua_gettop(L) - 1;
  if (!room(vm, co, n)) return refuse_resume(L, "too many arguments to resume%s", "");
  if (vm->core->thread && lua_isyieldable(L)) {
    vm->core->want = GB_WANT_RESUME;
    return lua_yield(L, n + 1);
  }
  return nested(L, vm, co, n);
}

static int co_yield(lua_State *L) {
  gb_vm *vm = gb_self(L);
  refuse_in_log(L, vm);
  vm->core->want = GB_WANT_YIELD;
  return lua_yield(L, lua_gettop(L)); /* raises where it cannot */
}

static int co_status(lua_State *L) {
  lua_pushstring(L, status_of(L, coroutine_arg(L)));
  return 1;
}

/* wrap is Lua, since an error has to be raised in a coroutine that has been resumed. */
static const char wrap_source[] =
    "local create, resume, error = ...\n"
    "local function finish(ok, ...) if ok then return ... end error((...), 0) end\n"
    "return function(f)\n"
    "  local co = create(f)\n"
    "  return function(...) return finish(resume(co, ...)) end\n"
    "end\n";

/* gb_open_coroutine replaces what has to go through the scheduler in the table coroutine. */
int gb_open_coroutine(lua_State *L, gb_vm *vm) {
  static const luaL_Reg list[] = {
      {"create", co_create}, {"resume", co_resume}, {"yield", co_yield}, {"status", co_status}, {NULL, NULL}};
  lua_getglobal(L, "coroutine");
  gb_register(L, vm, list);
  if (luaL_loadbuffer(L, wrap_source, sizeof wrap_source - 1, "=coroutine.wrap")) lua_error(L);
  lua_getfield(L, -2, "create");
  lua_getfield(L, -3, "resume");
  lua_getglobal(L, "error");
  lua_call(L, 3, 1);
  lua_setfield(L, -2, "wrap");
  lua_pop(L, 1);
  return 0;
}
