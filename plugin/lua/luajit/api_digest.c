/* Digests and keyed digests by libcrypto, CRC-32, random bytes: for ngx.md5 and friends, resty.* and kong.tools. Legal
 * everywhere; nothing here blocks. */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/rand.h>
#include <string.h>

#include "api.h"

static const char hex_digits[] = "0123456789abcdef";

static void push_hex(lua_State *L, const unsigned char *d, unsigned n) {
    char text[2 * EVP_MAX_MD_SIZE];
    for (unsigned i = 0; i < n; i++) {
        text[2 * i] = hex_digits[d[i] >> 4];
        text[2 * i + 1] = hex_digits[d[i] & 15];
    }
    lua_pushlstring(L, text, 2 * n);
}

/* text gives the argument's bytes as the reference does: other values through tostring, nil as "". */
static const char *text(lua_State *L, int i, size_t *n) {
    if (lua_isnoneornil(L, i)) {
        *n = 0;
        return "";
    }
    return gb_tostring(L, i, n);
}

static int once(lua_State *L, const EVP_MD *md, int as_hex) {
    size_t n;
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned dn = 0;
    const char *s = text(L, 1, &n);
    if (!EVP_Digest(s, n, d, &dn, md, NULL)) return luaL_error(L, "digest failed");
    if (as_hex) push_hex(L, d, dn);
    else lua_pushlstring(L, (char *)d, dn);
    return 1;
}

static int md5(lua_State *L) { return once(L, EVP_md5(), 1); }
static int md5_bin(lua_State *L) { return once(L, EVP_md5(), 0); }
static int sha1_bin(lua_State *L) { return once(L, EVP_sha1(), 0); }

static int hmac_sha1(lua_State *L) {
    size_t kn, n;
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned dn = 0;
    const char *k = text(L, 1, &kn), *s = text(L, 2, &n);
    if (!HMAC(EVP_sha1(), k, (int)kn, (const unsigned char *)s, n, d, &dn)) return luaL_error(L, "digest failed");
    lua_pushlstring(L, (char *)d, dn);
    return 1;
}

/* native.digest(name, data): the raw digest; nil, text for an unknown name. */
static int digest(lua_State *L) {
    size_t n;
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned dn = 0;
    const EVP_MD *md = EVP_get_digestbyname(luaL_checkstring(L, 1));
    const char *s = luaL_checklstring(L, 2, &n);
    if (!md) {
        lua_pushnil(L);
        lua_pushfstring(L, "unknown digest %s", lua_tostring(L, 1));
        return 2;
    }
    if (!EVP_Digest(s, n, d, &dn, md, NULL)) return luaL_error(L, "digest failed");
    lua_pushlstring(L, (char *)d, dn);
    return 1;
}

/* native.hmac(name, key, data): the raw keyed digest; nil, text for an unknown name. */
static int hmac(lua_State *L) {
    size_t kn, n;
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned dn = 0;
    const EVP_MD *md = EVP_get_digestbyname(luaL_checkstring(L, 1));
    const char *k = luaL_checklstring(L, 2, &kn), *s = luaL_checklstring(L, 3, &n);
    if (!md) {
        lua_pushnil(L);
        lua_pushfstring(L, "unknown digest %s", lua_tostring(L, 1));
        return 2;
    }
    if (!HMAC(md, k, (int)kn, (const unsigned char *)s, n, d, &dn)) return luaL_error(L, "digest failed");
    lua_pushlstring(L, (char *)d, dn);
    return 1;
}

/* ---- running digests: objects with update, final, reset ---- */

#define DIGEST_META "gibbon.digest"

static EVP_MD_CTX **checked(lua_State *L) { return luaL_checkudata(L, 1, DIGEST_META); }

static int digest_new(lua_State *L) {
    const EVP_MD *md = EVP_get_digestbyname(luaL_checkstring(L, 1));
    if (!md) {
        lua_pushnil(L);
        lua_pushfstring(L, "invalid digest type \"%s\"", lua_tostring(L, 1));
        return 2;
    }
    EVP_MD_CTX **c = lua_newuserdata(L, sizeof *c);
    *c = NULL;
    luaL_getmetatable(L, DIGEST_META);
    lua_setmetatable(L, -2);
    *c = EVP_MD_CTX_new();
    if (!*c || !EVP_DigestInit_ex(*c, md, NULL)) return luaL_error(L, "digest failed");
    return 1;
}

static int digest_update(lua_State *L) {
    EVP_MD_CTX **c = checked(L);
    size_t n;
    const char *s = luaL_checklstring(L, 2, &n);
    lua_pushboolean(L, *c && EVP_DigestUpdate(*c, s, n));
    return 1;
}

