#!/usr/bin/env bash
# Balancer of the API
# Node: lb-1.my-first-cluster.example.com
# Article: chapter 3
set -euo pipefail

# load-balancer/packages
# install haproxy, keepalived: it balances TCP, and is small; keepalived keeps the address alive
export DEBIAN_FRONTEND=noninteractive
apt-get update -q
apt-get install -q -y --no-install-recommends --no-upgrade -o DPkg::Lock::Timeout=120 haproxy keepalived

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

# load-balancer/keepalived
# make the directory /etc/keepalived: the question and the configuration lie in it
install -d -m 0755 -o root -g root /etc/keepalived

# load-balancer/probe
# a balancer that takes no connections gives the address away
install -m 0755 /dev/stdin /etc/keepalived/haproxy-accepts <<'EOF'
#!/bin/bash
# keepalived asks this: does haproxy take connections on port 6443?
exec 3<>/dev/tcp/127.0.0.1/6443
EOF

# load-balancer/virtual-address
# 10.30.0.10 is on whichever balancer lives
install -m 0644 /dev/stdin /etc/keepalived/keepalived.conf <<'EOF'
global_defs {
    router_id lb-1
    # The version that knows IPv6 and fractions of a second.
    vrrp_version 3
    # It has no passwords: peers are told one by one, and who is not among them is not believed.
    vrrp_check_unicast_src
    enable_script_security
    script_user nobody
}

vrrp_script haproxy_accepts {
    script /etc/keepalived/haproxy-accepts
    interval 1
    timeout 1
    fall 2
    rise 2
}

vrrp_instance kube_apiserver {
    # Nobody begins as the holder, and nobody takes the address from one that does its work: it cuts connections.
    state BACKUP
    nopreempt
    interface host0
    virtual_router_id 51
    priority 150
    # Three of them missed, and the next one takes over: about two seconds.
    advert_int 0.5
    # From one to the other, since many networks do not carry multicast.
    unicast_src_ip 10.30.0.8
    unicast_peer {
        10.30.0.9
    }
    virtual_ipaddress {
        10.30.0.10/32 dev host0
    }
    track_script {
        haproxy_accepts
    }
}
EOF

# load-balancer/start-keepalived
# check keepalived's configuration, then start it or let it read it: a wrong configuration is refused while the running one goes on
rc=0; keepalived --config-test --use-file /etc/keepalived/keepalived.conf >&2 || rc=$?
[ $rc = 0 ] || [ $rc = 143 ]
systemctl enable -q keepalived.service
systemctl reload-or-restart keepalived.service || { journalctl --no-pager -n 20 -u keepalived.service >&2; exit 1; }

# load-balancer/held
# wait up to 15 s for the virtual address 10.30.0.10 to be held by a balancer
deadline=$((SECONDS + 15))
until (
timeout 3 bash -c 'exec 3<>/dev/tcp/10.30.0.10/6443' 2>/dev/null ||
  { echo 'nobody takes connections on 10.30.0.10 port 6443'; exit 1; }
) >/dev/null 2>&1; do
  if [ "$SECONDS" -ge "$deadline" ]; then
    echo 'gave up waiting for the virtual address 10.30.0.10 to be held by a balancer' >&2
    exit 1
  fi
  sleep 1
done
