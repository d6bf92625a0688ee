/* Clocks and date texts of the ngx API. */
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "api.h"

int64_t gb_now_ms(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

double gb_wall(void) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    return (double)t.tv_sec + (double)(t.tv_nsec / 1000000) / 1000;
}

static int now(lua_State *L) {
    lua_pushnumber(L, gb_wall());
    return 1;
}

static int whole(lua_State *L) {
    lua_pushnumber(L, (double)time(NULL));
    return 1;
}

/* native.time_ns(): the wall clock in nanoseconds, to a double's precision. */
static int time_ns(lua_State *L) {
    struct timespec t;
    clock_gettime(CLOCK_REALTIME, &t);
    lua_pushnumber(L, (double)t.tv_sec * 1e9 + (double)t.tv_nsec);
    return 1;
}

static int monotonic_ns(lua_State *L) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    lua_pushnumber(L, (double)t.tv_sec * 1e9 + (double)t.tv_nsec);
    return 1;
}

static int nothing(lua_State *L) {
    (void)L;
    return 0;
}

static void push_time(lua_State *L, const struct tm *tm, int date_only) {
    char text[64];
    int n = date_only ? snprintf(text, sizeof text, "%04d-%02d-%02d", tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday)
                      : snprintf(text, sizeof text, "%04d-%02d-%02d %02d:%02d:%02d", tm->tm_year + 1900, tm->tm_mon + 1, tm->tm_mday,
                                 tm->tm_hour, tm->tm_min, tm->tm_sec);
    lua_pushlstring(L, text, (size_t)n);
}

static int today(lua_State *L) {
    time_t t = time(NULL);
    struct tm tm;
    localtime_r(&t, &tm);
    push_time(L, &tm, 1);
    return 1;
}

static int localtime_text(lua_State *L) {
    time_t t = time(NULL);
    struct tm tm;
    localtime_r(&t, &tm);
    push_time(L, &tm, 0);
    return 1;
}

static int utctime(lua_State *L) {
    time_t t = time(NULL);
    struct tm tm;
    gmtime_r(&t, &tm);
    push_time(L, &tm, 0);
    return 1;
}

static const char days[] = "SunMonTueWedThuFriSat";
static const char months[] = "JanFebMarAprMayJunJulAugSepOctNovDec";

static time_t time_arg(lua_State *L, struct tm *tm) {
    if (lua_type(L, 1) != LUA_TNUMBER) luaL_error(L, "number argument only");
    time_t t = (time_t)lua_tonumber(L, 1);
    if (!gmtime_r(&t, tm)) luaL_error(L, "time out of range");
    return t;
}

static int http_time(lua_State *L) {
    struct tm tm;
    char text[64];
    time_arg(L, &tm);
    int n = snprintf(text, sizeof text, "%.3s, %02d %.3s %04d %02d:%02d:%02d GMT", days + 3 * tm.tm_wday, tm.tm_mday,
                     months + 3 * tm.tm_mon, tm.tm_year + 1900, tm.tm_hour, tm.tm_min, tm.tm_sec);
    lua_pushlstring(L, text, (size_t)n);
    return 1;
}

static int cookie_time(lua_State *L) {
    struct tm tm;
    char text[64];
    time_t t = time_arg(L, &tm);
    /* A year of two digits would be read as 19xx past 2038. */
    int long_year = t > 2147483647LL;
    int n = snprintf(text, sizeof text, long_year ? "%.3s, %02d-%.3s-%04d %02d:%02d:%02d GMT" : "%.3s, %02d-%.3s-%02d %02d:%02d:%02d GMT",
                     days + 3 * tm.tm_wday, tm.tm_mday, months + 3 * tm.tm_mon, long_year ? tm.tm_year + 1900 : tm.tm_year % 100,
                     tm.tm_hour, tm.tm_min, tm.tm_sec);
    lua_pushlstring(L, text, (size_t)n);
    return 1;
}

static int month_of(const char *m) {
    for (int i = 0; i < 12; i++)
        if (memcmp(months + 3 * i, m, 3) == 0) return i;
    return -1;
}

/* parse_http_time reads the three forms of RFC 9110 section 5.6.7; nil for anything else. */
static int parse_http_time(lua_State *L) {
    struct tm tm = {0};
    char month[4] = "", zone[4] = "";
    const char *s = luaL_checkstring(L, 1);
    const char *comma = strchr(s, ',');
    int got;
    if (comma && comma - s == 3) {
        got = sscanf(comma + 1, " %2d %3s %4d %2d:%2d:%2d %3s", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, zone);
        if (got != 7) { /* a cookie's date: 11-Jan-19 or 11-Jan-2019 */
            got = sscanf(comma + 1, " %2d-%3[A-Za-z]-%4d %2d:%2d:%2d %3s", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min,
                         &tm.tm_sec, zone);
        }
    } else if (comma) {
        got = sscanf(comma + 1, " %2d-%3[A-Za-z]-%4d %2d:%2d:%2d %3s", &tm.tm_mday, month, &tm.tm_year, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, zone);
    } else {
        got = sscanf(s, "%*3s %3s %2d %2d:%2d:%2d %4d", month, &tm.tm_mday, &tm.tm_hour, &tm.tm_min, &tm.tm_sec, &tm.tm_year) + 1;
    }
    tm.tm_mon = got == 7 ? month_of(month) : -1;
    if (tm.tm_mon < 0 || tm.tm_mday < 1 || tm.tm_mday > 31 || tm.tm_hour > 23 || tm.tm_min > 59 || tm.tm_sec > 60) {
        lua_pushnil(L);
        return 1;
    }
    if (tm.tm_year < 100) tm.tm_year += tm.tm_year < 70 ? 100 : 0;
    else tm.tm_year -= 1900;
    lua_pushnumber(L, (double)timegm(&tm));
    return 1;
}

static int pid(lua_State *L) {
    lua_pushinteger(L, getpid());
    return 1;
}

void gb_open_time(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"now", now},
                                         {"time", whole},
                                         {"time_ns", time_ns},
                                         {"monotonic_ns", monotonic_ns},
                                         {"update_time", nothing},
                                         {"today", today},
                                         {"localtime", localtime_text},
                                         {"utctime", utctime},
                                         {"http_time", http_time},
                                         {"cookie_time", cookie_time},
                                         {"parse_http_time", parse_http_time},
                                         {"pid", pid},
                                         {NULL, NULL}};
    gb_register(L, vm, functions);
}