static int digest_final(lua_State *L) {
    EVP_MD_CTX **c = checked(L);
    unsigned char d[EVP_MAX_MD_SIZE];
    unsigned dn = 0;
    if (!*c || !EVP_DigestFinal_ex(*c, d, &dn)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushlstring(L, (char *)d, dn);
    return 1;
}

static int digest_reset(lua_State *L) {
    EVP_MD_CTX **c = checked(L);
    lua_pushboolean(L, *c && EVP_DigestInit_ex(*c, EVP_MD_CTX_get0_md(*c), NULL));
    return 1;
}

static int digest_gc(lua_State *L) {
    EVP_MD_CTX **c = lua_touserdata(L, 1);
    if (*c) EVP_MD_CTX_free(*c);
    *c = NULL;
    return 0;
}

/* ---- running keyed digests ---- */

#define HMAC_META "gibbon.hmac"

static EVP_MAC_CTX **checked_mac(lua_State *L) { return luaL_checkudata(L, 1, HMAC_META); }

static int hmac_new(lua_State *L) {
    size_t kn;
    const char *name = luaL_checkstring(L, 1), *k = luaL_checklstring(L, 2, &kn);
    if (!EVP_get_digestbyname(name)) {
        lua_pushnil(L);
        lua_pushfstring(L, "invalid digest type \"%s\"", name);
        return 2;
    }
    EVP_MAC_CTX **c = lua_newuserdata(L, sizeof *c);
    *c = NULL;
    luaL_getmetatable(L, HMAC_META);
    lua_setmetatable(L, -2);
    EVP_MAC *mac = EVP_MAC_fetch(NULL, "HMAC", NULL);
    if (!mac) return luaL_error(L, "HMAC is not available");
    *c = EVP_MAC_CTX_new(mac);
    EVP_MAC_free(mac);
    OSSL_PARAM params[2] = {OSSL_PARAM_construct_utf8_string("digest", (char *)name, 0), OSSL_PARAM_construct_end()};
    /* an empty key still needs a pointer */
    if (!*c || !EVP_MAC_init(*c, (const unsigned char *)(kn ? k : ""), kn, params)) return luaL_error(L, "digest failed");
    return 1;
}

static int hmac_update(lua_State *L) {
    EVP_MAC_CTX **c = checked_mac(L);
    size_t n;
    const char *s = luaL_checklstring(L, 2, &n);
    lua_pushboolean(L, *c && EVP_MAC_update(*c, (const unsigned char *)s, n));
    return 1;
}

static int hmac_final(lua_State *L) {
    EVP_MAC_CTX **c = checked_mac(L);
    unsigned char d[EVP_MAX_MD_SIZE];
    size_t dn = 0;
    if (!*c || !EVP_MAC_final(*c, d, &dn, sizeof d)) {
        lua_pushnil(L);
        return 1;
    }
    lua_pushlstring(L, (char *)d, dn);
    return 1;
}

static int hmac_reset(lua_State *L) {
    EVP_MAC_CTX **c = checked_mac(L);
    lua_pushboolean(L, *c && EVP_MAC_init(*c, NULL, 0, NULL));
    return 1;
}

static int hmac_gc(lua_State *L) {
    EVP_MAC_CTX **c = lua_touserdata(L, 1);
    if (*c) EVP_MAC_CTX_free(*c);
    *c = NULL;
    return 0;
}

/* ---- CRC-32, random, hex ---- */

static uint32_t crc_table[256];

__attribute__((constructor)) static void fill_crc(void) {
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++) c = c & 1 ? 0xEDB88320u ^ c >> 1 : c >> 1;
        crc_table[i] = c;
    }
}

static int crc32(lua_State *L) {
    size_t n;
    const char *s = text(L, 1, &n);
    uint32_t c = 0xFFFFFFFFu;
    for (size_t i = 0; i < n; i++) c = crc_table[(c ^ (unsigned char)s[i]) & 0xFF] ^ c >> 8;
    lua_pushnumber(L, c ^ 0xFFFFFFFFu);
    return 1;
}

static int random_bytes(lua_State *L) {
    lua_Integer n = luaL_checkinteger(L, 1);
    if (n < 0 || n > 1 << 24) return luaL_error(L, "number of random bytes out of range");
    char *p = gb_scratch(gb_self(L), (size_t)n + 1);
    if (!p || RAND_bytes((unsigned char *)p, (int)n) != 1) return luaL_error(L, "no random bytes");
    lua_pushlstring(L, p, (size_t)n);
    return 1;
}

static int to_hex(lua_State *L) {
    size_t n;
    const unsigned char *s = (const unsigned char *)luaL_checklstring(L, 1, &n);
    char *o = gb_scratch(gb_self(L), 2 * n + 1);
    if (!o) return luaL_error(L, "not enough memory");
    for (size_t i = 0; i < n; i++) {
        o[2 * i] = hex_digits[s[i] >> 4];
        o[2 * i + 1] = hex_digits[s[i] & 15];
    }
    lua_pushlstring(L, o, 2 * n);
    return 1;
}

static void methods(lua_State *L, const char *meta, const luaL_Reg *list, lua_CFunction gc) {
    luaL_newmetatable(L, meta);
    lua_pushcfunction(L, gc);
    lua_setfield(L, -2, "__gc");
    lua_newtable(L);
    for (; list->name; list++) {
        lua_pushcfunction(L, list->func);
        lua_setfield(L, -2, list->name);
    }
    lua_setfield(L, -2, "__index");
    lua_pop(L, 1);
}

void gb_open_digest(lua_State *L, gb_vm *vm) {
    static const luaL_Reg functions[] = {{"md5", md5},
                                         {"md5_bin", md5_bin},
                                         {"sha1_bin", sha1_bin},
                                         {"hmac_sha1", hmac_sha1},
                                         {"digest", digest},
                                         {"hmac", hmac},
                                         {"digest_new", digest_new},
                                         {"hmac_new", hmac_new},
                                         {"crc32", crc32},
                                         {"random_bytes", random_bytes},
                                         {"to_hex", to_hex},
                                         {NULL, NULL}};
    static const luaL_Reg running[] = {{"update", digest_update}, {"final", digest_final}, {"reset", digest_reset}, {NULL, NULL}};
    static const luaL_Reg keyed[] = {{"update", hmac_update}, {"final", hmac_final}, {"reset", hmac_reset}, {NULL, NULL}};
    methods(L, DIGEST_META, running, digest_gc);
    methods(L, HMAC_META, keyed, hmac_gc);
    gb_register(L, vm, functions);
}
