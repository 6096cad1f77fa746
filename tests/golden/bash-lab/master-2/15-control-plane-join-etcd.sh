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
(umask 077 && mkdir -p /var/lib/etcd)
install -d -m 0700 -o root -g root /var/lib/etcd

# control-plane-join/etcd/member
# add this member as a learner: a learner has no vote, so the quorum is never at risk while it starts
if ! (
[ -s /etc/kubernetes/manifests/etcd.yaml ] || { echo 'not a member yet'; exit 1; }
) >/dev/null 2>&1; then
(
deadline=$((SECONDS + 120))
while :; do
  if said="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 5s member list -w simple 2>&1)"; then
    own="$(grep -F ', https://10.30.0.12:2380, ' <<<"$said" || true)"
    case "$own" in *', started, '*)
      [ ! -d /var/lib/etcd/member ] || break
      echo 'the cluster has a member at https://10.30.0.12:2380, whose data is not here' >&2
      echo "hint: if it is lost for good, on another master: etcdctl member remove ${own%%,*}" >&2
      exit 106 ;;
    esac
    if [ -d /var/lib/etcd/member ]; then
      echo '/var/lib/etcd holds the data of another etcd cluster' >&2
      echo 'hint: move it away, then apply again' >&2
      exit 106
    fi
    [ -z "$own" ] || break
    if said="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 5s member add master-2.my-first-cluster.example.com --learner --peer-urls=https://10.30.0.12:2380 2>&1)"; then break; fi
  fi
  [ "$SECONDS" -lt "$deadline" ] || { echo "${said##*$'\n'}" >&2; exit 1; }
  sleep 0.1
done
)
fi

# etcd/local
# write /etc/kubernetes/manifests/etcd.yaml with the members that the cluster knows: the members of the first start are decided once; etcd ignores them ever after
if ! (
[ -s /etc/kubernetes/manifests/etcd.yaml ] || { echo 'not written yet'; exit 1; }
[ "$(stat -c '%a' /etc/kubernetes/manifests/etcd.yaml)" = 600 ] || { echo 'its mode is not 0600'; exit 1; }
if ! cmp -s <(sed 's#--initial-cluster=.*##; /--initial-cluster-state=/d' /etc/kubernetes/manifests/etcd.yaml) - <<'EOF'
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
    - 
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
(
umask 077
initial_cluster="$(sed -n 's/^ *- --initial-cluster=//p' /etc/kubernetes/manifests/etcd.yaml 2>/dev/null || true)"
if [ -z "$initial_cluster" ]; then
  deadline=$((SECONDS + 120))
  until members="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 5s member list -w simple)"; do
    [ "$SECONDS" -lt "$deadline" ] || exit 1
    sleep 0.1
  done
  initial_cluster="$(awk -F', ' -v url=https://10.30.0.12:2380 -v self=master-2.my-first-cluster.example.com \
    '{ printf "%s%s=%s", sep, ($4 == url ? self : $3 == "" ? $1 : $3), $4; sep = "," }' <<<"$members")"
fi
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
)
fi

# control-plane-join/etcd/promote
# promote the learner to a voter: only a voter answers reads, and counts towards the quorum
if ! (
(exec 3<>/dev/tcp/10.30.0.12/2379) 2>/dev/null || { echo 'nobody listens on port 2379'; exit 1; }
members="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.12:2379 --command-timeout 5s member list -w simple 2>&1)" ||
  { echo "${members##*$'\n'}"; exit 1; }
grep -F ', https://10.30.0.12:2380, ' <<<"$members" | grep -q ", started, .*, false$" ||
  { echo 'it is no started voter'; exit 1; }
) >/dev/null 2>&1; then
(
deadline=$((SECONDS + 120))
patience() {
  [ "$SECONDS" -lt "$deadline" ] || { echo "${1##*$'\n'}" >&2; exit 1; }
  sleep 0.1
}
until said="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 5s member list -w simple 2>&1)"; do patience "$said"; done
own="$(grep -F ', https://10.30.0.12:2380, ' <<<"$said" || true)"
if [ -z "$own" ]; then
  echo 'this node has the manifest of etcd, but the cluster does not know the member any more' >&2
  echo 'hint: reset this node, then apply again; its etcd data is in /var/lib/etcd' >&2
  exit 106
fi
until said="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.11:2379,https://10.30.0.13:2379 --command-timeout 5s member promote "${own%%,*}" 2>&1)"; do
  case "$said" in *"can only promote a learner member"*"in sync"*) ;;
    *"can only promote a learner member"*) break ;; esac
  patience "$said"
done
until said="$(
(exec 3<>/dev/tcp/10.30.0.12/2379) 2>/dev/null || { echo 'nobody listens on port 2379'; exit 1; }
members="$(etcdctl --cacert /etc/kubernetes/pki/etcd/ca.crt --cert /etc/kubernetes/pki/etcd/healthcheck-client.crt --key /etc/kubernetes/pki/etcd/healthcheck-client.key --endpoints https://10.30.0.12:2379 --command-timeout 5s member list -w simple 2>&1)" ||
  { echo "${members##*$'\n'}"; exit 1; }
grep -F ', https://10.30.0.12:2380, ' <<<"$members" | grep -q ", started, .*, false$" ||
  { echo 'it is no started voter'; exit 1; }
)"; do patience "promoted, but $said"; done
)
fi
