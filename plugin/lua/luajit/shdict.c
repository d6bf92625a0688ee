/* The store behind ngx.shared: a hash table with an order of last use and a lifetime per entry, under one mutex per
 * dictionary. Work under the lock is bounded and short; nothing is allocated or copied there but the entry itself. */
#include "shdict.h"

#include <math.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

typedef struct item {
    struct item *next, *prev;
    int type;
    double number;
    size_t len;
    char data[];
} item;

typedef struct entry {
    struct entry *chain;          /* of the bucket */
    struct entry *newer, *older;  /* order of use */
    uint32_t hash, key_len, flags;
    int type;
    int64_t expires; /* monotonic ms, 0 = never */
    double number;
    size_t value_len, list_len, size; /* size: what the entry counts for */
    item *first, *last;               /* of a list */
    char *value;                      /* behind the key */
    char key[];
} entry;

struct gb_shdict {
    pthread_mutex_t lock;
    char name[64];
    size_t capacity, used, count, buckets;
    entry **table;
    entry *newest, *oldest;
    gb_shdict *next;
};

static gb_shdict *dicts;
static pthread_mutex_t dicts_lock = PTHREAD_MUTEX_INITIALIZER;

static int64_t clock_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

gb_shdict *gb_shdict_find(const char *name) {
    pthread_mutex_lock(&dicts_lock);
    gb_shdict *d = dicts;
    while (d && strcmp(d->name, name) != 0) d = d->next;
    pthread_mutex_unlock(&dicts_lock);
    return d;
}

int gb_shdict_declare(const char *name, size_t capacity) {
    gb_shdict *d = gb_shdict_find(name);
    if (d) {
        pthread_mutex_lock(&d->lock);
        d->capacity = capacity;
        pthread_mutex_unlock(&d->lock);
        return 1;
    }
    d = calloc(1, sizeof *d);
    if (!d || strlen(name) >= sizeof d->name) {
        free(d);
        return 0;
    }
    strcpy(d->name, name);
    d->capacity = capacity;
    d->buckets = 64;
    d->table = calloc(d->buckets, sizeof *d->table);
    if (!d->table) {
        free(d);
        return 0;
    }
    pthread_mutex_init(&d->lock, NULL);
    pthread_mutex_lock(&dicts_lock);
    d->next = dicts;
    dicts = d;
    pthread_mutex_unlock(&dicts_lock);
    return 1;
}

void gb_shdict_each(void (*f)(const char *name, void *arg), void *arg) {
    pthread_mutex_lock(&dicts_lock);
    gb_shdict *d = dicts;
    pthread_mutex_unlock(&dicts_lock);
    /* Dictionaries are only ever added in front. */
    for (; d; d = d->next) f(d->name, arg);
}

static uint32_t hash_of(const char *k, size_t n) {
    uint32_t h = 2166136261u;
    for (size_t i = 0; i < n; i++) h = (h ^ (unsigned char)k[i]) * 16777619u;
    h ^= h >> 15;
    return h;
}

static void unlink_use(gb_shdict *d, entry *e) {
    if (e->newer) e->newer->older = e->older;
    else d->newest = e->older;
    if (e->older) e->older->newer = e->newer;
    else d->oldest = e->newer;
}

static void link_newest(gb_shdict *d, entry *e) {
    e->newer = NULL;
    e->older = d->newest;
    if (d->newest) d->newest->newer = e;
    d->newest = e;
    if (!d->oldest) d->oldest = e;
}

static entry *lookup(gb_shdict *d, const char *k, size_t n, uint32_t h) {
    entry *e = d->table[h & (d->buckets - 1)];
    while (e && !(e->hash == h && e->key_len == n && memcmp(e->key, k, n) == 0)) e = e->chain;
    return e;
}

static void drop(gb_shdict *d, entry *e) {
    entry **p = &d->table[e->hash & (d->buckets - 1)];
    while (*p != e) p = &(*p)->chain;
    *p = e->chain;
    unlink_use(d, e);
    d->used -= e->size;
    d->count--;
    for (item *i = e->first; i;) {
        item *next = i->next;
        free(i);
        i = next;
    }
    free(e);
}

