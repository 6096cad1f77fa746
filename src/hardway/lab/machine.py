"""One node of the lab: an overlay over the shared tree, booted by systemd-nspawn."""

import shutil
import signal
import socket
import time
import uuid
from pathlib import Path

from hardway.errors import LabError
from hardway.lab import cgroups, mounts
from hardway.lab.apt import KEYRING
from hardway.lab.process import Process, await_condition, await_end, end, inits_below, send, start
from hardway.lab.spec import LabNode, LabSpec
from hardway.lab.tree import SEED

BOOT_LIMIT = 60.0
STOP_LIMIT = 30.0
ASK_AGAIN = 2.0

OUTSIDE = {"containerd": 0o711, "etcd": 0o700, "kubelet": 0o700}
"""Below /var/lib, bind-mounted from the host: overlayfs cannot be the upper layer of overlayfs. A real machine does not
have them at first, so their modes are those with which their owners make them."""

NSPAWN_STATE = Path("/run/systemd/nspawn")
"""Where nspawn keeps locks and a directory per machine; it cleans up unless it is killed."""

SUPERVISOR = """\
while :; do
  (for file in $HARDWAY_CGROUPS; do echo 0 >"$file" || exit 1; done; exec "$@")
  code=$?
  [ "$code" -eq 133 ] || exit "$code"
  # A machine that boots finds no cgroups of its former life.
  for file in $HARDWAY_CGROUPS; do find "${file%/*}" -mindepth 1 -depth -type d -exec rmdir {} +; done
done
"""
"""nspawn exits with 133 when the node wants to reboot, and leaves it to its starter to boot it again."""

EARLY_UNIT = """\
[Unit]
Description=Make writable what the kubelet sets
DefaultDependencies=no
Before=sysinit.target systemd-sysctl.service
[Service]
Type=oneshot
# The kubelet writes vm.overcommit_memory and kernel.panic; on cgroup v1 each controller has a mount of its own.
ExecStart=/bin/sh -c 'mount -o remount,rw,bind /proc/sys; for c in /sys/fs/cgroup/*; do mount -o remount,rw,bind "$c"; done; true'
[Install]
WantedBy=sysinit.target
"""


