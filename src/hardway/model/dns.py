"""The A records of the cluster (article chapter 3)."""

from dataclasses import dataclass
from ipaddress import ip_address

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
    """The endpoint first (unless it is an address itself), then the nodes in the order of the inventory."""
    host = cluster.endpoint.host
    needed = cluster.balancer.address and not _is_address(host)
    endpoint = [Record(host, cluster.balancer.address)] if needed else []
    return (*endpoint, *(Record(node.name, node.address) for node in cluster.nodes))


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def zone_line(record: Record) -> str:
    """The record in a zone file; the name is absolute."""
    return f"{record.name}. {record.ttl} IN {'AAAA' if ':' in record.address else 'A'} {record.address}"


def hosts_line(record: Record) -> str:
    """The record in /etc/hosts. A line of its own: on a shared one the first name would be everybody's canonical name."""
    return f"{record.address} {record.name}"
