/* What the accessor files (api_*.c) share among themselves. */
#ifndef GB_API_H
#define GB_API_H

#include "vm.h"

/* gb_push_array_mt pushes cjson.array_mt (api_json.c). */
void gb_push_array_mt(lua_State *L);

/* gb_tostring replaces the value at stack place i by what Lua's tostring makes of it and gives its bytes (api_codec.c). */
const char *gb_tostring(lua_State *L, int i, size_t *n);

/* gb_unescape decodes percent escapes (and + as a space where plus is set) of s into out, which has room for n bytes, and
 * returns the length. Broken escapes stay as they are. */
size_t gb_unescape(char *out, const char *s, size_t n, int plus);

/* gb_escape percent-escapes s for a query value (kind 2) or a path (kind 0) into out, which has room for 3 n bytes. */
size_t gb_escape(char *out, const char *s, size_t n, int kind);

/* gb_push_args pushes the table of a query or form string: repeated names as arrays, names without '=' as true. It takes
 * at most max pairs (0: all) and returns 1 if there were more. */
int gb_push_args(lua_State *L, gb_vm *vm, const char *s, size_t n, int max);

/* gb_now_ms is the monotonic clock, gb_wall the wall clock in seconds with milliseconds (api_time.c). */
int64_t gb_now_ms(void);
double gb_wall(void);

/* gb_push_fields pushes the table of a head: lower-case names, repeated ones as arrays, at most max fields (0: all). It
 * returns 1 if there were more (api_headers.c). */
int gb_push_fields(lua_State *L, gb_vm *vm, gb_exchange *x, gb_head *h, int max, int raw);

#endif
