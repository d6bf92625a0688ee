/* exchange.h: C's view of wire/message.Shared, the off-heap record of one request, and the same operations on it that
 * wire/message/head.go and region.go have. layout_test.go compares every offset: change both sides together.
 *
 * Everything lies in one region that starts with gb_exchange; strings and tables are offsets into it. Allocation only
 * bumps `used` and moves on from part to part, so pointers into the region stay valid until the request ends. No function here touches Lua. */
#ifndef GB_EXCHANGE_H
#define GB_EXCHANGE_H

#include <stddef.h>
#include <stdint.h>
#include <string.h>

typedef struct { uint32_t off, len; } gb_str;
typedef struct { uint32_t off; uint16_t len, pad_; } gb_str16;

/* gb_field.flags */
enum { GB_FIELD_GONE = 1, GB_FIELD_EDITED = 2, GB_FIELD_HOP = 4 };

typedef struct {
  gb_str16 name;
  gb_str value;
  uint8_t flags, id; /* id: message.KnownHeader */
  uint16_t pad_;
} gb_field;

typedef struct { uint32_t tab, n, cap; } gb_head;

/* gb_exchange.source */
enum { GB_SOURCE_NONE, GB_SOURCE_SERVICE, GB_SOURCE_EXIT, GB_SOURCE_ERROR };

/* gb_exchange.bits */
enum {
  GB_BIT_TRUSTED = 1 << 0,
  GB_BIT_GRPC = 1 << 1,
  GB_BIT_UPGRADE = 1 << 2,
  GB_BIT_HEAD_REQUEST = 1 << 3,
  GB_BIT_BUFFERED = 1 << 4,
  GB_BIT_HTTP2 = 1 << 5,
  GB_BIT_URI_EDITED = 1 << 6,
  GB_BIT_ARGS_EDITED = 1 << 7
};

/* The meaning of each member stands at its Go twin in wire/message/shared.go. */
typedef struct gb_exchange {
  uint32_t used, cap, second, large;
  gb_head request, response, trailer;
  gb_str method, target, uri, args, scheme, host, request_id;
  gb_str remote_addr, real_remote_addr, server_addr;
  gb_str upstream_uri, upstream_host, upstream_scheme, upstream_statuses;
  gb_str route_prefix, reason;
  double start_time;
  uint64_t handle;
  uint64_t bytes_sent, body_bytes_sent, request_length;
  uint64_t connection_serial, connection_requests;
  uint32_t status, upstream_status, phase;
  uint16_t http_major, http_minor;
  uint16_t remote_port, real_remote_port, server_port;
  uint8_t source, head_sent;
  uint32_t bits;
  int32_t lua_ctx, lua_request, lua_spare;
  uint32_t lua_extra, visible_port, home;
} gb_exchange;

/* gb_bytes: the content of s, valid until the request ends. Not NUL-terminated. */
static inline const char *gb_bytes(const gb_exchange *x, gb_str s) { return (const char *)x + s.off; }

static inline gb_field *gb_fields(const gb_exchange *x, const gb_head *h) { return (gb_field *)((char *)x + h->tab); }
static inline const char *gb_name(const gb_exchange *x, const gb_field *f) { return (const char *)x + f->name.off; }
static inline const char *gb_value(const gb_exchange *x, const gb_field *f) { return (const char *)x + f->value.off; }

/* The sizes of a region's parts (wire/message/region.go). */
enum { GB_SECOND_SIZE = (4 << 10) - 768, GB_REGION_SIZE = 1 << 20 };

/* gb_grow moves on to the next part of the region that has room for n bytes; 0 when there is none. */
int gb_grow(gb_exchange *x, uint32_t n);

/* gb_alloc: n bytes aligned to 4, NULL when the region is full (Go: ErrRegionFull). */
static inline char *gb_alloc(gb_exchange *x, uint32_t n) {
  uint32_t at = (x->used + 3) & ~(uint32_t)3;
  if (n > x->cap || at > x->cap - n) {
    if (!gb_grow(x, n)) return NULL;
    at = (x->used + 3) & ~(uint32_t)3;
  }
  x->used = at + n;
  return (char *)x + at;
}

/* gb_put: copies n bytes in; 0 when the region is full. */
static inline int gb_put(gb_exchange *x, gb_str *out, const char *p, size_t n) {
  if (n == 0) {
    out->off = out->len = 0;
    return 1;
  }
  if (n > GB_REGION_SIZE) return 0;
  char *to = gb_alloc(x, (uint32_t)n);
  if (!to) return 0;
  memcpy(to, p, n);
  out->off = (uint32_t)(to - (char *)x);
  out->len = (uint32_t)n;
  return 1;
}

