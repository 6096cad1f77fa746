#!/usr/bin/env bash
# Trust of a joining node
# Node: master-2.my-first-cluster.example.com
# Article: chapter 12, 28
# kubeadm: kubeadm join phase preflight
# First: chapter certs on master-1.my-first-cluster.example.com
# Reads: /run/hardway/inputs/ca-pin (made by inputs.sh)
# Reads: /run/hardway/inputs/token-master-2.my-first-cluster.example.com (made by inputs.sh)
set -euo pipefail

for input in /run/hardway/inputs/ca-pin /run/hardway/inputs/token-master-2.my-first-cluster.example.com; do
  [ -s "$input" ] || { echo "missing: $input (see inputs.sh)" >&2; exit 1; }
done

# certs/directory
# make the directory /etc/kubernetes
install -d -m 0755 -o root -g root /etc/kubernetes

# certs/pki-directory
# make the directory /etc/kubernetes/pki
install -d -m 0755 -o root -g root /etc/kubernetes/pki

# certs/etcd-directory
# make the directory /etc/kubernetes/pki/etcd
install -d -m 0755 -o root -g root /etc/kubernetes/pki/etcd

# discovery/handed-over
# take the CA that was brought here from the first master, if it was: what came over a trusted way needs no network
if ! (
[ -s /etc/kubernetes/pki/ca.crt ] || { echo 'no CA yet'; exit 1; }
[ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ -s /run/hardway/inputs/ca-pin ] || { echo 'the CA was not compared with the pin yet'; exit 1; }
# kubeadm's pin: the SHA-256 of a certificate's public key.
pin() {
  openssl x509 -noout -pubkey -in "$1" | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'
}
[ "$(pin /etc/kubernetes/pki/ca.crt 2>&1)" = "$(cat /run/hardway/inputs/ca-pin)" ] || { echo 'the CA does not fit the pin'; exit 1; }
) >/dev/null 2>&1; then
if [ -s /run/hardway/inputs/ca ]; then
base64 -d </run/hardway/inputs/ca >/etc/kubernetes/pki/ca.crt.new
# kubeadm's pin: the SHA-256 of a certificate's public key.
pin() {
  openssl x509 -noout -pubkey -in "$1" | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'
}
if [ "$(pin /etc/kubernetes/pki/ca.crt.new)" != "$(cat /run/hardway/inputs/ca-pin)" ]; then
  echo 'the CA that was brought here does not fit the pin' >&2
  rm -f /etc/kubernetes/pki/ca.crt.new
  exit 1
fi
if [ -s /etc/kubernetes/pki/ca.crt ] && ! cmp -s /etc/kubernetes/pki/ca.crt /etc/kubernetes/pki/ca.crt.new; then
  echo '/etc/kubernetes/pki/ca.crt is the CA of another cluster: reset this node first' >&2
  exit 106
fi
chmod 0644 /etc/kubernetes/pki/ca.crt.new
mv /etc/kubernetes/pki/ca.crt.new /etc/kubernetes/pki/ca.crt
fi
fi

# discovery
# learn the cluster's CA and verify it: whoever believes a wrong CA hands its credentials to a stranger
if ! (
[ -s /etc/kubernetes/pki/ca.crt ] || { echo 'no CA yet'; exit 1; }
[ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ -s /run/hardway/inputs/ca-pin ] || { echo 'the CA was not compared with the pin yet'; exit 1; }
# kubeadm's pin: the SHA-256 of a certificate's public key.
pin() {
  openssl x509 -noout -pubkey -in "$1" | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'
}
[ "$(pin /etc/kubernetes/pki/ca.crt 2>&1)" = "$(cat /run/hardway/inputs/ca-pin)" ] || { echo 'the CA does not fit the pin'; exit 1; }
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cd "$work"
IFS=. read -r id secret </run/hardway/inputs/token-master-2.my-first-cluster.example.com || [ -n "$secret" ]
base64url() { base64 -w0 | tr '+/' '-_' | tr -d '='; }
# HMAC-SHA256 of standard input with the key $secret, made of two hashes so that no command line shows the key.
hmac() {
  local i byte inner='' outer=''
  for ((i = 0; i < 64; i++)); do
    byte=0
    [ "$i" -ge "${#secret}" ] || printf -v byte '%d' "'${secret:i:1}"
    printf -v inner '%s\\x%02x' "$inner" "$((byte ^ 0x36))"
    printf -v outer '%s\\x%02x' "$outer" "$((byte ^ 0x5c))"
  done
  {
    printf '%b' "$outer"
    { printf '%b' "$inner"; cat; } | openssl dgst -sha256 -binary
  } | openssl dgst -sha256 -binary
}
# The detached JWS of standard input, as the controller manager makes it with the token $id.$secret.
signature() {
  local header
  header="$(printf '{"alg":"HS256","kid":"%s"}' "$id" | base64url)"
  printf '%s..%s' "$header" "$({ printf '%s.' "$header"; base64url; } | hmac | base64url)"
}
# kubeadm's pin: the SHA-256 of a certificate's public key.
pin() {
  openssl x509 -noout -pubkey -in "$1" | openssl pkey -pubin -outform DER | sha256sum | sed 's/^/sha256:/; s/ .*//'
}
url=https://api.my-first-cluster.example.com:6443/api/v1/namespaces/kube-public/configmaps/cluster-info
deadline=$((SECONDS + 60))
until curl -sSf -m 10 -k -o first.json "$url" 2>log &&
  jws="$(jq -er --arg key "jws-kubeconfig-$id" '.data[$key]' first.json 2>log)"; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo "no cluster-info that is signed with token $id at $url: $(cat log)" >&2
    echo 'hint: tokens live some hours; hardway apply makes a new one' >&2
    exit 1
  fi
  sleep 0.2
done
jq -j .data.kubeconfig first.json >first
if [ "$jws" != "$(signature <first)" ]; then
  echo "the signature of cluster-info does not fit the token: $url cannot be trusted" >&2
  exit 1
fi
if [ "$(grep -c 'certificate-authority-data:' first)" != 1 ]; then
  echo 'cluster-info does not describe exactly one cluster' >&2
  exit 1
fi
sed -n 's/^ *certificate-authority-data: *//p' first | tr -d '"' | base64 -d >ca.crt
if [ "$(pin ca.crt)" != "$(cat /run/hardway/inputs/ca-pin)" ]; then
  echo "the CA at $url has another pin: $(pin ca.crt)" >&2
  exit 1
fi
curl -sS -m 10 --cacert ca.crt --capath /dev/null -f --retry 5 --retry-connrefused -o second.json "$url"
if ! jq -j .data.kubeconfig second.json | cmp -s - first; then
  echo 'cluster-info differs over verified TLS' >&2
  exit 1
fi
if [ -s /etc/kubernetes/pki/ca.crt ] && ! cmp -s /etc/kubernetes/pki/ca.crt ca.crt; then
  echo '/etc/kubernetes/pki/ca.crt is the CA of another cluster: reset this node first' >&2
  exit 106
fi
install -m 0644 ca.crt /etc/kubernetes/pki/ca.crt.new
mv /etc/kubernetes/pki/ca.crt.new /etc/kubernetes/pki/ca.crt
)
fi
