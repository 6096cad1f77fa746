#!/usr/bin/env bash
# Identity of the kubelet
# Node: worker-1.my-first-cluster.example.com
# Article: chapter 22, 28
set -euo pipefail

# kubelet-wait-bootstrap/tls-bootstrap
# wait up to 300 s for the kubelet to get its certificate (TLS bootstrap)
deadline=$((SECONDS + 300))
until (
for file in /etc/kubernetes/kubelet.conf /var/lib/kubelet/pki/kubelet-client-current.pem; do
  [ -s "$file" ] || { echo 'no certificate yet'; exit 1; }
done
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the kubelet to get its certificate (TLS bootstrap)' >&2
    exit 1
  fi
  sleep 1
done

# kubelet-wait-bootstrap/cri-socket
# annotate the node with kubeadm.alpha.kubernetes.io/cri-socket: kubeadm upgrade and reset read it
deadline=$((SECONDS + 300))
until said="$(curl -sS -m 10 --cacert /etc/kubernetes/pki/ca.crt --capath /dev/null -f --cert /var/lib/kubelet/pki/kubelet-client-current.pem --key /var/lib/kubelet/pki/kubelet-client-current.pem -X PATCH -o /dev/null \
  -H 'Content-Type: application/merge-patch+json' \
  -d '{"metadata":{"annotations":{"kubeadm.alpha.kubernetes.io/cri-socket":"unix:///var/run/containerd/containerd.sock"}}}' \
  https://api.my-first-cluster.example.com:6443/api/v1/nodes/worker-1.my-first-cluster.example.com 2>&1)"; do
  [ "$SECONDS" -lt "$deadline" ] || { echo "the node did not register: $said" >&2; exit 1; }
  sleep 0.2
done

# kubelet-wait-bootstrap/bootstrap-cleanup
# remove /etc/kubernetes/bootstrap-kubelet.conf and the run's secrets: the token has served, and a secret that is not there cannot leak
rm -rf /etc/kubernetes/bootstrap-kubelet.conf /run/hardway/inputs
