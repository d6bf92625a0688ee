/* exchange.c: edits of a header table, with the semantics of wire/message/head.go. */
#include "exchange.h"

/* The known names in the order of wire/message/known.go (a test compares them one by one). */
static const char *const known_names[] = {
    "", "host", "connection", "content-length", "content-type", "transfer-encoding", "expect", "upgrade", "keep-alive",
    "te", "trailer", "proxy-connection", "x-forwarded-for", "x-forwarded-proto", "x-forwarded-host",
    "x-forwarded-port", "x-forwarded-path", "x-forwarded-prefix", "x-real-ip", "server", "date", "via", "accept",
    "cookie", "content-encoding", "proxy-authenticate", "user-agent", "x-kong-request-id",
    "x-kong-upstream-latency", "x-kong-proxy-latency", "x-kong-response-latency", "x-kong-upstream-status",
    "location", "set-cookie", "accept-encoding", "last-modified", "proxy", "x-kong-request-debug", "x-kong-request-debug-token"};

enum { KNOWN_COUNT = sizeof known_names / sizeof known_names[0] };

enum { LONGEST_KNOWN = 31, SAME_LENGTH = 16 };

/* The known names of each length; 0 ends a list. */
static uint8_t by_length[LONGEST_KNOWN + 1][SAME_LENGTH];

__attribute__((constructor)) static void sort_known_names(void) {
  for (int i = 1; i < KNOWN_COUNT; i++) {
    uint8_t *list = by_length[strlen(known_names[i]) & LONGEST_KNOWN];
    while (*list) list++;
    *list = (uint8_t)i;
  }
}

uint8_t gb_known(const char *name, size_t n) {
  if (n < 2 || n > LONGEST_KNOWN) return 0;
  for (const uint8_t *id = by_length[n]; *id; id++)
    if (gb_equal(name, known_names[*id], n)) return *id;
  return 0;
}

int gb_grow(gb_exchange *x, uint32_t n) {
  if (x->second && n <= GB_SECOND_SIZE) {
    x->used = x->second;
    x->cap = x->second + GB_SECOND_SIZE;
    x->second = 0;
  } else if (x->large && n <= GB_REGION_SIZE) {
    x->used = x->large;
    x->cap = x->large + GB_REGION_SIZE;
    x->second = x->large = 0;
  } else {
    return 0;
  }
  return 1;
}

int gb_reserve(gb_exchange *x, gb_head *h, uint32_t n) {
  if (n <= h->cap) return 1;
  if (n < 2 * h->cap) n = 2 * h->cap;
  if (n < 8) n = 8;
  if (n > GB_REGION_SIZE / sizeof(gb_field)) return 0;
  char *to = gb_alloc(x, n * (uint32_t)sizeof(gb_field));
  if (!to) return 0;
  if (h->n > 0) memcpy(to, gb_fields(x, h), h->n * sizeof(gb_field));
  h->tab = (uint32_t)(to - (char *)x);
  h->cap = n;
  return 1;
}

int gb_add(gb_exchange *x, gb_head *h, const char *name, size_t nn, const char *value, size_t vn) {
  gb_str n, v;
  if (nn > UINT16_MAX || !gb_put(x, &n, name, nn) || !gb_put(x, &v, value, vn)) return 0;
  if (h->n == h->cap && !gb_reserve(x, h, h->n + 1)) return 0;
  gb_field *f = &gb_fields(x, h)[h->n++];
  memset(f, 0, sizeof *f);
  f->name.off = n.off;
  f->name.len = (uint16_t)n.len;
  f->value = v;
  f->flags = GB_FIELD_EDITED;
  f->id = gb_known(name, nn);
  return 1;
}

int gb_set_at(gb_exchange *x, gb_head *h, gb_field *first, uint32_t from, const char *name, size_t nn, const char *value, size_t vn) {
  gb_str n = {first->name.off, 0}, v;
  if (!gb_put(x, &v, value, vn)) return 0;
  if (memcmp(gb_name(x, first), name, nn) != 0 && !gb_put(x, &n, name, nn)) return 0;
  for (gb_field *f; (f = gb_next(x, h, name, nn, &from)) != NULL;) f->flags |= GB_FIELD_GONE;
  first->name.off = n.off;
  first->value = v;
  first->flags = GB_FIELD_EDITED;
  return 1;
}

int gb_set(gb_exchange *x, gb_head *h, const char *name, size_t nn, const char *value, size_t vn) {
  uint32_t from = 0;
  gb_field *first = gb_next(x, h, name, nn, &from);
  return first ? gb_set_at(x, h, first, from, name, nn, value, vn) : gb_add(x, h, name, nn, value, vn);
}

int gb_del(gb_exchange *x, gb_head *h, const char *name, size_t nn) {
  int found = 0;
  uint32_t from = 0;
  for (gb_field *f; (f = gb_next(x, h, name, nn, &from)) != NULL;) {
    f->flags |= GB_FIELD_GONE;
    found = 1;
  }
  return found;
}
