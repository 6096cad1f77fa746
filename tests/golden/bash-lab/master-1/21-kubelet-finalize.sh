#!/usr/bin/env bash
# Rotation of the kubelet's certificate
# Node: master-1.my-first-cluster.example.com
# Article: chapter 16, 22
# kubeadm: kubeadm init phase kubelet-finalize all
set -euo pipefail

# kubelet-finalize/certificate
# wait up to 60 s for the kubelet to have stored its certificate
deadline=$((SECONDS + 60))
until (
[ -s /var/lib/kubelet/pki/kubelet-client-current.pem ] || { echo 'not stored yet'; exit 1; }
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the kubelet to have stored its certificate' >&2
    exit 1
  fi
  sleep 1
done

# kubelet-finalize
# point /etc/kubernetes/kubelet.conf at the certificate that the kubelet rotates, and restart the kubelet: an embedded certificate ends after a year, the rotated one does not
(
umask 077
sed -e 's#^    client-certificate-data: .*#    client-certificate: /var/lib/kubelet/pki/kubelet-client-current.pem#' \
  -e 's#^    client-key-data: .*#    client-key: /var/lib/kubelet/pki/kubelet-client-current.pem#' /etc/kubernetes/kubelet.conf >/etc/kubernetes/kubelet.conf.new
mv /etc/kubernetes/kubelet.conf.new /etc/kubernetes/kubelet.conf
systemctl restart kubelet
)

# kubelet-finalize/healthz
# wait up to 240 s for the kubelet to be healthy
deadline=$((SECONDS + 240))
until (
curl -sf -m 5 -o /dev/null http://127.0.0.1:10248/healthz || { echo 'no answer on port 10248'; exit 1; }
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the kubelet to be healthy' >&2
    exit 1
  fi
  sleep 1
done
