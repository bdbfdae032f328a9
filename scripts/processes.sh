#!/usr/bin/env bash
# Runs the services as separate processes on this machine, against a real nats-server and a real redis-server: what
# docker-compose.yaml does, for machines without Docker. Ctrl-C ends them all.
#   ./scripts/processes.sh [--port N] [--data DIR] [--fresh] [--catalog FILE] [--events FILE]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
port=8080 data=${XDG_CACHE_HOME:-$HOME/.cache}/haggle/processes fresh="" load=()
while [ $# -gt 0 ]; do
  case $1 in
    --port) port=$2; shift 2 ;;
    --data) data=$2; shift 2 ;;
    --fresh) fresh=yes; shift ;;
    --catalog|--events) load+=("$1" "$2"); shift 2 ;;
    *) sed -n '2,4p' "${BASH_SOURCE[0]}"; exit 2 ;;
  esac
done
command -v redis-server >/dev/null || { echo "processes.sh: redis-server is missing; install it from your distribution's packages (apt-get install redis-server)" >&2; exit 1; }
bin=${XDG_CACHE_HOME:-$HOME/.cache}/haggle/bin
mkdir -p "$bin"
[ -z "$fresh" ] || rm -rf "$data"
mkdir -p "$data/log" "$data/redis" "$data/nats"
services=(feature-store recall ranking trainer autoscaler gateway)
echo "building ..." >&2
(cd "$root" && export CGO_ENABLED=0 && go build -trimpath -o "$bin/haggle" ./services/haggle/cmd/haggle \
  && for s in "${services[@]}"; do go build -trimpath -o "$bin/$s" "./services/$s/cmd/$s"; done \
  && cd services/haggle && go build -trimpath -o "$bin/nats-server" github.com/nats-io/nats-server/v2)

# Ports next to the gateway's: 100 and up for the admin servers, 50 and 51 for NATS and Redis.
nats=$((port + 50)) redis=$((port + 51)) admin=$((port + 100)) pids=()
run() { # run NAME COMMAND...: in the background, its log in the data folder
  local name=$1; shift
  "$@" >>"$data/log/$name.log" 2>&1 &
  pids+=($!)
  echo "$!" >"$data/$name.pid"
  printf '  %-14s pid %-7s log %s\n' "$name" "$!" "$data/log/$name.log" >&2
}
stop() {
  trap - EXIT INT TERM
  for ((i = ${#pids[@]} - 1; i >= 0; i--)); do kill -TERM "${pids[$i]}" 2>/dev/null || true; done
  wait 2>/dev/null || true
}
trap stop EXIT
trap 'exit 130' INT
trap 'exit 0' TERM
run nats "$bin/nats-server" -a 127.0.0.1 -p "$nats" -js -sd "$data/nats" --name haggle
run redis redis-server --bind 127.0.0.1 --port "$redis" --dir "$data/redis" --appendonly yes --save '' --daemonize no
# A signing key that stays the same: shoppers would become strangers at each start.
mkdir -p -m 700 "$data/secrets"
[ -s "$data/secrets/hmac.key" ] || (umask 077; od -An -tx1 -N32 /dev/urandom | tr -d ' \n' >"$data/secrets/hmac.key")
export HAGGLE_SECRETS=$data/secrets HAGGLE_GATEWAY_PAGE=true
export HAGGLE_NATS=nats://127.0.0.1:$nats HAGGLE_REDIS=127.0.0.1:$redis HAGGLE_GATEWAY_ADDRESS=127.0.0.1:$port
for s in "${services[@]}"; do
  run "$s" "$bin/$s" -admin "127.0.0.1:$admin"
  admin=$((admin + 1))
done
"$bin/haggle" import --target "http://127.0.0.1:$port" --wait 60s --if-empty "${load[@]}"
echo "ready http://127.0.0.1:$port"
wait -n || true
echo "processes.sh: a process ended; see $data/log" >&2
exit 1
