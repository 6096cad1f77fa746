#!/usr/bin/env bash
# Tokens that have served
# Node: master-1.my-first-cluster.example.com
# First: chapter kubelet-wait-bootstrap on master-2.my-first-cluster.example.com
# First: chapter kubelet-wait-bootstrap on master-3.my-first-cluster.example.com
# First: chapter kubelet-wait-bootstrap on worker-1.my-first-cluster.example.com
set -euo pipefail

# token-delete
# delete the bootstrap tokens of this run, and forget its secrets: the nodes have certificates now
(
secrets=()
for file in /run/hardway/inputs/token-master-2.my-first-cluster.example.com /run/hardway/inputs/token-master-3.my-first-cluster.example.com /run/hardway/inputs/token-worker-1.my-first-cluster.example.com; do
  if [ -s "$file" ]; then
    IFS=. read -r id _ <"$file" || [ -n "$id" ]
    secrets+=("bootstrap-token-$id")
  fi
done
if [ "${#secrets[@]}" -gt 0 ]; then
  kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system delete secret --ignore-not-found "${secrets[@]}"
fi
rm -f /run/hardway/inputs/token-master-2.my-first-cluster.example.com /run/hardway/inputs/token-master-3.my-first-cluster.example.com /run/hardway/inputs/token-worker-1.my-first-cluster.example.com /run/hardway/inputs/certificate-key
)
