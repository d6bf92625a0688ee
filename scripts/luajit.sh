#!/bin/sh
# Builds libluajit.a from Debian's source package luajit2 (OpenResty's LuaJIT fork) into build/luajit/{include,lib,bin}.
#
# Debian's prebuilt library lacks LUA52COMPAT (__pairs, __len, table.pack) and CHECKHOOK (needed to stop a runaway
# handler in compiled code), so it has to be compiled here. The machine's own apt configuration stays untouched: a
# private list with deb-src lines is derived from it. Needs no root.
#
#   LUAJIT_DIR=PATH      use that tree ({include,lib}) instead of building one
#   LUAJIT_VERSION=V     the Debian version to take first (falls back to what the machine's Debian offers)
set -eu

root=$(cd "$(dirname "$0")/.." && pwd)
out=$root/build/luajit
version=${LUAJIT_VERSION:-2.1-20230119-1}
flags="-DLUAJIT_ENABLE_LUA52COMPAT -DLUAJIT_ENABLE_CHECKHOOK"
stamp="$version $flags corrected 1"

if [ -n "${LUAJIT_DIR:-}" ]; then
    [ -f "$LUAJIT_DIR/lib/libluajit.a" ] || { echo "LUAJIT_DIR=$LUAJIT_DIR has no lib/libluajit.a" >&2; exit 1; }
    [ "$(readlink "$out" || true)" = "$LUAJIT_DIR" ] && exit 0
    mkdir -p "$root/build" && rm -rf "$out" && ln -s "$LUAJIT_DIR" "$out"
    exit 0
fi
[ ! -L "$out" ] || rm "$out"
if [ -f "$out/lib/libluajit.a" ] && [ "$(cat "$out/stamp" 2>/dev/null)" = "$stamp" ]; then exit 0; fi

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$work/apt/lists/partial" "$work/apt/cache/archives/partial" "$work/src"
: >"$work/apt/status"

# The machine's Debian repositories, as deb-src lines.
keyring=/usr/share/keyrings/debian-archive-keyring.gpg
signed=""
[ ! -f "$keyring" ] || signed="[signed-by=$keyring] "
# shellcheck disable=SC2016 # the $(…) are apt's own format fields
apt-get indextargets --format '$(REPO_URI) $(RELEASE) $(COMPONENT)' 'Created-By: Packages' 2>/dev/null |
    awk -v signed="$signed" '$1 ~ /\/debian(-security)?\// && $3 == "main" && !seen[$0]++ { print "deb-src " signed $0 }' \
        >"$work/apt/sources.list"
if [ ! -s "$work/apt/sources.list" ]; then
    codename=$(. /etc/os-release && echo "${VERSION_CODENAME:-bookworm}")
    echo "deb-src ${signed}http://deb.debian.org/debian $codename main" >"$work/apt/sources.list"
fi

apt() {
    apt-get -qq -o Dir::Etc::sourcelist="$work/apt/sources.list" -o Dir::Etc::sourceparts=/dev/null \
        -o Dir::State="$work/apt" -o Dir::State::lists="$work/apt/lists" -o Dir::State::status="$work/apt/status" \
        -o Dir::Cache="$work/apt/cache" -o APT::Sandbox::User="$(id -un)" -o Acquire::Retries=3 "$@"
}

echo "luajit: fetching Debian's source package luajit2 ($version)" >&2
cd "$work/src"
# The index alone decides: a repository without sources (some mirrors) is a warning, not the end.
apt update || echo "luajit: some package lists could not be fetched" >&2
apt source --download-only "luajit2=$version" || {
    echo "luajit: version $version is not offered here, taking the machine's own" >&2
    apt source --download-only luajit2
}
mkdir tree
tar -xf luajit2_*.orig.tar.* -C tree --strip-components=1

# Corrections that this version lacks and later ones have. An error in compiled code (no memory, stack overflow) put its
# message where the interpreter's frame was, not the compiled code's: it overwrote frames, and unwinding them crashed the
# process. And an error while a trace's exit is restored noted its place in the wrong C frame. In a version that has them
# the first does nothing new and the second finds nothing to change.
correct() {
    sed -i "$2" "tree/src/$1"
    grep -q "$3" "tree/src/$1" || { echo "luajit: the correction of $1 does not fit this version" >&2; exit 1; }
}
correct lj_err.c 's|^  if (curr_funcisL(L)) L->top = curr_topL(L);$|  if (LJ_HASJIT \&\& tvref(G(L)->jit_base)) L->base = tvref(G(L)->jit_base);\n&|' \
    'tvref(G(L)->jit_base)) L->base = tvref(G(L)->jit_base);'
correct lj_snap.c 's|^  setcframe_pc(cframe_raw(L->cframe), pc+1);$|  setcframe_pc(L->cframe, pc+1);\n  setcframe_pc(cframe_raw(cframe_prev(L->cframe)), pc);|' \
    'setcframe_pc(cframe_raw(cframe_prev(L->cframe)), pc);'

echo "luajit: compiling" >&2
make -C tree -j"$(getconf _NPROCESSORS_ONLN)" PREFIX="$out" BUILDMODE=static \
    CCOPT="-O2 -fomit-frame-pointer" XCFLAGS="$flags -fPIC" >"$work/log" 2>&1 || { tail -n 40 "$work/log" >&2; exit 1; }

# Everything is in place before the stamp is, and the library is replaced in one move.
mkdir -p "$out/include" "$out/lib" "$out/bin"
(cd tree/src && cp lua.h lualib.h lauxlib.h luaconf.h luajit.h lua.hpp "$out/include/")
cp tree/src/luajit "$out/bin/luajit"
cp tree/src/libluajit.a "$out/lib/libluajit.a.new" && mv "$out/lib/libluajit.a.new" "$out/lib/libluajit.a"
echo "$stamp" >"$out/stamp"
echo "luajit: $out/lib/libluajit.a" >&2
