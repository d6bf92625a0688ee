/* core.h: what the runtime's own C files share. api_*.c files need vm.h only.
 *
 * The scheduler is flat: every coroutine, a handler's or one that a plugin made, is resumed from gb_advance on the C stack of
 * the entry, never from within another coroutine. So a plugin's own coroutines cannot swallow a yield that is meant for
 * the runtime, and suspending costs no C stack. Only where Lua code runs inside a C call (a gsub callback, a sort
 * comparator, header_filter …) is a resume nested; nothing may wait there. */
#ifndef GB_CORE_H
#define GB_CORE_H

#include <stdatomic.h>

#include "vm.h"

/* What a coroutine wants when it yields. */
enum { GB_WANT_NOTHING, GB_WANT_RESUME, GB_WANT_YIELD, GB_WANT_ASK, GB_WANT_WAIT, GB_WANT_EXIT, GB_WANT_SPAWN, GB_WANT_PARK };

/* How gb_advance ends. */
enum { GB_ENDED, GB_FAILED, GB_YIELDED, GB_ASKS, GB_WAITS, GB_EXITS, GB_SPAWNS, GB_PARKS };

/* A growing buffer outside of the VM's heap. */
typedef struct { char *p; size_t len, cap; } gb_buf;

int gb_buf_room(gb_buf *b, size_t n);
int gb_buf_add(gb_buf *b, const void *p, size_t n);

enum { GB_CHAIN_INLINE = 3 };

/* gb_thread: a light thread: a coroutine that the scheduler runs, with the coroutines it has resumed. */
typedef struct gb_thread {
  lua_State **chain; /* chain[0] is the thread's own coroutine, chain[depth-1] the one that runs */
  uint32_t depth, cap;
  lua_State *co;
  int32_t ref; /* anchors co in the registry */
  uint32_t index, gen;
  gb_run *run; /* NULL while pooled */
  uint8_t checked; /* its call wants true or false before the results */
  gb_bound *bound;
  struct gb_thread *sibling; /* next thread of the same run */
  struct gb_thread *posted;  /* next of those that can go on (gb_run.posted) */
  int32_t nargs;             /* of a posted thread: values on its stack to resume it with */
  uint8_t is_posted, parked;
  uint8_t own; /* the coroutine is known to Lua code (ngx.thread.spawn): never used again */
  lua_State *inlined[GB_CHAIN_INLINE];
} gb_thread;

/* gb_frame_in: the WebSocket frame that an entry is about; gb_frame: the same in its run, as handlers changed it. */
typedef struct { const char *data; size_t len; uint32_t type; int32_t status; } gb_frame_in;
typedef struct { gb_buf data; uint32_t type; int32_t status; uint8_t edited, dropped; } gb_frame;
enum { GB_FRAME_PHASES = GB_PHASE_WS_CLIENT_FRAME | GB_PHASE_WS_UPSTREAM_FRAME };

struct gb_run {
  gb_exchange *x;
  uint32_t phase;
  uint32_t at, n, cap; /* calls[at..n) are still to be begun */
  gb_bound **calls;
  gb_thread *threads;
  gb_thread *entry;                  /* the handler's own thread while it lives; the next call waits for it */
  gb_thread *posted, *posted_last;   /* threads that can go on, in their order */
  int32_t context_ref, request_ref; /* of a run without exchange */
  gb_frame frame;                   /* of GB_FRAME_PHASES */
  gb_run *next;                     /* free list */
};

/* Kinds of gb_event. */
enum {
  GB_EV_DONE,    /* every call of the run returned */
  GB_EV_RESPOND, /* a handler answered the request */
  GB_EV_FAIL,    /* a handler failed: data is the message with its traceback */
  GB_EV_ASK,     /* op with arguments data wants its results at once: gb_resume(thread, results) */
  GB_EV_WAIT,    /* the same, later */
  GB_EV_IDLE     /* every thread of the run waits for something that Go was told of before */
};

/* gb_event: why C came back. Valid until the next entry. */
typedef struct gb_event {
  uint32_t kind;
  int32_t op;
  uint64_t thread;
  const char *data;
  size_t len;
  gb_bound *bound; /* whose handler it was */
  gb_run *run;     /* of ASK, WAIT and IDLE */
  uint32_t more;   /* of WAIT: other threads of the run can go on meanwhile: gb_continue(run) */
} gb_event;

enum { GB_POOL = 256, GB_UNREF = 512, GB_ENTRY_CALLS = 256, GB_LOG_MAX = 1 << 20 };

/* gb_slab: small blocks of the heap (slab.c). */
enum { GB_SLAB_CLASSES = 16 };
typedef struct { char *base, *next; void *free[GB_SLAB_CLASSES]; } gb_slab;

