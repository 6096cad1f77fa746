#!/usr/bin/env bash
# etcd of a joining master
# Node: master-2.my-first-cluster.example.com
# Article: chapter 21
# kubeadm: kubeadm join phase control-plane-join etcd
set -euo pipefail

# control-plane/manifests
# make the directory /etc/kubernetes/manifests: the kubelet runs what lies here
install -d -m 0700 -o root -g root /etc/kubernetes/manifests

# etcd/data
# make the directory /var/lib/etcd: etcd warns of, and later refuses, a wider mode
install -d -m 0700 -o root -g root /var/lib/etcd

# control-plane-join/etcd/member
# add this member as a learner: a learner has no vote, so the quorum is never at risk while it starts
if ! (
[ -s /etc/kubernetes/manifests/etcd.yaml ] || { echo 'not a member yet'; exit 1; }
) >/dev/null 2>&1; then
if [ ! -e /etc/kubernetes/manifests/etcd.yaml ] && [ -d /var/lib/etcd/member ]; then
  echo '/var/lib/etcd holds data of another etcd member' >&2
  exit 1
fi
install -d -m 0700 /run/hardway
deadline=$((SECONDS + 120))
until etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 10s member list -w simple | grep -qF ', https://10.30.0.12:2380,'; do
  etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 10s member add master-2.my-first-cluster.example.com --learner --peer-urls=https://10.30.0.12:2380 >/dev/null 2>/run/hardway/etcd-member-add && break
  [ "$SECONDS" -lt "$deadline" ] || { cat /run/hardway/etcd-member-add >&2; exit 1; }
  sleep 0.2
done
fi

# etcd/local
# write /etc/kubernetes/manifests/etcd.yaml with the members that the cluster knows: the members of the first start are decided once; etcd ignores them ever after
if ! (
[ -s /etc/kubernetes/manifests/etcd.yaml ] || { echo 'not written yet'; exit 1; }
[ "$(stat -c '%a' /etc/kubernetes/manifests/etcd.yaml)" = 600 ] || { echo 'its mode is not 0600'; exit 1; }
if ! cmp -s <(sed 's#--initial-cluster=.*#--initial-cluster=@initial-cluster@#' /etc/kubernetes/manifests/etcd.yaml) - <<'EOF'
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.30.0.12:2379
  creationTimestamp: null
  labels:
    component: etcd
    tier: control-plane
  name: etcd
  namespace: kube-system
spec:
  containers:
    - command:
        - etcd
        - --advertise-client-urls=https://10.30.0.12:2379
        - --cert-file=/etc/kubernetes/pki/etcd/server.crt
        - --client-cert-auth=true
        - --data-dir=/var/lib/etcd
        - --experimental-initial-corrupt-check=true
        - --experimental-watch-progress-notify-interval=5s
        - --initial-advertise-peer-urls=https://10.30.0.12:2380
        - --initial-cluster=@initial-cluster@
        - --initial-cluster-state=existing
        - --key-file=/etc/kubernetes/pki/etcd/server.key
        - --listen-client-urls=https://127.0.0.1:2379,https://10.30.0.12:2379
        - --listen-metrics-urls=http://127.0.0.1:2381
        - --listen-peer-urls=https://10.30.0.12:2380
        - --name=master-2.my-first-cluster.example.com
        - --peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt
        - --peer-client-cert-auth=true
        - --peer-key-file=/etc/kubernetes/pki/etcd/peer.key
        - --peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
        - --snapshot-count=10000
        - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
      image: registry.k8s.io/etcd:3.5.12-0
      imagePullPolicy: IfNotPresent
      livenessProbe:
        failureThreshold: 8
        httpGet:
          host: 127.0.0.1
          path: /health?exclude=NOSPACE&serializable=true
          port: 2381
          scheme: HTTP
        initialDelaySeconds: 10
        periodSeconds: 10
        timeoutSeconds: 15
      name: etcd
      resources:
        requests:
          cpu: 100m
          memory: 100Mi
      startupProbe:
        failureThreshold: 24
        httpGet:
          host: 127.0.0.1
          path: /health?serializable=false
          port: 2381
          scheme: HTTP
        initialDelaySeconds: 10
        periodSeconds: 10
        timeoutSeconds: 15
      volumeMounts:
        - mountPath: /var/lib/etcd
          name: etcd-data
        - mountPath: /etc/kubernetes/pki/etcd
          name: etcd-certs
  hostNetwork: true
  priority: 2000001000
  priorityClassName: system-node-critical
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  volumes:
    - hostPath:
        path: /etc/kubernetes/pki/etcd
        type: DirectoryOrCreate
      name: etcd-certs
    - hostPath:
        path: /var/lib/etcd
        type: DirectoryOrCreate
      name: etcd-data
status: {}
EOF
then echo 'it differs'; exit 1; fi
) >/dev/null 2>&1; then
initial_cluster="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 10s member list -w simple | awk -F', ' -v self=master-2.my-first-cluster.example.com '{ printf "%s%s=%s", sep, ($3 == "" ? self : $3), $4; sep = "," }')"
umask 077
sed "s#@initial-cluster@#$initial_cluster#" >/etc/kubernetes/manifests/.etcd.yaml <<'EOF'
apiVersion: v1
kind: Pod
metadata:
  annotations:
    kubeadm.kubernetes.io/etcd.advertise-client-urls: https://10.30.0.12:2379
  creationTimestamp: null
  labels:
    component: etcd
    tier: control-plane
  name: etcd
  namespace: kube-system
