#!/usr/bin/env bash
# Configuration and start of the kubelet
# Node: master-1.my-first-cluster.example.com
# Article: chapter 22, 28
# kubeadm: kubeadm init phase kubelet-start
# First: chapter load-balancer on lb-1.my-first-cluster.example.com
# First: chapter load-balancer on lb-2.my-first-cluster.example.com
set -euo pipefail

# kubelet-start/joined-as
# take the machine for master-1.my-first-cluster.example.com: a kubelet that has joined under another name would be cut off from its Node
(
[ -s /etc/kubernetes/kubelet.conf ] || exit 0
command -v openssl >/dev/null ||
  { echo 'it has joined a cluster, and without openssl nobody can tell under which name' >&2; exit 106; }
pem="$(sed -n 's/^ *client-certificate: *//p' /etc/kubernetes/kubelet.conf)"
subject="$(
  if [ -n "$pem" ]; then cat "$pem"; else sed -n 's/^ *client-certificate-data: *//p' /etc/kubernetes/kubelet.conf | base64 -d; fi |
    openssl x509 -noout -subject -nameopt multiline
)" || exit 0
joined="$(sed -n 's/^ *commonName *= *system:node://p' <<<"$subject")"
[ -n "$joined" ] && [ "$joined" != master-1.my-first-cluster.example.com ] || exit 0
case "$joined" in *.*) ways='call it so in the Inventory, or reset it and let it join anew' ;;
  *) ways='reset it and let it join anew (with kubeadm: --node-name)' ;; esac
echo "its kubelet has joined as $joined: $ways" >&2
exit 106
)

# kubelet-start/directory
# make the directory /var/lib/kubelet: keys and pod volumes live below it
install -d -m 0700 -o root -g root /var/lib/kubelet

# control-plane/manifests
# make the directory /etc/kubernetes/manifests: the kubelet runs what lies here
install -d -m 0700 -o root -g root /etc/kubernetes/manifests

# kubelet-start/flags
# flags that depend on this machine
install -m 0644 /dev/stdin /var/lib/kubelet/kubeadm-flags.env <<'EOF'
KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///var/run/containerd/containerd.sock --pod-infra-container-image=registry.k8s.io/pause:3.9"
EOF

# kubelet-start/config
# what all kubelets of the cluster share
install -m 0644 /dev/stdin /var/lib/kubelet/config.yaml <<'EOF'
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
  webhook:
    cacheAuthorizedTTL: 0s
    cacheUnauthorizedTTL: 0s
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
evictionHard:
  imagefs.available: 1Gi
  memory.available: 100Mi
  nodefs.available: 1Gi
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
kind: KubeletConfiguration
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
    text:
      infoBufferSize: "0"
  verbosity: 0
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
rotateCertificates: true
runtimeRequestTimeout: 0s
serverTLSBootstrap: true
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
staticPodPath: /etc/kubernetes/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
EOF

# kubelet-start/register-again
# restart the kubelet, whose Node was deleted: a kubelet registers once, when it starts; a Node that is deleted later stays away
if ! (
systemctl is-active --quiet kubelet && [ -s /var/lib/kubelet/pki/kubelet-client-current.pem ] || exit 0
code="$(curl -sS -m 10 --cacert /etc/kubernetes/pki/ca.crt --capath /dev/null -f --cert /var/lib/kubelet/pki/kubelet-client-current.pem --key /var/lib/kubelet/pki/kubelet-client-current.pem -o /dev/null -w '%{http_code}' https://api.my-first-cluster.example.com:6443/api/v1/nodes/master-1.my-first-cluster.example.com 2>/dev/null)"
[ "$code" != 404 ] || { echo 'it was deleted, and a kubelet registers only when it starts'; exit 1; }
) >/dev/null 2>&1; then
(
registered() { said="$(curl -sS -m 10 --cacert /etc/kubernetes/pki/ca.crt --capath /dev/null -f --cert /var/lib/kubelet/pki/kubelet-client-current.pem --key /var/lib/kubelet/pki/kubelet-client-current.pem -o /dev/null https://api.my-first-cluster.example.com:6443/api/v1/nodes/master-1.my-first-cluster.example.com 2>&1)"; }
deadline=$((SECONDS + 10))
until registered || [ "$SECONDS" -ge "$deadline" ]; do sleep 0.2; done
registered || systemctl restart kubelet
deadline=$((SECONDS + 60))
until registered; do
  [ "$SECONDS" -lt "$deadline" ] || { echo "the node did not register: $said" >&2; exit 1; }
  sleep 0.2
done
)
fi

# kubelet-start/start
# enable and start kubelet.service: it runs the static pods, and registers the node
systemctl daemon-reload
systemctl enable -q kubelet.service
systemctl restart kubelet.service || { journalctl --no-pager -n 20 -u kubelet.service >&2; exit 1; }

# kubelet-start/healthz
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
