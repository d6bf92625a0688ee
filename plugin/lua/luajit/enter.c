/* enter.c: the doors from Go: a run of plugins in a phase, its continuation, body_filter. Each leaves vm->core->event. */
#include <stdlib.h>

#include "core.h"

/* The phases whose handlers may suspend; they run in coroutines, all others on the main state. */
enum {
  FLAT = GB_PHASE_CERTIFICATE | GB_PHASE_CLIENT_HELLO | GB_PHASE_REWRITE | GB_PHASE_ACCESS | GB_PHASE_RESPONSE |
         GB_PHASE_PREREAD | GB_PHASE_WS_HANDSHAKE | GB_PHASE_WS_CLIENT_FRAME | GB_PHASE_WS_UPSTREAM_FRAME | GB_PHASE_TIMER,
  /* Where a plain coroutine.yield of a handler ends it: the others are resumed at once. */
  ABANDONING = GB_PHASE_ACCESS | GB_PHASE_RESPONSE | GB_PHASE_PREREAD | GB_PHASE_WS_HANDSHAKE
};

static void event(gb_vm *vm, uint32_t kind, const gb_buf *data) {
  gb_event *e = &vm->core->event;
  e->kind = kind;
  e->op = vm->core->op;
  e->data = data ? data->p : NULL;
  e->len = data ? data->len : 0;
  e->bound = vm->bound;
  e->run = vm->run;
  e->more = 0;
}

/* take_error copies the message on top of L, which gb_message_handler made. */
static void take_error(gb_vm *vm, lua_State *L) {
  size_t n;
  gb_buf *b = &vm->core->error;
  const char *m = lua_type(L, -1) == LUA_TSTRING ? lua_tolstring(L, -1, &n) : NULL;
  b->len = 0;
  if (m) gb_buf_add(b, m, n);
  else gb_buf_add(b, "error in error handling", 23);
}

static void plain_error(gb_vm *vm, const char *text) {
  vm->core->error.len = 0;
  gb_buf_add(&vm->core->error, text, strlen(text));
}

/* ---- runs ---- */

static gb_run *run_take(gb_vm *vm, gb_exchange *x, uint32_t phase, uint32_t n) {
  gb_core *c = vm->core;
  gb_run *r = c->free_runs;
  if (r) {
    c->free_runs = r->next;
  } else if (!(r = calloc(1, sizeof *r))) {
    return NULL;
  }
  if (r->cap < n) {
    gb_bound **p = realloc(r->calls, n * sizeof *p);
    if (!p) {
      r->next = c->free_runs;
      c->free_runs = r;
      return NULL;
    }
    r->calls = p;
    r->cap = n;
  }
  memcpy(r->calls, c->calls, n * sizeof *r->calls);
  r->x = x;
  r->phase = phase;
  r->at = 0;
  r->n = n;
  r->threads = r->entry = r->posted = r->posted_last = NULL;
  r->context_ref = r->request_ref = 0;
  return r;
}

/* run_end abandons what still runs of r and frees it. */
static void run_end(gb_vm *vm, gb_run *r) {
  gb_core *c = vm->core;
  while (r->threads) gb_thread_drop(vm, r->threads, 1);
  if (r->context_ref > 0) luaL_unref(vm->L, LUA_REGISTRYINDEX, r->context_ref);
  if (r->request_ref > 0) luaL_unref(vm->L, LUA_REGISTRYINDEX, r->request_ref);
  r->next = c->free_runs;
  c->free_runs = r;
  if (r->phase & GB_FRAME_PHASES) c->frame = &r->frame;
}

static void set_context(gb_vm *vm, gb_run *r, gb_exchange *x, uint32_t phase) {
  vm->run = r;
  vm->cur = x;
  vm->phase = phase;
  if (x) x->phase = phase;
}

/* ---- phases that may suspend ---- */

static int end_responded(gb_vm *vm, gb_run *r) {
  event(vm, GB_EV_RESPOND, NULL);
  run_end(vm, r);
  return 1;
}

static int end_failed(gb_vm *vm, gb_run *r) {
  event(vm, GB_EV_FAIL, &vm->core->error);
  run_end(vm, r);
  return 1;
}

/* settle looks at how t stopped: 1 = back to Go with an event, 0 = the run goes on with its other threads or its next call. */
static int settle(gb_vm *vm, gb_run *r, gb_thread *t, int how) {
  gb_core *c = vm->core;
  for (;;) switch (how) {
    case GB_SPAWNS: /* the new thread runs first, the other one gets its coroutine as the result */
      gb_post(t, 1);
      c->thread = t = c->spawned;
      how = gb_advance(vm, t, lua_gettop(t->co) - 1);
      break;
    case GB_PARKS: t->parked = 1; return 0;
    case GB_ENDED: gb_thread_drop(vm, t, 0); return 0;
    case GB_YIELDED:
      if (t == r->entry && r->phase & ABANDONING) {
        gb_thread_drop(vm, t, 1);
        return 0;
      }
      lua_settop(t->co, 0);
      if (r->posted) { /* the others first */
        gb_post(t, 0);
        return 0;
      }
      how = gb_advance(vm, t, 0);
      break;
    case GB_ASKS:
    case GB_WAITS:
      t->checked = c->checked;
      event(vm, how == GB_ASKS ? GB_EV_ASK : GB_EV_WAIT, &c->args);
      c->event.thread = gb_thread_handle(t);
      c->event.more = r->posted != NULL;
      return 1;
    case GB_FAILED:
      if (c->exiting) return end_responded(vm, r);
      gb_describe(vm, t->co);
      return end_failed(vm, r);
    default: return end_responded(vm, r); /* GB_EXITS */
  }
}

