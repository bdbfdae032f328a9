#!/usr/bin/env bash
# Runs all tests: format, vet, lint, the plan of the house, unit, integration and whole-house tests with the race detector.
# Installs what it needs where it can (redis-server and Chromium from the distribution's packages, Kubernetes from the module proxy) and
# says loudly what it skips.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
say() { printf '\n== %s\n' "$*"; }
loud() { printf '\n!! SKIPPED: %s\n' "$*"; }
install() { # install PROGRAM PACKAGE...: from the distribution's packages when PROGRAM is missing and we may
  local program=$1; shift
  command -v "$program" >/dev/null && return 0
  command -v apt-get >/dev/null || return 1
  local sudo=""; [ "$(id -u)" = 0 ] || { command -v sudo >/dev/null && sudo -n true 2>/dev/null && sudo=sudo || return 1; }
  say "installing $*"
  $sudo apt-get update -qq && DEBIAN_FRONTEND=noninteractive $sudo apt-get install -y -qq "$@" >/dev/null && command -v "$program" >/dev/null
}
install redis-server redis-server || { echo "redis-server is needed by the tests: install it from your distribution's packages" >&2; exit 1; }
install chromium chromium || loud "the browser tests: no chromium on this machine and it could not be installed"

say "format"
unformatted=$(git ls-files '*.go' | grep -v '\.pb\.go$' | xargs go run mvdan.cc/gofumpt@v0.12.0 -l)
[ -z "$unformatted" ] || { printf 'not formatted (run gofumpt -w):\n%s\n' "$unformatted"; exit 1; }
say "vet"
go vet work
say "every module builds by itself"
for module in $(sed -n 's#^\t\./##p' go.work); do (cd "$module" && GOWORK=off go build ./...) || { echo "$module: an import is not declared in its go.mod (GOWORK=off go mod tidy)"; exit 1; }; done
lint=$(command -v golangci-lint || ls "$(go env GOPATH)/bin/golangci-lint" 2>/dev/null || true)
if [ -n "$lint" ]; then
  say "lint"
  for module in $(sed -n 's#^\t\./##p' go.work); do (cd "$module" && "$lint" run ./...); done
else
  loud "lint: golangci-lint is not built here; build it once with: go install github.com/golangci/golangci-lint/v2/cmd/golangci-lint@v2.15.0"
fi
say "Kubernetes for the tests"
if HAGGLE_CLUSTER=$(./scripts/cluster.sh); then export HAGGLE_CLUSTER; else loud "the tests of the chart: Kubernetes could not be built"; fi
say "tests, with the race detector"
HAGGLE_REQUIRE_SERVERS=1 go test -race -timeout 25m work
say "quality of the whole house, on held-out time"
go test -timeout 15m -run TestQuality -v ./services/haggle
