#!/usr/bin/env bash
# Roles, bootstrap tokens and cluster-info
# Node: master-1.my-first-cluster.example.com
# Article: chapter 24
# kubeadm: kubeadm init phase bootstrap-token
# Reads: /run/hardway/inputs/token-master-2.my-first-cluster.example.com (made by inputs.sh)
# Reads: /run/hardway/inputs/token-master-3.my-first-cluster.example.com (made by inputs.sh)
# Reads: /run/hardway/inputs/token-worker-1.my-first-cluster.example.com (made by inputs.sh)
set -euo pipefail

for input in /run/hardway/inputs/token-master-2.my-first-cluster.example.com /run/hardway/inputs/token-master-3.my-first-cluster.example.com /run/hardway/inputs/token-worker-1.my-first-cluster.example.com; do
  [ -s "$input" ] || { echo "missing: $input (see inputs.sh)" >&2; exit 1; }
done

# bootstrap-token/cluster-admins
# apply ClusterRoleBinding/kubeadm:cluster-admins: admin.conf may do nothing before this is there: as in kubeadm (EnsureAdminClusterRoleBinding) it is all that super-admin.conf is taken for, which can be put away afterwards
(
kubeconfig=/etc/kubernetes/admin.conf
allowed="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=10s auth can-i '*' '*' --all-namespaces 2>/dev/null || true)"
case "$allowed" in no*)
  kubeconfig=/etc/kubernetes/super-admin.conf
  [ -s "$kubeconfig" ] || { echo '/etc/kubernetes/admin.conf may not do everything, and /etc/kubernetes/super-admin.conf is missing: chapter kubeconfig makes it' >&2; exit 1; } ;;
esac
kubectl --kubeconfig="$kubeconfig" apply --server-side --force-conflicts --field-manager=hardway -f - <<'EOF'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubeadm:cluster-admins
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: cluster-admin
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: kubeadm:cluster-admins
EOF
deadline=$((SECONDS + 30))
until [[ $allowed != no* ]]; do
  [ "$SECONDS" -lt "$deadline" ] || { echo '/etc/kubernetes/admin.conf still may not do everything' >&2; exit 1; }
  sleep 0.1
  allowed="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf --request-timeout=10s auth can-i '*' '*' --all-namespaces 2>/dev/null || true)"
done
)

# bootstrap-token/rbac
# apply ClusterRole/kubeadm:get-nodes, ClusterRoleBinding/kubeadm:get-nodes, ClusterRoleBinding/kubeadm:kubelet-bootstrap, ClusterRoleBinding/kubeadm:node-autoapprove-bootstrap, ClusterRoleBinding/kubeadm:node-autoapprove-certificate-rotation, Role/kubeadm:bootstrap-signer-clusterinfo, RoleBinding/kubeadm:bootstrap-signer-clusterinfo: a token lets a node ask for a certificate and read cluster-info, and nothing else
kubectl --kubeconfig=/etc/kubernetes/admin.conf apply --server-side --force-conflicts --field-manager=hardway -f - <<'EOF'
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRole
metadata:
  name: kubeadm:get-nodes
rules:
  - apiGroups:
      - ""
    resources:
      - nodes
    verbs:
      - get
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubeadm:get-nodes
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: kubeadm:get-nodes
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: system:bootstrappers:kubeadm:default-node-token
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubeadm:kubelet-bootstrap
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:node-bootstrapper
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: system:bootstrappers:kubeadm:default-node-token
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubeadm:node-autoapprove-bootstrap
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:certificates.k8s.io:certificatesigningrequests:nodeclient
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: system:bootstrappers:kubeadm:default-node-token
---
apiVersion: rbac.authorization.k8s.io/v1
kind: ClusterRoleBinding
metadata:
  name: kubeadm:node-autoapprove-certificate-rotation
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: ClusterRole
  name: system:certificates.k8s.io:certificatesigningrequests:selfnodeclient
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: Group
    name: system:nodes
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata:
  name: kubeadm:bootstrap-signer-clusterinfo
  namespace: kube-public
rules:
  - apiGroups:
      - ""
    resources:
      - configmaps
    verbs:
      - get
    resourceNames:
      - cluster-info
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata:
  name: kubeadm:bootstrap-signer-clusterinfo
  namespace: kube-public
roleRef:
  apiGroup: rbac.authorization.k8s.io
  kind: Role
  name: kubeadm:bootstrap-signer-clusterinfo
subjects:
  - apiGroup: rbac.authorization.k8s.io
    kind: User
    name: system:anonymous
EOF

# bootstrap-token/cluster-info
# publish the CA and the endpoint in ConfigMap cluster-info: a joining node reads it before it can trust anything; the controller manager signs it with each token
ca="$(base64 -w0 /etc/kubernetes/pki/ca.crt)"
kubectl --kubeconfig=/etc/kubernetes/admin.conf apply --server-side --force-conflicts --field-manager=hardway -f - <<EOF
apiVersion: v1
data:
  kubeconfig: |
    apiVersion: v1
    clusters:
    - cluster:
        certificate-authority-data: $ca
        server: https://api.my-first-cluster.example.com:6443
      name: ""
    contexts: null
    current-context: ""
    kind: Config
    preferences: {}
    users: null
kind: ConfigMap
metadata:
  name: cluster-info
  namespace: kube-public
EOF

# bootstrap-token/tokens
# create a bootstrap token for each node that has not joined: one token per node, deleted when the node has joined: a leaked one opens little, and not for long
(
nodes="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf get nodes -o 'jsonpath={range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\n"}{end}' 2>/dev/null)"
expiration="$(date -u -d '+7200 seconds' +%Y-%m-%dT%H:%M:%SZ)"
pending=()
while read -r name file; do
  if grep -qxF -e "$name True" -e "$name False" <<<"$nodes"; then rm -f "$file"; else pending+=("$file"); fi
done <<'EOF'
master-2.my-first-cluster.example.com /run/hardway/inputs/token-master-2.my-first-cluster.example.com
master-3.my-first-cluster.example.com /run/hardway/inputs/token-master-3.my-first-cluster.example.com
worker-1.my-first-cluster.example.com /run/hardway/inputs/token-worker-1.my-first-cluster.example.com
EOF
if [ "${#pending[@]}" -eq 0 ]; then exit 0; fi
for file in "${pending[@]}"; do
  IFS=. read -r id secret <"$file" || [ -n "$secret" ]
  cat <<EOF
---
apiVersion: v1
kind: Secret
metadata:
  name: bootstrap-token-$id
  namespace: kube-system
stringData:
  auth-extra-groups: system:bootstrappers:kubeadm:default-node-token
  expiration: "$expiration"
  token-id: "$id"
  token-secret: "$secret"
  usage-bootstrap-authentication: "true"
  usage-bootstrap-signing: "true"
type: bootstrap.kubernetes.io/token
EOF
done | kubectl --kubeconfig=/etc/kubernetes/admin.conf apply --server-side --force-conflicts --field-manager=hardway -f -
)
