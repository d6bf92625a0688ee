/* vm.h: one Lua VM of a worker, and what an api_*.c file needs to add functions to it.
 *
 * Every C function that Lua calls gets the gb_vm as upvalue 1: register with gb_register, take it with gb_self. Code runs
 * with vm->run set (the run context); vm->cur is its exchange, NULL at load time, in init_worker, configure and timers:
 * check it with gb_need. C functions may raise Lua errors (luaL_error) freely: they always run protected, and no memory of
 * their own may be lost by it (allocate with lua_newuserdata or gb_scratch). They must not keep a Lua value or a pointer
 * to a Lua string after returning, and must never block. */
#ifndef GB_VM_H
#define GB_VM_H

#include "exchange.h"
#include "lauxlib.h"
#include "lua.h"
#include "lualib.h"

/* Phases: the values of model/phase. */
enum {
  GB_PHASE_INIT_WORKER = 0x1,
  GB_PHASE_CERTIFICATE = 0x2,
  GB_PHASE_CLIENT_HELLO = 0x8,
  GB_PHASE_REWRITE = 0x10,
  GB_PHASE_ACCESS = 0x20,
  GB_PHASE_BALANCER = 0x40,
  GB_PHASE_RESPONSE = 0x80,
  GB_PHASE_CLUSTER_LISTENER = 0x100,
  GB_PHASE_HEADER_FILTER = 0x200,
  GB_PHASE_BODY_FILTER = 0x400,
  GB_PHASE_TIMER = 0x1000,
  GB_PHASE_LOG = 0x2000,
  GB_PHASE_PREREAD = 0x4000,
  GB_PHASE_WS_HANDSHAKE = 0x10000,
  GB_PHASE_WS_CLIENT_FRAME = 0x20000,
  GB_PHASE_WS_UPSTREAM_FRAME = 0x40000,
  GB_PHASE_WS_CLOSE = 0x80000,
  GB_PHASE_CONFIGURE = 0x100000,
  GB_PHASE_ERROR = 0x1000000,
  GB_PHASE_ADMIN_API = 0x10000000
};

/* gb_run: the context that coroutines run in: a request's phase, a timer, or a worker's start. All light threads of it
 * share it. */
typedef struct gb_run gb_run;

/* gb_plugin: a loaded handler. */
typedef struct gb_plugin {
  uint32_t slot;   /* place of its kong.ctx.plugin in a request's table; 0: it has used none yet */
  int32_t handler; /* registry reference of the handler table */
  int32_t fn[24];  /* its functions by bit number of the phase; LUA_NOREF: has none */
} gb_plugin;

/* gb_bound: one plugin configuration as this VM knows it; of a plugin without one (init_worker) serial and conf are unset. */
typedef struct gb_bound {
  uint64_t serial; /* plugin.Bound.Serial */
  gb_plugin *plugin;
  const char *name, *id, *instance; /* plugin name, id and instance_name of the configuration; never NULL */
  uint32_t name_len, id_len, instance_len;
  int32_t conf; /* registry reference of the config table */
} gb_bound;

typedef struct gb_vm {
  lua_State *L;     /* the main state; API functions use the L they are called with */
  gb_exchange *cur; /* the running code's exchange or NULL */
  gb_run *run;      /* the running code's context, NULL while the VM is idle or loads */
  gb_bound *bound;  /* the plugin that runs, NULL outside of plugins */
  uint32_t phase;   /* GB_PHASE_* of the running code, 0 at load time */
  uint32_t nest;    /* depth of nested (not flat) resumes; 0: a yield reaches the scheduler */

  /* body_filter: the chunk as the next filter sees it (ngx.arg[1], ngx.arg[2]); change it with gb_set_chunk. */
  const char *chunk;
  size_t chunk_len;
  uint8_t chunk_last, chunk_edited;

  uint32_t worker_id, worker_count;
  uint32_t slots; /* of gb_plugin.slot, so far */
  /* The bytes of interned strings: a key that equals one lies at the same address. */
  const char *plugin_name, *shared_name;
  uint8_t control; /* this is the control VM: no worker, no requests */

  /* For api_*.c: log lines wait here until Go takes them (native.log fills it). */
  struct gb_core *core; /* scheduler, memory accounting, buffers: core.h, private */

  /* Registry references that the library's init.lua may set once through native functions of its own. */
  int32_t ref[16];
} gb_vm;

