/* pattern.c: the matcher behind string.find, match, gmatch and gsub. LuaJIT's own cannot be stopped: ("a*"):rep(9) against a long
 * text keeps a worker busy for years, since no hook runs within a C function. */
#define _GNU_SOURCE
#include <string.h>

#include "pattern.h"

enum { MAX_DEPTH = 200, LOOK = 1 << 12 };

/* Kinds of characters, of the C locale. */
enum { ALPHA = 1, DIGIT = 2, LOWER = 4, UPPER = 8, SPACE = 16, PUNCT = 32, CNTRL = 64, HEX = 128 };
static unsigned char kind[256];

__attribute__((constructor)) static void sort_characters(void) {
  for (int c = 0; c < 128; c++) {
    if (c >= 'a' && c <= 'z') kind[c] = ALPHA | LOWER;
    else if (c >= 'A' && c <= 'Z') kind[c] = ALPHA | UPPER;
    else if (c >= '0' && c <= '9') kind[c] = DIGIT | HEX;
    else if (c < 32 || c == 127) kind[c] = CNTRL;
    else if (c != ' ') kind[c] = PUNCT;
    if (c == ' ' || (c >= '\t' && c <= '\r')) kind[c] |= SPACE;
    if ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')) kind[c] |= HEX;
  }
}

static void look(gb_match *m) {
  gb_core *c = m->core;
  if (atomic_load_explicit(&c->kill, memory_order_acquire) == atomic_load_explicit(&c->epoch, memory_order_acquire))
    luaL_error(m->L, "handler exceeded its time budget");
}

/* step counts work, and looks at the time budget now and then. */
static inline void step(gb_match *m) {
  if (++m->steps % LOOK == 0) look(m);
}

void gb_match_begin(gb_match *m, lua_State *L, gb_vm *vm, const char *subject, size_t n, const char *pattern, size_t pn) {
  m->L = L;
  m->core = vm->core;
  m->subject = subject;
  m->end = subject + n;
  m->pattern_end = pattern + strnlen(pattern, pn); /* LuaJIT ends a pattern at a zero byte */
  m->depth = 0;
  m->steps = 0;
}

/* ---- single characters ---- */

/* item_end is the end of the pattern item that begins at p: a character, %x, or a set. */
static inline const char *item_end(gb_match *m, const char *p) {
  char c = *p++;
  if (c == '%') {
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (ends with '%%')");
    return p + 1;
  }
  if (c != '[') return p;
  if (p < m->pattern_end && *p == '^') p++;
  do { /* a bracket in the first place is itself */
    if (p == m->pattern_end) luaL_error(m->L, "malformed pattern (missing ']')");
    if (*p++ == '%' && p < m->pattern_end) p++;
  } while (p == m->pattern_end || *p != ']');
  return p + 1;
}

/* in_class: c is of the class %x; of a letter that names none, x itself. */
static int in_class(unsigned char c, unsigned char x) {
  int yes;
  switch (x | 32) {
  case 'a': yes = kind[c] & ALPHA; break;
  case 'c': yes = kind[c] & CNTRL; break;
  case 'd': yes = kind[c] & DIGIT; break;
  case 'g': yes = kind[c] & (ALPHA | DIGIT | PUNCT); break;
  case 'l': yes = kind[c] & LOWER; break;
  case 'p': yes = kind[c] & PUNCT; break;
  case 's': yes = kind[c] & SPACE; break;
  case 'u': yes = kind[c] & UPPER; break;
  case 'w': yes = kind[c] & (ALPHA | DIGIT); break;
  case 'x': yes = kind[c] & HEX; break;
  case 'z': yes = c == 0; break;
  default: return x == c;
  }
  return kind[x] & UPPER ? !yes : yes != 0;
}

/* in_set: c is in the set that begins at p ('[') and whose ']' is at last. */
static int in_set(unsigned char c, const char *p, const char *last) {
  int yes = 1;
  if (p[1] == '^') {
    yes = 0;
    p++;
  }
  while (++p < last) {
    if (*p == '%') {
      if (in_class(c, (unsigned char)*++p)) return yes;
    } else if (p[1] == '-' && p + 2 < last) {
      if ((unsigned char)p[0] <= c && c <= (unsigned char)p[2]) return yes;
      p += 2;
    } else if ((unsigned char)*p == c) {
      return yes;
    }
  }
  return !yes;
}

static inline int is_one(gb_match *m, const char *s, const char *p, const char *e) {
  if (s >= m->end) return 0;
  unsigned char c = (unsigned char)*s;
  switch (*p) {
  case '.': return 1;
  case '%': return in_class(c, (unsigned char)p[1]);
  case '[': return in_set(c, p, e - 1);
  }
  return (unsigned char)*p == c;
}

/* ---- items that take more ---- */

static const char *match(gb_match *m, const char *s, const char *p);

/* deeper matches the rest of a pattern, on which something before it depends. */
static inline const char *deeper(gb_match *m, const char *s, const char *p) {
  if (++m->depth > MAX_DEPTH) luaL_error(m->L, "pattern too complex");
  s = match(m, s, p);
  m->depth--;
  return s;
}

static const char *balanced(gb_match *m, const char *s, const char *p) {
  if (m->pattern_end - p < 2) luaL_error(m->L, "unbalanced pattern");
  if (s >= m->end || *s != *p) return NULL;
  int open = 1;
  while (++s < m->end) {
    if (*s == p[1]) {
      if (--open == 0) return s + 1;
    } else if (*s == p[0]) {
      open++;
    }
  }
  return NULL;
}

