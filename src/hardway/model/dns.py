"""The A records of the cluster (article chapter 3)."""

from dataclasses import dataclass

from hardway.model.cluster import Cluster

TTL = 60
"""Seconds, as the article has it: a balancer can be moved without long waiting."""


@dataclass(frozen=True)
class Record:
    """One address record."""

    name: str
    address: str
    ttl: int = TTL


def records(cluster: Cluster) -> tuple[Record, ...]:
    """The endpoint first, then the nodes in the order of the inventory."""
    endpoint = [Record(cluster.endpoint.host, cluster.balancer.address)] if cluster.balancer.address else []
    return (*endpoint, *(Record(node.name, node.address) for node in cluster.nodes))
