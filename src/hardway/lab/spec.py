"""What a lab consists of, derived from a cluster."""

import ipaddress
from dataclasses import dataclass

from hardway.errors import UsageError
from hardway.lab.paths import state_dir
from hardway.model import Cluster
from hardway.model.dns import TTL, Record, records

MIRROR_PACKAGES = ("conntrack", "socat", "jq", "tree", "haproxy", "python3-cryptography", "ebtables", "ethtool")
"""The article's packages and what else chapters install; the node tree lacks them on purpose."""


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

    @property
    def bridge(self) -> str:
        """Name of the bridge; an interface name has 15 characters at most."""
        return f"hw-{self.name}"[:15]

    @property
    def mirror(self) -> str:
        """Host name of the mirror."""
        return f"mirror.{self.zone}"


def from_cluster(cluster: Cluster, name: str) -> LabSpec:
    """The lab for a cluster whose nodes share one /24 (or /64), whose first address is the host's."""
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
    )
