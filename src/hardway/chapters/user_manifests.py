"""What the user wants in the cluster from the start: manifests of the inventory, applied last."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node
from hardway.steps import ApiObjects, Step


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    if cluster.manifests:
        yield ApiObjects("manifests", cluster.manifests, f"{cluster.paths.kubernetes}/admin.conf")


USER_MANIFESTS = Chapter("manifests", "Manifests of the user", (), optional=True, steps=steps)
