#!/bin/sh
# Installs Debian packages that are missing: deps.sh [GROUP...]. Groups (reasons in docs/why.md):
#   build   headers that the C side of plugin/lua/luajit is compiled against, and what fetching LuaJIT's source needs
#   lua     Lua modules that plugins may require and that Debian packages
#   test    daemons that end-to-end tests start themselves
#   bench   the peers of make bench
# Already installed packages cost one dpkg query and need no root.
set -eu

build="gcc libc6-dev libpcre2-dev libssl-dev xz-utils ca-certificates"
lua="lua-penlight lua-inspect lua-lpeg lua-filesystem lua-basexx lua-resty-lrucache lua-messagepack lua-expat lua-yaml lua-zlib lua-binaryheap lua-socket"
test="postgresql mariadb-server redis-server redis-tools bind9-dnsutils"
bench="nginx libnginx-mod-http-lua libnginx-mod-stream haproxy wrk nghttp2-client"

wanted=""
for group in "${@:-build}"; do
    case $group in
    build) wanted="$wanted $build" ;;
    lua) wanted="$wanted $lua" ;;
    test) wanted="$wanted $test" ;;
    bench) wanted="$wanted $bench" ;;
    *) echo "deps.sh: unknown group $group" >&2; exit 2 ;;
    esac
done

missing=""
for package in $wanted; do
    status=$(dpkg-query -W -f='${Status}' "$package" 2>/dev/null || true)
    [ "$status" = "install ok installed" ] || missing="$missing $package"
done
[ -n "$missing" ] || exit 0

sudo=""
if [ "$(id -u)" != 0 ]; then
    command -v sudo >/dev/null || { echo "missing packages, install as root: apt-get install$missing" >&2; exit 1; }
    sudo=sudo
fi
echo "deps: installing$missing" >&2
export DEBIAN_FRONTEND=noninteractive
# No daemon of these packages is started: a policy-rc.d that says no, unless the machine has its own.
policy=/usr/sbin/policy-rc.d
if [ ! -e $policy ]; then
    printf '#!/bin/sh\nexit 101\n' | $sudo tee $policy >/dev/null
    $sudo chmod 755 $policy
    trap '$sudo rm -f $policy' EXIT
fi
# shellcheck disable=SC2086 # a list of words
install() { $sudo apt-get -q -y -o DPkg::Lock::Timeout=300 install --no-install-recommends $missing; }
install >/dev/null 2>&1 || {
    $sudo apt-get -q -o Acquire::Retries=3 update >&2
    install >&2
}
