#!/usr/bin/env bash
# Installation of the components
# Node: master-2.my-first-cluster.example.com
# Article: chapter 8
set -euo pipefail

# install-components/runc/directory
# make the directory /etc/default/runc
install -d -m 0755 -o root -g root /etc/default/runc

# install-components/runc/env
# which version, and from where
install -m 0644 /dev/stdin /etc/default/runc/download.env <<'EOF'
COMPONENT_VERSION="v1.1.12"
REPOSITORY="https://mirror.my-first-cluster.example.com/github.com/opencontainers/runc/releases/download"
EOF

# install-components/runc/script
# verifies the checksum before anything is unpacked
install -m 0755 /dev/stdin /etc/default/runc/download-script.sh <<'EOF'
#!/usr/bin/env bash
# Installs runc in the version of download.env, unless it is there already.
set -euo pipefail

COMPONENT_VERSION="${COMPONENT_VERSION:-v1.1.12}"
REPOSITORY="${REPOSITORY:-https://mirror.my-first-cluster.example.com/github.com/opencontainers/runc/releases/download}"
PATH="/usr/local/bin:$PATH"

log() { logger -t runc-installer "$1"; echo "$1"; }
trap 'log "[ERROR] line $LINENO: the installation failed"' ERR

log "[INFO] checking the current version"
current="$({ runc --version | awk 'NR == 1 { print $NF }'; } 2>/dev/null || true)"
log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"
if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then
  log "[INFO] already up to date"
  exit 0
fi
if [ -n "$current" ] && [ -e /etc/default/runc/download.env ] && [ -n "$(find /usr/local/bin/runc -newercc /etc/default/runc/download.env 2>/dev/null)" ]; then
  log "[INFO] brought by somebody else since /etc/default/runc/download.env was written: it stays"
  exit 0
fi

url="${COMPONENT_VERSION}/runc.amd64"
file="${url##*/}"
if [ -f "/var/cache/hardway/downloads/runc/$url" ]; then
  log "[INFO] a bundle has brought it"
  REPOSITORY="file:///var/cache/hardway/downloads/runc"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log "[INFO] downloading runc from $REPOSITORY/$url"
curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/$url" -o "$work/$file"
sum="${SHA256:-}"
if [ -z "$sum" ]; then
  log "[INFO] downloading the checksum file"
  curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/${COMPONENT_VERSION}/runc.sha256sum" -o "$work/checksums"
  sum="$(awk -v file="$file" 'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }' "$work/checksums")"
fi
log "[INFO] verifying the checksum"
printf '%s  %s\n' "$sum" "$work/$file" | sha256sum --quiet --strict -c -
log "[INFO] installing"
install -m 755 "$work/$file" /usr/local/bin/runc
log "[INFO] updated to ${COMPONENT_VERSION#v}"
EOF

# install-components/runc/unit
# a machine whose binary is lost gets it again at boot
install -m 0644 /dev/stdin /usr/lib/systemd/system/runc-install.service <<'EOF'
[Unit]
Description=Install and update runc
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
EnvironmentFile=-/etc/default/runc/download.env
ExecStart=/etc/default/runc/download-script.sh
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

# install-components/containerd/directory
# make the directory /etc/default/containerd
install -d -m 0755 -o root -g root /etc/default/containerd

# install-components/containerd/env
# which version, and from where
install -m 0644 /dev/stdin /etc/default/containerd/download.env <<'EOF'
COMPONENT_VERSION="1.7.19"
REPOSITORY="https://mirror.my-first-cluster.example.com/github.com/containerd/containerd/releases/download"
EOF

# install-components/containerd/script
# verifies the checksum before anything is unpacked
install -m 0755 /dev/stdin /etc/default/containerd/download-script.sh <<'EOF'
#!/usr/bin/env bash
# Installs containerd in the version of download.env, unless it is there already.
set -euo pipefail

COMPONENT_VERSION="${COMPONENT_VERSION:-1.7.19}"
REPOSITORY="${REPOSITORY:-https://mirror.my-first-cluster.example.com/github.com/containerd/containerd/releases/download}"
PATH="/usr/local/bin:$PATH"

log() { logger -t containerd-installer "$1"; echo "$1"; }
trap 'log "[ERROR] line $LINENO: the installation failed"' ERR

