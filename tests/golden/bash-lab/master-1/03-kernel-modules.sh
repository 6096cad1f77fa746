#!/usr/bin/env bash
# Kernel modules
# Node: master-1.my-first-cluster.example.com
# Article: chapter 6
set -euo pipefail

# kernel-modules/config
# systemd loads them at every boot
install -m 0644 /dev/stdin /etc/modules-load.d/k8s.conf <<'EOF'
overlay
br_netfilter
EOF

# kernel-modules/overlay
# load overlay: containerd stacks image layers with it
if ! (
grep -qw overlay /proc/filesystems || { echo 'not loaded'; exit 1; }
) >/dev/null 2>&1; then
modprobe overlay
fi

# kernel-modules/br_netfilter
# load br_netfilter: Services see traffic that crosses a bridge
if ! (
[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ] || { echo 'not loaded'; exit 1; }
) >/dev/null 2>&1; then
modprobe br_netfilter
fi
