"""Kernel modules (article chapter 6)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, File, Step

MODULES = (
    ("overlay", "grep -qw overlay /proc/filesystems", "containerd stacks image layers with it"),
    (
        "br_netfilter",
        "[ -e /proc/sys/net/bridge/bridge-nf-call-iptables ]",
        "Services see traffic that crosses a bridge",
    ),
)
"""Name, how its work is seen, and who needs it. A module that is built into the kernel works and cannot be loaded, so
the question is for its work."""


def working(name: str, probe: str) -> Check:
    """The module does its work, loaded or built in."""
    return Check(
        f"{name} to work",
        f"{probe} || {{ echo 'not loaded'; exit 1; }}\n",
        hint=f"modprobe {name}; a kernel without it needs its distribution's package of extra modules",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield File(
        "kernel-modules/config",
        "/etc/modules-load.d/k8s.conf",
        "".join(f"{name}\n" for name, _, _ in MODULES),
        why="systemd loads them at every boot",
    )
    for name, probe, why in MODULES:
        yield Command(f"kernel-modules/{name}", f"load {name}", f"modprobe {name}\n", working(name, probe), why=why)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    for name, probe, _ in MODULES:
        yield working(name, probe)


KERNEL_MODULES = Chapter("kernel-modules", "Kernel modules", (6,), steps=steps, checks=checks)
