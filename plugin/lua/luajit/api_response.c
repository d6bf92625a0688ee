/* kong.response and kong.service.response, as far as they read and edit the head, and the same for ngx.header, ngx.resp and
 * ngx.status. native.response and native.service_response become the PDK's tables. */
#include <string.h>

#include "pdk.h"

enum { ID_CONTENT_LENGTH = 3, ID_CONTENT_TYPE = 4, ID_TRANSFER_ENCODING = 5, ID_SERVER = 19, ID_DATE = 20, ID_VIA = 21, ID_LOCATION = 32, ID_LAST_MODIFIED = 35 };

static gb_exchange *begin(lua_State *L, uint32_t mask) {
    gb_vm *vm = gb_self(L);
    gb_check_phase(L, vm, mask);
    if (!vm->cur) luaL_error(L, "API disabled in the current context");
    return vm->cur;
}

/* ---- editing ---- */

/* single says whether the reference keeps one value only of this header. */
static int single(uint8_t id) {
    return id == ID_CONTENT_LENGTH || id == ID_CONTENT_TYPE || id == ID_SERVER || id == ID_DATE || id == ID_LOCATION ||
           id == ID_LAST_MODIFIED;
}

/* sent_by_service says whether the service sent the field, changed since or not. */
static int sent_by_service(const gb_field *f) { return f && (!(f->flags & GB_FIELD_EDITED) || (f->flags & GB_FIELD_SERVICE)); }

/* put_one is gb_response_set for one value as it is to be sent. 0: there is no room. */
static int put_one(gb_exchange *x, const char *name, size_t nn, const char *value, size_t vn) {
    uint32_t from = 0;
    gb_field *old = gb_next(x, &x->response, name, nn, &from);
    if (!old) return gb_add(x, &x->response, name, nn, value, vn);
    int service = sent_by_service(old);
    if (!gb_set_at(x, &x->response, old, from, name, nn, value, vn)) return 0;
    if (service) old->flags |= GB_FIELD_SERVICE;
    return 1;
}

void gb_response_set(lua_State *L, gb_exchange *x, const char *name, size_t nn, int i, int add, int blank) {
    if (nn == 0) return; /* nginx sends no header without a name */
    uint8_t id = gb_known(name, nn);
    gb_field *old = gb_find(x, &x->response, name, nn);
    int service = sent_by_service(old);
    if (single(id)) {
        if (lua_istable(L, i)) {
            int n = (int)lua_objlen(L, i);
            if (n == 0) {
                if (!add) gb_del(x, &x->response, name, nn);
                return;
            }
            lua_rawgeti(L, i, n);
            lua_replace(L, i);
        }
        add = 0;
    }
    gb_set_values(L, x, &x->response, name, nn, i, add, blank);
    if (service && !add) {
        gb_field *f = gb_find(x, &x->response, name, nn);
        if (f) f->flags |= GB_FIELD_SERVICE;
    }
}

void gb_response_del(gb_exchange *x, const char *name, size_t nn) { gb_del(x, &x->response, name, nn); }

static int is_transfer_encoding(const char *name, size_t n) {
    return n == 17 && gb_alike(name, "transfer-encoding", n);
}

static int set_or_add(lua_State *L, int add) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = begin(L, GB_ANSWER_PHASES);
    char buf[256];
    size_t n, vn;
    const char *value, *plain;
    if (!add && !x->head_sent && gb_plain_field(L, &plain, &n, &value, &vn, gb_underscores_to_dashes) &&
        !is_transfer_encoding(plain, n)) {
        return put_one(x, plain, n, value, vn) ? 0 : gb_region_full(L);
    }
    if (lua_gettop(L) < 2) lua_settop(L, lua_gettop(L) < 1 ? 1 : 2);
    lua_settop(L, 2);
    gb_check_header(L, 1, 2);
    if (x->head_sent) return luaL_error(L, "headers have already been sent");
    const char *name = gb_header_name(L, 1, &n, buf, gb_underscores_to_dashes);
    if (is_transfer_encoding(name, n)) {
        gb_notice(L, vm, 5, "manually setting Transfer-Encoding. Ignored.");
        return 0;
    }
    gb_response_set(L, x, name, n, 2, add, 1);
    return 0;
}