static int expired(const entry *e, int64_t now) { return e->expires && e->expires <= now; }

/* room evicts until n more bytes fit: expired entries among the oldest first, then, unless safe, live ones. */
static int room(gb_shdict *d, size_t n, int safe, int *forced) {
    int64_t now = clock_ms();
    if (n > d->capacity) return 0;
    for (int tries = 0; d->oldest && tries < 2 && expired(d->oldest, now); tries++) drop(d, d->oldest);
    while (d->used + n > d->capacity) {
        entry *e = d->oldest;
        if (!e) return 0;
        if (!expired(e, now)) {
            if (safe) return 0;
            *forced = 1;
        }
        drop(d, e);
    }
    return 1;
}

static void rehash(gb_shdict *d) {
    if (d->count < d->buckets) return;
    size_t n = d->buckets * 2;
    entry **t = calloc(n, sizeof *t);
    if (!t) return;
    for (size_t i = 0; i < d->buckets; i++)
        for (entry *e = d->table[i]; e;) {
            entry *next = e->chain;
            e->chain = t[e->hash & (n - 1)];
            t[e->hash & (n - 1)] = e;
            e = next;
        }
    free(d->table);
    d->table = t;
    d->buckets = n;
}

static entry *insert(gb_shdict *d, const char *k, size_t kn, uint32_t h, size_t value_len) {
    entry *e = malloc(sizeof *e + kn + value_len + 1);
    if (!e) return NULL;
    memset(e, 0, sizeof *e);
    e->hash = h;
    e->key_len = (uint32_t)kn;
    memcpy(e->key, k, kn);
    e->value = e->key + kn;
    e->value_len = value_len;
    e->size = sizeof *e + kn + value_len;
    rehash(d);
    e->chain = d->table[h & (d->buckets - 1)];
    d->table[h & (d->buckets - 1)] = e;
    link_newest(d, e);
    d->used += e->size;
    d->count++;
    return e;
}

static int store(gb_shdict *d, const char *k, size_t kn, const gb_shvalue *v, int64_t ttl, int mode, int safe, int *forced) {
    uint32_t h = hash_of(k, kn);
    int64_t now = clock_ms();
    entry *e = lookup(d, k, kn, h);
    int live = e && !expired(e, now);
    if (mode == GB_SH_ADD && live) return GB_SH_EXISTS;
    if (mode == GB_SH_REPLACE && !live) return GB_SH_MISSING;
    size_t len = v->type == GB_SH_STRING ? v->len : 0;
    if (v->type == GB_SH_NIL) {
        if (e) drop(d, e);
        return GB_SH_OK;
    }
    if (e && (e->type == GB_SH_LIST || e->value_len != len)) {
        drop(d, e);
        e = NULL;
    }
    if (!e) {
        if (!room(d, sizeof *e + kn + len, safe, forced)) return GB_SH_NOMEM;
        e = insert(d, k, kn, h, len);
        if (!e) return GB_SH_NOMEM;
    } else {
        unlink_use(d, e);
        link_newest(d, e);
    }
    e->type = v->type;
    e->number = v->number;
    e->flags = v->flags;
    e->expires = ttl > 0 ? now + ttl : 0;
    if (len) memcpy(e->value, v->data, len);
    return GB_SH_OK;
}

int gb_shdict_store(gb_shdict *d, const char *k, size_t kn, const gb_shvalue *v, int64_t ttl, int mode, int safe, int *forced) {
    *forced = 0;
    pthread_mutex_lock(&d->lock);
    int r = store(d, k, kn, v, ttl, mode, safe, forced);
    pthread_mutex_unlock(&d->lock);
    return r;
}

/* live finds an entry that has not expired; the lock is held. */
static entry *live(gb_shdict *d, const char *k, size_t kn) {
    entry *e = lookup(d, k, kn, hash_of(k, kn));
    return e && !expired(e, clock_ms()) ? e : NULL;
}

