#!/usr/bin/env bash
# Readiness of the components
# Node: master-1.my-first-cluster.example.com
# Article: chapter 10
# kubeadm: kubeadm init phase preflight
set -euo pipefail

# preflight
# find the node fit for Kubernetes: a node that is not fit is better refused before anything is on it
failed=0
reason="$(
[ "$UID" = 0 ] || { echo "it is not"; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR IsPrivilegedUser] the user to be root:' "$reason"
  echo 'hint: log in as root, or as a user with sudo (--ask-sudo-password where it asks)'
}
reason="$(
[ "$(nproc)" -ge 2 ] || { echo "there is $(nproc)"; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR NumCPU] at least 2 processors:' "$reason"
  echo 'hint: give it 2, or go on without: nodeRegistration: {ignorePreflightErrors: [NumCPU]}'
}
reason="$(
while read -r name kb _; do
  [ "$name" = MemTotal: ] || continue
  [ "$((kb / 1024))" -ge 1700 ] || { echo "there are $((kb / 1024)) MB"; exit 1; }
done </proc/meminfo
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR Mem] at least 1700 MB of memory:' "$reason"
  echo 'hint: give it 1700 MB, or go on without: nodeRegistration: {ignorePreflightErrors: [Mem]}'
}
reason="$(
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
[ -z "$(ss -Hltn 'sport = :6443')" ] || { echo "it is in use"; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR Port-6443] port 6443 to be free:' "$reason"
  echo 'hint: ss -ltnp '"'"'sport = :6443'"'"' tells by whom'
}
reason="$(
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
[ -z "$(ss -Hltn 'sport = :10259')" ] || { echo "it is in use"; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR Port-10259] port 10259 to be free:' "$reason"
  echo 'hint: ss -ltnp '"'"'sport = :10259'"'"' tells by whom'
}
reason="$(
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
[ -z "$(ss -Hltn 'sport = :10257')" ] || { echo "it is in use"; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR Port-10257] port 10257 to be free:' "$reason"
  echo 'hint: ss -ltnp '"'"'sport = :10257'"'"' tells by whom'
}
reason="$(
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
[ -z "$(ss -Hltn 'sport = :10250')" ] || { echo "it is in use"; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR Port-10250] port 10250 to be free:' "$reason"
  echo 'hint: ss -ltnp '"'"'sport = :10250'"'"' tells by whom'
}
reason="$(
[ -e /etc/kubernetes/manifests/kube-apiserver.yaml ] || exit 0
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
echo 'it exists'
exit 1
)" || {
  failed=106
  echo '[ERROR FileAvailable--etc-kubernetes-manifests-kube-apiserver.yaml] /etc/kubernetes/manifests/kube-apiserver.yaml to be absent:' "$reason"
  echo 'hint: an earlier cluster left it: hardway reset --node master-1'
}
reason="$(
[ -e /etc/kubernetes/manifests/kube-controller-manager.yaml ] || exit 0
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
echo 'it exists'
exit 1
)" || {
  failed=106
  echo '[ERROR FileAvailable--etc-kubernetes-manifests-kube-controller-manager.yaml] /etc/kubernetes/manifests/kube-controller-manager.yaml to be absent:' "$reason"
  echo 'hint: an earlier cluster left it: hardway reset --node master-1'
}
reason="$(
[ -e /etc/kubernetes/manifests/kube-scheduler.yaml ] || exit 0
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
echo 'it exists'
exit 1
)" || {
  failed=106
  echo '[ERROR FileAvailable--etc-kubernetes-manifests-kube-scheduler.yaml] /etc/kubernetes/manifests/kube-scheduler.yaml to be absent:' "$reason"
  echo 'hint: an earlier cluster left it: hardway reset --node master-1'
}
reason="$(
[ -e /etc/kubernetes/manifests/etcd.yaml ] || exit 0
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
echo 'it exists'
exit 1
)" || {
  failed=106
  echo '[ERROR FileAvailable--etc-kubernetes-manifests-etcd.yaml] /etc/kubernetes/manifests/etcd.yaml to be absent:' "$reason"
  echo 'hint: an earlier cluster left it: hardway reset --node master-1'
}
reason="$(
[ "$(cat /proc/sys/net/ipv4/ip_forward 2>/dev/null)" = 1 ] || { echo "it is not"; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR FileContent--proc-sys-net-ipv4-ip_forward] /proc/sys/net/ipv4/ip_forward to be 1:' "$reason"
  echo 'hint: sysctl --system; article chapter 7'
}
reason="$(
[ -S /var/run/containerd/containerd.sock ] || { echo 'there is no socket /var/run/containerd/containerd.sock'; exit 1; }
command -v socat >/dev/null || exit 0
socat -u /dev/null UNIX-CONNECT:/var/run/containerd/containerd.sock 2>/dev/null || { echo 'nobody listens on /var/run/containerd/containerd.sock'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR CRI] the container runtime to answer:' "$reason"
  echo 'hint: journalctl -u containerd'
}
reason="$(
command -v conntrack >/dev/null || { echo 'it is not'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR FileExisting-conntrack] conntrack to be in PATH:' "$reason"
  echo 'hint: hardway apply --only base-os'
}
reason="$(
command -v ip >/dev/null || { echo 'it is not'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR FileExisting-ip] ip to be in PATH:' "$reason"
  echo 'hint: hardway apply --only base-os'
}
reason="$(
command -v iptables >/dev/null || { echo 'it is not'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR FileExisting-iptables] iptables to be in PATH:' "$reason"
  echo 'hint: hardway apply --only base-os'
}
reason="$(
command -v mount >/dev/null || { echo 'it is not'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR FileExisting-mount] mount to be in PATH:' "$reason"
  echo 'hint: apt-get install -y util-linux coreutils, or dnf install -y util-linux coreutils'
}
reason="$(
command -v nsenter >/dev/null || { echo 'it is not'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR FileExisting-nsenter] nsenter to be in PATH:' "$reason"
  echo 'hint: apt-get install -y util-linux coreutils, or dnf install -y util-linux coreutils'
}
reason="$(
release="$(uname -r)"
case "$release" in
  3.[1-9][0-9]* | [4-9].*.* | [1-9][0-9].*.*) ;;
  *) echo "kernel $release is too old"; exit 1 ;;