spec:
  containers:
    - command:
        - etcd
        - --advertise-client-urls=https://10.30.0.12:2379
        - --cert-file=/etc/kubernetes/pki/etcd/server.crt
        - --client-cert-auth=true
        - --data-dir=/var/lib/etcd
        - --experimental-initial-corrupt-check=true
        - --experimental-watch-progress-notify-interval=5s
        - --initial-advertise-peer-urls=https://10.30.0.12:2380
        - --initial-cluster=@initial-cluster@
        - --initial-cluster-state=existing
        - --key-file=/etc/kubernetes/pki/etcd/server.key
        - --listen-client-urls=https://127.0.0.1:2379,https://10.30.0.12:2379
        - --listen-metrics-urls=http://127.0.0.1:2381
        - --listen-peer-urls=https://10.30.0.12:2380
        - --name=master-2.my-first-cluster.example.com
        - --peer-cert-file=/etc/kubernetes/pki/etcd/peer.crt
        - --peer-client-cert-auth=true
        - --peer-key-file=/etc/kubernetes/pki/etcd/peer.key
        - --peer-trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
        - --snapshot-count=10000
        - --trusted-ca-file=/etc/kubernetes/pki/etcd/ca.crt
      image: registry.k8s.io/etcd:3.5.12-0
      imagePullPolicy: IfNotPresent
      livenessProbe:
        failureThreshold: 8
        httpGet:
          host: 127.0.0.1
          path: /health?exclude=NOSPACE&serializable=true
          port: 2381
          scheme: HTTP
        initialDelaySeconds: 10
        periodSeconds: 10
        timeoutSeconds: 15
      name: etcd
      resources:
        requests:
          cpu: 100m
          memory: 100Mi
      startupProbe:
        failureThreshold: 24
        httpGet:
          host: 127.0.0.1
          path: /health?serializable=false
          port: 2381
          scheme: HTTP
        initialDelaySeconds: 10
        periodSeconds: 10
        timeoutSeconds: 15
      volumeMounts:
        - mountPath: /var/lib/etcd
          name: etcd-data
        - mountPath: /etc/kubernetes/pki/etcd
          name: etcd-certs
  hostNetwork: true
  priority: 2000001000
  priorityClassName: system-node-critical
  securityContext:
    seccompProfile:
      type: RuntimeDefault
  volumes:
    - hostPath:
        path: /etc/kubernetes/pki/etcd
        type: DirectoryOrCreate
      name: etcd-certs
    - hostPath:
        path: /var/lib/etcd
        type: DirectoryOrCreate
      name: etcd-data
status: {}
EOF
mv /etc/kubernetes/manifests/.etcd.yaml /etc/kubernetes/manifests/etcd.yaml
fi

# control-plane-join/etcd/promote
# promote the learner to a voter: only a voter answers reads, and counts towards the quorum
if ! (
etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.12:2379 --command-timeout 5s --dial-timeout 1s member list -w simple 2>/dev/null |
  grep -q ', started, .*, https://10.30.0.12:2380, .*, false$' || { echo 'not a voter yet'; exit 1; }
) >/dev/null 2>&1; then
deadline=$((SECONDS + 120))
while :; do
  member="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 10s member list -w simple 2>/dev/null | grep -F ', https://10.30.0.12:2380,' || true)"
  case "$member" in *", started, "*", false") break ;; esac
  if [ -n "$member" ] && reason="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 10s member promote "${member%%,*}" 2>&1)"; then break; fi
  [ "$SECONDS" -lt "$deadline" ] || { printf '%s\n' "${reason:-no member}" >&2; exit 1; }
  sleep 0.1
done
until etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.12:2379 --command-timeout 5s --dial-timeout 1s member list -w simple 2>/dev/null |
  grep -q ', started, .*, https://10.30.0.12:2380, .*, false$'; do
  [ "$SECONDS" -lt "$deadline" ] || { echo 'promoted, but it does not answer' >&2; exit 1; }
  sleep 0.1
done
fi
