#!/usr/bin/env bash
# CAs of a joining master
# Node: master-2.my-first-cluster.example.com
# Article: chapter 12
# kubeadm: kubeadm join phase control-plane-prepare download-certs
# First: chapter upload-certs on master-1.my-first-cluster.example.com
# Reads: /run/hardway/inputs/certificate-key (made by inputs.sh)
# Reads: /run/hardway/inputs/token-master-2.my-first-cluster.example.com (made by inputs.sh)
set -euo pipefail

for input in /run/hardway/inputs/certificate-key /run/hardway/inputs/token-master-2.my-first-cluster.example.com; do
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

# control-plane-prepare/download-certs
# fetch and decrypt the CAs and the service-account key: all masters sign with the same CAs
if ! (
[ -s /etc/kubernetes/pki/ca.crt ] || { echo '/etc/kubernetes/pki/ca.crt is missing'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/ca.crt ] || { echo '/etc/kubernetes/pki/etcd/ca.crt is missing'; exit 1; }
[ -s /etc/kubernetes/pki/front-proxy-ca.crt ] || { echo '/etc/kubernetes/pki/front-proxy-ca.crt is missing'; exit 1; }
[ -s /etc/kubernetes/pki/sa.key ] || { echo '/etc/kubernetes/pki/sa.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/sa.pub ] || { echo '/etc/kubernetes/pki/sa.pub is missing'; exit 1; }
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
cat >"$work/decrypt.py" <<'EOF'
FILES = (('ca.crt', 'ca.crt'), ('ca.key', 'ca.key'), ('etcd-ca.crt', 'etcd/ca.crt'), ('etcd-ca.key', 'etcd/ca.key'), ('front-proxy-ca.crt', 'front-proxy-ca.crt'), ('front-proxy-ca.key', 'front-proxy-ca.key'), ('sa.key', 'sa.key'), ('sa.pub', 'sa.pub'))
REFUSED = 106
import base64, json, os, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
pki, data = pathlib.Path(sys.argv[2]), json.load(sys.stdin).get("data") or {}
wanted = {}
for name, path in FILES:
    if name not in data:
        sys.exit(f"Secret kubeadm-certs lacks {name}\nhint: hardway apply uploads the certificates again")
    blob = base64.b64decode(data[name])
    if not blob:
        # The first master has no such file: the key of an external CA, or TLS for an external etcd without it.
        continue
    try:
        wanted[pki / path] = key.decrypt(blob[:12], blob[12:], None)
    except InvalidTag:
        sys.exit("the certificate key does not fit Secret kubeadm-certs\nhint: hardway apply uploads it again")
for target, content in wanted.items():
    if target.exists() and target.read_bytes() != content:
        print(f"{target} exists and is another one\nhint: reset this node first, or move the file away", file=sys.stderr)
        sys.exit(REFUSED)
os.umask(0o022)
for target, content in wanted.items():
    target.parent.mkdir(parents=True, exist_ok=True)
    beside = target.with_name(target.name + ".new")
    beside.unlink(missing_ok=True)
    with open(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)
    beside.chmod(0o600 if b"PRIVATE KEY-----" in content else 0o644)
    beside.rename(target)
EOF
printf 'Authorization: Bearer %s' "$(cat /run/hardway/inputs/token-master-2.my-first-cluster.example.com)" >"$work/auth"
url=https://api.my-first-cluster.example.com:6443/api/v1/namespaces/kube-system/secrets/kubeadm-certs
deadline=$((SECONDS + 20))
while :; do
  status="$(curl -sS -m 10 --cacert /etc/kubernetes/pki/ca.crt --capath /dev/null -H @"$work/auth" -o "$work/secret.json" \
    -w '%{http_code}' "$url" 2>"$work/log" || true)"
  [ "$status" != 200 ] || break
  if [ "$SECONDS" -ge "$deadline" ]; then
    case "$status" in
      401) reason="this node's bootstrap token is not valid (any more)" ;;
      403) reason="this node's bootstrap token may not read it: Role kubeadm:kubeadm-certs is missing" ;;
      404) reason='it was not uploaded, or its two hours are over' ;;
      *) reason="$(cat "$work/log")" ;;
    esac
    echo "Secret kubeadm-certs cannot be read at $url (HTTP $status): $reason" >&2
    echo 'hint: hardway apply makes a token and uploads the certificates again; if this node is registered from an earlier life: kubectl delete node master-2.my-first-cluster.example.com' >&2
    exit 1
  fi
  sleep 0.2
done
python3 "$work/decrypt.py" /run/hardway/inputs/certificate-key /etc/kubernetes/pki <"$work/secret.json"
)
fi
