# Shared by the scripts beside it; not run by itself. Settings that a person may want to change:
#   HEARTH_CI_CACHE  folder for tools and clients, outside the tree (default: the user's cache folder)
#   FUZZ_BUDGET      seconds for all fuzz targets together (default 120)
# shellcheck shell=bash

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# Pinned, so that the same commit gets the same verdict tomorrow.
GOFUMPT=mvdan.cc/gofumpt@v0.12.0
STATICCHECK=honnef.co/go/tools/cmd/staticcheck@v0.8.2
GOVULNCHECK=golang.org/x/vuln/cmd/govulncheck@v1.9.0
RCLONE=github.com/rclone/rclone@v1.76.0
VERSITYGW=github.com/versity/versitygw/cmd/versitygw@v1.8.0
HELM=helm.sh/helm/v3/cmd/helm@v3.22.0
KUBECTL_VALIDATE=sigs.k8s.io/kubectl-validate@v0.0.4
PROMETHEUS_OPERATOR=github.com/prometheus-operator/prometheus-operator@v0.85.0
NPM_PACKAGES=(@lancedb/lancedb@0.39.0 apache-arrow@18.1.0)
APT_PACKAGES=(nginx s3cmd awscli python3-boto3 prometheus chromium
  cargo librust-async-trait-dev librust-reqwest-dev librust-serde-json-dev librust-tokio-dev)

CACHE="${HEARTH_CI_CACHE:-${XDG_CACHE_HOME:-$HOME/.cache}/hearth-ci}"
mkdir -p "$CACHE/bin" "$CACHE/npm"
export PATH="$CACHE/bin:$PATH"

# go_tool MODULE@VERSION installs a command into the cache unless that very version is there.
go_tool() {
  local name version
  name=$(basename "${1%@*}") version=${1#*@}
  if [ "$(cat "$CACHE/bin/$name.version" 2>/dev/null)" != "$version" ]; then
    echo "installing $1"
    GOBIN="$CACHE/bin" GOFLAGS=-mod=mod go install "$1"
    echo "$version" >"$CACHE/bin/$name.version"
  fi
}

# apt_packages NAME... installs Debian packages that are missing.
apt_packages() {
  local missing=() p
  for p in "$@"; do
    dpkg-query -W -f='${Status}' "$p" 2>/dev/null | grep -q '^install ok installed$' || missing+=("$p")
  done
  [ ${#missing[@]} -gt 0 ] || return 0
  echo "installing ${missing[*]}"
  local sudo=(); [ "$(id -u)" = 0 ] || sudo=(sudo)
  "${sudo[@]}" apt-get update -qq
  # Servers among them are used as programs, never as services: keep their packages from starting one.
  local policy=/usr/sbin/policy-rc.d ours=
  if [ ! -e "$policy" ]; then
    printf '#!/bin/sh\nexit 101\n' | "${sudo[@]}" tee "$policy" >/dev/null
    "${sudo[@]}" chmod 755 "$policy"
    ours=1
  fi
  local status=0
  DEBIAN_FRONTEND=noninteractive "${sudo[@]}" apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || status=$?
  [ -z "$ours" ] || "${sudo[@]}" rm -f "$policy"
  return "$status"
}

# unit_packages are all but those that drive other programs, which have a script of their own.
unit_packages() { go list "$@" ./... | grep -v '/e2e\(/\|$\)'; }

go_files() { git ls-files '*.go' | grep -v '\.pb\.go$'; }
