#!/usr/bin/env bash
# CAs for the other masters
# Node: master-1.my-first-cluster.example.com
# Article: chapter 26
# kubeadm: kubeadm init phase upload-certs
# Reads: /run/hardway/inputs/certificate-key (made by inputs.sh)
set -euo pipefail

input=/run/hardway/inputs/certificate-key
[ -s "$input" ] || { echo "missing: $input (see inputs.sh)" >&2; exit 1; }

# upload-certs/rbac
# apply Role/kubeadm:kubeadm-certs, RoleBinding/kubeadm:kubeadm-certs: a joining master reads exactly this Secret with its token
kubectl --kubeconfig=/etc/kubernetes/admin.conf apply --server-side --force-conflicts --field-manager=hardway -f - <<'EOF'
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: kubeadm:kubeadm-certs
  namespace: kube-system
rules:
  - apiGroups:
      - ""
    resources:
      - secrets
    verbs:
      - get
    resourceNames:
      - kubeadm-certs
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: kubeadm:kubeadm-certs
  namespace: kube-system
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: kubeadm:kubeadm-certs
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: system:bootstrappers:kubeadm:default-node-token
EOF

# upload-certs
# store the CAs and the service-account key, encrypted, in Secret kubeadm-certs: encrypted with a key that only this run knows, so the Secret alone opens nothing
if ! (
nodes="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' 2>/dev/null)" || nodes=
pending=
for name in master-2.my-first-cluster.example.com master-3.my-first-cluster.example.com; do
  grep -qxF -e "$name True" -e "$name False" <<<"$nodes" || pending=yes
done
[ -n "$pending" ] || exit 0
[ -s /run/hardway/inputs/certificate-key ] || { echo 'not uploaded'; exit 1; }
stored="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system get secret kubeadm-certs --ignore-not-found -o 'jsonpath={.data.ca\.crt}' 2>/dev/null)"
[ -n "$stored" ] || { echo 'not uploaded'; exit 1; }
printf '%s' "$stored" | python3 -c 'import base64, json, pathlib, sys
from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
blob = base64.b64decode(sys.stdin.read())
try:
    key.decrypt(blob[:12], blob[12:], None)
except InvalidTag:
    sys.exit(1)
' /run/hardway/inputs/certificate-key 2>/dev/null ||
  { echo 'uploaded with another key'; exit 1; }
) >/dev/null 2>&1; then
(
umask 077
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
random() { { LC_ALL=C tr -dc 'a-z0-9' </dev/urandom || true; } | head -c "$1"; }
id="$(random 6)"
secret="$(random 16)"
expiration="$(date -u -d '+7200 seconds' +%Y-%m-%dT%H:%M:%SZ)"
uid="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system create -o 'jsonpath={.metadata.uid}' -f - <<EOF
apiVersion: v1
kind: Secret
metadata:
  name: bootstrap-token-$id
  namespace: kube-system
stringData:
  description: Proxy for managing TTL for the kubeadm-certs secret
  expiration: "$expiration"
  token-id: "$id"
  token-secret: "$secret"
type: bootstrap.kubernetes.io/token
EOF
)"
cat >"$work/encrypt.py" <<'EOF'
FILES = (('ca.crt', 'ca.crt'), ('ca.key', 'ca.key'), ('external-etcd-ca.crt', '/etc/etcd/ca.pem'), ('external-etcd.crt', '/etc/kubernetes/pki/apiserver-etcd-client.crt'), ('external-etcd.key', '/etc/kubernetes/pki/apiserver-etcd-client.key'), ('front-proxy-ca.crt', 'front-proxy-ca.crt'), ('front-proxy-ca.key', 'front-proxy-ca.key'), ('sa.key', 'sa.key'), ('sa.pub', 'sa.pub'))
import base64, json, os, pathlib, sys
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

key = AESGCM(bytes.fromhex(pathlib.Path(sys.argv[1]).read_text().strip()))
pki, token_id = pathlib.Path(sys.argv[2]), sys.argv[3]

def sealed(path):
    if not path:
        return ""
    file, nonce = pki / path, os.urandom(12)
    if not file.exists():
        if path.endswith("ca.key"):
            return ""
        sys.exit(f"{file} is missing")
    return base64.b64encode(nonce + key.encrypt(nonce, file.read_bytes(), None)).decode()

owner = {"apiVersion": "v1", "kind": "Secret", "name": "bootstrap-token-" + token_id, "uid": sys.argv[4],
         "controller": True, "blockOwnerDeletion": True}
json.dump({"apiVersion": "v1", "kind": "Secret", "type": "Opaque",
           "metadata": {"name": "kubeadm-certs", "namespace": "kube-system", "ownerReferences": [owner]},
           "data": {name: sealed(path) for name, path in FILES}}, sys.stdout)
EOF
python3 "$work/encrypt.py" /run/hardway/inputs/certificate-key /etc/kubernetes/pki "$id" "$uid" \
  >"$work/secret.json"
kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system create -f "$work/secret.json" 2>/dev/null || kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system replace -f "$work/secret.json"
)
fi
