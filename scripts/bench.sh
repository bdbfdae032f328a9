#!/usr/bin/env bash
# Measures the whole house: starts it on the generated shop in a folder of its own, asks it at a fixed rate, and then looks for the
# greatest rate at which p99 stays below 50 ms. Ends with the same at accounting off, which says what accounting costs.
#   ./scripts/bench.sh [RATE (default 500)] [DURATION (default 20s)]
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
rate=${1:-500} duration=${2:-20s} port=18080
work=$(mktemp -d); pid=""
stop() { [ -z "$pid" ] || { kill "$pid" 2>/dev/null; wait "$pid" 2>/dev/null || true; }; pid=""; }
trap 'stop; rm -rf "$work"' EXIT
export CGO_ENABLED=0
go build -o "$work/haggle" ./services/haggle/cmd/haggle
go build -o "$work/haggle-bench" ./services/bench/cmd/haggle-bench
up() { # up ARGS...: starts the house and waits until it is ready and has learnt: a run beside the load would be measured, too
  HAGGLE_LOG_LEVEL=info "$work/haggle" up --port "$port" --data "$work/data" "$@" >"$work/out" 2>"$work/err" &
  pid=$!
  until grep -q '^ready ' "$work/out" && grep -q 'run ended' "$work/err"; do kill -0 "$pid" 2>/dev/null || { cat "$work/err" >&2; exit 1; }; sleep 0.2; done
}
load() { "$work/haggle-bench" load --target "http://127.0.0.1:$port" --mix search=1,recommend=1 "$@"; }
up
grep -v '^time=' "$work/err"
echo "== $rate queries a second for $duration"; load --rate "$rate" --duration "$duration"
echo "== the greatest rate with p99 <= 50 ms"; load --find-max p99_ms=50 --rate "$rate" --duration 5s
stop
echo "== CPU per query with accounting on and off, in turns"
for round in 1 2 3; do
  for accounting in true false; do
    up --accounting="$accounting"
    printf 'accounting %-5s ' "$accounting"
    load --rate "$rate" --duration "$duration" --json | sed -E 's/.*"cpu_us_per_query":([0-9.]+).*/\1 us/'
    stop
  done
done
