"""The Debian tree that all nodes share read-only: what a fresh server image has, and nothing of Kubernetes."""

import hashlib
from pathlib import Path

from hardway.lab.apt import SUITE, debian_sources
from hardway.lab.command import run
from hardway.lab.paths import Say, cache_dir, fresh_dir, locked

PACKAGES = (
    "systemd",
    "systemd-sysv",
    "dbus",
    "openssh-server",
    "sudo",
    "iproute2",
    "iptables",
    "nftables",
    "kmod",
    "mount",
    "procps",
    "ca-certificates",
    "curl",
    "openssl",
    "python3-minimal",
    "iputils-ping",
    "less",
    "cloud-init",
)
"""conntrack, socat, jq, tree and haproxy are left out: chapters install them through apt."""

SEED = "/var/lib/cloud/seed/nocloud"

CLOUD_CONFIG = """\
# Only a seed on the node's own disk is looked for; nodes without one must not wait for cloud-init.
datasource_list: [NoCloud, None]
# The lab has laid these down: package source, network, strictly checked host keys, the user.
apt: {preserve_sources_list: true}
network: {config: disabled}
ssh_deletekeys: false
ssh_genkeytypes: [ed25519]
users: [{name: hardway}]
# What is set already: the tree has no package `locales` to make others.
locale: C.UTF-8
# The disk is a directory.
growpart: {mode: "off"}
resize_rootfs: false
"""

CLOUD_CONDITION = f"[Unit]\nConditionPathExists={SEED}/user-data\n"
CLOUD_UNITS = ("cloud-init-local", "cloud-init", "cloud-config", "cloud-final")


def _write(path: str, text: str) -> str:
    """A hook that writes a file into the tree."""
    body = text.replace("'", "'\\''")
    return f"mkdir -p \"$1{Path(path).parent}\" && printf '%s' '{body}' > \"$1{path}\""


CUSTOMIZE = (
    # Nodes answer ssh within seconds; nothing here needs these, and each costs boot time.
    'systemctl --root="$1" mask systemd-resolved.service systemd-timesyncd.service e2scrub_reap.service'
    " systemd-udev-trigger.service systemd-udevd.service apt-daily.timer apt-daily-upgrade.timer getty.target"
    " systemd-logind.service console-getty.service rsyslog.service",
    'systemctl --root="$1" enable systemd-networkd.service ssh.service',
    'chroot "$1" useradd -m -s /bin/bash hardway',
    'printf \'hardway ALL=(ALL) NOPASSWD: ALL\\n\' > "$1/etc/sudoers.d/hardway" && chmod 0440 "$1/etc/sudoers.d/hardway"',
    'rm -f "$1"/etc/ssh/ssh_host_* "$1/etc/machine-id" "$1/etc/resolv.conf"',
    'rm -rf "$1"/var/lib/apt/lists/* "$1"/etc/apt/sources.list "$1"/etc/apt/sources.list.d/*',
    "printf 'PermitRootLogin no\\nPasswordAuthentication no\\nUseDNS no\\n' > \"$1/etc/ssh/sshd_config.d/hardway.conf\"",
    _write("/etc/default/locale", "LANG=C.UTF-8\n"),
    _write("/etc/cloud/cloud.cfg.d/99-hardway-lab.cfg", CLOUD_CONFIG),
    *(_write(f"/etc/systemd/system/{unit}.service.d/seeded.conf", CLOUD_CONDITION) for unit in CLOUD_UNITS),
)


def recipe() -> str:
    """Short hash of all that the tree is made from."""
    text = "\n".join((SUITE, *PACKAGES, *CUSTOMIZE))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def ensure_tree(say: Say) -> Path:
    """The node tree, built once per recipe with mmdebstrap from the host's own package sources."""
    target = cache_dir() / "tree" / recipe()
    with locked("tree"):
        if target.exists():
            return target
        say("building the node tree (Debian packages, about a minute)")
        with fresh_dir(target) as tree:
            run(
                [
                    "mmdebstrap",
                    "--quiet",
                    "--variant=minbase",
                    f"--include={','.join(PACKAGES)}",
                    '--aptopt=APT::Install-Recommends "false"',
                    "--dpkgopt=path-exclude=/usr/share/man/*",
                    "--dpkgopt=path-exclude=/usr/share/doc/*",
                    "--dpkgopt=path-exclude=/usr/share/locale/*",
                    *(f"--customize-hook={line}" for line in CUSTOMIZE),
                    SUITE,
                    tree,
                    *debian_sources(),
                ],
                where="lab tree",
            )
            tree.chmod(0o755)
    return target
