#!/usr/bin/env bash
# Builds a Kubernetes control plane for tests from the module proxy, once, and prints where it lies: one file with etcd, kube-apiserver,
# kube-controller-manager, kube-scheduler, kubectl and helm. About eight minutes on two cores the first time; kept outside the checkout.
#   "$(./scripts/cluster.sh)" kubectl version --client
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/cluster"
export GOWORK=off CGO_ENABLED=0
version=$(go list -m -f '{{.Version}}' k8s.io/kubernetes)
digits=${version#v}; major=${digits%%.*}; rest=${digits#*.}
key=$(cat go.mod go.sum ./*.go | { cat; go env GOVERSION GOARCH; } | sha256sum | cut -c1-16)
folder=${XDG_CACHE_HOME:-$HOME/.cache}/haggle/cluster
binary=$folder/$key/cluster
if [ ! -x "$binary" ]; then
  echo "cluster.sh: building Kubernetes $version, some minutes the first time ..." >&2
  mkdir -p "$folder/$key"
  info=k8s.io/component-base/version
  go build -trimpath -o "$binary.$$" -ldflags "-s -w -X $info.gitVersion=$version -X $info.gitMajor=$major -X $info.gitMinor=${rest%%.*}" .
  mv "$binary.$$" "$binary"
  # Those of other versions are not wanted any more.
  find "$folder" -mindepth 1 -maxdepth 1 ! -name "$key" -exec rm -rf {} +
fi
echo "$binary"
