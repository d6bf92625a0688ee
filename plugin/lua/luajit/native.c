/* native.c: the table gibbon.native (plugin/lua/doc.go lists it) and what api_*.c files use of the runtime. */
#include <stdlib.h>

#include "core.h"

/* The single exported Go function: runs an operation at once and gives its results with gb_give. 0: no such operation. */
extern int gibbonAsk(uintptr_t handle, int op, char *args, size_t n);

#define GB_API(name) void gb_open_##name(lua_State *L, gb_vm *vm);
#include "apis.h"
#undef GB_API

void gb_register(lua_State *L, gb_vm *vm, const luaL_Reg *list) {
  for (; list->name; list++) {
    lua_pushlightuserdata(L, vm);
    lua_pushcclosure(L, list->func, 1);
    lua_setfield(L, -2, list->name);
  }
}

/* ---- where code runs ---- */

static const struct { uint32_t phase; const char *hook; } hooks[] = {
    {GB_PHASE_INIT_WORKER, "init_worker_by_lua*"},   {GB_PHASE_CONFIGURE, "init_worker_by_lua*"},
    {GB_PHASE_CERTIFICATE, "ssl_certificate_by_lua*"}, {GB_PHASE_CLIENT_HELLO, "ssl_client_hello_by_lua*"},
    {GB_PHASE_REWRITE, "rewrite_by_lua*"},           {GB_PHASE_ACCESS, "access_by_lua*"},
    {GB_PHASE_RESPONSE, "content_by_lua*"},          {GB_PHASE_BALANCER, "balancer_by_lua*"},
    {GB_PHASE_HEADER_FILTER, "header_filter_by_lua*"}, {GB_PHASE_BODY_FILTER, "body_filter_by_lua*"},
    {GB_PHASE_LOG, "log_by_lua*"},                   {GB_PHASE_PREREAD, "preread_by_lua*"},
    {GB_PHASE_WS_HANDSHAKE, "access_by_lua*"},       {GB_PHASE_WS_CLIENT_FRAME, "content_by_lua*"},
    {GB_PHASE_WS_UPSTREAM_FRAME, "content_by_lua*"}, {GB_PHASE_WS_CLOSE, "log_by_lua*"},
    {GB_PHASE_TIMER, "ngx.timer"},                   {GB_PHASE_ADMIN_API, "content_by_lua*"}};

const char *gb_hook_name(uint32_t phase) {
  for (size_t i = 0; i < sizeof hooks / sizeof hooks[0]; i++)
    if (hooks[i].phase == phase) return hooks[i].hook;
  return "init_by_lua*";
}

/* refuse raises text without a position: the library's own lines say nothing to a plugin's author. */
static int refuse(lua_State *L, const char *format, const char *what) {
  lua_pushfstring(L, format, what);
  return lua_error(L);
}

int gb_refuse(lua_State *L, gb_vm *vm) {
  return refuse(L, "API disabled in the context of %s", gb_hook_name(vm->phase));
}

int gb_can_wait(lua_State *L, gb_vm *vm) {
  return vm->control || (vm->core->thread && vm->nest == 0 && lua_isyieldable(L));
}

int32_t *gb_context_ref(gb_vm *vm) {
  if (vm->cur) return &vm->cur->lua_ctx;
  return vm->run ? &vm->run->context_ref : NULL;
}

int32_t *gb_request_ref(gb_vm *vm) {
  if (vm->cur) return &vm->cur->lua_request;
  return vm->run ? &vm->run->request_ref : NULL;
}

int gb_set_chunk(gb_vm *vm, const char *p, size_t n) {
  gb_buf *b = &vm->core->chunk;
  size_t off = 0;
  int inside = b->p && p >= b->p && p < b->p + b->cap;
  if (inside) off = (size_t)(p - b->p);
  b->len = 0;
  if (!gb_buf_room(b, n ? n : 1)) return 0;
  if (n) memmove(b->p, inside ? b->p + off : p, n);
  b->len = n;
  vm->chunk = b->p;
  vm->chunk_len = n;
  vm->chunk_edited = 1;
  return 1;
}

char *gb_scratch(gb_vm *vm, size_t n) {
  gb_buf *b = &vm->core->scratch;
  b->len = 0;
  return gb_buf_room(b, n ? n : 1) ? b->p : NULL;
}

/* ---- log ---- */

int gb_log_level(gb_vm *vm) { return vm->core->log_level; }

