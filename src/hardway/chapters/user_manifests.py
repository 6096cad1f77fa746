"""What the user wants in the cluster from the start: manifests of the inventory, applied last."""

from collections.abc import Iterator, Mapping

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubectl import kubectl
from hardway.model import Cluster, Document, Node
from hardway.steps import ApiObjects, Check, Step, Wait
from hardway.steps.shell import words

SERVED_LIMIT = 60
"""Seconds for the API server to serve a new kind."""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    definitions = tuple(item for item in cluster.manifests if item["kind"] == "CustomResourceDefinition")
    others = tuple(item for item in cluster.manifests if item not in definitions)
    admin = f"{cluster.paths.kubernetes}/admin.conf"
    if definitions:
        yield ApiObjects(
            "manifests/definitions", definitions, admin, why="objects of these kinds can come after them"
        )
        yield Wait("manifests/definitions-served", _served(cluster, definitions), SERVED_LIMIT)
    if others:
        yield ApiObjects("manifests", others, admin, why="cluster.yaml asks for them")


def _served(cluster: Cluster, definitions: tuple[Document, ...]) -> Check:
    names = [f"crd/{_name(item)}" for item in definitions]
    return Check(
        "the new kinds to be served",
        f"{kubectl(cluster)} wait --for=condition=Established --timeout=1s {words(names)} >/dev/null 2>&1 ||\n"
        "  { echo 'not all are established'; exit 1; }\n",
        hint="kubectl describe crd tells what is wrong with them",
    )


def _name(item: Document) -> str:
    metadata = item["metadata"]
    assert isinstance(metadata, Mapping)
    return str(metadata["name"])


USER_MANIFESTS = Chapter("manifests", "Manifests of the user", (), optional=True, steps=steps)