/* gb_self: the VM of the C function that runs. Every state of the VM carries it, which is quicker to read than the upvalue. */
static inline gb_vm *gb_self(lua_State *L) { return (gb_vm *)lua_getexdata(L); }

/* gb_need: the exchange, or a Lua error "no request found" where there is none. */
static inline gb_exchange *gb_need(lua_State *L, gb_vm *vm) {
  if (!vm->cur) luaL_error(L, "no request found");
  return vm->cur;
}

/* gb_region_full raises the error for an edit that found no room. */
static inline int gb_region_full(lua_State *L) {
  return luaL_error(L, "headers of this request exceed the memory of one exchange");
}

/* gb_pushstr pushes s as a Lua string. */
static inline void gb_pushstr(lua_State *L, const gb_exchange *x, gb_str s) { lua_pushlstring(L, gb_bytes(x, s), s.len); }

/* gb_register adds functions to the table on top of the stack, each with vm as upvalue 1. list ends with {NULL, NULL}. */
void gb_register(lua_State *L, gb_vm *vm, const luaL_Reg *list);

/* gb_context_ref: where the registry reference of the running context's table is kept (request: gb_exchange.lua_ctx;
 * timer, init_worker: in the run). *ref is 0 when there is none yet; what is stored there (luaL_ref) is freed when the
 * context ends. NULL at load time. gb_request_ref is a second one, for the runtime library's own per-request table. */
int32_t *gb_context_ref(gb_vm *vm);
int32_t *gb_request_ref(gb_vm *vm);

/* gb_set_chunk replaces body_filter's chunk by a copy of n bytes (p may be the chunk itself or part of it). 0: no memory. */
int gb_set_chunk(gb_vm *vm, const char *p, size_t n);

/* gb_scratch: n bytes of working memory of the VM, valid until the next call of it in this VM; NULL when it cannot be had. */
char *gb_scratch(gb_vm *vm, size_t n);

/* gb_can_wait: whether native.wait would be accepted now: a phase that may suspend, and a yield reaches the scheduler. */
int gb_can_wait(lua_State *L, gb_vm *vm);

/* gb_hook_name: how OpenResty calls the running phase ("access_by_lua*", "ngx.timer"), for "API disabled in the context of". */
const char *gb_hook_name(uint32_t phase);

/* gb_refuse raises "API disabled in the context of <phase>". */
int gb_refuse(lua_State *L, gb_vm *vm);

/* gb_log queues a line for the error log; never blocks. level: 0 stderr, 1 emerg, 2 alert, 3 crit, 4 error, 5 warn,
 * 6 notice, 7 info, 8 debug (ngx.ERR and so on are these numbers). A line below the log's level costs nothing. */
void gb_log(gb_vm *vm, int level, const char *msg, size_t n);

/* gb_log_level: the least severe level that is written. */
int gb_log_level(gb_vm *vm);

/* gb_exit ends the handler that runs for good, pcall or not: `return gb_exit(L, vm);` as a C function's last act. The
 * response stands in the exchange and in Go (pdk.Kong.Answer, set by an op before). The outcome of the phase is Respond. In
 * phases that cannot suspend it raises an error that pcall in the handler would catch: the handler's end is noted first,
 * so that the phase goes on without it all the same. */
int gb_exit(lua_State *L, gb_vm *vm);

/* gb_ask, gb_wait: the C forms of native.ask and native.wait: the arguments are L's stack from index `first` on. Use as the
 * return value of a C function (`return gb_ask(L, vm, op, 1);`); the results become the function's results. */
int gb_op(lua_State *L, gb_vm *vm, const char *name); /* resolve an operation's name once; Lua error if unknown */
int gb_ask(lua_State *L, gb_vm *vm, int op, int first);
int gb_wait(lua_State *L, gb_vm *vm, int op, int first);

/* JSON null: cjson.null and ngx.null are one lightuserdata NULL. */
static inline void gb_pushnull(lua_State *L) { lua_pushlightuserdata(L, NULL); }
static inline int gb_isnull(lua_State *L, int i) { return lua_islightuserdata(L, i) && lua_touserdata(L, i) == NULL; }

#endif