static int set_header(lua_State *L) { return set_or_add(L, 0); }
static int add_header(lua_State *L) { return set_or_add(L, 1); }

static int clear_header(lua_State *L) {
    gb_exchange *x = begin(L, GB_ANSWER_PHASES);
    char buf[256];
    size_t n;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "header name must be a string");
    if (x->head_sent) return luaL_error(L, "headers have already been sent");
    const char *name = gb_header_name(L, 1, &n, buf, gb_underscores_to_dashes);
    gb_response_del(x, name, n);
    return 0;
}

/* apply_headers sets every header of the table at place i; warn: Transfer-Encoding is not passed over in silence. */
static void apply_headers(lua_State *L, gb_vm *vm, gb_exchange *x, int i, int warn) {
    char buf[256];
    size_t n;
    lua_pushnil(L);
    while (lua_next(L, i)) {
        int top = lua_gettop(L);
        lua_pushvalue(L, top - 1);
        const char *name = gb_header_name(L, top + 1, &n, buf, gb_underscores_to_dashes);
        if (!is_transfer_encoding(name, n)) gb_response_set(L, x, name, n, top, 0, 1);
        else if (warn) gb_notice(L, vm, 5, "manually setting Transfer-Encoding. Ignored.");
        lua_settop(L, top - 1);
    }
}

static int set_headers(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = begin(L, GB_ANSWER_PHASES);
    if (!lua_istable(L, 1)) return luaL_error(L, "headers must be a table");
    gb_check_headers(L, 1);
    if (x->head_sent) return luaL_error(L, "headers have already been sent");
    apply_headers(L, vm, x, 1, 1);
    return 0;
}

/* native.check_headers(table), native.apply_headers(table): the halves of set_headers, for exit. */
static int check_headers(lua_State *L) {
    gb_check_headers(L, 1);
    return 0;
}

static int apply(lua_State *L) {
    gb_vm *vm = gb_self(L);
    apply_headers(L, vm, gb_need(L, vm), 1, 0);
    return 0;
}

static int set_status(lua_State *L) {
    gb_exchange *x = begin(L, GB_ANSWER_PHASES);
    if (lua_type(L, 1) != LUA_TNUMBER) return luaL_error(L, "code must be a number");
    double code = lua_tonumber(L, 1);
    if (!(code >= 100 && code <= 599)) return luaL_error(L, "code must be a number between 100 and 599");
    if (x->head_sent) return luaL_error(L, "headers have already been sent");
    x->status = (uint32_t)code;
    x->reason.off = x->reason.len = 0;
    return 0;
}

/* ---- reading ---- */

static int get_status(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)begin(L, GB_ANSWERED_PHASES)->status);
    return 1;
}

static int get_source(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = begin(L, GB_ANSWERED_PHASES);
    int source = x->source;
    if (lua_istable(L, 1)) { /* a context table other than this request's has no marks */
        int32_t *ref = gb_context_ref(vm);
        lua_rawgeti(L, LUA_REGISTRYINDEX, ref ? *ref : 0);
        if (!lua_rawequal(L, -1, 1)) source = GB_SOURCE_ERROR;
    }
    lua_pushstring(L, source == GB_SOURCE_SERVICE ? "service" : source == GB_SOURCE_EXIT ? "exit" : "error");
    return 1;
}

/* find_listed finds a response header among the first limit ones; *more: there are others behind. */
static gb_field *find_listed(gb_exchange *x, const char *name, size_t n, int limit, int *more) {
    gb_field *f = gb_fields(x, &x->response), *found = NULL;
    int listed = 0;
    *more = 0;
    for (uint32_t i = 0; i < x->response.n; i++) {
        if (f[i].flags & GB_FIELD_GONE) continue;
        int apart = f[i].id == ID_CONTENT_LENGTH || f[i].id == ID_CONTENT_TYPE;
        if (!apart && listed++ == limit) {
            *more = 1;
            break;
        }
        if (!found && f[i].name.len == n && gb_equal(gb_name(x, &f[i]), name, n)) found = &f[i];
    }
    return found;
}

