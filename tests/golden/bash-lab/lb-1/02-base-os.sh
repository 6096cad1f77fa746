#!/usr/bin/env bash
# Base setup of the node
# Node: lb-1.my-first-cluster.example.com
# Article: chapter 5
set -euo pipefail

# base-os/hostname
# set the host name to lb-1.my-first-cluster.example.com: host name, node name and etcd member name are one: then no override is needed anywhere
hostnamectl set-hostname lb-1.my-first-cluster.example.com || { printf '%s\n' lb-1.my-first-cluster.example.com >/etc/hostname; hostname lb-1.my-first-cluster.example.com; }
