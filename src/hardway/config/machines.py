"""The Inventory's machines: names, addresses and roles that go together."""

import re
from collections import Counter
from collections.abc import Iterator

from hardway.config.inventory import NodeEntry
from hardway.config.networks import IpNetwork, address, networks, read
from hardway.config.problems import Problem
from hardway.config.sources import Sources

DNS_LABEL = re.compile(r"[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?")
MAX_NAME = 52
"""An X.509 common name has 64 characters, and `system:node:` takes 12 of them."""
POD_PREFIX = {4: 24, 6: 64}
"""Size of a node's share of the pod network, as the controller manager's default."""


def is_dns_name(text: str) -> bool:
    """A DNS name in lower case (RFC 1123), as Kubernetes wants them."""
    return len(text) <= 253 and all(DNS_LABEL.fullmatch(label) for label in text.split("."))


def problems(sources: Sources) -> Iterator[Problem]:
    """Everything that is wrong with the machines."""
    yield from unusable(sources)
    inventory, document = sources.inventory, sources.documents["Inventory"]
    if not is_dns_name(inventory.base_domain):
        yield document.problem(
            ("baseDomain",), f"`{inventory.base_domain}` is not a DNS name", "lower-case letters, digits, - and dots"
        )
    names = Counter(sources.full_name(node.name) for node in inventory.nodes)
    hosts = Counter(sources.full_name(node.name).split(".")[0] for node in inventory.nodes)
    for number, node in enumerate(inventory.nodes):
        here, full = ("nodes", number), sources.full_name(node.name)
        if not is_dns_name(full):
            yield document.problem((*here, "name"), f"`{full}` is not a DNS name", "lower-case letters, digits and -")
        elif len(full) > MAX_NAME:
            yield document.problem((*here, "name"), f"`{full}` has {len(full)} characters, at most {MAX_NAME} fit")
        if names[full] == 1 and hosts[full.split(".")[0]] > 1:
            yield document.problem((*here, "name"), f"another node is called `{full.split('.')[0]}`, too")
        found = address(node.address)
        if found is not None and (found.is_unspecified or found.is_multicast):
            yield document.problem((*here, "address"), f"`{node.address}` is not the address of a machine")
        if len(set(node.roles)) < len(node.roles):
            yield document.problem((*here, "roles"), "a role stands twice")
        if {"load-balancer", "control-plane"} <= set(node.roles) and _port(
            sources, node
        ) == inventory.load_balancer.port:
            yield document.problem(
                (*here, "roles"),
                f"balancer and API server would share port {inventory.load_balancer.port}",
                "give one of them another: loadBalancer.port, or localAPIEndpoint.bindPort",
            )
    yield from _shares(sources)


def unusable(sources: Sources) -> Iterator[Problem]:
    """What keeps machines from being reached and told apart."""
    inventory, document = sources.inventory, sources.documents["Inventory"]
    if sources.first_master is None:
        yield document.problem(("nodes",), "there is no master", "give one or three nodes the role control-plane")
    names = Counter(sources.full_name(node.name) for node in inventory.nodes)
    addresses = Counter(str(address(node.address)) for node in inventory.nodes)
    for number, node in enumerate(inventory.nodes):
        if names[sources.full_name(node.name)] > 1:
            yield document.problem(("nodes", number, "name"), f"`{node.name}` stands twice")
        if address(node.address) is None:
            yield document.problem(("nodes", number, "address"), f"`{node.address}` is not an IP address")
        elif addresses[str(address(node.address))] > 1:
            yield document.problem(("nodes", number, "address"), f"`{node.address}` stands twice")


def _port(sources: Sources, node: NodeEntry) -> int:
    if node is sources.first_master:
        return sources.init.local_api_endpoint.bind_port
    return sources.join.control_plane.local_api_endpoint.bind_port if sources.join.control_plane else 6443


def _shares(sources: Sources) -> Iterator[Problem]:
    """Each Kubernetes node has a part of the pod network that is its own."""
    inventory, document = sources.inventory, sources.documents["Inventory"]
    text = inventory.network.pod_cidr or sources.cluster.networking.pod_subnet
    whole = networks(text)
    taken: list[IpNetwork] = []
    for number, node in enumerate(inventory.nodes):
        found, bad = read(document, ("nodes", number, "podCIDR"), node.pod_cidr)
        yield from bad
        for share in found:
            if any(share.overlaps(other) for other in taken):
                yield document.problem(("nodes", number, "podCIDR"), f"{share} overlaps another node's")
            taken.append(share)
    if inventory.network.kind != "bridge":
        return
    if not text:
        yield document.problem(("network",), "network `bridge` needs podCIDR", "for example 10.244.0.0/16")
    elif not isinstance(whole, str) and whole:
        needed = sum(
            1 for node in inventory.nodes if {"control-plane", "worker"} & set(node.roles) and not node.pod_cidr
        )
        prefix = POD_PREFIX[whole[0].version]
        room = 2 ** max(prefix - whole[0].prefixlen, 0) - len(taken)
        if needed > room:
            yield document.problem(
                ("network",),
                f"{whole[0]} has no room for {needed} nodes' shares of /{prefix}",
                "give the nodes their podCIDR, or take a larger network",
            )
