#!/bin/sh
# make fuzz: every fuzz target of the module for FUZZTIME (default 30s) each, one after another. FROM=N begins with the Nth.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
out=$(mktemp)
trap 'rm -f "$out"' EXIT

# once fuzzes a target. On a busy machine go test sometimes takes the end of its own time for a failure
# ("context deadline exceeded", without a failing input): only then it is tried again.
once() {
    for try in 1 2 3; do
        if $GO test "$1" -run '^$' -fuzz "^$2\$" -fuzztime "${FUZZTIME:-30s}" </dev/null >"$out" 2>&1; then
            grep -v '^fuzz: elapsed: .*gathering' "$out" | tail -n 3
            return 0
        fi
        grep -q 'context deadline exceeded' "$out" && ! grep -q 'Failing input' "$out" || break
    done
    cat "$out"
    return 1
}

number=0
grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
    package=./$(dirname "${file#./}")
    for target in $(sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file"); do
        number=$((number + 1))
        [ "$number" -ge "${FROM:-1}" ] || continue
        echo "fuzz $number: $package $target"
        once "$package" "$target"
    done
done
