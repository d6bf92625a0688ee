#!/bin/sh
# make lint: gofmt, house rules, Lua syntax, go vet, staticcheck. Prints what is wrong and fails at the end.
set -u
cd "$(dirname "$0")/.." || exit 1
GO=${GO:-go}
status=0
fail() { status=1; printf 'lint: %s\n' "$1" >&2; }
# Files that git knows or would know; testdata is recorded, not written.
files() { git ls-files --cached --others --exclude-standard -- "$@" | while read -r f; do [ ! -f "$f" ] || echo "$f"; done; }

unformatted=$(files '*.go' | xargs -r gofmt -l)
[ -z "$unformatted" ] || fail "not gofmt'ed: $(echo "$unformatted" | tr '\n' ' ')"

long=$(files '*.go' '*.c' '*.h' '*.lua' | grep -v testdata/ | xargs -r awk 'FNR == 701 { print FILENAME }')
[ -z "$long" ] || fail "longer than 700 lines, does each still hold one idea? $(echo "$long" | tr '\n' ' ')"

# Paths of the machine that somebody worked on.
paths=$(files | grep -v -e testdata/ -e '^scripts/lint.sh$' | xargs -r grep -nIE '(^|[^A-Za-z0-9_.}/])/(work|root|home/[a-z]+)/' || true)
[ -z "$paths" ] || fail "paths of one machine:
$paths"

generic=$(files '*.go' | grep -E '(^|/)(util|utils|common|helper|helpers)/' || true)
[ -z "$generic" ] || fail "packages named after nothing: $generic"

undocumented=$($GO list -f '{{if and (not .Doc) .GoFiles}}{{.ImportPath}}{{end}}' ./... | grep . || true)
[ -z "$undocumented" ] || fail "packages without a doc comment: $(echo "$undocumented" | tr '\n' ' ')"

luajit=build/luajit/bin/luajit
if [ -x $luajit ]; then
    files '*.lua' | $luajit -e 'local bad = false
        for name in io.lines() do
            local ok, why = loadfile(name)
            if not ok then io.stderr:write("lint: ", why, "\n"); bad = true end
        end
        os.exit(bad and 1 or 0)' || fail "Lua files that do not compile"
fi

$GO vet ./... || fail "go vet"
$GO run "$STATICCHECK" ./... || fail "staticcheck"
exit $status
