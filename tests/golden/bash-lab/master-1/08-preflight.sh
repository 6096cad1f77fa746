#!/usr/bin/env bash
# Readiness of the components
# Node: master-1.my-first-cluster.example.com
# Article: chapter 10
# kubeadm: kubeadm init phase preflight
set -euo pipefail

# preflight
# ask everything that kubeadm's preflight asks: a node that is not fit is better refused before anything is on it
if ! (
failed=0
if ! reason="$([ "$(id -u)" = 0 ] || { echo "it is not"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' IsPrivilegedUser 'the user to be root' "$reason"
  failed=1
fi
if ! reason="$([ "$(nproc)" -ge 2 ] || { echo "there is $(nproc)"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' NumCPU 'at least 2 processors' "$reason"
  failed=1
fi
if ! reason="$(mb="$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)"
[ "$mb" -ge 1700 ] || { echo "there are $mb MB"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Mem 'at least 1700 MB of memory' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :6443")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-6443 'port 6443 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :10259")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-10259 'port 10259 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :10257")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-10257 'port 10257 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :10250")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-10250 'port 10250 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :2379")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-2379 'port 2379 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :2380")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-2380 'port 2380 to be free' "$reason"
  failed=1
fi
if ! reason="$([ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || { echo "it is off"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileContent--proc-sys-net-ipv4-ip_forward 'forwarding to be on' "$reason"
  failed=1
fi
if ! reason="$(command -v conntrack >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-conntrack 'conntrack to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v ip >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-ip 'ip to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v iptables >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-iptables 'iptables to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v mount >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-mount 'mount to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v nsenter >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-nsenter 'nsenter to be in PATH' "$reason"
  failed=1
fi
if ! reason="$([ -e /sys/fs/cgroup/cgroup.controllers ] && exit 0
for name in cpu cpuacct cpuset devices freezer memory pids; do
  grep -q "^${name}[[:space:]].*[[:space:]]1$" /proc/cgroups || { echo "no cgroup $name"; exit 1; }
done
)"; then
  printf '[ERROR %s] %s: %s\n' SystemVerification 'the cgroups that the kubelet needs' "$reason"
  failed=1
fi
if ! reason="$([ -S /var/run/containerd/containerd.sock ] && systemctl is-active --quiet containerd || { echo 'it does not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' CRI 'the container runtime to answer' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ls -A /var/lib/etcd 2>/dev/null)" ] || { echo "it is not"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' DirAvailable--var-lib-etcd '/var/lib/etcd to be empty' "$reason"
  failed=1
fi
[ "$failed" = 0 ] || exit 1
) >/dev/null 2>&1; then
failed=0
if ! reason="$([ "$(id -u)" = 0 ] || { echo "it is not"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' IsPrivilegedUser 'the user to be root' "$reason"
  failed=1
fi
if ! reason="$([ "$(nproc)" -ge 2 ] || { echo "there is $(nproc)"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' NumCPU 'at least 2 processors' "$reason"
  failed=1
fi
if ! reason="$(mb="$(awk '/^MemTotal:/ { print int($2 / 1024) }' /proc/meminfo)"
[ "$mb" -ge 1700 ] || { echo "there are $mb MB"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Mem 'at least 1700 MB of memory' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :6443")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-6443 'port 6443 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :10259")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-10259 'port 10259 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :10257")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-10257 'port 10257 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :10250")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-10250 'port 10250 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :2379")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-2379 'port 2379 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :2380")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-2380 'port 2380 to be free' "$reason"
  failed=1
fi
if ! reason="$([ "$(cat /proc/sys/net/ipv4/ip_forward)" = 1 ] || { echo "it is off"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileContent--proc-sys-net-ipv4-ip_forward 'forwarding to be on' "$reason"
  failed=1
fi
if ! reason="$(command -v conntrack >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-conntrack 'conntrack to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v ip >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-ip 'ip to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v iptables >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-iptables 'iptables to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v mount >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-mount 'mount to be in PATH' "$reason"
  failed=1
fi
if ! reason="$(command -v nsenter >/dev/null || { echo 'it is not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileExisting-nsenter 'nsenter to be in PATH' "$reason"
  failed=1
fi
if ! reason="$([ -e /sys/fs/cgroup/cgroup.controllers ] && exit 0
for name in cpu cpuacct cpuset devices freezer memory pids; do
  grep -q "^${name}[[:space:]].*[[:space:]]1$" /proc/cgroups || { echo "no cgroup $name"; exit 1; }
done
)"; then
  printf '[ERROR %s] %s: %s\n' SystemVerification 'the cgroups that the kubelet needs' "$reason"
  failed=1
fi
if ! reason="$([ -S /var/run/containerd/containerd.sock ] && systemctl is-active --quiet containerd || { echo 'it does not'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' CRI 'the container runtime to answer' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ls -A /var/lib/etcd 2>/dev/null)" ] || { echo "it is not"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' DirAvailable--var-lib-etcd '/var/lib/etcd to be empty' "$reason"
  failed=1
fi
[ "$failed" = 0 ] || exit 1
fi