static int copy_out(int type, double number, const char *data, size_t len, gb_shvalue *out) {
    out->type = type;
    out->number = number;
    out->len = len;
    out->data = NULL;
    if (type != GB_SH_STRING) return 1;
    out->data = malloc(len + 1);
    if (!out->data) return 0;
    memcpy(out->data, data, len);
    return 1;
}

int gb_shdict_get(gb_shdict *d, const char *k, size_t kn, int stale, gb_shvalue *out, int *is_stale) {
    int r = GB_SH_OK;
    pthread_mutex_lock(&d->lock);
    entry *e = lookup(d, k, kn, hash_of(k, kn));
    int old = e && e->expires && expired(e, clock_ms());
    if (!e || (old && !stale)) {
        r = GB_SH_MISSING;
    } else if (e->type == GB_SH_LIST) {
        r = GB_SH_IS_LIST;
    } else {
        if (e != d->newest && !old) {
            unlink_use(d, e);
            link_newest(d, e);
        }
        out->flags = e->flags;
        if (!copy_out(e->type, e->number, e->value, e->value_len, out)) r = GB_SH_NOMEM;
    }
    *is_stale = old;
    pthread_mutex_unlock(&d->lock);
    return r;
}

int gb_shdict_incr(gb_shdict *d, const char *k, size_t kn, double by, int has_init, double init, int64_t init_ttl, double *out,
                   int *forced) {
    int r = GB_SH_OK;
    *forced = 0;
    pthread_mutex_lock(&d->lock);
    entry *e = live(d, k, kn);
    if (!e && !has_init) {
        r = GB_SH_MISSING;
    } else if (!e) {
        gb_shvalue v = {.type = GB_SH_NUMBER, .number = init + by};
        r = store(d, k, kn, &v, init_ttl, GB_SH_SET, 0, forced);
        *out = v.number;
    } else if (e->type != GB_SH_NUMBER) {
        r = GB_SH_NOT_NUMBER;
    } else {
        e->number += by;
        *out = e->number;
        if (e != d->newest) {
            unlink_use(d, e);
            link_newest(d, e);
        }
    }
    pthread_mutex_unlock(&d->lock);
    return r;
}

int gb_shdict_ttl(gb_shdict *d, const char *k, size_t kn, int64_t *out) {
    pthread_mutex_lock(&d->lock);
    entry *e = live(d, k, kn);
    *out = e && e->expires ? e->expires - clock_ms() : 0;
    pthread_mutex_unlock(&d->lock);
    return e ? GB_SH_OK : GB_SH_MISSING;
}

int gb_shdict_expire(gb_shdict *d, const char *k, size_t kn, int64_t ttl) {
    pthread_mutex_lock(&d->lock);
    entry *e = live(d, k, kn);
    if (e) e->expires = ttl > 0 ? clock_ms() + ttl : 0;
    pthread_mutex_unlock(&d->lock);
    return e ? GB_SH_OK : GB_SH_MISSING;
}

/* ---- lists ---- */

static int push_item(gb_shdict *d, const char *k, size_t kn, const gb_shvalue *v, int left, size_t *len) {
    uint32_t h = hash_of(k, kn);
    entry *e = lookup(d, k, kn, h);
    if (e && expired(e, clock_ms())) {
        drop(d, e);
        e = NULL;
    }
    if (e && e->type != GB_SH_LIST) return GB_SH_NOT_LIST;
    int forced = 0;
    size_t n = v->type == GB_SH_STRING ? v->len : 0, size = sizeof(item) + n;
    if (e) { /* the list itself must not be evicted for its own item */
        unlink_use(d, e);
        link_newest(d, e);
        if (e->size + size > d->capacity || !room(d, size, 0, &forced)) return GB_SH_NOMEM;
    } else {
        if (!room(d, sizeof *e + kn + size, 0, &forced)) return GB_SH_NOMEM;
        e = insert(d, k, kn, h, 0);
        if (!e) return GB_SH_NOMEM;
        e->type = GB_SH_LIST;
    }
    item *i = malloc(size + 1);
    if (!i) return GB_SH_NOMEM;
    i->type = v->type;
    i->number = v->number;
    i->len = n;
    if (n) memcpy(i->data, v->data, n);
    i->prev = left ? NULL : e->last;
    i->next = left ? e->first : NULL;
    if (i->prev) i->prev->next = i;
    else e->first = i;
    if (i->next) i->next->prev = i;
    else e->last = i;
    e->size += size;
    d->used += size;
    *len = ++e->list_len;
    return GB_SH_OK;
}

