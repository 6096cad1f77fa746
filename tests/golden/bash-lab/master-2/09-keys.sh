#!/usr/bin/env bash
# Private keys of a joining master
# Node: master-2.my-first-cluster.example.com
# Article: chapter 13, 16
# First: chapter kubeconfig on master-1.my-first-cluster.example.com
set -euo pipefail

# certs/directory
# make the directory /etc/kubernetes
install -d -m 0755 -o root -g root /etc/kubernetes

# certs/pki-directory
# make the directory /etc/kubernetes/pki
install -d -m 0755 -o root -g root /etc/kubernetes/pki

# certs/etcd-directory
# make the directory /etc/kubernetes/pki/etcd
install -d -m 0755 -o root -g root /etc/kubernetes/pki/etcd

# certs/keys
# make the private keys side by side: finding primes takes longer than everything else here, and every processor can help
if ! (
[ -s /etc/kubernetes/pki/apiserver.key ] || [ -s /etc/kubernetes/pki/apiserver.crt ] || { echo '/etc/kubernetes/pki/apiserver.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/apiserver-kubelet-client.key ] || [ -s /etc/kubernetes/pki/apiserver-kubelet-client.crt ] || { echo '/etc/kubernetes/pki/apiserver-kubelet-client.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/front-proxy-client.key ] || [ -s /etc/kubernetes/pki/front-proxy-client.crt ] || { echo '/etc/kubernetes/pki/front-proxy-client.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/server.key ] || [ -s /etc/kubernetes/pki/etcd/server.crt ] || { echo '/etc/kubernetes/pki/etcd/server.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/peer.key ] || [ -s /etc/kubernetes/pki/etcd/peer.crt ] || { echo '/etc/kubernetes/pki/etcd/peer.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/etcd/healthcheck-client.key ] || [ -s /etc/kubernetes/pki/etcd/healthcheck-client.crt ] || { echo '/etc/kubernetes/pki/etcd/healthcheck-client.key is missing'; exit 1; }
[ -s /etc/kubernetes/pki/apiserver-etcd-client.key ] || [ -s /etc/kubernetes/pki/apiserver-etcd-client.crt ] || { echo '/etc/kubernetes/pki/apiserver-etcd-client.key is missing'; exit 1; }
) >/dev/null 2>&1; then
(
umask 077
install -d -m 0700 /run/hardway/keys
for key in /etc/kubernetes/pki/apiserver.key \
  /etc/kubernetes/pki/apiserver-kubelet-client.key \
  /etc/kubernetes/pki/front-proxy-client.key \
  /etc/kubernetes/pki/etcd/server.key \
  /etc/kubernetes/pki/etcd/peer.key \
  /etc/kubernetes/pki/etcd/healthcheck-client.key \
  /etc/kubernetes/pki/apiserver-etcd-client.key; do
  [ -s "$key" ] || [ -s "${key%.key}.crt" ] ||
    { openssl genrsa -traditional -out "$key.new" 2048 && mv "$key.new" "$key"; } &
done
wait
)
fi

# kubeconfig/keys
# make the private keys of the client certificates side by side: they wait in memory until their kubeconfig takes them in
if ! (
[ -s /etc/kubernetes/admin.conf ] || [ -s /run/hardway/keys/admin.key ] || { echo 'no key for /etc/kubernetes/admin.conf'; exit 1; }
[ -s /etc/kubernetes/controller-manager.conf ] || [ -s /run/hardway/keys/controller-manager.key ] || { echo 'no key for /etc/kubernetes/controller-manager.conf'; exit 1; }
[ -s /etc/kubernetes/scheduler.conf ] || [ -s /run/hardway/keys/scheduler.key ] || { echo 'no key for /etc/kubernetes/scheduler.conf'; exit 1; }
) >/dev/null 2>&1; then
(
umask 077
install -d -m 0700 /run/hardway/keys
for key in /run/hardway/keys/admin.key \
  /run/hardway/keys/controller-manager.key \
  /run/hardway/keys/scheduler.key; do
  [ -s "$key" ] || [ -s "${key%.key}.crt" ] ||
    { openssl genrsa -traditional -out "$key.new" 2048 && mv "$key.new" "$key"; } &
done
wait
)
fi
