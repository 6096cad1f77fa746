"""Renewal of certificates: `hardway certs renew`."""

from collections.abc import Mapping

from hardway.chapters.renew import Request, chapter
from hardway.model import Cluster, Node
from hardway.workflows.stage import Stage


def renew(requests: Mapping[str, tuple[Request, ...]], *, force: bool = False) -> tuple[Stage, ...]:
    """One master after the other. With `force` all at once: after all have ended, no member of etcd is well alone."""

    def masters(cluster: Cluster) -> tuple[Node, ...]:
        return tuple(node for node in cluster.control_planes if node.name in requests)

    return (Stage(chapter(requests, force=force), masters, serial=not force),)