static const char *at_most(gb_match *m, const char *s, const char *p, const char *e) {
  ptrdiff_t n = 0;
  while (is_one(m, s + n, p, e)) {
    n++;
    step(m);
  }
  for (; n >= 0; n--) {
    const char *end = deeper(m, s + n, e + 1);
    if (end) return end;
  }
  return NULL;
}

static const char *at_least(gb_match *m, const char *s, const char *p, const char *e) {
  for (;; s++) {
    const char *end = deeper(m, s, e + 1);
    if (end) return end;
    if (!is_one(m, s, p, e)) return NULL;
  }
}

static const char *open_capture(gb_match *m, const char *s, const char *p, ptrdiff_t len) {
  int i = m->level;
  if (i >= GB_MAX_CAPTURES) luaL_error(m->L, "too many captures");
  m->capture[i].at = s;
  m->capture[i].len = len;
  m->level = i + 1;
  const char *end = deeper(m, s, p);
  if (!end) m->level--;
  return end;
}

static const char *close_capture(gb_match *m, const char *s, const char *p) {
  int i = m->level;
  do {
    if (--i < 0) luaL_error(m->L, "invalid pattern capture");
  } while (m->capture[i].len != GB_CAPTURE_OPEN);
  m->capture[i].len = s - m->capture[i].at;
  const char *end = deeper(m, s, p);
  if (!end) m->capture[i].len = GB_CAPTURE_OPEN;
  return end;
}

static const char *same_again(gb_match *m, const char *s, int digit) {
  int i = digit - '1';
  if (i < 0 || i >= m->level || m->capture[i].len == GB_CAPTURE_OPEN) luaL_error(m->L, "invalid capture index");
  size_t n = (size_t)m->capture[i].len;
  if ((size_t)(m->end - s) < n || memcmp(m->capture[i].at, s, n) != 0) return NULL;
  return s + n;
}

/* frontier: %f and a set at p: the place where what stands before is not in the set, and what follows is. */
static const char *frontier(gb_match *m, const char *s, const char *p) {
  if (p == m->pattern_end || *p != '[') luaL_error(m->L, "missing '[' after '%%f' in pattern");
  const char *e = item_end(m, p);
  unsigned char before = s == m->subject ? 0 : (unsigned char)s[-1], here = s < m->end ? (unsigned char)*s : 0;
  return !in_set(before, p, e - 1) && in_set(here, p, e - 1) ? e : NULL;
}

/* ---- the pattern ---- */

static const char *match(gb_match *m, const char *s, const char *p) {
  for (;;) {
    step(m);
    if (p == m->pattern_end) return s;
    if (*p == '(') return p + 1 < m->pattern_end && p[1] == ')' ? open_capture(m, s, p + 2, GB_CAPTURE_PLACE) : open_capture(m, s, p + 1, GB_CAPTURE_OPEN);
    if (*p == ')') return close_capture(m, s, p + 1);
    if (*p == '$' && p + 1 == m->pattern_end) return s == m->end ? s : NULL;
    if (*p == '%' && p + 1 < m->pattern_end) {
      if (p[1] == 'b') {
        if (!(s = balanced(m, s, p + 2))) return NULL;
        p += 4;
        continue;
      }
      if (p[1] == 'f') {
        if (!(p = frontier(m, s, p + 2))) return NULL;
        continue;
      }
      if (kind[(unsigned char)p[1]] & DIGIT) {
        if (!(s = same_again(m, s, p[1]))) return NULL;
        p += 2;
        continue;
      }
    }
    const char *e = item_end(m, p);
    char how = e < m->pattern_end ? *e : 0;
    if (how == '*') return at_most(m, s, p, e);
    if (how == '-') return at_least(m, s, p, e);
    int one = is_one(m, s, p, e);
    if (how == '+') return one ? at_most(m, s + 1, p, e) : NULL;
    if (how == '?') {
      const char *end = one ? deeper(m, s + 1, e + 1) : NULL;
      if (end) return end;
      p = e + 1;
      continue;
    }
    if (!one) return NULL;
    s++;
    p = e;
  }
}

const char *gb_match_at(gb_match *m, const char *s, const char *p) {
  m->level = 0;
  return deeper(m, s, p);
}

/* ---- captures ---- */

void gb_push_capture(gb_match *m, int i, const char *s, const char *e) {
  if (i >= m->level) {
    if (i > 0) luaL_error(m->L, "invalid capture index");
    lua_pushlstring(m->L, s, (size_t)(e - s));
    return;
  }
  ptrdiff_t n = m->capture[i].len;
  if (n == GB_CAPTURE_OPEN) luaL_error(m->L, "unfinished capture");
  if (n == GB_CAPTURE_PLACE) lua_pushinteger(m->L, m->capture[i].at - m->subject + 1);
  else lua_pushlstring(m->L, m->capture[i].at, (size_t)n);
}

int gb_push_captures(gb_match *m, const char *s, const char *e) {
  int n = m->level == 0 && s ? 1 : m->level;
  luaL_checkstack(m->L, n, "too many captures");
  for (int i = 0; i < n; i++) gb_push_capture(m, i, s, e);
  return n;
}
