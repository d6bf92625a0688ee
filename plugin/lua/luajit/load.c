/* load.c: the embedded library, calls of Lua functions from Go outside of requests, and plugin configurations. */
#include <stdlib.h>

#include "core.h"

/* ---- embedded sources: put in once per process, before the first VM, sorted by name ---- */

typedef struct { const char *name, *source; size_t n; int late; } embedded;

static embedded *library;
static size_t library_n;

/* gb_embed keeps both pointers for good. late: found only where the user's path has no module of that name. */
void gb_embed(const char *name, const char *source, size_t n, int late) {
  embedded *p = realloc(library, (library_n + 1) * sizeof *p);
  if (!p) return;
  library = p;
  library[library_n++] = (embedded){name, source, n, late};
}

static const embedded *find_embedded(const char *name) {
  size_t low = 0, high = library_n;
  while (low < high) {
    size_t mid = (low + high) / 2;
    int d = strcmp(library[mid].name, name);
    if (d == 0) return &library[mid];
    if (d < 0) low = mid + 1;
    else high = mid;
  }
  return NULL;
}

/* search_library is a package.loaders entry, twice: its upvalue says whether it is the one behind the user's path. */
static int search_library(lua_State *L) {
  const char *name = luaL_checkstring(L, 1);
  const embedded *e = find_embedded(name);
  int late = lua_toboolean(L, lua_upvalueindex(1));
  if (!e || e->late != late) {
    if (late) return 0; /* the first has said so */
    lua_pushfstring(L, "\n\tno module '%s' in the gateway's own library", name);
    return 1;
  }
  luaL_gsub(L, name, ".", "/");
  lua_pushfstring(L, "@gibbon/%s.lua", lua_tostring(L, -1));
  if (luaL_loadbuffer(L, e->source, e->n, lua_tostring(L, -1))) return lua_error(L);
  return 1;
}

/* gb_open_loader puts the library second in package.loaders, behind package.preload, and its late part last. */
int gb_open_loader(lua_State *L, gb_vm *vm) {
  (void)vm;
  lua_getglobal(L, "package");
  lua_getfield(L, -1, "loaders");
  for (int i = (int)lua_objlen(L, -1); i >= 2; i--) {
    lua_rawgeti(L, -1, i);
    lua_rawseti(L, -2, i + 1);
  }
  lua_pushboolean(L, 0);
  lua_pushcclosure(L, search_library, 1);
  lua_rawseti(L, -2, 2);
  lua_pushboolean(L, 1);
  lua_pushcclosure(L, search_library, 1);
  lua_rawseti(L, -2, (int)lua_objlen(L, -2) + 1);
  lua_pop(L, 2);
  return 0;
}

/* ---- calls from Go ---- */

typedef struct {
  gb_vm *vm;
  gb_bound *self;    /* its handler is the first argument, unless NULL */
  int32_t fn;        /* registry reference, or LUA_NOREF: source is run */
  const char *source, *name, *args;
  size_t n, len;
  int keep; /* the only result stays in Lua: its registry reference is the event's op */
} calling;

/* call runs protected, with the arguments decoded and the results encoded inside. */
static int call(lua_State *L) {
  calling *k = lua_touserdata(L, 1);
  gb_core *c = k->vm->core;
  lua_settop(L, 0);
  lua_rawgeti(L, LUA_REGISTRYINDEX, c->traceback);
  if (k->fn == LUA_NOREF) {
    if (luaL_loadbuffer(L, k->source, k->n, k->name)) lua_error(L);
  } else {
    lua_rawgeti(L, LUA_REGISTRYINDEX, k->fn);
  }
  if (k->self) lua_rawgeti(L, LUA_REGISTRYINDEX, k->self->plugin->handler);
  int n = gb_decode(L, k->vm, k->args, k->len) + (k->self != NULL);
  if (lua_pcall(L, n, k->keep ? 1 : LUA_MULTRET, 1)) lua_error(L);
  if (k->keep) {
    c->event.op = luaL_ref(L, LUA_REGISTRYINDEX);
    return 0;
  }
  c->args.len = 0;
  gb_encode(L, k->vm, &c->args, 2, lua_gettop(L));
  return 0;
}

