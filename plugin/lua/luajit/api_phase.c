/* Phase checks of the PDK and the notices that its C functions write. */
#include <stdio.h>
#include <string.h>

#include "pdk.h"

static const struct {
    uint32_t bit;
    const char *name;
} phases[] = {
    {GB_PHASE_INIT_WORKER, "init_worker"},
    {GB_PHASE_CERTIFICATE, "certificate"},
    {GB_PHASE_CLIENT_HELLO, "client_hello"},
    {GB_PHASE_REWRITE, "rewrite"},
    {GB_PHASE_ACCESS, "access"},
    {GB_PHASE_BALANCER, "balancer"},
    {GB_PHASE_RESPONSE, "response"},
    {GB_PHASE_CLUSTER_LISTENER, "cluster_listener"},
    {GB_PHASE_HEADER_FILTER, "header_filter"},
    {GB_PHASE_BODY_FILTER, "body_filter"},
    {GB_PHASE_LOG, "log"},
    {GB_PHASE_PREREAD, "preread"},
    {GB_PHASE_WS_HANDSHAKE, "ws_handshake"},
    {GB_PHASE_WS_CLIENT_FRAME, "ws_client_frame"},
    {GB_PHASE_WS_UPSTREAM_FRAME, "ws_upstream_frame"},
    {GB_PHASE_WS_CLOSE, "ws_close"},
    {GB_PHASE_CONFIGURE, "init_worker"}, /* the reference runs configure as part of init_worker */
    {GB_PHASE_ERROR, "error"},
    {GB_PHASE_ADMIN_API, "admin_api"},
};
enum { PHASES = sizeof phases / sizeof phases[0] };

/* The WebSocket phases stand in the masks (a ws handler may do what an access or log handler may), not in the texts. */
#define UNNAMED (GB_PHASE_WS_HANDSHAKE | GB_PHASE_WS_CLIENT_FRAME | GB_PHASE_WS_UPSTREAM_FRAME | GB_PHASE_WS_CLOSE)

static void list_phases(char *out, size_t size, uint32_t mask) {
    size_t n = 0;
    out[0] = 0;
    uint32_t hidden = mask & ~UNNAMED ? UNNAMED : 0;
    for (int i = 0; i < PHASES; i++)
        if (mask & phases[i].bit & ~hidden)
            n += (size_t)snprintf(out + n, size - n, "%s%s", n ? ", " : "", phases[i].name);
}

void gb_wrong_phase(lua_State *L, gb_vm *vm, uint32_t mask, int level) {
    char list[256];
    uint32_t phase = gb_pdk_phase(vm);
    const char *name = NULL;
    for (int i = 0; i < PHASES; i++)
        if (phases[i].bit == phase) name = phases[i].name;
    int except = mask == GB_NOT_INIT_WORKER;
    list_phases(list, sizeof list, except ? GB_PHASE_INIT_WORKER : mask);
    luaL_where(L, level);
    if (!name) {
        if (except) lua_pushliteral(L, "no phase in ngx.ctx.KONG_PHASE");
        else lua_pushfstring(L, "no phase in ngx.ctx.KONG_PHASE, (need one of %s)", list);
    } else if (except) {
        lua_pushfstring(L, "function cannot be called in %s phase (can be called in any phases except: %s)", name, list);
    } else {
        lua_pushfstring(L, "function cannot be called in %s phase (only in: %s)", name, list);
    }
    lua_concat(L, 2);
    lua_error(L);
}

void gb_notice(lua_State *L, gb_vm *vm, int level, const char *text) {
    if (level > gb_log_level(vm)) return;
    char line[512];
    lua_Debug ar;
    const char *file = "?";
    int at = 0;
    for (int i = 1; lua_getstack(L, i, &ar); i++) {
        lua_getinfo(L, "Sl", &ar);
        if (ar.currentline <= 0) continue;
        const char *slash = strrchr(ar.short_src, '/');
        file = slash ? slash + 1 : ar.short_src;
        at = ar.currentline;
        break;
    }
    int n;
    if (vm->bound && vm->phase && !gb_said(vm)) n = snprintf(line, sizeof line, "[kong] %s:%d [%s] %s", file, at, vm->bound->name, text);
    else n = snprintf(line, sizeof line, "[kong] %s:%d %s", file, at, text);
    if (n > (int)sizeof line - 1) n = (int)sizeof line - 1;
    gb_log(vm, level, line, (size_t)n);
}

/* native.check_phase(mask): raises the PDK's error at the caller of the Lua function that calls it. */
static int check_phase(lua_State *L) {
    gb_vm *vm = gb_self(L);
    uint32_t mask = (uint32_t)lua_tonumber(L, 1);
    if (!(gb_pdk_phase(vm) & mask)) gb_wrong_phase(L, vm, mask, 2);
    return 0;
}

/* native.pdk_phase(): the phase as the PDK sees it. After output began in access or rewrite that is body_filter, since
 * the response filters have run then. */
static int pdk_phase(lua_State *L) {
    lua_pushnumber(L, gb_pdk_phase(gb_self(L)));
    return 1;
}

/* native.log_name(): the plugin whose name log lines carry; nil in timers, at load time and once output began. */
static int log_name(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (!vm->bound || !vm->phase || vm->phase == GB_PHASE_TIMER || gb_said(vm)) return 0;
    lua_pushlstring(L, vm->bound->name, vm->bound->name_len);
    return 1;
}

void gb_open_phase(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"check_phase", check_phase}, {"pdk_phase", pdk_phase}, {"log_name", log_name}, {NULL, NULL}};
    gb_register(L, vm, functions);
}
