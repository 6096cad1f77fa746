#!/usr/bin/env bash
# Pod network
# Node: master-2.my-first-cluster.example.com
set -euo pipefail

# network/cni
# make the directory /etc/cni/net.d
install -d -m 0755 -o root -g root /etc/cni/net.d

# network/pod-cidr
# move the pods of this node to 10.244.1.0/24: running pods keep their addresses, and nobody would find them any more
(
[ -s /etc/kubernetes/kubelet.conf ] || exit 0
old="$(sed -n 's/.*"subnet": "\(.*\)".*/\1/p' /etc/cni/net.d/10-hardway.conflist 2>/dev/null)"
if [ -n "$old" ] && [ "$old" != 10.244.1.0/24 ]; then
  echo "its pods have addresses of $old: podCIDR: $old in its entry keeps them"
  exit 106
fi
)

# network/cni/config
# with it the kubelet reports the node as Ready
install -m 0644 /dev/stdin /etc/cni/net.d/10-hardway.conflist <<'EOF'
{
  "cniVersion": "1.0.0",
  "name": "hardway",
  "plugins": [
    {
      "type": "bridge",
      "bridge": "cni0",
      "isGateway": true,
      "hairpinMode": true,
      "ipMasq": false,
      "ipam": {
        "type": "host-local",
        "ranges": [
          [
            {
              "subnet": "10.244.1.0/24"
            }
          ]
        ],
        "routes": [
          {
            "dst": "0.0.0.0/0"
          }
        ]
      }
    },
    {
      "type": "portmap",
      "capabilities": {
        "portMappings": true
      }
    }
  ]
}
EOF

# network/routes/directory
# make the directory /etc/default/hardway-pod-routes
install -d -m 0755 -o root -g root /etc/default/hardway-pod-routes

# network/routes/script
# the nodes are each other's routers
install -m 0755 /dev/stdin /etc/default/hardway-pod-routes/routes.sh <<'EOF'
#!/bin/sh
set -eu
ip route replace 10.244.0.0/24 via 10.30.0.11
ip route replace 10.244.2.0/24 via 10.30.0.13
ip route replace 10.244.3.0/24 via 10.30.0.21
# Pods reach what is outside the pod network with the node's address; among themselves they keep their own.
iptables -w -t nat -C POSTROUTING -s 10.244.1.0/24 ! -d 10.244.0.0/16 -j MASQUERADE 2>/dev/null ||
  iptables -w -t nat -A POSTROUTING -s 10.244.1.0/24 ! -d 10.244.0.0/16 -j MASQUERADE
EOF

# network/routes/unit
# routes are gone after a reboot
install -m 0644 /dev/stdin /usr/lib/systemd/system/hardway-pod-routes.service <<'EOF'
[Unit]
Description=Routes to the pods of the other nodes
After=network-online.target
Wants=network-online.target
Before=kubelet.service
[Service]
Type=oneshot
ExecStart=/etc/default/hardway-pod-routes/routes.sh
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

# network/routes
# enable and start hardway-pod-routes.service: a route that is there already is replaced by itself
systemctl daemon-reload
systemctl enable -q hardway-pod-routes.service
systemctl restart hardway-pod-routes.service || { journalctl --no-pager -n 20 -u hardway-pod-routes.service >&2; exit 1; }