static int run_call(calling *k, uint32_t phase) {
  gb_vm *vm = k->vm;
  gb_core *c = vm->core;
  gb_begin(vm);
  vm->phase = phase;
  vm->run = phase ? &c->plain_run : NULL;
  c->plain_run.context_ref = c->plain_run.request_ref = 0;
  c->plain_run.phase = phase;
  vm->bound = k->self;
  int st = lua_cpcall(vm->L, call, k);
  int exited = c->exiting;
  c->error.len = 0;
  if (st && !exited) {
    size_t n;
    const char *m = lua_tolstring(vm->L, -1, &n);
    if (m) gb_buf_add(&c->error, m, n);
    else gb_buf_add(&c->error, "the error is not a string", 25);
  }
  if (st) lua_pop(vm->L, 1);
  if (c->plain_run.context_ref > 0) luaL_unref(vm->L, LUA_REGISTRYINDEX, c->plain_run.context_ref);
  if (c->plain_run.request_ref > 0) luaL_unref(vm->L, LUA_REGISTRYINDEX, c->plain_run.request_ref);
  gb_end(vm);
  return st == 0 || exited;
}

/* gb_call calls the function fn (registry reference), with b's handler first if b is given, then the decoded args. 1: the
 * results are in core->args; 0: it failed, the text is in core->error. */
int gb_call(gb_vm *vm, gb_bound *b, uint32_t phase, int32_t fn, const char *args, size_t len) {
  calling k = {vm, b, fn, NULL, NULL, args, 0, len, 0};
  return run_call(&k, phase);
}

/* gb_eval runs source with the decoded args. keep: its first result stays in the VM, event.op is the reference. */
int gb_eval(gb_vm *vm, const char *source, size_t n, const char *name, const char *args, size_t len, int keep) {
  calling k = {vm, NULL, LUA_NOREF, source, name, args, n, len, keep};
  return run_call(&k, 0);
}

/* ---- plugins ---- */

static const struct { int bit; const char *name; } phases[] = {
    {0, "init_worker"}, {1, "certificate"}, {3, "client_hello"}, {4, "rewrite"}, {5, "access"}, {7, "response"},
    {9, "header_filter"}, {10, "body_filter"}, {13, "log"}, {14, "preread"}, {16, "ws_handshake"},
    {17, "ws_client_frame"}, {18, "ws_upstream_frame"}, {19, "ws_close"}, {20, "configure"}};

typedef struct { gb_vm *vm; gb_plugin *p; gb_bound *b; const char *conf; size_t len; } binding;

static int resolve(lua_State *L) {
  binding *k = lua_touserdata(L, 1);
  lua_rawgeti(L, LUA_REGISTRYINDEX, k->p->handler);
  int handler = lua_gettop(L);
  for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++) {
    int32_t *fn = &k->p->fn[phases[i].bit];
    lua_getfield(L, handler, phases[i].name);
    int callable = lua_isfunction(L, -1) || luaL_getmetafield(L, -1, "__call");
    lua_settop(L, handler + 1);
    luaL_unref(L, LUA_REGISTRYINDEX, *fn);
    *fn = callable ? luaL_ref(L, LUA_REGISTRYINDEX) : LUA_NOREF;
    lua_settop(L, handler);
  }
  return 0;
}

static int protected_call(gb_vm *vm, lua_CFunction f, void *ud) {
  gb_core *c = vm->core;
  gb_begin(vm);
  int st = lua_cpcall(vm->L, f, ud);
  c->error.len = 0;
  if (st) {
    size_t n;
    const char *m = lua_tolstring(vm->L, -1, &n);
    if (m) gb_buf_add(&c->error, m, n);
    lua_pop(vm->L, 1);
  }
  gb_end(vm);
  return st == 0;
}

/* gb_resolve looks a handler's functions up, inherited ones too. p->fn is LUA_NOREF before the first time. */
int gb_resolve(gb_vm *vm, gb_plugin *p) {
  binding k = {vm, p, NULL, NULL, 0};
  return protected_call(vm, resolve, &k);
}

static int make_conf(lua_State *L) {
  binding *k = lua_touserdata(L, 1);
  gb_decode(L, k->vm, k->conf, k->len);
  lua_settop(L, 2);
  k->b->conf = luaL_ref(L, LUA_REGISTRYINDEX);
  return 0;
}

/* gb_bind makes b's config table of its encoded form. */
int gb_bind(gb_vm *vm, gb_bound *b, const char *conf, size_t len) {
  binding k = {vm, NULL, b, conf, len};
  return protected_call(vm, make_conf, &k);
}

void gb_unbind(gb_vm *vm, gb_bound *b) {
  luaL_unref(vm->L, LUA_REGISTRYINDEX, b->conf);
  b->conf = LUA_NOREF;
}