/* A queued line: level (1 byte), length (4), text. Go takes the queue when the entry ends. */
void gb_log(gb_vm *vm, int level, const char *msg, size_t n) {
  gb_core *c = vm->core;
  if (level > c->log_level) return;
  uint8_t lv = (uint8_t)(level < 0 ? 0 : level);
  uint32_t len = (uint32_t)n;
  if (n > GB_LOG_MAX || c->log.len + n + 13 > GB_LOG_MAX || !gb_buf_room(&c->log, n + 5)) {
    c->log_dropped++;
    return;
  }
  gb_buf_add(&c->log, &lv, 1);
  gb_buf_add(&c->log, &len, 4);
  gb_buf_add(&c->log, msg, n);
}

/* ---- operations ---- */

/* gb_give is how Go answers an upcall. */
int gb_give(gb_vm *vm, const char *p, size_t n, int failed) {
  gb_buf *b = &vm->core->results;
  b->len = 0;
  vm->core->results_failed = (uint8_t)failed;
  return gb_buf_add(b, p, n);
}

int gb_op(lua_State *L, gb_vm *vm, const char *name) {
  lua_rawgeti(L, LUA_REGISTRYINDEX, vm->core->ops);
  lua_getfield(L, -1, name);
  if (!lua_isnumber(L, -1)) luaL_error(L, "gibbon.native has no operation \"%s\"", name);
  int op = (int)lua_tointeger(L, -1);
  lua_pop(L, 2);
  return op;
}

static void collect_arguments(lua_State *L, gb_vm *vm, int op, int first, int checked) {
  gb_core *c = vm->core;
  c->op = op;
  c->checked = (uint8_t)checked;
  c->args.len = 0;
  gb_encode(L, vm, &c->args, first, lua_gettop(L));
}

static int upcall(lua_State *L, gb_vm *vm, int checked) {
  gb_core *c = vm->core;
  int top = lua_gettop(L);
  if (!gibbonAsk(c->handle, c->op, c->args.p, c->args.len)) return luaL_error(L, "the gateway did not answer");
  if (checked) lua_pushboolean(L, !c->results_failed);
  else if (c->results_failed) lua_pushnil(L);
  gb_decode(L, vm, c->results.p, c->results.len);
  return lua_gettop(L) - top;
}

static int ask(lua_State *L, gb_vm *vm, int op, int first, int checked) {
  collect_arguments(L, vm, op, first, checked);
  if (!vm->core->thread || vm->nest || !lua_isyieldable(L)) return upcall(L, vm, checked);
  vm->core->want = GB_WANT_ASK;
  return lua_yield(L, 0);
}

static int wait(lua_State *L, gb_vm *vm, int op, int first, int checked) {
  if (!gb_can_wait(L, vm)) {
    if (!vm->core->thread || vm->nest) return gb_refuse(L, vm);
    return refuse(L, "attempt to yield across C-call boundary%s", "");
  }
  collect_arguments(L, vm, op, first, checked);
  if (vm->control) return upcall(L, vm, checked);
  vm->core->want = GB_WANT_WAIT;
  return lua_yield(L, 0);
}

int gb_ask(lua_State *L, gb_vm *vm, int op, int first) { return ask(L, vm, op, first, 0); }
int gb_wait(lua_State *L, gb_vm *vm, int op, int first) { return wait(L, vm, op, first, 0); }

int gb_exit(lua_State *L, gb_vm *vm) {
  gb_core *c = vm->core;
  if (!vm->run) return gb_refuse(L, vm);
  if (c->thread && vm->nest == 0 && lua_isyieldable(L)) {
    c->want = GB_WANT_EXIT;
    return lua_yield(L, 0);
  }
  gb_stop_self(L, vm);
  return luaL_error(L, "the handler has ended");
}

static int n_op(lua_State *L) {
  lua_pushinteger(L, gb_op(L, gb_self(L), luaL_checkstring(L, 1)));
  return 1;
}

static int n_ask(lua_State *L) { return ask(L, gb_self(L), luaL_checkint(L, 1), 2, 1); }
static int n_wait(lua_State *L) { return wait(L, gb_self(L), luaL_checkint(L, 1), 2, 1); }
static int n_exit(lua_State *L) { return gb_exit(L, gb_self(L)); }

static int n_can_wait(lua_State *L) {
  lua_pushboolean(L, gb_can_wait(L, gb_self(L)));
  return 1;
}

/* ---- the rest of the table ---- */

static int n_log(lua_State *L) {
  size_t n;
  int level = luaL_checkint(L, 1);
  const char *s = luaL_checklstring(L, 2, &n);
  gb_log(gb_self(L), level, s, n);
  return 0;
}

static int n_log_level(lua_State *L) {
  lua_pushinteger(L, gb_self(L)->core->log_level);
  return 1;
}

