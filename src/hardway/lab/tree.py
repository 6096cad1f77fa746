"""The Debian tree that all nodes share read-only: what a fresh server image has, and nothing of Kubernetes."""

import hashlib
import shutil
import tempfile
from pathlib import Path

from hardway.lab.command import run
from hardway.lab.paths import Say, cache_dir

SUITE = "bookworm"
"""Its systemd (252) still boots on cgroup v1; trixie's does not."""

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
)
"""conntrack, socat, jq, tree, haproxy and python3-cryptography are left out: chapters install them through apt."""

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
)


def recipe() -> str:
    """Short hash of all that the tree is made from."""
    text = "\n".join((SUITE, *PACKAGES, *CUSTOMIZE))
    return hashlib.sha256(text.encode()).hexdigest()[:12]


def ensure_tree(say: Say) -> Path:
    """The node tree, built once per recipe with mmdebstrap from the host's own package sources."""
    target = cache_dir() / "tree" / recipe()
    if target.exists():
        return target
    say("building the node tree (Debian packages, about a minute)")
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary = Path(tempfile.mkdtemp(prefix=".new-", dir=target.parent))
    hooks = [f"--customize-hook={line}" for line in CUSTOMIZE]
    try:
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
                *hooks,
                SUITE,
                temporary / "tree",
                *_sources(),
            ],
            where="lab tree",
        )
        (temporary / "tree").chmod(0o755)
        (temporary / "tree").rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return target


def _sources() -> list[Path]:
    """The host's own apt sources, so that the tree comes from where the host's packages come from."""
    folder = Path("/etc/apt/sources.list.d")
    candidates = [Path("/etc/apt/sources.list"), *sorted(folder.glob("*.sources")), *sorted(folder.glob("*.list"))]
    return [file for file in candidates if file.is_file() and "debian" in file.read_text()]
