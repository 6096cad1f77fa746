"""The cluster's CA at JoinConfiguration.caCertPath of a node that joins (kubeadm join phase `kubelet-start`).

Source: kubeadm v1.30.4 and v1.37.2 `app/cmd/phases/join/kubelet.go`, `app/preflight/checks.go` (JoinNodeChecks): workers
and masters, 0644 in directories of 0755; a file that is there stays, and a worker must not have one. Here the chapters,
and with kubeadm's defaults the kubelet, read the file in certificatesDir, which chapter discovery makes on every joining
node; this is its copy for whoever was told of caCertPath.
"""

from collections.abc import Iterator

from hardway.errors import REFUSED
from hardway.gotypes.paths import clean
from hardway.model import Cluster, EtcdExternal, Node
from hardway.steps import Check, Command, Step
from hardway.steps.shell import quote


def path_of_copy(cluster: Cluster) -> str:
    """caCertPath; empty where that is the file in certificatesDir."""
    path = cluster.paths.joining_ca
    return "" if path == cluster.paths.ca else path


def copied(cluster: Cluster, node: Node) -> Iterator[Step]:
    """The copy on a node that joins."""
    if not (path := path_of_copy(cluster)):
        return
    ca, copy, new = quote(cluster.paths.ca), quote(path), quote(f"{path}.new")
    conf = quote(f"{cluster.paths.kubernetes}/kubelet.conf")
    # It may be what another chapter has put there on a master, such as a file for an external etcd.
    is_ours = (
        ""
        if node.is_control_plane
        else f"[ -s {conf} ] || cmp -s {ca} {copy} || {{ echo 'it is another file than the CA'; exit 1; }}\n"
    )
    other = quote(f"{path} is there, and is not the CA of this cluster")
    hint = quote("hint: look whose it is and move it away, or let JoinConfiguration.caCertPath name another file")
    yield Command(
        "kubelet-start/ca",
        f"copy the CA to {path}",
        f"if [ -e {copy} ]; then\n  echo {other} >&2\n  echo {hint} >&2\n  exit {REFUSED}\nfi\n"
        f"install -D -m 0644 {ca} {new}\nmv {new} {copy}\n",
        Check(f"{path} to be there", f"[ -e {copy} ] || {{ echo 'it is missing'; exit 1; }}\n{is_ours}"),
        why="JoinConfiguration.caCertPath names it, and its default is not in this certificatesDir",
    )


def removed(cluster: Cluster, node: Node) -> str:
    """bash that takes the copy away while the CA is still there; what is no copy stays."""
    path = path_of_copy(cluster)
    # The way to an external etcd stays, even where its CA is the cluster's.
    others = cluster.etcd.files if isinstance(cluster.etcd, EtcdExternal) and node.is_control_plane else ()
    if not path or path in map(clean, others):
        return ""
    return f"! cmp -s {quote(cluster.paths.ca)} {quote(path)} || rm -f {quote(path)}\n"