int gb_shdict_push(gb_shdict *d, const char *k, size_t kn, const gb_shvalue *v, int left, size_t *len) {
    pthread_mutex_lock(&d->lock);
    int r = push_item(d, k, kn, v, left, len);
    pthread_mutex_unlock(&d->lock);
    return r;
}

int gb_shdict_pop(gb_shdict *d, const char *k, size_t kn, int left, gb_shvalue *out) {
    int r = GB_SH_OK;
    item *i = NULL;
    pthread_mutex_lock(&d->lock);
    entry *e = live(d, k, kn);
    if (!e) {
        r = GB_SH_MISSING;
    } else if (e->type != GB_SH_LIST) {
        r = GB_SH_NOT_LIST;
    } else {
        i = left ? e->first : e->last;
        if (i->prev) i->prev->next = i->next;
        else e->first = i->next;
        if (i->next) i->next->prev = i->prev;
        else e->last = i->prev;
        size_t size = sizeof(item) + i->len;
        e->size -= size;
        d->used -= size;
        if (--e->list_len == 0) drop(d, e);
    }
    pthread_mutex_unlock(&d->lock);
    if (i) {
        if (!copy_out(i->type, i->number, i->data, i->len, out)) r = GB_SH_NOMEM;
        free(i);
    }
    return r;
}

int gb_shdict_llen(gb_shdict *d, const char *k, size_t kn, size_t *len) {
    int r = GB_SH_OK;
    pthread_mutex_lock(&d->lock);
    entry *e = live(d, k, kn);
    if (e && e->type != GB_SH_LIST) r = GB_SH_NOT_LIST;
    *len = e ? e->list_len : 0;
    pthread_mutex_unlock(&d->lock);
    return r;
}

/* ---- the whole dictionary ---- */

void gb_shdict_flush_all(gb_shdict *d) {
    pthread_mutex_lock(&d->lock);
    for (entry *e = d->newest; e; e = e->older) e->expires = 1;
    pthread_mutex_unlock(&d->lock);
}

size_t gb_shdict_flush_expired(gb_shdict *d, size_t max) {
    size_t n = 0;
    pthread_mutex_lock(&d->lock);
    int64_t now = clock_ms();
    for (entry *e = d->oldest; e && (max == 0 || n < max);) {
        entry *next = e->newer;
        if (expired(e, now)) {
            drop(d, e);
            n++;
        }
        e = next;
    }
    pthread_mutex_unlock(&d->lock);
    return n;
}

char *gb_shdict_keys(gb_shdict *d, size_t max, size_t *n) {
    pthread_mutex_lock(&d->lock);
    int64_t now = clock_ms();
    size_t bytes = 1;
    *n = 0;
    for (entry *e = d->newest; e && (max == 0 || *n < max); e = e->older)
        if (!expired(e, now)) {
            bytes += 4 + e->key_len;
            ++*n;
        }
    char *out = malloc(bytes), *o = out;
    size_t left = *n;
    for (entry *e = d->newest; out && e && left; e = e->older)
        if (!expired(e, now)) {
            memcpy(o, &e->key_len, 4);
            memcpy(o + 4, e->key, e->key_len);
            o += 4 + e->key_len;
            left--;
        }
    pthread_mutex_unlock(&d->lock);
    return out;
}

size_t gb_shdict_capacity(gb_shdict *d) { return d->capacity; }

size_t gb_shdict_free_space(gb_shdict *d) {
    pthread_mutex_lock(&d->lock);
    size_t n = d->used < d->capacity ? d->capacity - d->used : 0;
    pthread_mutex_unlock(&d->lock);
    return n;
}
