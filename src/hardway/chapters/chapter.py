"""A chapter: what one phase of kubeadm does to one node, as a function of the cluster and the node."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from hardway.model import Cluster, Node
from hardway.steps import Check, Step

StepsOf = Callable[[Cluster, Node], Iterator[Step]]
ChecksOf = Callable[[Cluster, Node], Iterator[Check]]


def no_steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    """For chapters that only ask questions."""
    yield from ()


def no_checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    """For chapters whose steps say all there is to check."""
    yield from ()


@dataclass(frozen=True)
class Chapter:
    """One chapter of the guide. Pure: no I/O, clock, randomness or cryptography behind `steps` and `checks`."""

    name: str
    """kubeadm's phase where there is one, e.g. `certs`, `control-plane-join/etcd`."""
    title: str
    article: tuple[int, ...]
    """Chapters of the article; empty where the article has none."""
    init_phase: str = ""
    """The kubeadm command's phase path for the first master, empty where there is none."""
    join_phase: str = ""
    local_join_phase: str = ""
    """The one that does it where a master's kubelet talks to its own API server (ControlPlaneKubeletLocalMode), if another."""
    optional: bool = False
    steps: StepsOf = no_steps
    checks: ChecksOf = no_checks
    """Verification that closes the chapter."""
    before: ChecksOf = no_checks
    """What can be asked, and matters, before anything is installed on the node."""

    def joins_by(self, cluster: Cluster) -> str:
        """The phase path of `kubeadm join` in this cluster, empty where there is none."""
        local = self.local_join_phase if cluster.release.features.kubelet_local_mode else ""
        return local or self.join_phase
