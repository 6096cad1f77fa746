#!/usr/bin/env bash
# Balancer of the API
# Node: lb-1.my-first-cluster.example.com
# Article: chapter 3
set -euo pipefail

# load-balancer/packages
# install haproxy: it balances TCP, and is small
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends --no-upgrade -o DPkg::Lock::Timeout=120 haproxy

# load-balancer/config
# one address for the API, whichever master lives
install -m 0644 /dev/stdin /etc/haproxy/haproxy.cfg <<'EOF'
global
    log /dev/log local0
    user haproxy
    group haproxy

defaults
    mode tcp
    log global
    option tcplog
    option dontlognull
    timeout connect 5s
    # Watches are silent for minutes; the API server ends them itself.
    timeout client 1h
    timeout server 1h
    timeout check 3s
    # A server that does not take a connection is not insisted on.
    retries 2
    option redispatch

frontend kube-apiserver
    bind :6443
    default_backend kube-apiserver

backend kube-apiserver
    balance roundrobin
    # The question carries no credential and the answer decides nothing but where to send bytes: the clients verify
    # the server's certificate themselves. So the check does not need the CA, which does not exist yet.
    option httpchk GET /readyz
    http-check expect status 200
    # One yes is enough: the first master is served as soon as it is ready. A dead API server loses its connections
    # at once, so that clients turn to another one.
    default-server check check-ssl verify none inter 500ms fall 3 rise 1 on-marked-down shutdown-sessions
    server master-1 10.30.0.11:6443
    server master-2 10.30.0.12:6443
    server master-3 10.30.0.13:6443
EOF

# load-balancer/start
# check the configuration, then start the balancer or let it read it: a wrong configuration is refused while the running one goes on
haproxy -q -c -f /etc/haproxy/haproxy.cfg
systemctl enable -q haproxy.service
systemctl reload-or-restart haproxy.service || { journalctl --no-pager -n 20 -u haproxy.service >&2; exit 1; }
