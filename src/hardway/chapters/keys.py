"""Private keys of a joining master, made while the first master starts (article chapters 13 and 16)."""

from collections.abc import Iterator

from hardway.chapters import certs, kubeconfig
from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import Step


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield from certs.keys(cluster, node)
    yield from kubeconfig.keys(cluster, node)


KEYS = Chapter("keys", "Private keys of a joining master", (13, 16), steps=steps)
