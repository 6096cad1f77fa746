#!/usr/bin/env bash
# Serving certificates of the kubelets
# Node: master-1.my-first-cluster.example.com
# Article: chapter 13
# First: chapter kubelet-start on master-2.my-first-cluster.example.com
# First: chapter kubelet-start on master-3.my-first-cluster.example.com
# First: chapter kubelet-start on worker-1.my-first-cluster.example.com
set -euo pipefail

# approve-serving
# approve the kubelets' serving certificates that agree with the inventory: whoever gets such a certificate can pose as a kubelet, so name, requester and addresses must agree
if ! (
pending=''
while read -r name address _; do
  openssl s_client -connect "$address:10250" -CAfile /etc/kubernetes/pki/ca.crt -verify_return_error -brief </dev/null >/dev/null 2>&1 ||
    pending="$pending $name"
done <<'EOF'
master-1.my-first-cluster.example.com 10.30.0.11 10.30.0.11
master-2.my-first-cluster.example.com 10.30.0.12 10.30.0.12
master-3.my-first-cluster.example.com 10.30.0.13 10.30.0.13
worker-1.my-first-cluster.example.com 10.30.0.21 10.30.0.21
EOF
[ -z "$pending" ] || { echo "not yet:$pending"; exit 1; }
) >/dev/null 2>&1; then
deadline=$((SECONDS + 120))
while :; do
kubectl --kubeconfig=/etc/kubernetes/admin.conf get csr -o 'jsonpath={range .items[?(@.spec.signerName=="kubernetes.io/kubelet-serving")]}{.metadata.name}{"|"}{.spec.username}{"|"}{.spec.usages}{"|"}{.status.conditions[*].type}{"|"}{.spec.request}{"\n"}{end}' |
while IFS='|' read -r csr user usages conditions request; do
  [ -z "$conditions" ] || continue
  name="${user#system:node:}"
  line="$(grep "^$name " <<'EOF' || true
master-1.my-first-cluster.example.com 10.30.0.11 10.30.0.11
master-2.my-first-cluster.example.com 10.30.0.12 10.30.0.12
master-3.my-first-cluster.example.com 10.30.0.13 10.30.0.13
worker-1.my-first-cluster.example.com 10.30.0.21 10.30.0.21
EOF
)"
  if [ "$name" = "$user" ] || [ -z "$line" ]; then
    echo "not approved: $csr of $user, who is not in the inventory" >&2; continue
  fi
  address="${line##* }"
  text="$(base64 -d <<<"$request" | openssl req -noout -verify -subject -nameopt RFC2253 -text 2>&1)"
  names="$(grep -A1 "Subject Alternative Name" <<<"$text" | tail -n 1 | tr -d " ")"
  case "$usages" in
    '["digital signature","server auth"]' | '["digital signature","key encipherment","server auth"]') ;;
    '["key encipherment","digital signature","server auth"]') ;;
    *) echo "not approved: $csr asks for $usages" >&2; continue ;;
  esac
  grep -qF "subject=CN=$user,O=system:nodes" <<<"$text" ||
    { echo "not approved: $csr has another subject than $user" >&2; continue; }
  [ "$names" = "DNS:$name,IPAddress:$address" ] ||
    { echo "not approved: $csr asks for $names, the inventory says $name and $address" >&2; continue; }
  kubectl --kubeconfig=/etc/kubernetes/admin.conf certificate approve "$csr"
done
pending=''
while read -r name address _; do
  openssl s_client -connect "$address:10250" -CAfile /etc/kubernetes/pki/ca.crt -verify_return_error -brief </dev/null >/dev/null 2>&1 ||
    pending="$pending $name"
done <<'EOF'
master-1.my-first-cluster.example.com 10.30.0.11 10.30.0.11
master-2.my-first-cluster.example.com 10.30.0.12 10.30.0.12
master-3.my-first-cluster.example.com 10.30.0.13 10.30.0.13
worker-1.my-first-cluster.example.com 10.30.0.21 10.30.0.21
EOF
[ -n "$pending" ] || break
[ "$SECONDS" -lt "$deadline" ] || { echo "no valid serving certificate yet:$pending" >&2; exit 1; }
sleep 0.3
done
fi
