/* What the PDK's accessor files share: sets of phases, header values, limits. */
#ifndef GB_PDK_H
#define GB_PDK_H

#include "api.h"

/* Private bits of gb_exchange.bits, above those of wire/message. */
enum {
    GB_BIT_SAID = 1 << 16, /* ngx.say or the like began the response in rewrite or access */
    GB_BIT_EOF = 1 << 17,  /* ngx.eof ended it */
    GB_BIT_ARGS_VAR = 1 << 18 /* ngx.var.args was assigned: the query functions go on reading the client's */
};

/* gb_extra is what few requests need; it lies in the region, at the offset gb_exchange.lua_extra (0: none yet). */
typedef struct {
    gb_str method;    /* what the client sent, once a plugin changed it */
    gb_str args;      /* $args as assigned after $is_args was read as empty: it does not go to the service */
    uint32_t is_args; /* $is_args as first read: 0 not yet, 1 empty, 2 "?" */
} gb_extra;

static inline gb_extra *gb_extra_of(const gb_exchange *x) {
    return x->lua_extra ? (gb_extra *)((char *)x + x->lua_extra) : NULL;
}
static inline gb_extra *gb_need_extra(lua_State *L, gb_exchange *x) {
    if (!x->lua_extra) {
        char *p = gb_alloc(x, sizeof(gb_extra));
        if (!p) gb_region_full(L);
        memset(p, 0, sizeof(gb_extra));
        x->lua_extra = (uint32_t)(p - (char *)x);
    }
    return gb_extra_of(x);
}

/* gb_method_sent is the client's method ($request_method). */
static inline gb_str gb_method_sent(const gb_exchange *x) {
    gb_extra *e = gb_extra_of(x);
    return e && e->method.len ? e->method : x->method;
}

/* gb_push_request_line pushes "METHOD target HTTP/1.1"; gb_push_request_header the value of f and its like, 0 for NULL. */
void gb_push_request_line(lua_State *L, gb_exchange *x);
int gb_push_request_header(lua_State *L, gb_exchange *x, gb_field *f);

/* GB_FIELD_SERVICE marks a response field that the service sent and a plugin changed (message.FieldReplaced). */
enum { GB_FIELD_SERVICE = 8 };

#define GB_REQUEST_PHASES                                                                                                       \
    (GB_PHASE_REWRITE | GB_PHASE_ACCESS | GB_PHASE_BALANCER | GB_PHASE_RESPONSE | GB_PHASE_CLUSTER_LISTENER |                  \
     GB_PHASE_HEADER_FILTER | GB_PHASE_BODY_FILTER | GB_PHASE_LOG | GB_PHASE_ERROR | GB_PHASE_ADMIN_API |                      \
     GB_PHASE_WS_HANDSHAKE | GB_PHASE_WS_CLIENT_FRAME | GB_PHASE_WS_UPSTREAM_FRAME | GB_PHASE_WS_CLOSE)
#define GB_ROUTED_PHASES                                                                                                        \
    (GB_PHASE_ACCESS | GB_PHASE_RESPONSE | GB_PHASE_HEADER_FILTER | GB_PHASE_BODY_FILTER | GB_PHASE_LOG |                       \
     GB_PHASE_WS_HANDSHAKE | GB_PHASE_WS_CLIENT_FRAME | GB_PHASE_WS_UPSTREAM_FRAME | GB_PHASE_WS_CLOSE)
#define GB_ANSWER_PHASES                                                                                                        \
    (GB_PHASE_REWRITE | GB_PHASE_ACCESS | GB_PHASE_BALANCER | GB_PHASE_RESPONSE | GB_PHASE_HEADER_FILTER | GB_PHASE_ERROR |     \
     GB_PHASE_ADMIN_API | GB_PHASE_WS_HANDSHAKE)
#define GB_ANSWERED_PHASES                                                                                                      \
    (GB_PHASE_RESPONSE | GB_PHASE_HEADER_FILTER | GB_PHASE_BODY_FILTER | GB_PHASE_LOG | GB_PHASE_ERROR | GB_PHASE_ADMIN_API |   \
     GB_PHASE_WS_CLOSE)
