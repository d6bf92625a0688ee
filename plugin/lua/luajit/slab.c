/* slab.c: where small blocks of a VM's heap come from. A request leaves dozens of small tables and strings behind; a general
 * allocator spends more time on them than the interpreter does. Here a block is as large as its size class, a free one is
 * the head of its class's list, and one that was freed last is used first, while it is still in the cache. The region's size
 * bounds what lists can hold; what finds no room in it goes to the general allocator. */
#include <string.h>
#include <sys/mman.h>

#include "core.h"

enum { STEP = 16, LARGEST = GB_SLAB_CLASSES * STEP, REGION = 16 << 20 };

/* Lua values hold addresses of 47 bits. */
static int fits(const char *p) { return ((uintptr_t)p + REGION) >> 47 == 0; }

/* gb_slab_open reserves the region; pages that nobody touches cost nothing. Without it every block is the general
 * allocator's. */
void gb_slab_open(gb_slab *s) {
  char *p = mmap(NULL, REGION, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (p == MAP_FAILED) return;
  if (!fits(p)) {
    munmap(p, REGION);
    return;
  }
  s->base = s->next = p;
}

void gb_slab_close(gb_slab *s) {
  if (s->base) munmap(s->base, REGION);
  memset(s, 0, sizeof *s);
}

static int inside(const gb_slab *s, const void *p) { return (uintptr_t)p - (uintptr_t)s->base < REGION && s->base; }

static size_t class_of(size_t n) { return (n - 1) / STEP; }

static void *take(gb_slab *s, size_t n) {
  size_t k = class_of(n), size = (k + 1) * STEP;
  void *p = s->free[k];
  if (p) {
    void *next;
    memcpy(&next, p, sizeof next);
    s->free[k] = next;
    /* The lists run criss-cross through the region: what the next block needs comes while this one is used. */
    __builtin_prefetch(next, 1);
    return p;
  }
  if (!s->base || (size_t)(s->base + REGION - s->next) < size) return NULL;
  p = s->next;
  s->next += size;
  return p;
}

static void put(gb_slab *s, void *p, size_t n) {
  void **list = &s->free[class_of(n)];
  memcpy(p, list, sizeof *list);
  *list = p;
}

/* gb_slab_alloc is a lua_Alloc over s and the general allocator f. */
void *gb_slab_alloc(gb_slab *s, lua_Alloc f, void *ud, void *p, size_t osize, size_t nsize) {
  if (!p) {
    void *q = nsize - 1 < LARGEST ? take(s, nsize) : NULL;
    return q ? q : f(ud, NULL, 0, nsize);
  }
  if (!inside(s, p)) return f(ud, p, osize, nsize);
  if (nsize == 0) {
    put(s, p, osize);
    return NULL;
  }
  if (nsize <= LARGEST && class_of(nsize) == class_of(osize)) return p;
  void *q = nsize <= LARGEST ? take(s, nsize) : NULL;
  if (!q && !(q = f(ud, NULL, 0, nsize))) return NULL;
  memcpy(q, p, osize < nsize ? osize : nsize);
  put(s, p, osize);
  return q;
}
