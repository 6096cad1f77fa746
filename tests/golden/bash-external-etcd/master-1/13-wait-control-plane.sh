#!/usr/bin/env bash
# State of the control plane
# Node: master-1.my-first-cluster.example.com
# Article: chapter 23
# kubeadm: kubeadm init phase wait-control-plane
set -euo pipefail

# wait-control-plane/local
# wait up to 240 s for the API server of this node to be ready
deadline=$((SECONDS + 240))
until (
curl -sS -m 10 --cacert /etc/kubernetes/pki/ca.crt --capath /dev/null -f -o /dev/null https://10.30.0.11:6443/readyz 2>&1
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the API server of this node to be ready' >&2
    exit 1
  fi
  sleep 1
done

# wait-control-plane/endpoint
# wait up to 60 s for the API to answer at https://api.my-first-cluster.example.com:6443
deadline=$((SECONDS + 60))
until (
curl -sS -m 10 --cacert /etc/kubernetes/pki/ca.crt --capath /dev/null -f -o /dev/null https://api.my-first-cluster.example.com:6443/readyz 2>&1
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the API to answer at https://api.my-first-cluster.example.com:6443' >&2
    exit 1
  fi
  sleep 1
done