/* begin_call starts the next handler; 0: the run is over or has an event. */
static int begin_call(gb_vm *vm, gb_run *r) {
  int slot = __builtin_ctz(r->phase);
  gb_bound *b = r->calls[r->at++];
  int32_t fn = b->plugin->fn[slot];
  if (fn == LUA_NOREF) return 1;
  gb_thread *t = gb_thread_take(vm, r, b);
  vm->bound = b;
  if (!t) {
    plain_error(vm, "not enough memory for the handler's coroutine");
    end_failed(vm, r);
    return 0;
  }
  r->entry = vm->core->thread = t;
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, fn);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, b->plugin->handler);
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, b->conf);
  int nargs = 2;
  if (r->phase & GB_FRAME_PHASES) {
    if (!gb_frame_args(vm, t->co, r)) {
      take_error(vm, vm->L);
      lua_pop(vm->L, 1);
      end_failed(vm, r);
      return 0;
    }
    nargs = 5;
  }
  return !settle(vm, r, t, gb_advance(vm, t, nargs));
}

/* go_on runs what can run: threads that were posted, then the next handler once the one before it has returned. The phase
 * ends with its last thread. */
static void go_on(gb_vm *vm, gb_run *r) {
  for (;;) {
    gb_thread *t = gb_posted(r);
    if (t) {
      vm->bound = t->bound;
      vm->core->thread = t;
      if (settle(vm, r, t, gb_advance(vm, t, t->nargs))) return;
    } else if (r->entry) {
      event(vm, GB_EV_IDLE, NULL);
      return;
    } else if (r->at < r->n) {
      if (!begin_call(vm, r)) return;
    } else if (r->threads) {
      event(vm, GB_EV_IDLE, NULL);
      return;
    } else {
      event(vm, GB_EV_DONE, NULL);
      run_end(vm, r);
      return;
    }
  }
}

typedef struct { gb_vm *vm; gb_thread *t; const char *p; size_t n; int failed, count; } resuming;

static int push_results(lua_State *L) {
  resuming *s = lua_touserdata(L, 1);
  int top = lua_gettop(L);
  lua_State *co = s->t->chain[s->t->depth - 1];
  if (s->t->checked) lua_pushboolean(L, !s->failed);
  else if (s->failed) lua_pushnil(L);
  gb_decode(L, s->vm, s->p, s->n);
  s->count = lua_gettop(L) - top;
  if (s->count > 16) luaL_error(L, "an operation gave too many results"); /* that many fit on any suspended stack */
  lua_xmove(L, co, s->count);
  return 0;
}

/* gb_resume gives a waiting thread its results and goes on with its run. failed: results is one string, an error. The event
 * of a thread that is no more is GB_EV_IDLE with thread 0. */
void gb_resume(gb_vm *vm, uint64_t thread, const char *results, size_t len, int failed) {
  gb_core *c = vm->core;
  gb_thread *t = gb_thread_find(vm, thread);
  if (!t) {
    event(vm, GB_EV_IDLE, NULL);
    c->event.thread = 0;
    return;
  }
  gb_run *r = t->run;
  gb_begin(vm);
  set_context(vm, r, r->x, r->phase);
  vm->bound = t->bound;
  c->thread = t;
  c->event.thread = thread;
  resuming s = {vm, t, results, len, failed, 0};
  gb_lift(vm);
  int st = lua_cpcall(vm->L, push_results, &s);
  c->limit = c->hard;
  if (st) {
    take_error(vm, vm->L);
    lua_pop(vm->L, 1);
    end_failed(vm, r);
  } else if (!settle(vm, r, t, gb_advance(vm, t, s.count))) {
    go_on(vm, r);
  }
  gb_end(vm);
}

/* gb_continue goes on with a run whose event said that more of it can run. */
void gb_continue(gb_vm *vm, gb_run *r) {
  gb_begin(vm);
  set_context(vm, r, r->x, r->phase);
  vm->core->event.thread = 0;
  go_on(vm, r);
  gb_end(vm);
}

/* gb_start begins a run of no plugin's phase: the function fn (registry reference) with the decoded args, of at most 16 values.
 * x is NULL without a request. */
