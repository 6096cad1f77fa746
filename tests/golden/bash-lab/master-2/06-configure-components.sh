#!/usr/bin/env bash
# Configuration of the components
# Node: master-2.my-first-cluster.example.com
# Article: chapter 9
set -euo pipefail

# configure-components/containerd
# make the directory /etc/containerd
install -d -m 0755 -o root -g root /etc/containerd

# configure-components/containerd/conf.d
# make the directory /etc/containerd/conf.d
install -d -m 0755 -o root -g root /etc/containerd/conf.d

# configure-components/containerd/certs.d
# make the directory /etc/containerd/certs.d
install -d -m 0755 -o root -g root /etc/containerd/certs.d

# configure-components/containerd/config
# settings stand in one imported file: a second one would replace all of it
install -m 0644 /dev/stdin /etc/containerd/config.toml <<'EOF'
version = 2
imports = ["/etc/containerd/conf.d/*.toml"]
EOF

# configure-components/containerd/cri
# kubelet and containerd must share the systemd cgroup driver and the sandbox image
install -m 0644 /dev/stdin /etc/containerd/conf.d/in-cloud.toml <<'EOF'
version = 2

[plugins."io.containerd.grpc.v1.cri"]
sandbox_image = "registry.k8s.io/pause:3.9"
restrict_oom_score_adj = true

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
runtime_type = "io.containerd.runc.v2"

[plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
SystemdCgroup = true

[plugins."io.containerd.grpc.v1.cri".registry]
config_path = "/etc/containerd/certs.d/"
EOF

# configure-components/containerd/unit
# containers outlive a restart of containerd (KillMode) and have cgroups of their own (Delegate)
install -m 0644 /dev/stdin /usr/lib/systemd/system/containerd.service <<'EOF'
[Unit]
Description=containerd container runtime
Documentation=https://containerd.io
After=network.target local-fs.target containerd-install.service runc-install.service
Wants=containerd-install.service runc-install.service
[Service]
ExecStartPre=-/sbin/modprobe overlay
ExecStart=/usr/local/bin/containerd
Type=notify
Delegate=yes
KillMode=process
Restart=always
RestartSec=5
LimitNPROC=infinity
LimitCORE=infinity
LimitNOFILE=infinity
TasksMax=infinity
OOMScoreAdjust=-999
[Install]
WantedBy=multi-user.target
EOF

# configure-components/containerd/registries/registry.k8s.io/directory
# make the directory /etc/containerd/certs.d/registry.k8s.io
install -d -m 0755 -o root -g root /etc/containerd/certs.d/registry.k8s.io

# configure-components/containerd/registries/registry.k8s.io
# images come from the mirrors only
install -m 0644 /dev/stdin /etc/containerd/certs.d/registry.k8s.io/hosts.toml <<'EOF'
server = "https://mirror.my-first-cluster.example.com/v2/registry.k8s.io"
capabilities = ["pull", "resolve"]
override_path = true

[host."https://mirror.my-first-cluster.example.com/v2/registry.k8s.io"]
capabilities = ["pull", "resolve"]
override_path = true
EOF

# configure-components/containerd/registries/docker.io/directory
# make the directory /etc/containerd/certs.d/docker.io
install -d -m 0755 -o root -g root /etc/containerd/certs.d/docker.io

# configure-components/containerd/registries/docker.io
# images come from the mirrors only
install -m 0644 /dev/stdin /etc/containerd/certs.d/docker.io/hosts.toml <<'EOF'
server = "https://mirror.my-first-cluster.example.com/v2/docker.io"
capabilities = ["pull", "resolve"]
override_path = true

[host."https://mirror.my-first-cluster.example.com/v2/docker.io"]
capabilities = ["pull", "resolve"]
override_path = true
EOF

# configure-components/containerd/start
# enable and start containerd.service: it reads its configuration when it starts
systemctl daemon-reload
systemctl enable -q containerd.service
systemctl restart containerd.service || { journalctl --no-pager -n 20 -u containerd.service >&2; exit 1; }

# configure-components/images
# import the images that a bundle has brought: pinned, because no registry could give them back
if [ -s /var/cache/hardway/images/list ]; then
  while read -r image file <&3; do
    ctr -n k8s.io images import "/var/cache/hardway/images/$file" >/dev/null
    ctr -n k8s.io images label "$image" io.cri-containerd.pinned=pinned >/dev/null
  done 3</var/cache/hardway/images/list
fi

# configure-components/kubelet/drop-ins
# make the directory /usr/lib/systemd/system/kubelet.service.d
install -d -m 0755 -o root -g root /usr/lib/systemd/system/kubelet.service.d

# configure-components/kubelet/unit
# it is restarted for ever, as kubeadm's is
install -m 0644 /dev/stdin /usr/lib/systemd/system/kubelet.service <<'EOF'
[Unit]
Description=kubelet: The Kubernetes Node Agent
Documentation=https://kubernetes.io/docs/
Wants=network-online.target containerd.service
After=network-online.target containerd.service
StartLimitIntervalSec=0
[Service]
ExecStart=/usr/local/bin/kubelet
Restart=always
RestartSec=10
[Install]
WantedBy=multi-user.target
EOF

# configure-components/kubelet/drop-in
# the layers of flags, in kubeadm's own order
install -m 0644 /dev/stdin /usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf <<'EOF'
[Service]
Environment="KUBELET_KUBECONFIG_ARGS=--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf --kubeconfig=/etc/kubernetes/kubelet.conf"
Environment="KUBELET_CONFIG_ARGS=--config=/var/lib/kubelet/config.yaml"
EnvironmentFile=-/var/lib/kubelet/kubeadm-flags.env
EnvironmentFile=-/etc/default/kubelet/extra-args.env
ExecStart=
ExecStart=/usr/local/bin/kubelet $KUBELET_KUBECONFIG_ARGS $KUBELET_CONFIG_ARGS $KUBELET_KUBEADM_ARGS $KUBELET_EXTRA_ARGS
EOF

# configure-components/kubelet/defaults
# make the directory /etc/default/kubelet
install -d -m 0755 -o root -g root /etc/default/kubelet

# configure-components/kubelet/extra-args
# place for the operator's own flags
install -m 0644 /dev/stdin /etc/default/kubelet/extra-args.env <<'EOF'
KUBELET_EXTRA_ARGS=""
EOF

# configure-components/kubelet/enable
# enable kubelet.service: it starts in chapter kubelet-start, when it has a configuration
systemctl daemon-reload
systemctl enable kubelet.service
