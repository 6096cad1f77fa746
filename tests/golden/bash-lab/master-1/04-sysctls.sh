#!/usr/bin/env bash
# Kernel parameters
# Node: master-1.my-first-cluster.example.com
# Article: chapter 7
set -euo pipefail

# sysctls/99-br-netfilter
# Service rules apply to pods on the same bridge
install -m 0644 /dev/stdin /etc/sysctl.d/99-br-netfilter.conf <<'EOF'
net.bridge.bridge-nf-call-iptables=1
net.bridge.bridge-nf-call-ip6tables=1
EOF

# sysctls/99-network
# the node routes between pods; kubeadm's preflight demands it
install -m 0644 /dev/stdin /etc/sysctl.d/99-network.conf <<'EOF'
net.ipv4.ip_forward=1
EOF

# sysctls/apply
# set them now: the files are read at boot only
sysctl -q -p /etc/sysctl.d/99-br-netfilter.conf /etc/sysctl.d/99-network.conf