static int n_phase(lua_State *L) {
  lua_pushinteger(L, (lua_Integer)gb_self(L)->phase);
  return 1;
}

static int n_refuse(lua_State *L) { return gb_refuse(L, gb_self(L)); }

static int n_plugin(lua_State *L) {
  gb_bound *b = gb_self(L)->bound;
  if (!b) return 0;
  lua_pushlstring(L, b->name, b->name_len);
  lua_pushlstring(L, b->id, b->id_len);
  if (b->instance_len) lua_pushlstring(L, b->instance, b->instance_len);
  else lua_pushnil(L);
  return 3;
}

static int n_bound(lua_State *L) {
  gb_bound *b = gb_self(L)->bound;
  lua_pushnumber(L, b ? (lua_Number)b->serial : 0);
  return 1;
}

static int push_table_at(lua_State *L, int32_t *ref) {
  if (!ref) return 0;
  if (*ref <= 0) {
    lua_newtable(L);
    *ref = luaL_ref(L, LUA_REGISTRYINDEX);
  }
  lua_rawgeti(L, LUA_REGISTRYINDEX, *ref);
  return 1;
}

static int n_context(lua_State *L) { return push_table_at(L, gb_context_ref(gb_self(L))); }
static int n_request(lua_State *L) { return push_table_at(L, gb_request_ref(gb_self(L))); }

static int n_set_context(lua_State *L) {
  gb_vm *vm = gb_self(L);
  int32_t *ref = gb_context_ref(vm);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  if (!ref) return gb_refuse(L, vm);
  if (*ref > 0) lua_rawseti(L, LUA_REGISTRYINDEX, *ref);
  else *ref = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static int n_worker(lua_State *L) {
  gb_vm *vm = gb_self(L);
  lua_pushinteger(L, (lua_Integer)vm->worker_id);
  lua_pushinteger(L, (lua_Integer)vm->worker_count);
  lua_pushboolean(L, vm->control);
  return 3;
}

static int n_set_array_mt(lua_State *L) {
  gb_vm *vm = gb_self(L);
  luaL_checktype(L, 1, LUA_TTABLE);
  lua_settop(L, 1);
  luaL_unref(L, LUA_REGISTRYINDEX, vm->core->array_mt);
  vm->core->array_mt = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

static int n_memory(lua_State *L) {
  gb_core *c = gb_self(L)->core;
  lua_pushnumber(L, (lua_Number)c->mem);
  lua_pushnumber(L, (lua_Number)c->hard);
  return 2;
}

/* ask and wait raise what the operation's Fail says: in Lua, since a resumed C function cannot raise. */
static const char raise_source[] =
    "local ask, wait, error = ...\n"
    "local function results(ok, ...) if ok then return ... end error((...), 0) end\n"
    "return function(op, ...) return results(ask(op, ...)) end, function(op, ...) return results(wait(op, ...)) end\n";

void gb_open_native(lua_State *L, gb_vm *vm) {
  static const luaL_Reg list[] = {{"op", n_op}, {"exit", n_exit}, {"can_wait", n_can_wait}, {"refuse", n_refuse},
      {"log", n_log}, {"log_level", n_log_level}, {"phase", n_phase}, {"plugin", n_plugin}, {"bound", n_bound},
      {"context", n_context}, {"set_context", n_set_context}, {"request", n_request}, {"worker", n_worker},
      {"set_array_mt", n_set_array_mt}, {"memory", n_memory}, {NULL, NULL}};
  vm->core->array_mt = LUA_NOREF;
  lua_newtable(L);
  vm->core->ops = luaL_ref(L, LUA_REGISTRYINDEX);
  lua_getfield(L, LUA_REGISTRYINDEX, "_LOADED");
  lua_newtable(L);
  gb_register(L, vm, list);
  if (luaL_loadbuffer(L, raise_source, sizeof raise_source - 1, "=gibbon.native")) lua_error(L);
  lua_pushlightuserdata(L, vm);
  lua_pushcclosure(L, n_ask, 1);
  lua_pushlightuserdata(L, vm);
  lua_pushcclosure(L, n_wait, 1);
  lua_getglobal(L, "error");
  lua_call(L, 3, 2);
  lua_setfield(L, -3, "wait");
  lua_setfield(L, -2, "ask");
  gb_pushnull(L);
  lua_setfield(L, -2, "null");
  gb_open_thread(L, vm);
#define GB_API(name) gb_open_##name(L, vm);
#include "apis.h"
#undef GB_API
  lua_setfield(L, -2, "gibbon.native");
  lua_pop(L, 1);
}
