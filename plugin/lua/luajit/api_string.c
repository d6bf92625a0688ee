/* string.find, match, gmatch and gsub on pattern.c (Lua 5.1 manual, section 5.4). */
#define _GNU_SOURCE
#include <string.h>

#include "pattern.h"

/* start reads the optional place at which a search begins, as an offset; -1: behind the subject. */
static ptrdiff_t start(lua_State *L, int i, size_t n) {
  ptrdiff_t at = luaL_optinteger(L, i, 1);
  if (at < 0) at += (ptrdiff_t)n + 1;
  if (at < 1) at = 1;
  return at > (ptrdiff_t)n + 1 ? -1 : at - 1;
}

static int is_plain(const char *p, size_t n) {
  for (size_t i = 0; i < n; i++)
    if (p[i] && strchr("^$*+?.([%-", p[i])) return 0;
  return 1;
}

/* first gives the character that every match of the pattern begins with, -1 where there is none such. */
static int first(const char *p, const char *end) {
  if (p == end || !*p || strchr("^$*+?.([%-)", *p)) return -1;
  return p + 1 < end && p[1] && strchr("*?-", p[1]) ? -1 : (unsigned char)*p;
}

/* skip goes on to the next place where a match can begin, NULL: there is none. */
static const char *skip(const char *s, const char *end, int first) {
  return first < 0 ? s : s < end ? memchr(s, first, (size_t)(end - s)) : NULL;
}

static int find_plain(lua_State *L, const char *s, size_t n, size_t from, const char *p, size_t pn) {
  const char *at = pn ? memmem(s + from, n - from, p, pn) : s + from;
  if (!at) {
    lua_pushnil(L);
    return 1;
  }
  lua_pushinteger(L, at - s + 1);
  lua_pushinteger(L, at - s + (ptrdiff_t)pn);
  return 2;
}

static int search(lua_State *L, int find) {
  size_t n, pn;
  const char *s = luaL_checklstring(L, 1, &n), *p = luaL_checklstring(L, 2, &pn);
  ptrdiff_t from = start(L, 3, n);
  if (from < 0) {
    lua_pushnil(L);
    return 1;
  }
  if (find && (lua_toboolean(L, 4) || is_plain(p, pn))) return find_plain(L, s, n, (size_t)from, p, pn);
  gb_match m;
  gb_match_begin(&m, L, gb_self(L), s, n, p, pn);
  int anchored = pn && *p == '^';
  p += anchored;
  int c = anchored ? -1 : first(p, m.pattern_end);
  for (const char *at = s + from; at <= m.end; at++) {
    if (!(at = skip(at, m.end, c))) break;
    const char *e = gb_match_at(&m, at, p);
    if (e && find) {
      lua_pushinteger(L, at - s + 1);
      lua_pushinteger(L, e - s);
      return 2 + gb_push_captures(&m, NULL, NULL);
    }
    if (e) return gb_push_captures(&m, at, e);
    if (anchored) break;
  }
  lua_pushnil(L);
  return 1;
}

static int s_find(lua_State *L) { return search(L, 1); }
static int s_match(lua_State *L) { return search(L, 0); }

/* next_match is the iterator of gmatch: upvalues subject, pattern, offset. */
static int next_match(lua_State *L) {
  size_t n, pn;
  const char *s = lua_tolstring(L, lua_upvalueindex(1), &n), *p = lua_tolstring(L, lua_upvalueindex(2), &pn);
  gb_match m;
  gb_match_begin(&m, L, gb_self(L), s, n, p, pn);
  int c = first(p, m.pattern_end);
  for (const char *at = s + lua_tointeger(L, lua_upvalueindex(3)); at <= m.end; at++) {
    if (!(at = skip(at, m.end, c))) break;
    const char *e = gb_match_at(&m, at, p);
    if (!e) continue;
    lua_pushinteger(L, e - s + (e == at)); /* an empty match is not found twice */
    lua_replace(L, lua_upvalueindex(3));
    return gb_push_captures(&m, at, e);
  }
  return 0;
}

/* harmless says whether matches of p in n bytes end in bearable time, whatever p is: each of its repetitions may try all lengths. */
static int harmless(const char *p, size_t pn, size_t n) {
  double steps = (double)n;
  for (size_t i = 0; i < pn; i++)
    if (strchr("*+-?", p[i])) steps *= (double)n;
  return steps < 1e8;
}

