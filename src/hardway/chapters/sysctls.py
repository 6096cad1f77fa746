"""Kernel parameters (article chapter 7)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, File, Step

BRIDGE = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")
FORWARD = ("net.ipv4.ip_forward",)
FORWARD6 = "net.ipv6.conf.all.forwarding"
"""Sets net.ipv6.conf.default.forwarding, which kubeadm's preflight reads, as well."""


def uses_ipv6(cluster: Cluster) -> bool:
    """Some pod, Service or node of the cluster has an IPv6 address."""
    networking = cluster.networking
    addresses = [node.address for node in cluster.kubernetes_nodes]
    return any(
        ":" in text
        for text in (*networking.pod_subnets, *networking.service_subnets, cluster.network.cidr, *addresses)
    )


def files(cluster: Cluster) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """File, keys that are set to 1, and the reason."""
    forward = (*FORWARD, FORWARD6) if uses_ipv6(cluster) else FORWARD
    return (
        ("/etc/sysctl.d/99-br-netfilter.conf", BRIDGE, "Service rules apply to pods on the same bridge"),
        ("/etc/sysctl.d/99-network.conf", forward, "the node routes between pods; kubeadm's preflight demands it"),
    )


def in_force(cluster: Cluster) -> Check:
    """The running kernel has the values."""
    wanted = [name for _, names, _ in files(cluster) for name in names]
    proc = " ".join(f"/proc/sys/{name.replace('.', '/')}" for name in wanted)
    return Check(
        "the kernel parameters to be set",
        f"for key in {proc}; do\n"
        '  [ "$(cat "$key" 2>/dev/null)" = 1 ] || { echo "$key is not 1"; exit 1; }\ndone\n',
        hint="sysctl --system shows which file sets what; the last one wins",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    listed = files(cluster)
    for path, names, why in listed:
        stem = path.rsplit("/", 1)[1].removesuffix(".conf")
        yield File(f"sysctls/{stem}", path, "".join(f"{name}=1\n" for name in names), why=why)
    paths = tuple(path for path, _, _ in listed)
    yield Command(
        "sysctls/apply",
        "set them now",
        f"sysctl -q -p {' '.join(paths)}\n",
        in_force(cluster),
        idempotent=True,
        watches=paths,
        why="the files are read at boot only",
    )


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield in_force(cluster)


SYSCTLS = Chapter("sysctls", "Kernel parameters", (7,), steps=steps, checks=checks)
