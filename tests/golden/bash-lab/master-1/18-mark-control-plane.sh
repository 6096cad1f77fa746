#!/usr/bin/env bash
# Labels and taints
# Node: master-1.my-first-cluster.example.com
# Article: chapter 27
# kubeadm: kubeadm init phase mark-control-plane
set -euo pipefail

# mark-control-plane
# label and taint master-1.my-first-cluster.example.com: keeps ordinary pods away from masters, and masters out of cloud load balancers
if ! (
node="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf get node master-1.my-first-cluster.example.com -o 'jsonpath={.metadata.labels}{range .spec.taints[*]}{" "}{.key}={.value}:{.effect};{end}' 2>/dev/null)"
for word in '"node-role.kubernetes.io/control-plane":""' '"node.kubernetes.io/exclude-from-external-load-balancers":""' 'node-role.kubernetes.io/control-plane=:NoSchedule;'; do
  case "$node" in *"$word"*) ;; *) echo "it lacks $word"; exit 1 ;; esac
done
) >/dev/null 2>&1; then
deadline=$((SECONDS + 60))
until kubectl --kubeconfig=/etc/kubernetes/admin.conf get node master-1.my-first-cluster.example.com >/dev/null 2>&1; do
  [ "$SECONDS" -lt "$deadline" ] || { echo 'the node did not register' >&2; exit 1; }
  sleep 0.2
done
kubectl --kubeconfig=/etc/kubernetes/admin.conf label --overwrite node master-1.my-first-cluster.example.com node-role.kubernetes.io/control-plane= node.kubernetes.io/exclude-from-external-load-balancers=
kubectl --kubeconfig=/etc/kubernetes/admin.conf taint --overwrite node master-1.my-first-cluster.example.com node-role.kubernetes.io/control-plane=:NoSchedule
fi
