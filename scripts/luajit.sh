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
stamp="$version $flags"

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
