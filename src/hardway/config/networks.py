"""Networks of pods, services and nodes: each well-formed, large enough, and apart from the others.

Source: kubeadm v1.30.4 `app/apis/kubeadm/validation/validation.go` (ValidateNetworking), `app/constants`.
"""

import ipaddress
from collections.abc import Iterator

from hardway.config.document import SourceDocument
from hardway.config.problems import Problem
from hardway.config.sources import Sources
from hardway.gotypes.structs import Path

IpNetwork = ipaddress.IPv4Network | ipaddress.IPv6Network
IpAddress = ipaddress.IPv4Address | ipaddress.IPv6Address

SERVICES, PODS = ("networking", "serviceSubnet"), ("networking", "podSubnet")
MIN_SERVICES = 11
"""kubeadm asks for 10 addresses, and puts the DNS on one more."""
MIN_PODS = 14
MAX_SERVICE_BITS = 20
"""The API server keeps a bitmap of them."""
MAX_NODE_MASK_DIFFERENCE = 16
NODE_MASK = {4: 24, 6: 64}
NODE_MASK_FLAG = {4: "node-cidr-mask-size-ipv4", 6: "node-cidr-mask-size-ipv6"}


def address(text: str) -> IpAddress | None:
    """The IP address of a text."""
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def networks(text: str) -> tuple[IpNetwork, ...] | str:
    """Networks that are joined by commas, or what is wrong with them."""
    found = []
    for part in text.split(",") if text else []:
        try:
            found.append(ipaddress.ip_network(part))
        except ValueError as error:
            wider = _with_host_bits(part)
            return f"write {wider}" if wider else f"not a CIDR: {str(error).split(' (')[0]}"
    return tuple(found)


def _with_host_bits(text: str) -> str:
    try:
        return str(ipaddress.ip_interface(text).network) if "/" in text else ""
    except ValueError:
        return ""


def read(document: SourceDocument, path: Path, text: str) -> tuple[tuple[IpNetwork, ...], list[Problem]]:
    """Networks at a place of a document; none of them when one is wrong."""
    found = networks(text)
    if not isinstance(found, str):
        return found, []
    if found.startswith("write "):
        message, hint = f"`{text}` has bits set behind its mask", found
    else:
        message, hint = found, "for example 10.96.0.0/16"
    return (), [document.problem(path, message, hint)]


def unusable(sources: Sources) -> Iterator[Problem]:
    """What keeps the cluster from having the addresses of its API and of its DNS."""
    about, text = sources.documents["ClusterConfiguration"], sources.cluster.networking.service_subnet
    first = text.split(",")[0]
    # kubeadm cuts off what stands behind the mask.
    found, bad = read(about, SERVICES, _with_host_bits(first) or first)
    yield from bad
    yield from _sizes(about, SERVICES, found, MIN_SERVICES)


def problems(sources: Sources) -> Iterator[Problem]:
    """Everything that is wrong with the networks of a cluster."""
    cluster, about = sources.cluster, sources.documents["ClusterConfiguration"]
    inventory, machines = sources.inventory, sources.documents["Inventory"]
    services, bad = read(about, SERVICES, cluster.networking.service_subnet)
    yield from bad
    pods, bad = read(about, PODS, cluster.networking.pod_subnet)
    yield from bad
    own, bad = read(machines, ("network", "podCIDR"), inventory.network.pod_cidr)
    yield from bad
    for found, path, least in ((services, SERVICES, MIN_SERVICES), (pods, PODS, MIN_PODS)):
        yield from _sizes(about, path, found, least)
    for one in services:
        if one.max_prefixlen - one.prefixlen > MAX_SERVICE_BITS:
            largest = one.max_prefixlen - MAX_SERVICE_BITS
            yield about.problem(SERVICES, f"{one} is too large: the mask must be /{largest} or longer")
    yield from _node_masks(sources, pods)
    yield from _overlaps(about, PODS, pods, services)
    yield from _overlaps(machines, ("network", "podCIDR"), own, services)
    yield from _families(sources, services, own)
    front = inventory.load_balancer
    outside: list[tuple[Path, str]] = [
        *((("nodes", number, "address"), node.address) for number, node in enumerate(inventory.nodes)),
        (("loadBalancer", "address"), front.address),
        (("loadBalancer", "virtualAddress"), front.virtual_address),
    ]
    for place, text in outside:
        here = address(text)
        for name, found in (("serviceSubnet", services), ("podSubnet", pods), ("network.podCIDR", own)):
            for network in found:
                if here is not None and here in network:
                    yield machines.problem(place, f"`{here}` lies in {name} {network}")


def _families(sources: Sources, services: tuple[IpNetwork, ...], own: tuple[IpNetwork, ...]) -> Iterator[Problem]:
    """The API server advertises a node's address in the family of the first service network, and refuses another."""
    machines = sources.documents["Inventory"]
    for number, node in enumerate(sources.inventory.nodes):
        here = address(node.address)
        if here is None or not services or here.version == services[0].version:
            continue
        yield machines.problem(
            ("nodes", number, "address"),
            f"`{here}` is IPv{here.version}, but services are in {services[0]}",
            "nodes have addresses of the family that serviceSubnet begins with",
        )
    if services and own and own[0].version != services[0].version:
        yield machines.problem(
            ("network", "podCIDR"), f"pods are in {own[0]}, services in {services[0]}", "take networks of one family"
        )


def _sizes(about: SourceDocument, path: Path, found: tuple[IpNetwork, ...], least: int) -> Iterator[Problem]:
    if len(found) > 2 or (len(found) == 2 and found[0].version == found[1].version):
        yield about.problem(path, "must be one network, or one of IPv4 and one of IPv6")
    for network in found:
        if network.num_addresses < least:
            yield about.problem(path, f"{network} is too small: it must have {least} addresses")


def _node_masks(sources: Sources, pods: tuple[IpNetwork, ...]) -> Iterator[Problem]:
    """The controller manager cuts podSubnet into shares, unless it is told not to."""
    about, flags = sources.documents["ClusterConfiguration"], sources.cluster.controller_manager.extra_args
    if flags.get("allocate-node-cidrs") == "false":
        return
    for network in pods:
        flag = NODE_MASK_FLAG[network.version]
        text = flags.get(flag) or str(NODE_MASK[network.version])
        if not text.isdecimal():
            yield about.problem(("controllerManager", "extraArgs", *flags.place(flag)), f"`{text}` is not a number")
        elif not 0 <= int(text) - network.prefixlen <= MAX_NODE_MASK_DIFFERENCE:
            yield about.problem(
                PODS,
                f"{network} cannot be cut into nodes' shares of /{text}",
                f"its mask must be between /{int(text) - MAX_NODE_MASK_DIFFERENCE} and /{text}; {flag} sets the latter",
            )


def _overlaps(
    document: SourceDocument, path: Path, pods: tuple[IpNetwork, ...], services: tuple[IpNetwork, ...]
) -> Iterator[Problem]:
    for one in services:
        for other in pods:
            if one.overlaps(other):
                yield document.problem(path, f"pods {other} overlap services {one}")
