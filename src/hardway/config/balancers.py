"""The Inventory's loadBalancer: where the API's name leads, and who brings that address to a machine."""

from collections.abc import Iterator

from hardway.config.networks import address
from hardway.config.problems import Problem
from hardway.config.sources import Sources

PLACE = "loadBalancer"
MEMBERS = 2
"""A virtual address is for the case that the machine which holds it is gone."""


def problems(sources: Sources) -> Iterator[Problem]:
    """Everything that is wrong with the addresses of the balancers."""
    yield from unusable(sources)
    if sources.inventory.load_balancer.virtual_address:
        yield from _virtual(sources)


def unusable(sources: Sources) -> Iterator[Problem]:
    """Addresses that are none."""
    document, given = sources.documents["Inventory"], sources.inventory.load_balancer
    for field, text in (("address", given.address), ("virtualAddress", given.virtual_address)):
        if text and address(text) is None:
            yield document.problem((PLACE, field), f"`{text}` is not an IP address")


def _virtual(sources: Sources) -> Iterator[Problem]:
    document, given = sources.documents["Inventory"], sources.inventory.load_balancer
    here = (PLACE, "virtualAddress")
    balancers = [node for node in sources.inventory.nodes if "load-balancer" in node.roles]
    if given.address:
        yield document.problem(
            here,
            "address and virtualAddress exclude each other",
            "virtualAddress: keepalived on the balancers holds it; address: something else brings it to them",
        )
    if len(balancers) < MEMBERS:
        yield document.problem(
            here,
            f"a virtual address needs {MEMBERS} balancers, here {'is' if len(balancers) == 1 else 'are'} {len(balancers)}",
            "give further nodes the role load-balancer, or leave it out",
        )
    virtual = address(given.virtual_address)
    if virtual is None:
        return
    if virtual.is_unspecified or virtual.is_multicast or virtual.is_loopback:
        yield document.problem(here, f"`{virtual}` is not the address of a machine")
    for node in sources.inventory.nodes:
        found = address(node.address)
        if found == virtual:
            yield document.problem(here, f"it is the address of {node.name}", "take one that no machine has")
        elif node in balancers and found is not None and found.version != virtual.version:
            yield document.problem(
                here,
                f"it is of IPv{virtual.version}, and {node.name} has an address of IPv{found.version}",
                "keepalived passes it on within one network",
            )
