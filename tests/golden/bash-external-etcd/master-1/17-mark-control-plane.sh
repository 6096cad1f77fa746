#!/usr/bin/env bash
# Labels and taints
# Node: master-1.my-first-cluster.example.com
# Article: chapter 27
# kubeadm: kubeadm init phase mark-control-plane
set -euo pipefail

# mark-control-plane
# label and taint master-1.my-first-cluster.example.com: keeps ordinary pods away from masters, and masters out of cloud load balancers
deadline=$((SECONDS + 60))
until said="$(kubectl --kubeconfig=/etc/kubernetes/admin.conf label --overwrite node master-1.my-first-cluster.example.com node-role.kubernetes.io/control-plane= node.kubernetes.io/exclude-from-external-load-balancers= 2>&1)"; do
  [ "$SECONDS" -lt "$deadline" ] || { printf '%s\n' "$said" >&2; exit 1; }
  sleep 0.2
done
kubectl --kubeconfig=/etc/kubernetes/admin.conf taint --overwrite node master-1.my-first-cluster.example.com node-role.kubernetes.io/control-plane=:NoSchedule
