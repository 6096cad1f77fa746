"""Files that should not be there: what somebody left behind, and what anybody can read. Pure."""

from collections.abc import Collection, Iterator, Mapping

from hardway.chapters.kubelet_join import bootstrap_kubeconfig
from hardway.model import Cluster, EtcdExternal, Node
from hardway.parity.compare import ABSENT
from hardway.parity.live import kubeconfigs, manifests
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.seen import SeenNode
from hardway.pki import catalog
from hardway.renderers.files import Entry
from hardway.steps.shell import quote

SUPER_ADMIN = "super-admin.conf"


def files(cluster: Cluster, node: Node, seen: SeenNode, expected: Collection[str]) -> Iterator[Finding]:
    """What nobody asked for, on one node."""
    folder = f"{cluster.paths.manifests}/"
    for path, entry in sorted(seen.files.items()):
        if path in expected:
            continue
        if path.startswith(folder):
            yield from _manifest(node, path, entry, {p: seen.files[p] for p in expected if p in seen.files})
        elif path == bootstrap_kubeconfig(cluster) and f"{cluster.paths.kubernetes}/kubelet.conf" in seen.files:
            # It holds a token.
            yield _there(Grade.WARNING, node, "kubelet-start", path, f"rm {quote(path)}")
        elif path.endswith(".key"):
            is_foreign = not node.is_control_plane and not manifests.of_master(cluster, seen.files)
            if is_foreign and path in _keys_of_masters(cluster):
                yield _there(Grade.ERROR, node, "certs", path, f"rm {quote(path)}")
                continue
            if is_foreign and path.startswith(f"{cluster.paths.pki}/"):
                yield _there(Grade.NOTE, node, "certs", path, "")
            yield from _mode(cluster, node, "certs", path, entry)
        elif path.endswith(".conf") and kubeconfigs.is_kubeconfig(entry.content):
            yield from _mode(cluster, node, "kubeconfig", path, entry)


def _keys_of_masters(cluster: Cluster) -> frozenset[str]:
    """kubeadm's own names, but for those that an etcd of somebody's has as well; a kubelet's own may lie there, too."""
    leaves = {spec.key for spec in catalog.leaves(cluster, cluster.first_control_plane)}
    shared = {spec.key for spec in catalog.authorities(cluster)} | {catalog.service_account_key(cluster).private_key}
    return frozenset(shared | {key for key in leaves if not key.startswith(f"{cluster.paths.pki}/etcd/")})


def _mode(cluster: Cluster, node: Node, chapter: str, path: str, entry: Entry) -> Iterator[Finding]:
    """Who can read a secret; a group may be there for those who should, but for the API server's own."""
    is_ours = isinstance(cluster.etcd, EtcdExternal) and path == cluster.etcd.key_file
    if entry.mode & (0o077 if is_ours else 0o007):
        grade, cure = Grade.ERROR, f"chmod {'600' if is_ours else 'o='} {quote(path)}"
    elif entry.mode & 0o070:
        grade, cure = Grade.NOTE, ""
    else:
        return
    mode = f"{entry.mode:04o}"
    yield Finding(grade, node.name, chapter, path, "file.mode", "0600", mode, cure)


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
    masters = [n for n in having if n.is_control_plane or manifests.of_master(cluster, seen[n.name].files)]
    for node in having:
        if node not in masters[:1]:
            # Somebody has to find out first what a node without the label is.
            is_known = node.is_control_plane or node not in masters
            yield _there(Grade.WARNING, node, "kubeconfig", path, f"rm {quote(path)}" if is_known else "")