/* LuaJIT's compiler knows its own iterator (upvalue 2 makes one), but takes each of ours for a function that it has never seen:
 * ours is for where the other could run for ever. */
static int s_gmatch(lua_State *L) {
  size_t n, pn;
  luaL_checklstring(L, 1, &n);
  const char *p = luaL_checklstring(L, 2, &pn);
  lua_settop(L, 2);
  if (harmless(p, pn, n)) {
    lua_pushvalue(L, lua_upvalueindex(2));
    lua_insert(L, 1);
    lua_call(L, 2, 1);
    return 1;
  }
  lua_pushinteger(L, 0);
  lua_pushcclosure(L, next_match, 3);
  return 1;
}

/* add_text adds the replacement string at place 3, with %0 to %9 filled in. */
static void add_text(gb_match *m, luaL_Buffer *b, const char *s, const char *e) {
  size_t n;
  const char *r = lua_tolstring(m->L, 3, &n);
  for (size_t i = 0; i < n; i++) {
    if (r[i] != '%') {
      luaL_addchar(b, r[i]);
    } else if (++i == n) {
      luaL_addchar(b, 0); /* as the library always did: the text's end */
    } else if (r[i] < '0' || r[i] > '9') {
      luaL_addchar(b, r[i]);
    } else if (r[i] == '0') {
      luaL_addlstring(b, s, (size_t)(e - s));
    } else {
      gb_push_capture(m, r[i] - '1', s, e);
      luaL_addvalue(b);
    }
  }
}

/* add_value adds what the match s..e is replaced by. */
static void add_value(gb_match *m, luaL_Buffer *b, const char *s, const char *e) {
  lua_State *L = m->L;
  switch (lua_type(L, 3)) {
  case LUA_TFUNCTION:
    lua_pushvalue(L, 3);
    lua_call(L, gb_push_captures(m, s, e), 1);
    break;
  case LUA_TTABLE:
    gb_push_capture(m, 0, s, e);
    lua_gettable(L, 3);
    break;
  default: add_text(m, b, s, e); return;
  }
  if (!lua_toboolean(L, -1)) {
    lua_pop(L, 1);
    lua_pushlstring(L, s, (size_t)(e - s));
  } else if (!lua_isstring(L, -1)) {
    luaL_error(L, "invalid replacement value (a %s)", luaL_typename(L, -1));
  }
  luaL_addvalue(b);
}

static int s_gsub(lua_State *L) {
  size_t n, pn;
  const char *s = luaL_checklstring(L, 1, &n), *p = luaL_checklstring(L, 2, &pn);
  int type = lua_type(L, 3);
  if (type != LUA_TNUMBER && type != LUA_TSTRING && type != LUA_TTABLE && type != LUA_TFUNCTION)
    luaL_argerror(L, 3, "string/function/table expected");
  ptrdiff_t most = luaL_optinteger(L, 4, (ptrdiff_t)n + 1), count = 0;
  int anchored = pn && *p == '^';
  p += anchored;
  gb_match m;
  gb_match_begin(&m, L, gb_self(L), s, n, p, pn - (size_t)anchored);
  luaL_Buffer b;
  luaL_buffinit(L, &b);
  int c = anchored ? -1 : first(p, m.pattern_end);
  while (count < most) {
    const char *at = skip(s, m.end, c);
    if (!at) break;
    luaL_addlstring(&b, s, (size_t)(at - s));
    s = at;
    const char *e = gb_match_at(&m, s, p);
    if (e) {
      count++;
      add_value(&m, &b, s, e);
    }
    if (e && e > s) s = e;
    else if (s < m.end) luaL_addchar(&b, *s++);
    else break;
    if (anchored) break;
  }
  luaL_addlstring(&b, s, (size_t)(m.end - s));
  luaL_pushresult(&b);
  lua_pushinteger(L, count);
  return 2;
}

/* gb_open_string puts the functions into the table string, in the place of LuaJIT's. */
void gb_open_string(lua_State *L, gb_vm *vm) {
  static const luaL_Reg functions[] = {{"find", s_find}, {"match", s_match}, {"gsub", s_gsub}, {NULL, NULL}};
  lua_getglobal(L, "string");
  gb_register(L, vm, functions);
  lua_pushlightuserdata(L, vm);
  lua_getfield(L, -2, "gmatch");
  lua_pushcclosure(L, s_gmatch, 2);
  lua_setfield(L, -2, "gmatch");
  lua_pop(L, 1);
}
