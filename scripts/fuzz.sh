#!/usr/bin/env bash
# Runs every fuzz test, or those of one package, for some time each. Slow: not part of test.sh.
#   ./scripts/fuzz.sh [TIME (default 2m)] [PACKAGE ...]        e.g. ./scripts/fuzz.sh 30s ./services/gateway
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
time=${1:-2m}; shift || true
packages=("$@"); [ ${#packages[@]} -gt 0 ] || mapfile -t packages < <(git grep -lE '^func Fuzz' -- '*_test.go' | xargs -n1 dirname | sort -u | sed 's#^#./#')
failed=0
for package in "${packages[@]}"; do
  for name in $(go test -list '^Fuzz' "$package" | grep '^Fuzz'); do
    printf '%-40s %-28s ' "$package" "$name"
    if out=$(go test -run '^$' -fuzz "^$name\$" -fuzztime "$time" "$package" 2>&1); then
      printf 'ok, %s\n' "$(grep -oE 'execs: [0-9]+' <<<"$out" | tail -1)"
    else
      printf 'FAILED\n%s\n' "$out"; failed=1
    fi
  done
done
exit $failed
