"""What a lab consists of, derived from a cluster."""

import ipaddress
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hardway.errors import UsageError
from hardway.lab.paths import state_dir
from hardway.model import Cluster
from hardway.model.dns import TTL, Record, records
from hardway.versions import DEFAULT, release


@dataclass(frozen=True)
class LabNode:
    """One node of the lab."""

    host_name: str
    name: str
    address: str
    is_kubernetes: bool


@dataclass(frozen=True)
class LabSpec:
    """A lab: its nodes, its bridge, its DNS."""

    name: str
    gateway: str
    prefix: int
    zone: str
    nodes: tuple[LabNode, ...]
    records: tuple[Record, ...]
    kubernetes: str = DEFAULT
    """Version of the binaries that the lab runs itself, and of the images that its nodes have from the start."""
    also: tuple[str, ...] = ()
    """Further versions that its mirror has: what a cluster can be upgraded to."""

    def __post_init__(self) -> None:
        """UsageError for a name that cannot be part of an interface, a directory and a cgroup, or for twin nodes."""
        check_name(self.name)
        for what in ("host_name", "address"):
            values = [getattr(node, what) for node in self.nodes]
            twins = sorted({value for value in values if values.count(value) > 1})
            if twins:
                raise UsageError(
                    f"two nodes of lab `{self.name}` have the {what.replace('_', ' ')} {', '.join(twins)}"
                )
        if self.gateway in [node.address for node in self.nodes]:
            raise UsageError(f"{self.gateway} is the host's own address in lab `{self.name}`", hint="move the node")

    @property
    def bridge(self) -> str:
        """Name of the bridge."""
        return f"hw-{self.name}"

    @property
    def mirror(self) -> str:
        """Host name of the mirror."""
        return f"mirror.{self.zone}"


def check_name(name: str) -> None:
    """UsageError unless the name can be a lab's: it becomes part of an interface, which has 15 characters at most."""
    if not re.fullmatch(r"[a-z0-9]([a-z0-9-]{0,10}[a-z0-9])?", name):
        raise UsageError(
            f"`{name}` cannot be the name of a lab",
            hint="up to 12 small letters, digits and inner dashes: it is part of the bridge's name",
        )


def from_record(value: Mapping[str, Any]) -> LabSpec:
    """The spec that `dataclasses.asdict` took apart."""
    nodes = tuple(LabNode(**node) for node in value["nodes"])
    records = tuple(Record(**record) for record in value["records"])
    return LabSpec(**{**value, "nodes": nodes, "records": records, "also": tuple(value.get("also", ()))})


def from_cluster(cluster: Cluster, name: str, also: Sequence[str] = ()) -> LabSpec:
    """The lab for a cluster whose nodes share one /24 (or /64), whose first address is the host's.

    `also`: further versions of Kubernetes for its mirror; UsageError for one that is not supported.
    """
    address = ipaddress.ip_address(cluster.nodes[0].address)
    prefix = 24 if address.version == 4 else 64
    network = ipaddress.ip_network(f"{address}/{prefix}", strict=False)
    outside = [node.name for node in cluster.nodes if ipaddress.ip_address(node.address) not in network]
    if outside:
        raise UsageError(f"the lab has one network {network}, outside of it: {', '.join(outside)}")
    config = str(state_dir(name) / "ssh/config")
    if any(node.ssh.config_file != config for node in cluster.nodes):
        raise UsageError(
            f"the nodes of lab `{name}` are reached through {config}",
            hint=f"set ssh.configFile of the Inventory to it, or choose another name with --name (in use: `{name}`)",
        )
    gateway = str(network[1])
    zone = f"{cluster.name}.{cluster.base_domain}"
    return LabSpec(
        name,
        gateway,
        prefix,
        zone,
        tuple(LabNode(n.host_name, n.name, n.address, n.is_kubernetes) for n in cluster.nodes),
        (*records(cluster), Record(f"mirror.{zone}", gateway, TTL)),
        cluster.release.kubernetes,
        tuple(release(version).kubernetes for version in also),
    )