esac
for file in /proc/config.gz "/boot/config-$release" "/usr/lib/modules/$release/config"; do
  [ -r "$file" ] || continue
  missing="$(zcat -f "$file" | awk -F= -v wanted='NAMESPACES NET_NS PID_NS IPC_NS UTS_NS CGROUPS CGROUP_CPUACCT CGROUP_DEVICE CGROUP_FREEZER CGROUP_PIDS CGROUP_SCHED CPUSETS MEMCG INET EXT4_FS PROC_FS NETFILTER_XT_TARGET_REDIRECT|IP_NF_TARGET_REDIRECT NETFILTER_XT_MATCH_COMMENT FAIR_GROUP_SCHED' '
    /^CONFIG_[A-Z0-9_]+=[my]/ { set[substr($1, 8)] = 1 }
    END { n = split(wanted, list, " "); for (i = 1; i <= n; i++) { m = split(list[i], names, "|"); ok = 0
      for (j = 1; j <= m; j++) ok = ok || names[j] in set; if (!ok) printf " %s", list[i] } }')"
  [ -z "$missing" ] || { echo "the kernel lacks$missing"; exit 1; }
  break
done
if [ -e /sys/fs/cgroup/cgroup.controllers ]; then
  have=" $(cat /sys/fs/cgroup/cgroup.controllers) "
  set -- cpu cpuset memory pids
else
  have=" $(awk '!/^#/ && $4 != 0 { print $1 }' /proc/cgroups | tr '\n' ' ')"
  set -- cpu cpuacct cpuset devices freezer memory pids
fi
for name in "$@"; do
  case "$have" in *" $name "*) ;; *) echo "there is no cgroup controller $name"; exit 1 ;; esac
done
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR SystemVerification] the kernel and the cgroups that the kubelet needs:' "$reason"
  echo 'hint: uname -r; zcat /proc/config.gz; cat /sys/fs/cgroup/cgroup.controllers /proc/cgroups'
}
reason="$(
[ -f /etc/etcd/ca.pem ] || { echo 'it is missing'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR ExternalEtcdClientCertificates] /etc/etcd/ca.pem to be there:' "$reason"
  echo 'hint: etcd'"'"'s CA: put it there, or name it in files of the Inventory'
}
reason="$(
[ -f /etc/kubernetes/pki/apiserver-etcd-client.crt ] || { echo 'it is missing'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR ExternalEtcdClientCertificates] /etc/kubernetes/pki/apiserver-etcd-client.crt to be there:' "$reason"
  echo 'hint: the client certificate for etcd: put it there, or name it in files of the Inventory'
}
reason="$(
[ -f /etc/kubernetes/pki/apiserver-etcd-client.key ] || { echo 'it is missing'; exit 1; }
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR ExternalEtcdClientCertificates] /etc/kubernetes/pki/apiserver-etcd-client.key to be there:' "$reason"
  echo 'hint: its key: put it there, or name it in files of the Inventory'
}
reason="$(
! grep -qsF -e 'server: https://api.my-first-cluster.example.com:6443' -e 'server: https://10.30.0.11:6443' /etc/kubernetes/kubelet.conf /etc/kubernetes/bootstrap-kubelet.conf || exit 0
command -v curl >/dev/null || exit 0
for endpoint in https://10.30.0.5:2379 'https://[fd30::6]:2379'; do
  said="$(curl -sS -f -g -m 5 --noproxy '*' --cacert /etc/etcd/ca.pem --cert /etc/kubernetes/pki/apiserver-etcd-client.crt --key /etc/kubernetes/pki/apiserver-etcd-client.key "$endpoint/version" 2>&1)" || { echo "$endpoint: ${said##*$'\n'}"; exit 1; }
  version="$(sed -n 's/.*"etcdserver": *"\([0-9.]*\).*/\1/p' <<<"$said")"
  [ -n "$version" ] || { echo "$endpoint: it does not tell its version"; exit 1; }
  printf '%s\n' 3.4.13 "$version" | sort -V -C || { echo "$endpoint is etcd $version"; exit 1; }
done
)" || {
  [ "$failed" != 0 ] || failed=1
  echo '[ERROR ExternalEtcdVersion] the external etcd to answer, and to be 3.4.13 or newer:' "$reason"
  echo 'hint: does etcd run there, does a firewall let this node through, and do caFile, certFile and keyFile belong to it?'
}
[ "$failed" = 0 ] || exit "$failed"
