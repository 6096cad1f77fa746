#!/usr/bin/env bash
# Serving certificates of the kubelets
# Node: master-1.my-first-cluster.example.com
# Article: chapter 13
# First: chapter kubelet-wait-bootstrap on master-2.my-first-cluster.example.com
# First: chapter kubelet-wait-bootstrap on master-3.my-first-cluster.example.com
# First: chapter kubelet-wait-bootstrap on worker-1.my-first-cluster.example.com
set -euo pipefail

# approve-serving
# approve the kubelets' serving certificates that agree with the inventory: whoever gets such a certificate can pose as a kubelet, so name, requester and addresses must agree
(
declare -A sans
sans[master-1.my-first-cluster.example.com]=DNS:master-1.my-first-cluster.example.com,IPAddress:10.30.0.11
sans[master-2.my-first-cluster.example.com]=DNS:master-2.my-first-cluster.example.com,IPAddress:10.30.0.12
sans[master-3.my-first-cluster.example.com]=DNS:master-3.my-first-cluster.example.com,IPAddress:10.30.0.13
sans[worker-1.my-first-cluster.example.com]=DNS:worker-1.my-first-cluster.example.com,IPAddress:10.30.0.21
# Says why a request is not approved; nothing when it is all right. Set: $user $groups $usages $request
objection() {
  local name text names
  name="${user#\"system:node:}" name="${name%\"}"
  if [ "$user" != "\"system:node:$name\"" ] || [ -z "${sans[$name]:-}" ]; then
    echo "it is not from a node of the inventory"
    return
  fi
  case " ${groups#[}" in *' "system:nodes"'*) ;; *) echo "it is not from a node"; return ;; esac
  case "$usages" in
    '["digital signature" "server auth"]' | '["digital signature" "key encipherment" "server auth"]') ;;
    '["key encipherment" "digital signature" "server auth"]') ;;
    *) echo "it asks for the usages $usages"; return ;;
  esac
  text="$(base64 -d <<<"$request" | openssl req -noout -verify -subject -nameopt RFC2253 -text 2>&1)" || true
  grep -q 'verify OK$' <<<"$text" || { echo "it is not signed with its own key"; return; }
  grep -qxF "subject=CN=system:node:$name,O=system:nodes" <<<"$text" || { echo "its subject is not the node's"; return; }
  names="$(grep -A1 'Subject Alternative Name' <<<"$text" | sed 1d | tr -d ' ')"
  [ "$names" = "${sans[$name]}" ] || echo "it asks for the names ${names//$'\n'/, }, wanted ${sans[$name]}"
}
declare -A told
deadline=$((SECONDS + 120))
while :; do
approved=()
while IFS='|' read -r csr conditions request usages groups user; do
  [ -z "$conditions" ] || continue
  why="$(objection)"
  if [ -z "$why" ]; then approved+=("$csr"); continue; fi
  [ -n "${told[$csr]:-}" ] || printf 'warning: %s of %s is not approved: %q\n' "$csr" "$user" "$why" >&2
  told[$csr]=1
done < <(kubectl --kubeconfig=/etc/kubernetes/admin.conf get csr -o 'go-template={{range .items}}{{if eq .spec.signerName "kubernetes.io/kubelet-serving"}}{{.metadata.name}}|{{range .status.conditions}}{{.type}} {{end}}|{{.spec.request}}|{{printf "%q" .spec.usages}}|{{printf "%q" .spec.groups}}|{{printf "%q" .spec.username}}{{"\n"}}{{end}}{{end}}')
if [ "${#approved[@]}" -gt 0 ]; then
  kubectl --kubeconfig=/etc/kubernetes/admin.conf certificate approve "${approved[@]}"
fi
missing=''
while read -r name address; do
  case "$address" in *:*) host="[$address]" ;; *) host="$address" ;; esac
  timeout 3 openssl s_client -connect "$host:10250" -verify_ip "$address" -verify_return_error -brief \
    -CAfile /etc/kubernetes/pki/ca.crt -no-CApath -no-CAstore </dev/null >/dev/null 2>&1 || missing="$missing $name"
done <<'EOF'
master-1.my-first-cluster.example.com 10.30.0.11
master-2.my-first-cluster.example.com 10.30.0.12
master-3.my-first-cluster.example.com 10.30.0.13
worker-1.my-first-cluster.example.com 10.30.0.21
EOF
[ -n "$missing" ] || break
if [ "$SECONDS" -ge "$deadline" ]; then
  echo "no serving certificate of the cluster yet on:$missing" >&2
  echo 'hint: kubectl get csr; does port 10250 answer?' >&2
  exit 1
fi
sleep 0.3
done
)
