/* pattern.h: Lua's patterns (Lua 5.1 manual, section 5.4.1), matched by a function that a VM's time budget can stop. */
#ifndef GB_PATTERN_H
#define GB_PATTERN_H

#include "core.h"

enum { GB_MAX_CAPTURES = 32, GB_CAPTURE_OPEN = -1, GB_CAPTURE_PLACE = -2 };

/* gb_match: one subject and pattern, and what the last match captured. len of a capture is its length, GB_CAPTURE_PLACE for
 * "()", or GB_CAPTURE_OPEN while its end has not been seen. */
typedef struct {
  lua_State *L;
  gb_core *core;
  const char *subject, *end; /* end of the subject */
  const char *pattern_end;
  int level; /* captures */
  int depth;
  uint32_t steps;
  struct { const char *at; ptrdiff_t len; } capture[GB_MAX_CAPTURES];
} gb_match;

void gb_match_begin(gb_match *m, lua_State *L, gb_vm *vm, const char *subject, size_t n, const char *pattern, size_t pn);

/* gb_match_at forgets what was captured and matches the pattern from p on at s, and gives the match's end, NULL for none. It raises Lua errors: a pattern that is
 * wrong or too complex, and the end of the time budget. */
const char *gb_match_at(gb_match *m, const char *s, const char *p);

/* gb_push_captures pushes the captures, or the whole match s..e where there is none (s not NULL), and gives their number. */
int gb_push_captures(gb_match *m, const char *s, const char *e);

/* gb_push_capture pushes capture i (from 0); without captures the 0th is the whole match. */
void gb_push_capture(gb_match *m, int i, const char *s, const char *e);

#endif
