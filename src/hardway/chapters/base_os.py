"""Host name and packages (article chapter 5)."""

from collections.abc import Iterator

from hardway.chapters import own_node, proxy
from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node, OsFamily
from hardway.steps import Check, Command, Packages, Step
from hardway.steps.shell import quote, words

ARTICLE = {OsFamily.DEBIAN: "conntrack", OsFamily.REDHAT: "conntrack-tools"}
"""conntrack has two names; socat, jq and tree, the article's others, have one."""
COMMON = ("socat", "jq", "tree", "curl", "openssl", "ca-certificates", "ethtool", "kmod")
FAMILY = {
    # Minimal images of Debian and Ubuntu lack iptables, which kubeadm's preflight demands.
    OsFamily.DEBIAN: ("iptables", "iproute2", "procps", "ebtables"),
    # iptables-nft brings ebtables, iproute-tc brings tc.
    OsFamily.REDHAT: ("iptables-nft", "iproute", "iproute-tc", "procps-ng"),
}
TOOLS = ("conntrack", "socat", "jq", "curl", "openssl", "ip", "iptables", "modprobe", "sysctl")
"""What the kubelet, kubeadm's preflight and later chapters call."""


def packages(node: Node) -> tuple[str, ...]:
    """Packages of one node by its roles; a balancer gets its own in its own chapter."""
    if not node.is_kubernetes:
        return ()
    family = node.facts.os_family
    # kubeadm-certs is AES-256-GCM, which openssl's command line cannot do.
    own = ("python3-cryptography",) if node.is_control_plane else ()
    return (ARTICLE[family], *COMMON, *FAMILY[family], *own)


def named(node: Node) -> Check:
    """The machine has its name, now and after a reboot."""
    name = quote(node.name)
    return Check(
        f"the host name to be {node.name}",
        f'[ "$(</proc/sys/kernel/hostname)" = {name} ] || {{ echo "it is another one"; exit 1; }}\n'
        f'[ "$(cat /etc/hostname 2>/dev/null)" = {name} ] || {{ echo "it is another one after a reboot"; exit 1; }}\n',
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    name = quote(node.name)
    if node.is_kubernetes:
        yield own_node.joined_under_this_name(cluster, node, "base-os")
    yield Command(
        "base-os/hostname",
        f"set the host name to {node.name}",
        # hostnamectl needs a bus; a machine without one gets the same two effects by hand.
        f"hostnamectl set-hostname {name} || {{ printf '%s\\n' {name} >/etc/hostname; hostname {name}; }}\n",
        named(node),
        idempotent=True,
        why="host name, node name and etcd member name are one: then no override is needed anywhere",
    )
    yield from proxy.steps(cluster)
    if wanted := packages(node):
        yield Packages(
            "base-os/packages",
            wanted,
            node.facts.os_family,
            proxy.env_file(cluster),
            why="the kubelet calls conntrack, socat and iptables; the chapters call jq, curl and openssl",
        )


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield named(node)
    if node.is_kubernetes:
        yield Check(
            "the tools of the later chapters to be in PATH",
            f"for tool in {words(TOOLS)}; do\n"
            '  command -v "$tool" >/dev/null || { echo "$tool is missing"; exit 1; }\ndone\n',
            hint="hardway apply --only base-os",
        )


BASE_OS = Chapter("base-os", "Base setup of the node", (5,), steps=steps, checks=checks)
