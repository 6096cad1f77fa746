"""Kernel parameters (article chapter 7)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, File, Step

BRIDGE = ("net.bridge.bridge-nf-call-iptables", "net.bridge.bridge-nf-call-ip6tables")
FORWARD = ("net.ipv4.ip_forward",)
FORWARD6 = "net.ipv6.conf.all.forwarding"


def keys(cluster: Cluster) -> tuple[tuple[str, tuple[str, ...], str], ...]:
    """File, keys that are set to 1, and the reason."""
    ipv6 = any(":" in cidr for cidr in (*cluster.networking.pod_subnets, *cluster.networking.service_subnets))
    forward = (*FORWARD, FORWARD6) if ipv6 else FORWARD
    return (
        ("/etc/sysctl.d/99-br-netfilter.conf", BRIDGE, "Service rules apply to pods on the same bridge"),
        ("/etc/sysctl.d/99-network.conf", forward, "the node routes between pods; kubeadm's preflight demands it"),
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    files = keys(cluster)
    for path, names, why in files:
        stem = path.rsplit("/", 1)[1].removesuffix(".conf")
        yield File(f"sysctls/{stem}", path, "".join(f"{name}=1\n" for name in names), why=why)
    paths = " ".join(path for path, _, _ in files)
    wanted = [name for _, names, _ in files for name in names]
    proc = " ".join(f"/proc/sys/{name.replace('.', '/')}" for name in wanted)
    yield Command(
        "sysctls/apply",
        "set them now",
        f'for file in {paths}; do sysctl -q -p "$file"; done\n',
        Check(
            "the parameters to be set",
            f"for key in {proc}; do\n"
            '  [ "$(cat "$key" 2>/dev/null)" = 1 ] || { echo "$key is not 1"; exit 1; }\ndone\n',
        ),
        idempotent=True,
        watches=tuple(path for path, _, _ in files),
    )


SYSCTLS = Chapter("sysctls", "Kernel parameters", (7,), steps=steps)