typedef struct gb_core {
  /* memory */
  gb_slab slab;
  lua_Alloc alloc;
  void *alloc_ud;
  uint64_t mem, limit, hard, soft; /* limit is hard, or lifted for the runtime's own needs; see limited in vm.c */
  lua_State *main;
  uint32_t retire;      /* memory stays above three quarters of the limit after a full collection */
  uint32_t collections; /* full collections made for the soft limit */
  uint32_t refused;     /* allocations that the hard limit refused in this entry */
  uint8_t grown;        /* the heap has been large: see PAUSE */
  uint8_t full;         /* the soft limit was passed: the hook is to collect */
  uint8_t crowded;      /* little was free after it: gb_end looks what stays without the handler */
  uint8_t starved;      /* that did not help: the entry ends with "not enough memory" */

  /* time: odd while Lua runs; kill names the run to stop */
  _Atomic uint64_t epoch, kill;
  _Atomic int32_t tid; /* kernel thread of the current run */
  uint8_t exiting, hooked;

  /* scheduler */
  gb_thread *thread; /* the one that runs, NULL on the main state */
  uint32_t want;
  int32_t op;
  uint8_t checked;
  gb_thread **threads; /* by index */
  uint32_t threads_n, threads_cap;
  gb_thread *pool[GB_POOL];
  uint32_t pool_n;
  gb_thread *spare; /* slots without a coroutine */
  gb_thread *spawned; /* of GB_SPAWNS: the new thread */
  uint32_t live; /* threads that are not pooled */
  gb_run *free_runs;
  gb_run plain_run; /* the context of phases that cannot suspend */
  int32_t traceback; /* registry reference of the message handler */

  /* exchange with Go: arguments of an operation or results of a call; error text */
  gb_buf args, results, error, scratch, chunk, log;
  uint32_t log_dropped;
  int32_t log_level;
  uint8_t results_failed;
  uintptr_t handle;
  int32_t array_mt, ops; /* registry references: JSON array metatable, operation numbers by name */

  gb_event event;
  gb_frame_in frame_in; /* the frame of the next entry */
  gb_frame *frame;      /* that of the run which ended last, until the next entry */
  gb_bound *calls[GB_ENTRY_CALLS]; /* Go puts the calls of an entry here */

  /* references that Go gives back without a call: freed at the next entry */
  int32_t unref[GB_UNREF];
  uint32_t unref_n;
} gb_core;

/* vm.c */
gb_vm *gb_new(uint64_t limit, uintptr_t handle);
void gb_close(gb_vm *vm);
void gb_begin(gb_vm *vm);
void gb_end(gb_vm *vm);
void gb_lift(gb_vm *vm);
void gb_collect(gb_vm *vm);
void gb_relieve(lua_State *L, gb_core *c);
void gb_unref_now(gb_vm *vm);
int gb_on_thread(void);

/* slab.c */
void gb_slab_open(gb_slab *s);
void gb_slab_close(gb_slab *s);
void *gb_slab_alloc(gb_slab *s, lua_Alloc f, void *ud, void *p, size_t osize, size_t nsize);

/* stop.c */
void gb_interrupt(gb_vm *vm, uint64_t epoch);
void gb_stop_self(lua_State *L, gb_vm *vm);
void gb_arm(gb_core *c);
void gb_stopped(gb_vm *vm);
int gb_stack_low(void);

/* sched.c */
int gb_advance(gb_vm *vm, gb_thread *t, int nargs);
gb_thread *gb_thread_take(gb_vm *vm, gb_run *r, gb_bound *b);
void gb_thread_drop(gb_vm *vm, gb_thread *t, int reset);
gb_thread *gb_thread_find(gb_vm *vm, uint64_t handle);
uint64_t gb_thread_handle(const gb_thread *t);
int gb_open_coroutine(lua_State *L, gb_vm *vm);

/* thread.c */
void gb_post(gb_thread *t, int nargs);
gb_thread *gb_posted(gb_run *r);
void gb_unpost(gb_thread *t);
void gb_open_thread(lua_State *L, gb_vm *vm);
gb_thread *gb_thread_spawn(lua_State *L, gb_vm *vm);

/* enter.c */
void gb_enter(gb_vm *vm, gb_exchange *x, uint32_t phase, uint32_t n);
void gb_resume(gb_vm *vm, uint64_t thread, const char *results, size_t len, int failed);
void gb_filter(gb_vm *vm, gb_exchange *x, uint32_t n, const char *chunk, size_t len, int last);
void gb_start(gb_vm *vm, gb_exchange *x, uint32_t phase, gb_bound *b, int32_t fn, const char *args, size_t len);
void gb_continue(gb_vm *vm, gb_run *r);
void gb_abandon(gb_vm *vm, gb_run *r);

/* frame.c */
int gb_frame_begin(gb_run *r, const gb_frame_in *in);
int gb_frame_args(gb_vm *vm, lua_State *co, gb_run *r);
void gb_enter_frame(gb_vm *vm, gb_exchange *x, uint32_t phase, uint32_t n, const gb_frame_in *in); /* enter.c */

/* codec.c: the form in which arguments and results travel; see value.go for the Go side */
int gb_encode(lua_State *L, gb_vm *vm, gb_buf *b, int first, int last);
int gb_decode(lua_State *L, gb_vm *vm, const char *p, size_t n);

/* trace.c */
void gb_describe(gb_vm *vm, lua_State *co);
int gb_message_handler(lua_State *L);

/* api_string.c */
void gb_open_string(lua_State *L, gb_vm *vm);

/* native.c */
void gb_open_native(lua_State *L, gb_vm *vm);
int gb_give(gb_vm *vm, const char *p, size_t n, int failed);

/* load.c */
int gb_open_loader(lua_State *L, gb_vm *vm);
void gb_embed(const char *name, const char *source, size_t n, int late);
int gb_call(gb_vm *vm, gb_bound *b, uint32_t phase, int32_t fn, const char *args, size_t len);
int gb_eval(gb_vm *vm, const char *source, size_t n, const char *name, const char *args, size_t len, int keep);
int gb_bind(gb_vm *vm, gb_bound *b, const char *conf, size_t len);
int gb_resolve(gb_vm *vm, gb_plugin *p);
void gb_unbind(gb_vm *vm, gb_bound *b);

#endif
