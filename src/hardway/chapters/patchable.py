"""What a user's patches change, as it is in the end. Made when asked: a patch that does not fit raises UsageError."""

from collections.abc import Callable, Iterator
from functools import partial

from hardway.chapters import addons_coredns, addons_kube_proxy, control_plane, etcd
from hardway.model import Cluster, Node, Value


def static_pods(cluster: Cluster, node: Node) -> Iterator[Callable[[], Value]]:
    """Those of one node."""
    if node.is_control_plane:
        yield from (partial(control_plane.manifest, cluster, node, name) for name in control_plane.COMPONENTS)
    if cluster.runs_member(node):
        yield partial(etcd.manifest, cluster, node, etcd.INITIAL_CLUSTER)


def addons(cluster: Cluster) -> Iterator[Callable[[], Value]]:
    """With the patches of the first master, which installs them."""
    first = cluster.first_control_plane
    if not cluster.skips("addon/coredns"):
        yield partial(addons_coredns.objects, cluster, first)
    if not cluster.skips("addon/kube-proxy"):
        yield partial(addons_kube_proxy.objects, cluster, first)