static const char *dashed(lua_State *L, int i, size_t *n, char *buf) {
    const char *s = lua_tolstring(L, i, n);
    if (!memchr(s, '_', *n)) return s;
    char *o = *n <= 256 ? buf : lua_newuserdata(L, *n);
    for (size_t k = 0; k < *n; k++) o[k] = s[k] == '_' ? '-' : s[k];
    return o;
}

static int get_header(lua_State *L) {
    gb_exchange *x = begin(L, GB_ANSWERED_PHASES);
    char buf[256];
    size_t n;
    int more;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "header name must be a string");
    const char *name = dashed(L, 1, &n, buf);
    gb_field *f = find_listed(x, name, n, gb_max_resp_headers, &more);
    if (more) gb_notice(L, gb_self(L), 6, "response headers truncated");
    if (f && n) lua_pushlstring(L, gb_value(x, f), f->value.len);
    else if (n == 10 && gb_equal(name, "connection", 10)) gb_push_connection(L, x);
    else lua_pushnil(L);
    return 1;
}

static int push_all(lua_State *L, gb_exchange *x, int max, int raw) {
    gb_vm *vm = gb_self(L);
    if (!gb_push_response_fields(L, vm, x, max, raw)) {
        lua_pushnil(L);
        return 2;
    }
    gb_notice(L, vm, 6, "response headers truncated");
    lua_pushliteral(L, "truncated");
    return 2;
}

static int get_headers(lua_State *L) {
    gb_exchange *x = begin(L, GB_ANSWERED_PHASES);
    return push_all(L, x, gb_limit(L, 1, "max_headers", gb_max_resp_headers), 0);
}

/* ---- kong.service.response ---- */

static gb_exchange *service(lua_State *L) { return begin(L, GB_SERVICE_ANSWERED_PHASES); }

/* from_service: Server and Via are the gateway's, whatever the service sent. */
static int from_service(const gb_field *f) {
    return (!(f->flags & GB_FIELD_EDITED) || (f->flags & GB_FIELD_SERVICE)) && f->id != ID_SERVER && f->id != ID_VIA;
}

static int service_status(lua_State *L) {
    gb_exchange *x = service(L);
    if (x->upstream_status) lua_pushinteger(L, (lua_Integer)x->upstream_status);
    else lua_pushnil(L);
    return 1;
}

static int service_header(lua_State *L) {
    gb_exchange *x = service(L);
    char buf[256];
    size_t n;
    int more;
    if (lua_type(L, 1) != LUA_TSTRING) return luaL_error(L, "name must be a string");
    const char *name = dashed(L, 1, &n, buf);
    gb_field *f = find_listed(x, name, n, gb_max_resp_headers, &more);
    if (more) gb_notice(L, gb_self(L), 6, "response headers truncated");
    if (f && n && x->upstream_status && from_service(f)) lua_pushlstring(L, gb_value(x, f), f->value.len);
    else lua_pushnil(L);
    return 1;
}

/* service_index is __index of get_headers' table: what the service did not send is not found by another spelling. */
static int service_index(lua_State *L) {
    gb_vm *vm = gb_self(L);
    size_t n;
    if (lua_type(L, 2) != LUA_TSTRING || !vm->cur) return 0;
    const char *s = lua_tolstring(L, 2, &n);
    char *o = lua_newuserdata(L, n + 1);
    for (size_t i = 0; i < n; i++) o[i] = s[i] == '_' ? '-' : s[i] >= 'A' && s[i] <= 'Z' ? s[i] | 32 : s[i];
    gb_field *f = gb_find(vm->cur, &vm->cur->response, o, n);
    if (!f || !from_service(f) || !vm->cur->upstream_status) return 0;
    lua_pushlstring(L, o, n);
    lua_rawget(L, 1);
    return 1;
}

