#!/usr/bin/env bash
# Values that exist only at run time. Run it on master-1.my-first-cluster.example.com: once at the start, and
# again after chapter certs (it makes what is missing). Then copy what a node's scripts read to the same
# place on that node: /run/hardway/inputs is kept in memory and readable by root only.
set -euo pipefail
umask 077
install -d -m 0700 /run/hardway/inputs

random() {
  # The reader closes the pipe first; that is no failure.
  { LC_ALL=C tr -dc 'a-z0-9' </dev/urandom || true; } | head -c "$1"
}

[ -s /run/hardway/inputs/token-master-2.my-first-cluster.example.com ] || printf '%s.%s\n' "$(random 6)" "$(random 16)" >/run/hardway/inputs/token-master-2.my-first-cluster.example.com
[ -s /run/hardway/inputs/token-master-3.my-first-cluster.example.com ] || printf '%s.%s\n' "$(random 6)" "$(random 16)" >/run/hardway/inputs/token-master-3.my-first-cluster.example.com
[ -s /run/hardway/inputs/token-worker-1.my-first-cluster.example.com ] || printf '%s.%s\n' "$(random 6)" "$(random 16)" >/run/hardway/inputs/token-worker-1.my-first-cluster.example.com
[ -s /run/hardway/inputs/certificate-key ] || openssl rand -hex 32 >/run/hardway/inputs/certificate-key
if [ ! -s /run/hardway/inputs/ca-pin ] && [ -s /etc/kubernetes/pki/ca.crt ]; then
  openssl x509 -noout -pubkey -in /etc/kubernetes/pki/ca.crt | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//' >/run/hardway/inputs/ca-pin
fi
if [ ! -s /run/hardway/inputs/ca ] && [ -s /etc/kubernetes/pki/ca.crt ]; then
  base64 -w0 /etc/kubernetes/pki/ca.crt >/run/hardway/inputs/ca
fi