void gb_start(gb_vm *vm, gb_exchange *x, uint32_t phase, gb_bound *b, int32_t fn, const char *args, size_t len) {
  gb_core *c = vm->core;
  gb_run *r = run_take(vm, x, phase, 0);
  gb_thread *t = r ? gb_thread_take(vm, r, b) : NULL;
  c->event.thread = 0;
  if (!t) {
    plain_error(vm, "not enough memory for another context");
    event(vm, GB_EV_FAIL, &c->error);
    if (r) run_end(vm, r);
    return;
  }
  gb_begin(vm);
  set_context(vm, r, x, phase);
  vm->bound = b;
  r->entry = c->thread = t;
  t->checked = 0;
  lua_rawgeti(t->co, LUA_REGISTRYINDEX, fn);
  resuming s = {vm, t, args, len, 0, 0};
  gb_lift(vm);
  int st = lua_cpcall(vm->L, push_results, &s);
  c->limit = c->hard;
  if (st) {
    take_error(vm, vm->L);
    lua_pop(vm->L, 1);
    end_failed(vm, r);
  } else if (!settle(vm, r, t, gb_advance(vm, t, s.count))) {
    go_on(vm, r);
  }
  gb_end(vm);
}

/* gb_abandon drops a run whose threads wait: its request is no more. */
void gb_abandon(gb_vm *vm, gb_run *r) { run_end(vm, r); }

/* ---- phases that may not: on the main state, without a coroutine ---- */

/* plain runs one handler; 0 when it failed (the text is in core->error). The message handler is at place `handler`, on top. */
static int plain(gb_vm *vm, gb_bound *b, int32_t fn, int handler) {
  gb_core *c = vm->core;
  lua_State *L = vm->L;
  vm->bound = b;
  lua_rawgeti(L, LUA_REGISTRYINDEX, fn);
  lua_rawgeti(L, LUA_REGISTRYINDEX, b->plugin->handler);
  lua_rawgeti(L, LUA_REGISTRYINDEX, b->conf);
  int st = lua_pcall(L, 2, 0, handler), ok = 1;
  if (__builtin_expect(st || c->exiting, 0)) {
    if (c->exiting) {
      gb_stopped(vm); /* it ended itself: the next one goes on */
    } else {
      take_error(vm, L);
      ok = 0;
    }
    lua_settop(L, handler);
  }
  c->limit = c->hard;
  return ok;
}

/* gb_enter runs phase of core->calls[0..n) for x. */
void gb_enter(gb_vm *vm, gb_exchange *x, uint32_t phase, uint32_t n) {
  gb_core *c = vm->core;
  c->event.thread = 0;
  if (phase & FLAT) {
    gb_run *r = run_take(vm, x, phase, n);
    if (!r) {
      plain_error(vm, "not enough memory for another request");
      event(vm, GB_EV_FAIL, &c->error);
      return;
    }
    gb_frame_in in = c->frame_in;
    memset(&c->frame_in, 0, sizeof c->frame_in);
    if (phase & GB_FRAME_PHASES && !gb_frame_begin(r, &in)) {
      plain_error(vm, "not enough memory for the frame");
      event(vm, GB_EV_FAIL, &c->error);
      run_end(vm, r);
      return;
    }
    gb_begin(vm);
    set_context(vm, r, x, phase);
    go_on(vm, r);
    gb_end(vm);
    return;
  }
  gb_begin(vm);
  set_context(vm, &c->plain_run, x, phase);
  int slot = __builtin_ctz(phase);
  uint32_t kind = GB_EV_DONE;
  lua_rawgeti(vm->L, LUA_REGISTRYINDEX, c->traceback);
  int handler = lua_gettop(vm->L);
  for (uint32_t i = 0; i < n && kind == GB_EV_DONE; i++) {
    gb_bound *b = c->calls[i];
    if (b->plugin->fn[slot] != LUA_NOREF && !plain(vm, b, b->plugin->fn[slot], handler)) kind = GB_EV_FAIL;
  }
  lua_settop(vm->L, handler - 1);
  event(vm, kind, kind == GB_EV_FAIL ? &c->error : NULL);
  gb_end(vm);
}

/* gb_enter_frame is gb_enter for GB_FRAME_PHASES; core->frame has what handlers made of the frame when the run ends. */
void gb_enter_frame(gb_vm *vm, gb_exchange *x, uint32_t phase, uint32_t n, const gb_frame_in *in) {
  vm->core->frame_in = *in;
  gb_enter(vm, x, phase, n);
}

/* gb_filter runs body_filter of core->calls[0..n) on one chunk; the event's data is what is to go on. */
void gb_filter(gb_vm *vm, gb_exchange *x, uint32_t n, const char *chunk, size_t len, int last) {
  vm->chunk = chunk;
  vm->chunk_len = len;
  vm->chunk_last = (uint8_t)last;
  vm->chunk_edited = 0;
  gb_enter(vm, x, GB_PHASE_BODY_FILTER, n);
  if (vm->core->event.kind == GB_EV_DONE) {
    vm->core->event.data = vm->chunk;
    vm->core->event.len = vm->chunk_len;
  }
  vm->chunk = NULL;
  vm->chunk_len = 0;
}
