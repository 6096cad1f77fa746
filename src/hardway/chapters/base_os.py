"""Host name and packages (article chapter 5)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node, OsFamily
from hardway.steps import Check, Command, Packages, Step
from hardway.steps.shell import quote

COMMON = {
    OsFamily.DEBIAN: (
        "conntrack",
        "socat",
        "jq",
        "tree",
        "curl",
        "openssl",
        "ebtables",
        "ethtool",
        "python3-minimal",
    ),
    OsFamily.REDHAT: ("conntrack-tools", "socat", "jq", "tree", "curl", "openssl", "ebtables", "ethtool", "python3"),
}
"""conntrack, socat: kubelet and kubeadm's preflight; jq, tree: the reader; curl, openssl, python3: later chapters;
ebtables, ethtool: kubeadm's preflight warns without them."""
BALANCER = {OsFamily.DEBIAN: ("haproxy",), OsFamily.REDHAT: ("haproxy",)}


def packages(cluster: Cluster, node: Node) -> tuple[str, ...]:
    """Packages of one node by its roles."""
    family = node.facts.os_family
    wanted: tuple[str, ...] = COMMON[family] if node.is_kubernetes else ()
    if node.is_control_plane:
        # kubeadm-certs is AES-256-GCM, which openssl's command line cannot do.
        wanted = (*wanted, "python3-cryptography")
    if node in cluster.balancers:
        wanted = (*wanted, *BALANCER[family])
    return wanted


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    name = quote(node.name)
    yield Command(
        "base-os/hostname",
        f"set the host name to {node.name}",
        # hostnamectl needs a bus; a machine without one gets the same two effects by hand.
        f"hostnamectl set-hostname {name} || {{ printf '%s\\n' {name} >/etc/hostname; hostname {name}; }}\n",
        Check(
            f"the host name to be {node.name}",
            f'[ "$(cat /proc/sys/kernel/hostname)" = {name} ] && [ "$(cat /etc/hostname)" = {name} ] ||'
            " { echo 'it is another one'; exit 1; }\n",
        ),
        idempotent=True,
        why="host name, node name and etcd member name are one: then no override is needed anywhere",
    )
    wanted = packages(cluster, node)
    if wanted:
        yield Packages("base-os/packages", wanted, node.facts.os_family)


BASE_OS = Chapter("base-os", "Base setup of the node", (5,), steps=steps)
