#!/usr/bin/env bash
# Base setup of the node
# Node: master-2.my-first-cluster.example.com
# Article: chapter 5
set -euo pipefail

# base-os/joined-as
# take the machine for master-2.my-first-cluster.example.com: a kubelet that has joined under another name would be cut off from its Node
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
[ -n "$joined" ] && [ "$joined" != master-2.my-first-cluster.example.com ] || exit 0
case "$joined" in *.*) ways='call it so in the Inventory, or reset it and let it join anew' ;;
  *) ways='reset it and let it join anew (with kubeadm: --node-name)' ;; esac
echo "its kubelet has joined as $joined: $ways" >&2
exit 106
)

# base-os/hostname
# set the host name to master-2.my-first-cluster.example.com: host name, node name and etcd member name are one: then no override is needed anywhere
hostnamectl set-hostname master-2.my-first-cluster.example.com || { printf '%s\n' master-2.my-first-cluster.example.com >/etc/hostname; hostname master-2.my-first-cluster.example.com; }

# base-os/packages
# install conntrack, socat, jq, tree, curl, openssl, ca-certificates, ethtool, kmod, iptables, iproute2, procps, ebtables, python3-cryptography: the kubelet calls conntrack, socat and iptables; the chapters call jq, curl and openssl
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends --no-upgrade -o DPkg::Lock::Timeout=120 conntrack socat jq tree curl openssl ca-certificates ethtool kmod iptables iproute2 procps ebtables python3-cryptography
