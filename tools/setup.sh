#!/usr/bin/env bash
# Sets up what the checkout needs on this machine: Debian packages (as root), and .venv from uv.lock.
# Run again it finds everything in place and takes a second. Usage: tools/setup.sh [--lab]
set -euo pipefail
cd "$(dirname "$0")/.."

# Rendered bash is checked with shellcheck, the rendered balancer by haproxy and keepalived themselves.
# The rest is for the lab's node tree, nspawn, mirror and Go builds with cgo, and the dnf that tests install with.
common=(shellcheck openssl openssh-client openssh-server sudo diffutils haproxy keepalived)
lab=(mmdebstrap systemd-container iproute2 iptables gcc libc6-dev libseccomp-dev pkg-config
  apt-utils dpkg-dev gpg gpgv procps util-linux kmod ca-certificates curl dnf rpm createrepo-c)

wanted=("${common[@]}")
[ "${1:-}" != --lab ] || wanted+=("${lab[@]}")
missing=()
for package in "${wanted[@]}"; do
  [ "$(dpkg-query -W -f '${db:Status-Status}' "$package" 2>/dev/null || true)" = installed ] || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  if [ "$(id -u)" -ne 0 ]; then
    echo "error: packages are missing: ${missing[*]}" >&2
    echo "hint: sudo apt-get install ${missing[*]}" >&2
    exit 1
  fi
  echo "installing packages: ${missing[*]}"
  export DEBIAN_FRONTEND=noninteractive
  # openssh-server, haproxy and keepalived are for their binaries only: the tests start what they need on loopback.
  apt-get update -q >/dev/null
  RUNLEVEL=1 apt-get install -q -y --no-install-recommends "${missing[@]}" >/dev/null
fi

if [ "${1:-}" = --lab ] && ! command -v go >/dev/null; then
  echo "error: the lab builds Kubernetes from its published Go modules and needs Go 1.21 or newer in PATH" >&2
  echo "hint: install Go, or give the release's binaries: hardway lab up --source DIR" >&2
  exit 1
fi

python=
for candidate in python3.13 python3.12 python3.11 python3; do
  if command -v "$candidate" >/dev/null &&
    "$candidate" -c 'import sys, venv, ensurepip; sys.exit(sys.version_info < (3, 11))' 2>/dev/null; then
    python=$candidate
    break
  fi
done
if [ -z "$python" ]; then
  echo "error: Python 3.11 or newer with venv is needed" >&2
  echo "hint: sudo apt-get install python3 python3-venv" >&2
  exit 1
fi

stamp=.venv/.hardway-synced
if [ ! -e "$stamp" ] || [ uv.lock -nt "$stamp" ] || [ pyproject.toml -nt "$stamp" ]; then
  [ -x .venv/bin/python ] || "$python" -m venv .venv
  [ -x .venv/bin/uv ] || .venv/bin/python -m ensurepip >/dev/null 2>&1 || true
  [ -x .venv/bin/uv ] || .venv/bin/python -m pip install -q 'uv>=0.5,<1'
  .venv/bin/uv sync -q --locked --inexact
  touch "$stamp"
fi
