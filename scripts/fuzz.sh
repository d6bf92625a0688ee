#!/bin/sh
# make fuzz: every fuzz target of the module for FUZZTIME (default 30s) each, one after another.
set -eu
cd "$(dirname "$0")/.."
GO=${GO:-go}
grep -rlE --include='*_test.go' '^func Fuzz' . | sort | while read -r file; do
    package=./$(dirname "${file#./}")
    sed -nE 's/^func (Fuzz[A-Za-z0-9_]*)\(.*/\1/p' "$file" | while read -r target; do
        echo "fuzz: $package $target"
        $GO test "$package" -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-30s}" </dev/null
    done
done
