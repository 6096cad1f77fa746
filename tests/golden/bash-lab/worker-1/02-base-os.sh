#!/usr/bin/env bash
# Base setup of the node
# Node: worker-1.my-first-cluster.example.com
# Article: chapter 5
set -euo pipefail

# base-os/hostname
# set the host name to worker-1.my-first-cluster.example.com: host name, node name and etcd member name are one: then no override is needed anywhere
hostnamectl set-hostname worker-1.my-first-cluster.example.com || { printf '%s\n' worker-1.my-first-cluster.example.com >/etc/hostname; hostname worker-1.my-first-cluster.example.com; }

# base-os/packages
# install conntrack, socat, jq, tree, curl, openssl, ebtables, ethtool, python3-minimal
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends conntrack socat jq tree curl openssl ebtables ethtool python3-minimal
