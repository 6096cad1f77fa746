"""A workflow is a literal list of stages: which chapter, on which nodes, after what on other nodes."""

from collections.abc import Callable
from dataclasses import dataclass

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node

Selector = Callable[[Cluster], tuple[Node, ...]]


def first_control_plane(cluster: Cluster) -> tuple[Node, ...]:
    return (cluster.first_control_plane,)


def joining_control_planes(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.joining_control_planes


def first_member(cluster: Cluster) -> tuple[Node, ...]:
    """The first member of etcd; nobody where etcd is external."""
    return cluster.etcd_members[:1]


def joining_members(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.etcd_members[1:]


def workers(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.workers


def balancers(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.balancers


def kubernetes_nodes(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.kubernetes_nodes


def everywhere(cluster: Cluster) -> tuple[Node, ...]:
    return cluster.nodes


@dataclass(frozen=True)
class After:
    """Another chapter that must be finished on all nodes of a selector first."""

    chapter: str
    on: Selector


@dataclass(frozen=True)
class Stage:
    """One entry of a workflow. Stages of the same node keep the list's order; only `after` crosses nodes."""

    chapter: Chapter
    on: Selector
    after: tuple[After, ...] = ()
    serial: bool = False
    """One node at a time, in the order of the inventory."""
    makes: tuple[str, ...] = ()
    """Run inputs (names in `inputs.RUN_INPUTS`) that can be read from the node once this stage is done."""
