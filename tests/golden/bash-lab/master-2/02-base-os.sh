#!/usr/bin/env bash
# Base setup of the node
# Node: master-2.my-first-cluster.example.com
# Article: chapter 5
set -euo pipefail

# base-os/hostname
# set the host name to master-2.my-first-cluster.example.com: host name, node name and etcd member name are one: then no override is needed anywhere
hostnamectl set-hostname master-2.my-first-cluster.example.com || { printf '%s\n' master-2.my-first-cluster.example.com >/etc/hostname; hostname master-2.my-first-cluster.example.com; }

# base-os/packages
# install conntrack, socat, jq, tree, curl, openssl, ca-certificates, ethtool, kmod, iptables, iproute2, procps, ebtables, python3-cryptography: the kubelet calls conntrack, socat and iptables; the chapters call jq, curl and openssl
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends --no-upgrade -o DPkg::Lock::Timeout=120 conntrack socat jq tree curl openssl ca-certificates ethtool kmod iptables iproute2 procps ebtables python3-cryptography