static char service_meta;

static int service_headers(lua_State *L) {
    gb_exchange *x = service(L);
    int n = push_all(L, x, gb_limit(L, 1, "max_headers", gb_max_resp_headers), 0);
    lua_pushlightuserdata(L, &service_meta);
    lua_rawget(L, LUA_REGISTRYINDEX);
    lua_setmetatable(L, -1 - n);
    return n;
}

/* ---- ngx.resp, ngx.header, ngx.status ---- */

static gb_exchange *low(lua_State *L) {
    gb_vm *vm = gb_self(L);
    if (!vm->cur) luaL_error(L, "API disabled in the current context");
    return vm->cur;
}

static int head_closed(gb_vm *vm) {
    gb_exchange *x = vm->cur;
    return x->head_sent || gb_said(vm) || (vm->phase & (GB_PHASE_BODY_FILTER | GB_PHASE_LOG));
}

/* native.resp_headers(max, raw): ngx.resp.get_headers */
static int resp_headers(lua_State *L) {
    gb_exchange *x = low(L);
    int max = lua_isnoneornil(L, 1) ? gb_max_resp_headers : (int)luaL_checkinteger(L, 1);
    return push_all(L, x, max, lua_toboolean(L, 2));
}

/* ngx.header[name] */
static int header_index(lua_State *L) {
    gb_exchange *x = low(L);
    char buf[256];
    size_t n;
    if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "header name must be a string");
    const char *name = dashed(L, 2, &n, buf);
    uint32_t from = 0;
    gb_field *f = gb_next(x, &x->response, name, n, &from), *second = f ? gb_next(x, &x->response, name, n, &from) : NULL;
    if (!f) {
        if (n == 10 && gb_equal(name, "connection", 10)) gb_push_connection(L, x);
        else lua_pushnil(L);
        return 1;
    }
    if (!second) {
        lua_pushlstring(L, gb_value(x, f), f->value.len);
        return 1;
    }
    lua_createtable(L, 2, 0);
    lua_pushlstring(L, gb_value(x, f), f->value.len);
    lua_rawseti(L, -2, 1);
    for (int i = 2; second; i++) {
        lua_pushlstring(L, gb_value(x, second), second->value.len);
        lua_rawseti(L, -2, i);
        second = gb_next(x, &x->response, name, n, &from);
    }
    return 1;
}

/* ngx.header[name] = value */
static int header_newindex(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = low(L);
    char buf[256];
    size_t n;
    if (lua_type(L, 2) != LUA_TSTRING) return luaL_error(L, "header name must be a string");
    if (head_closed(vm)) {
        gb_log_text(vm, 4, "attempt to set ngx.header.HEADER after sending out response headers");
        return 0;
    }
    const char *name = gb_header_name(L, 2, &n, buf, gb_underscores_to_dashes);
    size_t vn = 1;
    if (lua_type(L, 3) == LUA_TSTRING) lua_tolstring(L, 3, &vn);
    if (lua_isnil(L, 3) || vn == 0 || (lua_istable(L, 3) && lua_objlen(L, 3) == 0)) {
        gb_response_del(x, name, n);
        return 0;
    }
    int t = lua_type(L, 3);
    if (t != LUA_TSTRING && t != LUA_TNUMBER && t != LUA_TBOOLEAN && t != LUA_TTABLE) {
        return luaL_error(L, "invalid header value type %s", lua_typename(L, t));
    }
    gb_response_set(L, x, name, n, 3, 0, 0);
    return 0;
}

/* native.status(): ngx.status; native.set_status(code) */
static int low_status(lua_State *L) {
    lua_pushinteger(L, (lua_Integer)low(L)->status);
    return 1;
}

