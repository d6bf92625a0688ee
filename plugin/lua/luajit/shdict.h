/* Shared dictionaries (ngx.shared.DICT): one per name in the process, used by all VMs, bounded in bytes. shdict.c is the
 * store and knows no Lua; api_shdict.c is its Lua face. */
#ifndef GB_SHDICT_H
#define GB_SHDICT_H

#include <stddef.h>
#include <stdint.h>

typedef struct gb_shdict gb_shdict;

/* gb_shdict_declare makes the dictionary or, where it exists, changes its capacity. 0: no memory. */
int gb_shdict_declare(const char *name, size_t capacity);
gb_shdict *gb_shdict_find(const char *name);
/* gb_shdict_each calls f with every declared name. */
void gb_shdict_each(void (*f)(const char *name, void *arg), void *arg);

enum { GB_SH_NIL, GB_SH_BOOL, GB_SH_NUMBER, GB_SH_STRING, GB_SH_LIST };

/* gb_shvalue is a value on its way in or out. data of a string lies in the caller's memory on the way in, and is a malloc'ed
 * copy (owned: free it) on the way out. */
typedef struct {
    int type;
    double number; /* also the boolean */
    char *data;
    size_t len;
    uint32_t flags;
} gb_shvalue;

enum { GB_SH_SET, GB_SH_ADD, GB_SH_REPLACE };
enum { GB_SH_OK, GB_SH_EXISTS, GB_SH_MISSING, GB_SH_NOMEM, GB_SH_NOT_NUMBER, GB_SH_IS_LIST, GB_SH_NOT_LIST };

/* gb_shdict_store: ttl in milliseconds, 0 = for ever. safe: never evict a live entry. *forced: one was evicted. */
int gb_shdict_store(gb_shdict *d, const char *k, size_t kn, const gb_shvalue *v, int64_t ttl, int mode, int safe, int *forced);
/* gb_shdict_get: stale also gives expired values and says so in *is_stale. */
int gb_shdict_get(gb_shdict *d, const char *k, size_t kn, int stale, gb_shvalue *out, int *is_stale);
int gb_shdict_incr(gb_shdict *d, const char *k, size_t kn, double by, int has_init, double init, int64_t init_ttl, double *out,
                   int *forced);
/* gb_shdict_ttl: remaining milliseconds, 0 = for ever. */
int gb_shdict_ttl(gb_shdict *d, const char *k, size_t kn, int64_t *out);
int gb_shdict_expire(gb_shdict *d, const char *k, size_t kn, int64_t ttl);
int gb_shdict_push(gb_shdict *d, const char *k, size_t kn, const gb_shvalue *v, int left, size_t *len);
int gb_shdict_pop(gb_shdict *d, const char *k, size_t kn, int left, gb_shvalue *out);
int gb_shdict_llen(gb_shdict *d, const char *k, size_t kn, size_t *len);
void gb_shdict_flush_all(gb_shdict *d);
size_t gb_shdict_flush_expired(gb_shdict *d, size_t max);
/* gb_shdict_keys gives up to max (0: all) keys as one malloc'ed block: uint32 length, bytes, and so on; *n is how many. */
char *gb_shdict_keys(gb_shdict *d, size_t max, size_t *n);
size_t gb_shdict_capacity(gb_shdict *d);
size_t gb_shdict_free_space(gb_shdict *d);

#endif