class Machine:
    """A node's directories and its life."""

    def __init__(self, spec: LabSpec, node: LabNode, lab_folder: Path) -> None:
        self.spec, self.node = spec, node
        self.folder = lab_folder / "nodes" / node.host_name
        self.root = self.folder / "root"
        self._lab_folder = lab_folder

    def prepare(self, tree: Path, mirror_root: Path, user_data: str = "") -> None:
        """Lay out the upper layer: identity, address, keys, package source; user-data for cloud-init if there is any."""
        upper = self.folder / "upper"
        for name in ("upper", "work", "root"):
            (self.folder / name).mkdir(parents=True, exist_ok=True)
        for name, mode in OUTSIDE.items():
            (self.folder / name).mkdir(mode, exist_ok=True)
        spec, node, ssh = self.spec, self.node, self._lab_folder / "ssh"

        def put(path: str, text: str, mode: int = 0o644) -> None:
            target = upper / path.lstrip("/")
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(text)
            target.chmod(mode)

        put("/etc/hostname", f"{node.host_name}\n")
        put("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n")
        put("/etc/machine-id", f"{uuid.uuid5(uuid.NAMESPACE_DNS, f'{spec.name}.{node.name}').hex}\n", 0o444)
        put("/etc/resolv.conf", f"nameserver {spec.gateway}\noptions timeout:1\n")
        put(
            "/etc/systemd/network/10-lab.network",
            f"[Match]\nName=host0\n[Network]\nAddress={node.address}/{spec.prefix}\nGateway={spec.gateway}\n"
            "LinkLocalAddressing=no\nIPv6AcceptRA=no\n",
        )
        put("/etc/systemd/system/hardway-lab.service", EARLY_UNIT)
        wants = upper / "etc/systemd/system/sysinit.target.wants"
        wants.mkdir(parents=True, exist_ok=True)
        link = wants / "hardway-lab.service"
        if not link.is_symlink():
            link.symlink_to("/etc/systemd/system/hardway-lab.service")
        host_key = ssh / f"host-{node.host_name}"
        put("/etc/ssh/ssh_host_ed25519_key", host_key.read_text(), 0o600)
        put("/etc/ssh/ssh_host_ed25519_key.pub", host_key.with_suffix(".pub").read_text())
        put("/home/hardway/.ssh/authorized_keys", (ssh / "id_ed25519.pub").read_text(), 0o600)
        owner = (tree / "home/hardway").stat()
        for path in ("home/hardway", "home/hardway/.ssh", "home/hardway/.ssh/authorized_keys"):
            shutil.chown(upper / path, owner.st_uid, owner.st_gid)
        (upper / "home/hardway/.ssh").chmod(0o700)
        ca = (self._lab_folder / "tls/ca.crt").read_text()
        put("/usr/local/share/ca-certificates/hardway-lab.crt", ca)
        bundle = "etc/ssl/certs/ca-certificates.crt"
        put(bundle, (tree / bundle).read_text() + ca)
        keyring = upper / "etc/apt/keyrings" / KEYRING
        keyring.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(mirror_root / "debian" / KEYRING, keyring)
        put(
            "/etc/apt/sources.list.d/lab.list",
            f"deb [signed-by=/etc/apt/keyrings/{KEYRING}] https://{spec.mirror}/debian ./\n",
        )
        if user_data:
            put(f"{SEED}/user-data", user_data, 0o600)
            put(f"{SEED}/meta-data", f"instance-id: {spec.name}-{node.host_name}\nlocal-hostname: {node.host_name}\n")

    def boot(self, tree: Path) -> Process:
        """Start the node and what boots it again when it reboots; `await_ready` tells when it can be used."""
        # Of a node whose supervisor was killed, the rest may live still.
        cgroups.kill(self.spec.name, self.node.host_name)
        cgroups.remove(self.spec.name, self.node.host_name)
        if not self.root.is_mount():
            name = f"hardway-{self.spec.name}"
            mounts.overlay(tree, self.folder / "upper", self.folder / "work", self.root, name)
        nspawn = [
            "systemd-nspawn",
            "--quiet",
            "--register=no",
            "--keep-unit",
            f"--machine={self._machine_name}",
            f"--directory={self.root}",
            f"--network-bridge={self.spec.bridge}",
            "--capability=all",
            "--system-call-filter=@keyring bpf @module",
            "--resolv-conf=off",
            "--timezone=off",
            "--bind=/dev/kmsg",
            *(f"--bind={self.folder}/{name}:/var/lib/{name}" for name in OUTSIDE),
            "--console=pipe",
            "--boot",
        ]
        files = [str(folder / "cgroup.procs") for folder in cgroups.make(self.spec.name, self.node.host_name)]
        return start(
            ["sh", "-c", SUPERVISOR, "hardway-node", *nspawn],
            self.folder / "console.log",
            cgroups.make(self.spec.name, cgroups.HOST),
            {"HARDWAY_CGROUPS": " ".join(files)},
        )

    @property
    def _machine_name(self) -> str:
        return f"hw-{self.spec.name}-{self.node.host_name}"

    @property
    def _where(self) -> str:
        return f"lab node {self.node.host_name}"

    def await_ready(self, process: Process) -> None:
        """Wait until sshd greets; LabError with the console when it does not."""

        def ready() -> bool:
            return not process.alive or self.answers()

        if not await_condition(ready, BOOT_LIMIT) or not process.alive:
            console = (self.folder / "console.log").read_text(errors="replace")
            raise LabError(
                "the node did not boot", self._where, output=console[-3000:], hint="hardway lab down, then up"
            )

    def answers(self) -> bool:
        """sshd of the node greets."""
        try:
            with socket.create_connection((self.node.address, 22), timeout=1) as connection:
                return connection.recv(4) == b"SSH-"
        except OSError:
            return False

    def stop(self, process: Process, *, hard: bool = False) -> None:
        """Power the node off: cleanly, or as if its plug were pulled."""
        # systemd as init takes this signal for `poweroff`.
        signalled: dict[Process, float] = {}
        number = signal.SIGKILL if hard else signal.SIGRTMIN + 4

        def off() -> bool:
            # Asked again: an init that boots just now does not listen yet, and a node that reboots gets another one.
            for leader in inits_below(process):
                if time.monotonic() - signalled.get(leader, 0.0) > ASK_AGAIN:
                    send(leader, number)
                    signalled[leader] = time.monotonic()
            return await_end(process, 0)

        if not await_condition(off, STOP_LIMIT):
            self.remove_processes(process)

    def remove_processes(self, supervisor: Process | None) -> None:
        """End whatever is left of the node on the host, supervisor first."""
        if supervisor is not None:
            end(supervisor)
        cgroups.kill(self.spec.name, self.node.host_name)
        cgroups.remove(self.spec.name, self.node.host_name)

    def unmount(self) -> None:
        """Take the overlay away if it is there, and what a killed nspawn has left in its own directories."""
        for lock in (NSPAWN_STATE / "locks").glob(_lock_name(self.root) if self.root.exists() else "none"):
            lock.unlink(missing_ok=True)
        mounts.unmount_below(self.folder)
        propagate = NSPAWN_STATE / "propagate" / self._machine_name
        if propagate.is_dir():
            propagate.rmdir()


def _lock_name(root: Path) -> str:
    """nspawn's lock of a directory, by device and inode: to be asked for while the overlay is mounted."""
    stat = root.stat()
    return f"inode-{stat.st_dev}:{stat.st_ino}"
