"""Files that should not be there: what somebody left behind, and what anybody can read. Pure."""

from collections.abc import Collection, Iterator, Mapping

from hardway.chapters.kubelet_join import bootstrap_kubeconfig
from hardway.model import Cluster, Node
from hardway.parity.compare import ABSENT
from hardway.parity.live import manifests
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.seen import SeenNode
from hardway.renderers.files import Entry
from hardway.steps.shell import quote

SUPER_ADMIN = "super-admin.conf"


def files(cluster: Cluster, node: Node, seen: SeenNode, expected: Collection[str]) -> Iterator[Finding]:
    """What nobody asked for, on one node."""
    pki, folder = f"{cluster.paths.pki}/", f"{cluster.paths.manifests}/"
    for path, entry in sorted(seen.files.items()):
        if path in expected:
            continue
        if path.startswith(folder):
            yield from _manifest(node, path, entry, {p: seen.files[p] for p in expected if p in seen.files})
        elif path.endswith(".key") and path.startswith(pki) and not node.is_control_plane:
            yield _there(Grade.ERROR, node, "certs", path, f"rm {quote(path)}")
        elif path == bootstrap_kubeconfig(cluster) and f"{cluster.paths.kubernetes}/kubelet.conf" in seen.files:
            # It holds a token.
            yield _there(Grade.WARNING, node, "kubelet-start", path, f"rm {quote(path)}")
        elif path.endswith((".key", ".conf")) and entry.mode & 0o077:
            chapter, cure = "kubeconfig" if path.endswith(".conf") else "certs", f"chmod 600 {quote(path)}"
            mode = f"{entry.mode:04o}"
            yield Finding(Grade.ERROR, node.name, chapter, path, "file.mode", "0600", mode, cure)


def _manifest(node: Node, path: str, entry: Entry, wanted: Mapping[str, Entry]) -> Iterator[Finding]:
    """The kubelet runs every file of the directory, whatever its name ends with; not one that begins with a dot."""
    folder, _, base = path.rpartition("/")
    pod, _ = manifests.pod(entry)
    if base.startswith(".") or not pod:
        return
    twins = [
        other for other, its in wanted.items() if other.startswith(f"{folder}/") and manifests.pod(its)[0] == pod
    ]
    if twins:
        yield Finding(
            Grade.ERROR, node.name, "control-plane", path, "metadata.name", f"another Pod than in {twins[0]}", pod,
            f"mv {quote(path)} /root/",
        )  # fmt: skip
    else:
        yield _there(Grade.NOTE, node, "control-plane", path, "")


def _there(grade: Grade, node: Node, chapter: str, path: str, cure: str) -> Finding:
    return Finding(grade, node.name, chapter, path, "item", ABSENT, "present", cure)


def emergency(cluster: Cluster, seen: Mapping[str, SeenNode]) -> Iterator[Finding]:
    """super-admin.conf passes RBAC by; kubeadm leaves it on one master, and advises to put that away."""
    path = f"{cluster.paths.kubernetes}/{SUPER_ADMIN}"
    having = [node for node in cluster.kubernetes_nodes if node.name in seen and path in seen[node.name].files]
    for node in having[1:] if having and having[0].is_control_plane else having:
        yield _there(Grade.WARNING, node, "kubeconfig", path, f"rm {quote(path)}")
