#!/usr/bin/env bash
# Builds haggle and runs the whole suite in one process: a shop to try at http://127.0.0.1:8080 by default.
#   ./scripts/up.sh [--port N] [--catalog FILE] [--events FILE] [--data DIR] [--fresh] [--help]
set -euo pipefail
root=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
command -v go >/dev/null || { echo "up.sh: Go 1.26 or newer is needed to build haggle, and no 'go' is on the PATH" >&2; exit 1; }
bin=${XDG_CACHE_HOME:-$HOME/.cache}/haggle/bin
mkdir -p "$bin"
echo "building haggle (a minute or two the first time) ..." >&2
(cd "$root" && CGO_ENABLED=0 go build -trimpath -o "$bin/haggle" ./services/haggle/cmd/haggle)
exec "$bin/haggle" up "$@"
