#!/usr/bin/env bash
# Readiness of the components
# Node: worker-1.my-first-cluster.example.com
# Article: chapter 10
# kubeadm: kubeadm join phase preflight
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
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ -z "$(ss -Hltn "sport = :10250")" ] || { echo "it is in use"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' Port-10250 'port 10250 to be free' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ ! -e /etc/kubernetes/kubelet.conf ] || { echo 'it exists'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileAvailable--etc-kubernetes-kubelet.conf '/etc/kubernetes/kubelet.conf to be absent' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ ! -e /etc/kubernetes/bootstrap-kubelet.conf ] || { echo 'it exists'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileAvailable--etc-kubernetes-bootstrap-kubelet.conf '/etc/kubernetes/bootstrap-kubelet.conf to be absent' "$reason"
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
[ "$failed" = 0 ] || exit 1
) >/dev/null 2>&1; then
failed=0
if ! reason="$([ "$(id -u)" = 0 ] || { echo "it is not"; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' IsPrivilegedUser 'the user to be root' "$reason"
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
[ ! -e /etc/kubernetes/kubelet.conf ] || { echo 'it exists'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileAvailable--etc-kubernetes-kubelet.conf '/etc/kubernetes/kubelet.conf to be absent' "$reason"
  failed=1
fi
if ! reason="$([ ! -s /etc/kubernetes/kubelet.conf ] || exit 0
[ ! -e /etc/kubernetes/pki/ca.crt ] || exit 0
[ ! -e /etc/kubernetes/bootstrap-kubelet.conf ] || { echo 'it exists'; exit 1; }
)"; then
  printf '[ERROR %s] %s: %s\n' FileAvailable--etc-kubernetes-bootstrap-kubelet.conf '/etc/kubernetes/bootstrap-kubelet.conf to be absent' "$reason"
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
[ "$failed" = 0 ] || exit 1
fi