log "[INFO] checking the current version"
current="$({ containerd --version | awk '{ print $3 }'; } 2>/dev/null || true)"
log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"
if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then
  log "[INFO] already up to date"
  exit 0
fi
if [ -n "$current" ] && [ -e /etc/default/containerd/download.env ] && [ -n "$(find /usr/local/bin/containerd -newercc /etc/default/containerd/download.env 2>/dev/null)" ]; then
  log "[INFO] brought by somebody else since /etc/default/containerd/download.env was written: it stays"
  exit 0
fi

url="v${COMPONENT_VERSION#v}/containerd-${COMPONENT_VERSION#v}-linux-amd64.tar.gz"
file="${url##*/}"
if [ -f "/var/cache/hardway/downloads/containerd/$url" ]; then
  log "[INFO] a bundle has brought it"
  REPOSITORY="file:///var/cache/hardway/downloads/containerd"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log "[INFO] downloading containerd from $REPOSITORY/$url"
curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/$url" -o "$work/$file"
sum="${SHA256:-}"
if [ -z "$sum" ]; then
  log "[INFO] downloading the checksum file"
  curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/v${COMPONENT_VERSION#v}/containerd-${COMPONENT_VERSION#v}-linux-amd64.tar.gz.sha256sum" -o "$work/checksums"
  sum="$(awk -v file="$file" 'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }' "$work/checksums")"
fi
log "[INFO] verifying the checksum"
printf '%s  %s\n' "$sum" "$work/$file" | sha256sum --quiet --strict -c -
log "[INFO] extracting files"
mkdir "$work/files"
tar -xzf "$work/$file" -C "$work/files" --no-same-owner
log "[INFO] installing"
for binary in "$work/files/"bin/containerd-shim* "$work/files/"bin/ctr "$work/files/"bin/containerd; do
  install -m 755 "$binary" /usr/local/bin/
done
log "[INFO] updated to ${COMPONENT_VERSION#v}"
EOF

# install-components/containerd/unit
# a machine whose binary is lost gets it again at boot
install -m 0644 /dev/stdin /usr/lib/systemd/system/containerd-install.service <<'EOF'
[Unit]
Description=Install and update containerd
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
EnvironmentFile=-/etc/default/containerd/download.env
ExecStart=/etc/default/containerd/download-script.sh
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

# install-components/kubelet/directory
# make the directory /etc/default/kubelet
install -d -m 0755 -o root -g root /etc/default/kubelet

# install-components/kubelet/env
# which version, and from where
install -m 0644 /dev/stdin /etc/default/kubelet/download.env <<'EOF'
COMPONENT_VERSION="v1.30.4"
REPOSITORY="https://mirror.my-first-cluster.example.com/dl.k8s.io"
EOF

# install-components/kubelet/script
# verifies the checksum before anything is unpacked
install -m 0755 /dev/stdin /etc/default/kubelet/download-script.sh <<'EOF'
#!/usr/bin/env bash
# Installs kubelet in the version of download.env, unless it is there already.
set -euo pipefail

COMPONENT_VERSION="${COMPONENT_VERSION:-v1.30.4}"
REPOSITORY="${REPOSITORY:-https://mirror.my-first-cluster.example.com/dl.k8s.io}"
PATH="/usr/local/bin:$PATH"

log() { logger -t kubelet-installer "$1"; echo "$1"; }
trap 'log "[ERROR] line $LINENO: the installation failed"' ERR

log "[INFO] checking the current version"
current="$({ kubelet --version | awk '{ print $2 }'; } 2>/dev/null || true)"
log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"
if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then
  log "[INFO] already up to date"
  exit 0
fi
if [ -n "$current" ] && [ -e /etc/default/kubelet/download.env ] && [ -n "$(find /usr/local/bin/kubelet -newercc /etc/default/kubelet/download.env 2>/dev/null)" ]; then
  log "[INFO] brought by somebody else since /etc/default/kubelet/download.env was written: it stays"
  exit 0
fi

url="${COMPONENT_VERSION}/bin/linux/amd64/kubelet"
file="${url##*/}"
if [ -f "/var/cache/hardway/downloads/kubelet/$url" ]; then
  log "[INFO] a bundle has brought it"
  REPOSITORY="file:///var/cache/hardway/downloads/kubelet"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log "[INFO] downloading kubelet from $REPOSITORY/$url"
curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/$url" -o "$work/$file"
sum="${SHA256:-}"
if [ -z "$sum" ]; then
  log "[INFO] downloading the checksum file"
  curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/${COMPONENT_VERSION}/bin/linux/amd64/kubelet.sha256" -o "$work/checksums"
  sum="$(awk -v file="$file" 'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }' "$work/checksums")"
fi
log "[INFO] verifying the checksum"
printf '%s  %s\n' "$sum" "$work/$file" | sha256sum --quiet --strict -c -
log "[INFO] installing"
install -m 755 "$work/$file" /usr/local/bin/kubelet
log "[INFO] updated to ${COMPONENT_VERSION#v}"
EOF

# install-components/kubelet/unit
# a machine whose binary is lost gets it again at boot
install -m 0644 /dev/stdin /usr/lib/systemd/system/kubelet-install.service <<'EOF'
[Unit]
Description=Install and update kubelet
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
EnvironmentFile=-/etc/default/kubelet/download.env
ExecStart=/etc/default/kubelet/download-script.sh
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

# install-components/etcd/directory
# make the directory /etc/default/etcd
install -d -m 0755 -o root -g root /etc/default/etcd

# install-components/etcd/env
# which version, and from where
install -m 0644 /dev/stdin /etc/default/etcd/download.env <<'EOF'
COMPONENT_VERSION="v3.5.12"
REPOSITORY="https://mirror.my-first-cluster.example.com/github.com/etcd-io/etcd/releases/download"
EOF

# install-components/etcd/script
# verifies the checksum before anything is unpacked
install -m 0755 /dev/stdin /etc/default/etcd/download-script.sh <<'EOF'
#!/usr/bin/env bash
# Installs etcd in the version of download.env, unless it is there already.
set -euo pipefail

COMPONENT_VERSION="${COMPONENT_VERSION:-v3.5.12}"
REPOSITORY="${REPOSITORY:-https://mirror.my-first-cluster.example.com/github.com/etcd-io/etcd/releases/download}"
PATH="/usr/local/bin:$PATH"

log() { logger -t etcd-installer "$1"; echo "$1"; }
trap 'log "[ERROR] line $LINENO: the installation failed"' ERR

log "[INFO] checking the current version"
current="$({ etcd --version | awk '/etcd Version:/ { print $3 }'; } 2>/dev/null || true)"
log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"
if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then
  log "[INFO] already up to date"
  exit 0
fi
if [ -n "$current" ] && [ -e /etc/default/etcd/download.env ] && [ -n "$(find /usr/local/bin/etcd -newercc /etc/default/etcd/download.env 2>/dev/null)" ]; then
  log "[INFO] brought by somebody else since /etc/default/etcd/download.env was written: it stays"
  exit 0
fi

url="${COMPONENT_VERSION}/etcd-${COMPONENT_VERSION}-linux-amd64.tar.gz"
file="${url##*/}"
if [ -f "/var/cache/hardway/downloads/etcd/$url" ]; then
  log "[INFO] a bundle has brought it"
  REPOSITORY="file:///var/cache/hardway/downloads/etcd"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log "[INFO] downloading etcd from $REPOSITORY/$url"
curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/$url" -o "$work/$file"
sum="${SHA256:-}"
if [ -z "$sum" ]; then
  log "[INFO] downloading the checksum file"
  curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/${COMPONENT_VERSION}/SHA256SUMS" -o "$work/checksums"
  sum="$(awk -v file="$file" 'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }' "$work/checksums")"
fi
log "[INFO] verifying the checksum"
printf '%s  %s\n' "$sum" "$work/$file" | sha256sum --quiet --strict -c -
log "[INFO] extracting files"
mkdir "$work/files"
tar -xzf "$work/$file" -C "$work/files" --no-same-owner
log "[INFO] installing"
for binary in "$work/files/"etcd-${COMPONENT_VERSION}-linux-amd64/etcdctl "$work/files/"etcd-${COMPONENT_VERSION}-linux-amd64/etcdutl "$work/files/"etcd-${COMPONENT_VERSION}-linux-amd64/etcd; do
  install -m 755 "$binary" /usr/local/bin/
done
log "[INFO] updated to ${COMPONENT_VERSION#v}"
EOF

# install-components/etcd/unit
# a machine whose binary is lost gets it again at boot
install -m 0644 /dev/stdin /usr/lib/systemd/system/etcd-install.service <<'EOF'
[Unit]
Description=Install and update etcd
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
EnvironmentFile=-/etc/default/etcd/download.env
ExecStart=/etc/default/etcd/download-script.sh
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

# install-components/kubectl/directory
# make the directory /etc/default/kubectl
install -d -m 0755 -o root -g root /etc/default/kubectl

# install-components/kubectl/env
# which version, and from where
install -m 0644 /dev/stdin /etc/default/kubectl/download.env <<'EOF'
COMPONENT_VERSION="v1.30.4"
REPOSITORY="https://mirror.my-first-cluster.example.com/dl.k8s.io"
EOF

# install-components/kubectl/script
# verifies the checksum before anything is unpacked
install -m 0755 /dev/stdin /etc/default/kubectl/download-script.sh <<'EOF'
#!/usr/bin/env bash
# Installs kubectl in the version of download.env, unless it is there already.
set -euo pipefail

COMPONENT_VERSION="${COMPONENT_VERSION:-v1.30.4}"
REPOSITORY="${REPOSITORY:-https://mirror.my-first-cluster.example.com/dl.k8s.io}"
PATH="/usr/local/bin:$PATH"

log() { logger -t kubectl-installer "$1"; echo "$1"; }
trap 'log "[ERROR] line $LINENO: the installation failed"' ERR

log "[INFO] checking the current version"
current="$({ kubectl version --client | awk '/Client Version/ { print $3 }'; } 2>/dev/null || true)"
log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"
if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then
  log "[INFO] already up to date"
  exit 0
fi
if [ -n "$current" ] && [ -e /etc/default/kubectl/download.env ] && [ -n "$(find /usr/local/bin/kubectl -newercc /etc/default/kubectl/download.env 2>/dev/null)" ]; then
  log "[INFO] brought by somebody else since /etc/default/kubectl/download.env was written: it stays"
  exit 0
fi

url="${COMPONENT_VERSION}/bin/linux/amd64/kubectl"
file="${url##*/}"
if [ -f "/var/cache/hardway/downloads/kubectl/$url" ]; then
  log "[INFO] a bundle has brought it"
  REPOSITORY="file:///var/cache/hardway/downloads/kubectl"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log "[INFO] downloading kubectl from $REPOSITORY/$url"
curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/$url" -o "$work/$file"
sum="${SHA256:-}"
if [ -z "$sum" ]; then
  log "[INFO] downloading the checksum file"
  curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/${COMPONENT_VERSION}/bin/linux/amd64/kubectl.sha256" -o "$work/checksums"
  sum="$(awk -v file="$file" 'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }' "$work/checksums")"
fi
log "[INFO] verifying the checksum"
printf '%s  %s\n' "$sum" "$work/$file" | sha256sum --quiet --strict -c -
log "[INFO] installing"
install -m 755 "$work/$file" /usr/local/bin/kubectl
log "[INFO] updated to ${COMPONENT_VERSION#v}"
EOF

# install-components/kubectl/unit
# a machine whose binary is lost gets it again at boot
install -m 0644 /dev/stdin /usr/lib/systemd/system/kubectl-install.service <<'EOF'
[Unit]
Description=Install and update kubectl
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
EnvironmentFile=-/etc/default/kubectl/download.env
ExecStart=/etc/default/kubectl/download-script.sh
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

# install-components/cni-plugins/directory
# make the directory /etc/default/cni-plugins
install -d -m 0755 -o root -g root /etc/default/cni-plugins

# install-components/cni-plugins/target
# make the directory /opt/cni/bin: containerd looks for network plugins there
install -d -m 0755 -o root -g root /opt/cni/bin

# install-components/cni-plugins/env
# which version, and from where
install -m 0644 /dev/stdin /etc/default/cni-plugins/download.env <<'EOF'
COMPONENT_VERSION="v1.4.0"
REPOSITORY="https://mirror.my-first-cluster.example.com/github.com/containernetworking/plugins/releases/download"
EOF

# install-components/cni-plugins/script
# verifies the checksum before anything is unpacked
install -m 0755 /dev/stdin /etc/default/cni-plugins/download-script.sh <<'EOF'
#!/usr/bin/env bash
# Installs cni-plugins in the version of download.env, unless it is there already.
set -euo pipefail

COMPONENT_VERSION="${COMPONENT_VERSION:-v1.4.0}"
REPOSITORY="${REPOSITORY:-https://mirror.my-first-cluster.example.com/github.com/containernetworking/plugins/releases/download}"
PATH="/usr/local/bin:$PATH"

log() { logger -t cni-plugins-installer "$1"; echo "$1"; }
trap 'log "[ERROR] line $LINENO: the installation failed"' ERR

log "[INFO] checking the current version"
current="$({ /opt/cni/bin/bridge --version 2>&1 | awk 'NR == 1 { print $NF }'; } 2>/dev/null || true)"
log "[INFO] current: ${current:-none}, target: ${COMPONENT_VERSION#v}"
if [ "${current#v}" = "${COMPONENT_VERSION#v}" ]; then
  log "[INFO] already up to date"
  exit 0
fi
if [ -n "$current" ] && [ -e /etc/default/cni-plugins/download.env ] && [ -n "$(find /opt/cni/bin/bridge -newercc /etc/default/cni-plugins/download.env 2>/dev/null)" ]; then
  log "[INFO] brought by somebody else since /etc/default/cni-plugins/download.env was written: it stays"
  exit 0
fi

url="${COMPONENT_VERSION}/cni-plugins-linux-amd64-${COMPONENT_VERSION}.tgz"
file="${url##*/}"
if [ -f "/var/cache/hardway/downloads/cni-plugins/$url" ]; then
  log "[INFO] a bundle has brought it"
  REPOSITORY="file:///var/cache/hardway/downloads/cni-plugins"
fi
work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
log "[INFO] downloading cni-plugins from $REPOSITORY/$url"
curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/$url" -o "$work/$file"
sum="${SHA256:-}"
if [ -z "$sum" ]; then
  log "[INFO] downloading the checksum file"
  curl -fsSL --retry 3 --connect-timeout 20 --speed-time 60 --speed-limit 1000 "$REPOSITORY/${COMPONENT_VERSION}/cni-plugins-linux-amd64-${COMPONENT_VERSION}.tgz.sha256" -o "$work/checksums"
  sum="$(awk -v file="$file" 'NF == 1 || $2 == file || $2 == "*" file { print $1; exit }' "$work/checksums")"
fi
log "[INFO] verifying the checksum"
printf '%s  %s\n' "$sum" "$work/$file" | sha256sum --quiet --strict -c -
log "[INFO] extracting files"
mkdir "$work/files"
tar -xzf "$work/$file" -C "$work/files" --no-same-owner
log "[INFO] installing"
for binary in "$work/files/"[!b]* "$work/files/"b*; do
  install -m 755 "$binary" /opt/cni/bin/
done
log "[INFO] updated to ${COMPONENT_VERSION#v}"
EOF

# install-components/cni-plugins/unit
# a machine whose binary is lost gets it again at boot
install -m 0644 /dev/stdin /usr/lib/systemd/system/cni-plugins-install.service <<'EOF'
[Unit]
Description=Install and update cni-plugins
After=network-online.target
Wants=network-online.target
[Service]
Type=oneshot
EnvironmentFile=-/etc/default/cni-plugins/download.env
ExecStart=/etc/default/cni-plugins/download-script.sh
RemainAfterExit=yes
[Install]
WantedBy=multi-user.target
EOF

# install-components/install
# enable and start runc-install.service containerd-install.service kubelet-install.service etcd-install.service kubectl-install.service cni-plugins-install.service: all at once: systemd downloads them side by side
systemctl daemon-reload
systemctl enable -q runc-install.service containerd-install.service kubelet-install.service etcd-install.service kubectl-install.service cni-plugins-install.service
systemctl restart runc-install.service containerd-install.service kubelet-install.service etcd-install.service kubectl-install.service cni-plugins-install.service || { journalctl --no-pager -n 20 -u runc-install.service -u containerd-install.service -u kubelet-install.service -u etcd-install.service -u kubectl-install.service -u cni-plugins-install.service >&2; exit 1; }