static int low_set_status(lua_State *L) {
    gb_vm *vm = gb_self(L);
    gb_exchange *x = low(L);
    lua_Integer code = luaL_checkinteger(L, 1);
    if (head_closed(vm)) {
        gb_log_text(vm, 4, "attempt to set ngx.status after sending out response headers");
        return 0;
    }
    x->status = code < 0 || code > 999 ? 0 : (uint32_t)code;
    x->reason.off = x->reason.len = 0;
    return 0;
}

/* native.set_reason(text): the status text of ngx.resp.set_status */
static int set_reason(lua_State *L) {
    size_t n;
    gb_exchange *x = low(L);
    const char *s = luaL_checklstring(L, 1, &n);
    if (!gb_put(x, &x->reason, s, n)) return gb_region_full(L);
    return 0;
}

static int headers_sent(lua_State *L) {
    gb_vm *vm = gb_self(L);
    low(L);
    lua_pushboolean(L, head_closed(vm));
    return 1;
}

/* native.resp_add_header(name, value): require("ngx.resp").add_header */
static int resp_add_header(lua_State *L) {
    gb_exchange *x = low(L);
    char buf[256];
    size_t n;
    lua_settop(L, 2);
    if (lua_isnil(L, 1)) return luaL_error(L, "bad argument #1 to 'add_header' (string expected, got nil)");
    gb_tostring(L, 1, &n);
    if (lua_isnil(L, 2) || (lua_istable(L, 2) && lua_objlen(L, 2) == 0)) return luaL_error(L, "invalid header value");
    const char *name = gb_header_name(L, 1, &n, buf, gb_underscores_to_dashes);
    gb_response_set(L, x, name, n, 2, 1, 0);
    return 0;
}

static int set_source(lua_State *L) {
    low(L)->source = (uint8_t)luaL_checkinteger(L, 1);
    return 0;
}

/* native.begin_response(last): ngx.say and the like began (last: ended) the response. */
static int begin_response(lua_State *L) {
    gb_exchange *x = low(L);
    x->bits |= GB_BIT_SAID;
    if (lua_toboolean(L, 1)) x->bits |= GB_BIT_EOF;
    return 0;
}

static int response_state(lua_State *L) {
    gb_exchange *x = low(L);
    lua_pushboolean(L, (x->bits & GB_BIT_SAID) != 0);
    lua_pushboolean(L, (x->bits & GB_BIT_EOF) != 0);
    lua_pushinteger(L, x->source);
    return 3;
}

void gb_open_response(lua_State *L, gb_vm *vm) {
    static const luaL_Reg response[] = {{"get_status", get_status},   {"get_header", get_header},     {"get_headers", get_headers},
                                        {"get_source", get_source},   {"set_status", set_status},     {"set_header", set_header},
                                        {"add_header", add_header},   {"clear_header", clear_header}, {"set_headers", set_headers},
                                        {NULL, NULL}};
    static const luaL_Reg service_response[] = {
        {"get_status", service_status}, {"get_header", service_header}, {"get_headers", service_headers}, {NULL, NULL}};
    static const luaL_Reg functions[] = {{"check_headers", check_headers},
                                         {"apply_headers", apply},
                                         {"resp_headers", resp_headers},
                                         {"header_index", header_index},
                                         {"header_newindex", header_newindex},
                                         {"status", low_status},
                                         {"set_status", low_set_status},
                                         {"set_reason", set_reason},
                                         {"headers_sent", headers_sent},
                                         {"resp_add_header", resp_add_header},
                                         {"set_source", set_source},
                                         {"begin_response", begin_response},
                                         {"response_state", response_state},
                                         {NULL, NULL}};
    lua_pushlightuserdata(L, &service_meta);
    lua_newtable(L);
    static const luaL_Reg index[] = {{"__index", service_index}, {NULL, NULL}};
    gb_register(L, vm, index);
    lua_rawset(L, LUA_REGISTRYINDEX);
    lua_newtable(L);
    gb_register(L, vm, response);
    lua_setfield(L, -2, "response");
    lua_newtable(L);
    gb_register(L, vm, service_response);
    lua_setfield(L, -2, "service_response");
    gb_register(L, vm, functions);
}
