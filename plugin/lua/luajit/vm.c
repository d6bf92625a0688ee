/* vm.c: a VM's birth, memory and end. */
#include <stdio.h>
#include <stdlib.h>

#include "core.h"
#include "luajit.h"

/* Two limits. Past the soft one (three quarters, more when that much is alive) the running code is only marked: the hook,
 * which runs between two instructions of the interpreter, makes a full collection, since LuaJIT makes none when an
 * allocation fails, and raises "not enough memory" if seven eighths are alive. The hard limit refuses: the error then
 * comes from wherever the allocation was made, compiled code included, and a pcall in the handler can catch it; so it is
 * left to what is too big at once. A handler that keeps asking is ended like one that the soft limit stopped. */
enum { MAX_REFUSED = 20 };

static void pass_soft(gb_core *c) {
  if (c->full || c->limit == UINT64_MAX || !(atomic_load_explicit(&c->epoch, memory_order_relaxed) & 1)) return;
  c->full = 1;
  gb_arm(c);
}

/* limited is the VM's allocator. */
static void *limited(void *ud, void *p, size_t osize, size_t nsize) {
  gb_core *c = ud;
  if (nsize > osize) {
    uint64_t want = c->mem + (nsize - osize);
    if (__builtin_expect(want > c->soft, 0)) {
      pass_soft(c);
      if (want > c->limit) {
        if (++c->refused >= MAX_REFUSED) c->starved = 1;
        return NULL;
      }
    }
  }
  void *q = gb_slab_alloc(&c->slab, c->alloc, c->alloc_ud, p, osize, nsize);
  if (q || nsize == 0) c->mem += nsize - osize;
  return q;
}

/* gb_lift lets the runtime allocate past the limit until gb_end (a traceback, a result). */
void gb_lift(gb_vm *vm) { vm->core->limit = UINT64_MAX; }

/* Most of a small heap is the library and the plugins, which no collection frees: it may grow to eight times of that before
 * the next one. A heap that has been large is collected as Lua does it. In per cent. */
enum { PAUSE = 800, PAUSE_GROWN = 200 };

enum { REFERENCES = 2048 };

static int collect(lua_State *L) {
  lua_gc(L, LUA_GCCOLLECT, 0);
  return 0;
}

/* full_collection can run finalizers and allocate, so it is protected. */
static void full_collection(lua_State *L, gb_core *c) {
  uint64_t limit = c->limit;
  c->limit = UINT64_MAX;
  if (lua_cpcall(L, collect, NULL)) lua_pop(L, 1); /* a finalizer raised: the next cycle goes on */
  c->limit = limit;
  c->collections++;
}

void gb_collect(gb_vm *vm) { full_collection(vm->L, vm->core); }

static uint64_t sixteenths(const gb_core *c, uint32_t n) { return c->hard / 16 * n; }

/* set_soft leaves room before the next full collection, or each entry would make one. */
static void set_soft(gb_core *c) {
  c->soft = c->mem + sixteenths(c, 1);
  if (c->soft < sixteenths(c, 12)) c->soft = sixteenths(c, 12);
  if (c->soft > sixteenths(c, 15)) c->soft = sixteenths(c, 15);
}

/* gb_relieve is what the hook does when the soft limit was passed. */
void gb_relieve(lua_State *L, gb_core *c) {
  full_collection(L, c);
  c->full = 0;
  c->crowded = c->mem > sixteenths(c, 12);
  if (c->mem > sixteenths(c, 14)) c->starved = 1;
  set_soft(c);
}

void gb_unref_now(gb_vm *vm) {
  gb_core *c = vm->core;
  for (uint32_t i = 0; i < c->unref_n; i++) luaL_unref(vm->L, LUA_REGISTRYINDEX, c->unref[i]);
  c->unref_n = 0;
}

/* gb_begin and gb_end stand around everything that runs Lua code. */
void gb_begin(gb_vm *vm) {
  gb_core *c = vm->core;
  if (c->unref_n) gb_unref_now(vm);
  atomic_store_explicit(&c->tid, gb_on_thread(), memory_order_relaxed);
  atomic_fetch_add_explicit(&c->epoch, 1, memory_order_release);
}