#define GB_SERVICE_ANSWERED_PHASES (GB_PHASE_RESPONSE | GB_PHASE_HEADER_FILTER | GB_PHASE_BODY_FILTER | GB_PHASE_LOG)
#define GB_UPSTREAM_PHASES (GB_PHASE_REWRITE | GB_PHASE_ACCESS | GB_PHASE_WS_HANDSHAKE)
#define GB_BALANCE_PHASES (GB_UPSTREAM_PHASES | GB_PHASE_BALANCER)
/* Every phase that the PDK knows but init_worker (and configure, which is a part of it). */
#define GB_NOT_INIT_WORKER                                                                                                      \
    (GB_REQUEST_PHASES | GB_PHASE_CERTIFICATE | GB_PHASE_CLIENT_HELLO | GB_PHASE_PREREAD)

static inline int gb_said(gb_vm *vm) {
    return vm->cur && (vm->cur->bits & GB_BIT_SAID) && (vm->phase & (GB_PHASE_REWRITE | GB_PHASE_ACCESS));
}

/* gb_pdk_phase is the phase for the PDK's checks: body_filter once output began in an earlier one. */
static inline uint32_t gb_pdk_phase(gb_vm *vm) { return gb_said(vm) ? GB_PHASE_BODY_FILTER : vm->phase; }

/* gb_wrong_phase raises the PDK's error for a call outside of the phases of mask, at the function on that level. */
void gb_wrong_phase(lua_State *L, gb_vm *vm, uint32_t mask, int level);
static inline void gb_check_phase(lua_State *L, gb_vm *vm, uint32_t mask) {
    if (!(gb_pdk_phase(vm) & mask)) gb_wrong_phase(L, vm, mask, 1);
}

/* gb_notice writes "[kong] FILE:LINE [plugin] text" for the Lua code that called. */
void gb_notice(lua_State *L, gb_vm *vm, int level, const char *text);

/* gb_log_text writes a line that names no plugin. */
static inline void gb_log_text(gb_vm *vm, int level, const char *text) { gb_log(vm, level, text, strlen(text)); }

/* Limits of the settings lua_max_req_headers, lua_max_resp_headers, lua_max_uri_args, lua_max_post_args. */
extern int gb_max_req_headers, gb_max_resp_headers, gb_max_uri_args, gb_max_post_args, gb_underscores_to_dashes;

/* Limits of ngx.re: steps of one match, compiled patterns that a VM keeps (lua_regex_match_limit, lua_regex_cache_max_entries). */
extern int gb_re_match_limit, gb_re_cache_max;

/* gb_limit reads an optional limit argument within 1..1000; name stands in the error text. */
int gb_limit(lua_State *L, int i, const char *name, int fallback);

/* gb_header_name gives a name's bytes with unsafe ones escaped; dashes: underscores become dashes. The result lies in buf
 * (256 bytes) or is the argument itself. */
const char *gb_header_name(lua_State *L, int i, size_t *n, char *buf, int dashes);

/* gb_header_value replaces the value at place i by the string that is sent: numbers and booleans as text, "" as one
 * space where blank is set, control bytes escaped. */
const char *gb_header_value(lua_State *L, int i, size_t *n, int blank);

/* gb_plain_field takes name and value from places 1 and 2 where neither has to be changed: strings without unsafe bytes, not
 * empty, and where dashes is set without underscores. 0: gb_check_header, gb_header_name and gb_header_value have to look. */
int gb_plain_field(lua_State *L, const char **name, size_t *nn, const char **value, size_t *vn, int dashes);

/* gb_push_response_fields is gb_push_fields for the response (api_headers.c). */
int gb_push_response_fields(lua_State *L, gb_vm *vm, gb_exchange *x, int max, int raw);

/* gb_check_header raises the PDK's errors for a header name at place i and a value at place i+1. */
void gb_check_header(lua_State *L, int name, int value);
void gb_check_headers(lua_State *L, int table);

/* gb_push_connection pushes the Connection value that the client gets. */
void gb_push_connection(lua_State *L, gb_exchange *x);

/* gb_set_values gives header name the value at place i (a scalar or an array); add: beside the present ones. */
void gb_set_values(lua_State *L, gb_exchange *x, gb_head *h, const char *name, size_t nn, int i, int add, int blank);

/* gb_response_* edit the response as ngx.header does. */
void gb_response_set(lua_State *L, gb_exchange *x, const char *name, size_t nn, int i, int add, int blank);
void gb_response_del(gb_exchange *x, const char *name, size_t nn);

/* gb_request_set, gb_request_del edit the request's head and keep host names in step. */
void gb_request_set(lua_State *L, gb_exchange *x, const char *name, size_t nn, int i, int add, int blank);
void gb_set_method(lua_State *L, gb_exchange *x, const char *s, size_t n);
void gb_request_del(gb_exchange *x, const char *name, size_t nn);

#endif
