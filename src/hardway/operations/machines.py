"""Machines beside each other: what no machine can tell alone (article chapters 3-5).

Kubernetes' installation guide asks for unique host names, MAC addresses and product_uuids; machine-id, clocks and
versions are asked for the reasons that stand at each. Pure: the session has collected the facts, once per node.
"""

from collections.abc import Callable, Collection, Iterator, Sequence
from dataclasses import dataclass, replace
from ipaddress import ip_interface

from hardway.chapters.preflight import graded
from hardway.model import Cluster, Node
from hardway.model.machine import Interface, Machine
from hardway.model.skew import API_SERVER, is_version, skew
from hardway.steps import Check, Severity

DRIFT = 1.0
"""Seconds from which on etcd's members warn of each other's clocks (rafthttp, probing_status.go)."""
BACKDATED = 300.0
"""Seconds by which a CA's validity begins before it is made (kubeadm's CertificateBackdate): a clock that is further
behind takes every certificate of a new cluster for one of the future."""


@dataclass(frozen=True)
class Finding:
    """One question about one machine, answered by comparing."""

    node: str
    check: Check
    yes: bool
    reason: str = ""


Pairs = Sequence[tuple[Node, Machine]]


def compare(cluster: Cluster, machines: Sequence[Machine], early: Collection[str] = ()) -> tuple[Finding, ...]:
    """All questions about the machines that were asked. `early`: names of nodes on which nothing is installed yet."""
    pairs = [(cluster.node(machine.node), machine) for machine in machines]
    new = [(node, machine) for node, machine in pairs if node.name in early]
    questions: tuple[Callable[[Pairs], Iterator[Finding]], ...] = (
        _machine_ids,
        _product_uuids,
        _mac_addresses,
        lambda pairs: _names(new),
        lambda pairs: _twin_names(new),
        _clocks,
        lambda pairs: _versions(cluster, pairs),
    )
    found = [finding for question in questions for finding in question(pairs)]
    return tuple(replace(it, check=graded(cluster.node(it.node), it.check)) for it in found)


MACHINE_ID = Check(
    "a machine-id of its own",
    "",
    "a clone has its original's: rm -f /etc/machine-id /var/lib/dbus/machine-id && systemd-machine-id-setup"
    " && systemctl reboot (in a template leave /etc/machine-id empty)",
    key="MachineID",
)


def _machine_ids(pairs: Pairs) -> Iterator[Finding]:
    """networkd makes the DHCP client's identifier of it: twins get one address in turns."""
    for node, machine in pairs:
        if machine.machine_id in ("", "uninitialized"):
            yield Finding(node.name, MACHINE_ID, False, "it has none yet")
        else:
            yield _alone(MACHINE_ID, node, machine.machine_id, [(n, m.machine_id) for n, m in pairs])


PRODUCT_UUID = Check(
    "a product_uuid of its own",
    "",
    "cat /sys/class/dmi/id/product_uuid; the hypervisor gives it: make the machine anew or with virt-clone instead of"
    " copying its definition",
    Severity.WARNING,
    "ProductUUID",
)


def _product_uuids(pairs: Pairs) -> Iterator[Finding]:
    """Asked where it can be read, and not of containers, which see their host's."""
    told = [(node, it.product_uuid) for node, it in pairs if it.product_uuid and not it.container]
    for node, value in told:
        yield _alone(PRODUCT_UUID, node, value, told)


MAC_ADDRESS = Check(
    "a MAC address of its own in its network",
    "",
    "ip link; give the virtual machine's network card another one (a clone's is copied: virsh edit NAME removes <mac/>)",
    key="MACAddress",
)


def _mac_addresses(pairs: Pairs) -> Iterator[Finding]:
    """Of the interface with the node's address; twins matter in one network only, behind a router nobody sees them."""
    told = [(node, it) for node, machine in pairs if (it := machine.at(node.address)) and it.mac]
    for node, mine in told:
        yield _alone(MAC_ADDRESS, node, mine.mac, [(other, it.mac) for other, it in told if _neighbours(mine, it)])


def _neighbours(one: Interface, other: Interface) -> bool:
    return ip_interface(one.address).network == ip_interface(other.address).network


def _names(pairs: Pairs) -> Iterator[Finding]:
    """No obstacle: chapter base-os sets the name. But another one may mean another machine."""
    for node, machine in pairs:
        yield Finding(
            node.name,
            Check(
                f"the host name to be {node.name}",
                "",
                f"is this the right machine? `apply` sets the name: hostnamectl set-hostname {node.name}",
                Severity.WARNING,
                "HostName",
            ),
            # The short name is what most machines are born with.
            machine.hostname in (node.name, node.host_name),
            f"it is {machine.hostname or 'empty'}",
        )


TWIN_NAME = Check(
    "a host name of its own",
    "",
    "are these machines clones, or is it one machine with two entries in the inventory?",
    Severity.WARNING,
    "TwinHostName",
)


def _twin_names(pairs: Pairs) -> Iterator[Finding]:
    for node, machine in pairs:
        yield _alone(TWIN_NAME, node, machine.hostname, [(n, m.hostname) for n, m in pairs])


def _alone(check: Check, node: Node, value: str, told: Sequence[tuple[Node, str]]) -> Finding:
    twins = [other.host_name for other, theirs in told if theirs == value and other != node]
    return Finding(node.name, check, not twins, f"{', '.join(twins)} has {value}, too" if twins else "")


def _clocks(pairs: Pairs) -> Iterator[Finding]:
    """Apart for certain: a clock is known to lie between two bounds, because the question takes its time."""
    told = [(node, it.clock) for node, it in pairs if it.clock]
    if len(told) < 2:
        return
    # Whoever stands in the middle is right; of two the first.
    reference, right = sorted(told, key=lambda it: sum(it[1]))[(len(told) - 1) // 2] if len(told) > 2 else told[0]
    for node, clock in told:
        ahead, behind = clock[0] - right[1], right[0] - clock[1]
        apart = max(ahead, behind, 0.0)
        word = "ahead of" if ahead > behind else "behind"
        yield Finding(
            node.name,
            Check(
                f"the clock to be within {DRIFT:g} s of the others'",
                "",
                "timedatectl set-ntp true (or systemctl enable --now chrony); then timedatectl tells",
                Severity.ERROR if apart > BACKDATED else Severity.WARNING,
                "Clock",
            ),
            apart <= DRIFT,
            f"it is at least {apart:.1f} s {word} {reference.host_name}'s" if apart > DRIFT else "",
        )


def _versions(cluster: Cluster, pairs: Pairs) -> Iterator[Finding]:
    """What runs already fits to all API servers: to those that run, and to the one that the file asks for."""
    wanted = cluster.release.kubernetes
    running = {machine.versions[API_SERVER] for _, machine in pairs if API_SERVER in machine.versions}
    servers = tuple(sorted({wanted, *filter(is_version, running)}))
    for node, machine in pairs:
        for component, version in machine.versions.items():
            if is_version(version):
                row = skew(component)
                yield Finding(
                    node.name,
                    Check(
                        f"a version of {component} that fits to the API servers",
                        "",
                        f"kubernetesVersion in the file is {wanted}; upgrade minor by minor, API servers before kubelets:"
                        " kubeadm upgrade plan, hardway versions --skew",
                        key="VersionSkew",
                    ),
                    row.allows(version, servers),
                    f"it is {version} with API servers {', '.join(servers)}: allowed is {row}",
                )