/* gb_equal: ASCII names without regard to case; both n long. The first letter tells most names apart, and most equal ones are
 * written alike. */
static inline int gb_equal(const char *a, const char *b, size_t n) {
  if (n && ((a[0] ^ b[0]) & ~0x20)) return 0;
  size_t i = 0;
  for (uint64_t x, y; i + sizeof x <= n; i += sizeof x) {
    memcpy(&x, a + i, sizeof x);
    memcpy(&y, b + i, sizeof y);
    if (x != y) break;
  }
  for (; i < n; i++) {
    unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];
    if (x == y) continue;
    if ((x ^ y) != 0x20) return 0;
    x |= 0x20;
    if (x < 'a' || x > 'z') return 0;
  }
  return 1;
}

/* gb_alike: like gb_equal, and '_' equals '-' (nginx variables, kong.request.get_header). */
static inline int gb_alike(const char *a, const char *b, size_t n) {
  for (size_t i = 0; i < n; i++) {
    unsigned char x = (unsigned char)a[i], y = (unsigned char)b[i];
    if (x == y) continue;
    if (x == '_') x = '-';
    if (y == '_') y = '-';
    if (x == y) continue;
    if ((x ^ y) != 0x20) return 0;
    x |= 0x20;
    if (x < 'a' || x > 'z') return 0;
  }
  return 1;
}

/* gb_next: the first field called name from index `from` on, NULL if none; *from becomes the index behind it. */
static inline gb_field *gb_next(const gb_exchange *x, const gb_head *h, const char *name, size_t n, uint32_t *from) {
  gb_field *f = gb_fields(x, h);
  for (uint32_t i = *from; i < h->n; i++)
    if (f[i].name.len == n && !(f[i].flags & GB_FIELD_GONE) && gb_equal(gb_name(x, &f[i]), name, n)) {
      *from = i + 1;
      return &f[i];
    }
  *from = h->n;
  return NULL;
}

/* gb_next_alike: gb_next with '_' and '-' the same. */
static inline gb_field *gb_next_alike(const gb_exchange *x, const gb_head *h, const char *name, size_t n, uint32_t *from) {
  gb_field *f = gb_fields(x, h);
  for (uint32_t i = *from; i < h->n; i++)
    if (f[i].name.len == n && !(f[i].flags & GB_FIELD_GONE) && gb_alike(gb_name(x, &f[i]), name, n)) {
      *from = i + 1;
      return &f[i];
    }
  *from = h->n;
  return NULL;
}

/* gb_find: the first field called name (any case), NULL if there is none. */
static inline gb_field *gb_find(const gb_exchange *x, const gb_head *h, const char *name, size_t n) {
  uint32_t from = 0;
  return gb_next(x, h, name, n, &from);
}

static inline gb_field *gb_find_alike(const gb_exchange *x, const gb_head *h, const char *name, size_t n) {
  uint32_t from = 0;
  return gb_next_alike(x, h, name, n, &from);
}

/* gb_find_id: the first field of a known name (numbers: wire/message/known.go). */
static inline gb_field *gb_find_id(const gb_exchange *x, const gb_head *h, uint8_t id) {
  gb_field *f = gb_fields(x, h);
  for (uint32_t i = 0; i < h->n; i++)
    if (f[i].id == id && !(f[i].flags & GB_FIELD_GONE)) return &f[i];
  return NULL;
}

/* The editing functions return 0 when the region is full or the name is longer than 65535 bytes, else 1. */
int gb_reserve(gb_exchange *x, gb_head *h, uint32_t n);
int gb_add(gb_exchange *x, gb_head *h, const char *name, size_t nn, const char *value, size_t vn);
/* gb_set: the first field takes the value and keeps its place, the others go; without any it is appended. */
int gb_set(gb_exchange *x, gb_head *h, const char *name, size_t nn, const char *value, size_t vn);
/* gb_set_at is gb_set where first is the first such field and `from` the index behind it, as gb_next leaves it. */
int gb_set_at(gb_exchange *x, gb_head *h, gb_field *first, uint32_t from, const char *name, size_t nn, const char *value, size_t vn);
/* gb_del removes every field called name and says whether there was one. */
int gb_del(gb_exchange *x, gb_head *h, const char *name, size_t nn);
/* gb_known: the message.KnownHeader of a name, 0 for any other. */
uint8_t gb_known(const char *name, size_t n);

#endif
