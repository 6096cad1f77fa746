#!/usr/bin/env bash
# Base setup of the node
# Node: master-1.my-first-cluster.example.com
# Article: chapter 5
set -euo pipefail

# base-os/hostname
# set the host name to master-1.my-first-cluster.example.com: host name, node name and etcd member name are one: then no override is needed anywhere
hostnamectl set-hostname master-1.my-first-cluster.example.com || { printf '%s\n' master-1.my-first-cluster.example.com >/etc/hostname; hostname master-1.my-first-cluster.example.com; }

# base-os/packages
# install conntrack, socat, jq, tree, curl, openssl, ebtables, ethtool, python3-minimal, python3-cryptography
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends conntrack socat jq tree curl openssl ebtables ethtool python3-minimal python3-cryptography
