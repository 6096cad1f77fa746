"""Kubeconfigs of people and components (article chapters 16 and 17, kubeadm phase `kubeconfig`)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.pki.kubeconfigs import kubeconfigs
from hardway.steps import Kubeconfig, Step


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    for spec in kubeconfigs(cluster, node):
        yield Kubeconfig(f"kubeconfig/{spec.name}", spec)


KUBECONFIG = Chapter(
    "kubeconfig", "Kubeconfigs", (16, 17), "kubeconfig all", "control-plane-prepare kubeconfig", steps=steps
)