void gb_end(gb_vm *vm) {
  gb_core *c = vm->core;
  atomic_fetch_add_explicit(&c->epoch, 1, memory_order_release);
  if (c->hooked || atomic_load_explicit(&c->kill, memory_order_acquire)) gb_stopped(vm);
  c->limit = c->hard;
  c->thread = NULL;
  vm->cur = NULL;
  vm->run = NULL;
  vm->bound = NULL;
  vm->phase = 0;
  vm->nest = 0;
  c->refused = 0;
  if (!c->grown && c->mem > sixteenths(c, 1)) {
    c->grown = 1;
    lua_gc(vm->L, LUA_GCSETPAUSE, PAUSE_GROWN);
  }
  if (c->mem > c->soft || c->crowded) {
    c->crowded = 0;
    gb_collect(vm);
    if (c->mem > sixteenths(c, 12)) c->retire = 1;
    set_soft(c);
  }
}

/* make_room has the registry keep references in its array part: what is not free but in the list of free references counts
 * as used when the table's parts are sized. Otherwise those made last are found by hashing. */
static void make_room(lua_State *L) {
  int last = 0;
  for (int i = 0; i < REFERENCES; i++) {
    lua_pushboolean(L, 1);
    last = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  for (int i = 0; i < REFERENCES; i++) luaL_unref(L, LUA_REGISTRYINDEX, last - i); /* the lowest are the next ones */
}

static int open_vm(lua_State *L) {
  gb_vm *vm = lua_touserdata(L, 1);
  make_room(L);
  luaL_openlibs(L);
  gb_open_string(L, vm);
  lua_pushlightuserdata(L, vm);
  lua_pushcclosure(L, gb_message_handler, 1);
  vm->core->traceback = luaL_ref(L, LUA_REGISTRYINDEX);
  gb_open_coroutine(L, vm);
  gb_open_native(L, vm);
  gb_open_loader(L, vm);
  return 0;
}

/* A panic would be an unprotected error: a mistake of the runtime. The message is the last thing the process says. */
static int panic(lua_State *L) {
  const char *m = lua_tostring(L, -1);
  fprintf(stderr, "gibbon: unprotected Lua error: %s\n", m ? m : "(no message)");
  return 0;
}

/* gb_new makes a VM of at most `limit` bytes of heap; NULL when there is no memory. handle finds the Go side in upcalls. */
gb_vm *gb_new(uint64_t limit, uintptr_t handle) {
  gb_vm *vm = calloc(1, sizeof *vm);
  gb_core *c = calloc(1, sizeof *c);
  lua_State *L = luaL_newstate();
  if (!vm || !c || !L) {
    if (L) lua_close(L);
    free(vm);
    free(c);
    return NULL;
  }
  vm->L = L;
  vm->core = c;
  lua_setexdata(L, vm);
  for (size_t i = 0; i < sizeof vm->ref / sizeof vm->ref[0]; i++) vm->ref[i] = LUA_NOREF;
  c->handle = handle;
  c->log_level = 8;
  c->alloc = lua_getallocf(L, &c->alloc_ud);
  c->mem = (uint64_t)lua_gc(L, LUA_GCCOUNT, 0) * 1024;
  gb_slab_open(&c->slab);
  c->main = L;
  c->hard = c->limit = limit ? limit : UINT64_MAX;
  c->soft = sixteenths(c, 12);
  lua_setallocf(L, limited, c);
  lua_gc(L, LUA_GCSETPAUSE, PAUSE);
  lua_atpanic(L, panic);
  if (lua_cpcall(L, open_vm, vm)) {
    const char *m = lua_tostring(L, -1);
    fprintf(stderr, "gibbon: the Lua VM does not start: %s\n", m ? m : "(no message)");
    gb_close(vm);
    return NULL;
  }
  return vm;
}

/* LuaJIT's own allocator. lua_close gives its memory back only where the state still has it as its allocator. */
extern void *lj_alloc_f(void *msp, void *ptr, size_t osize, size_t nsize);
extern void lj_alloc_destroy(void *msp);

/* gb_close ends the VM. No run may be under way. */
void gb_close(gb_vm *vm) {
  gb_core *c = vm->core;
  c->limit = UINT64_MAX;
  lua_close(vm->L);
  if (c->alloc == lj_alloc_f) lj_alloc_destroy(c->alloc_ud);
  for (uint32_t i = 0; i < c->threads_n; i++) {
    gb_thread *t = c->threads[i];
    if (t->chain != t->inlined) free(t->chain);
    free(t);
  }
  free(c->threads);
  for (gb_run *r = c->free_runs, *next; r; r = next) {
    next = r->next;
    free(r->calls);
    free(r->frame.data.p);
    free(r);
  }
  gb_slab_close(&c->slab);
  gb_buf *bufs[] = {&c->args, &c->results, &c->error, &c->scratch, &c->chunk, &c->log};
  for (size_t i = 0; i < sizeof bufs / sizeof bufs[0]; i++) free(bufs[i]->p);
  free(c);
  free(vm);
}
