#!/usr/bin/env bash
# Tokens that have served
# Node: master-1.my-first-cluster.example.com
# First: chapter kubelet-start on master-2.my-first-cluster.example.com
# First: chapter kubelet-start on master-3.my-first-cluster.example.com
# First: chapter kubelet-start on worker-1.my-first-cluster.example.com
set -euo pipefail

# token-delete/master-2.my-first-cluster.example.com
# delete the token of master-2.my-first-cluster.example.com: the node has its certificate now
if ! (
[ ! -e /run/hardway/inputs/token-master-2.my-first-cluster.example.com ] || { echo 'it is still there'; exit 1; }
) >/dev/null 2>&1; then
token="$(cat /run/hardway/inputs/token-master-2.my-first-cluster.example.com)"
kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system delete secret "bootstrap-token-${token%%.*}" --ignore-not-found
rm -f /run/hardway/inputs/token-master-2.my-first-cluster.example.com
fi

# token-delete/master-3.my-first-cluster.example.com
# delete the token of master-3.my-first-cluster.example.com: the node has its certificate now
if ! (
[ ! -e /run/hardway/inputs/token-master-3.my-first-cluster.example.com ] || { echo 'it is still there'; exit 1; }
) >/dev/null 2>&1; then
token="$(cat /run/hardway/inputs/token-master-3.my-first-cluster.example.com)"
kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system delete secret "bootstrap-token-${token%%.*}" --ignore-not-found
rm -f /run/hardway/inputs/token-master-3.my-first-cluster.example.com
fi

# token-delete/worker-1.my-first-cluster.example.com
# delete the token of worker-1.my-first-cluster.example.com: the node has its certificate now
if ! (
[ ! -e /run/hardway/inputs/token-worker-1.my-first-cluster.example.com ] || { echo 'it is still there'; exit 1; }
) >/dev/null 2>&1; then
token="$(cat /run/hardway/inputs/token-worker-1.my-first-cluster.example.com)"
kubectl --kubeconfig=/etc/kubernetes/admin.conf -n kube-system delete secret "bootstrap-token-${token%%.*}" --ignore-not-found
rm -f /run/hardway/inputs/token-worker-1.my-first-cluster.example.com
fi

# token-delete/certificate-key
# forget the certificate key of this run: all masters have their CAs
rm -f /run/hardway/inputs/certificate-key
