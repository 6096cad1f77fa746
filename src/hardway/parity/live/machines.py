"""The machines of a cluster that lives: what a file says of them, and what the API knows. Pure."""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

from hardway.chapters.kubelet_wait_bootstrap import CRI_SOCKET_ANNOTATION
from hardway.chapters.mark_control_plane import LABELS
from hardway.config import networks
from hardway.model import Cluster, Endpoint, Node
from hardway.parity.compare import ABSENT
from hardway.parity.live.cures import KUBECTL, Tools, hardway
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.seen import SeenCluster

ENDPOINT = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a Pod that a kubelet runs from a file."""
_JOIN = "kubeadm token create --print-join-command"


@dataclass(frozen=True)
class Machine:
    """A machine with a kubelet or without, and what the API knows of it."""

    entry: Mapping[str, Any]
    """As an Inventory has it."""
    node: Mapping[str, Any] | None = None
    given: Node | None = None
    """As the file has it; None where only the API knows it."""


def addresses(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Internal addresses of a Node, without what is none: the API takes anything that somebody's cloud tells."""
    listed = node.get("status", {}).get("addresses") or ()
    told = (networks.address(str(item["address"])) for item in listed if item["type"] == "InternalIP")
    return tuple(str(address) for address in told if address)


def registrations(machines: Iterable[Node], seen: SeenCluster) -> dict[str, Mapping[str, Any]]:
    """Address of a machine to its Node: the one with this address; else, for a Node may have none, the one with its name.

    Of several with this address the one with its name, or the youngest: an older one may be of the machine's former name.
    """
    machines = tuple(machines)
    by_address: dict[str, list[Mapping[str, Any]]] = {}
    for node in sorted(seen.nodes, key=_age):
        advertised = _advertised(str(node["metadata"]["name"]), seen)
        for address in {*addresses(node), *((advertised.host,) if advertised else ())}:
            by_address.setdefault(address, []).append(node)
    found = {}
    for machine in machines:
        having = by_address.get(machine.address, [])
        named = [node for node in having if node["metadata"]["name"] in (machine.name, machine.host_name)]
        if having:
            found[machine.address] = (named or having)[-1]
    taken = {str(node["metadata"]["name"]) for node in found.values()}
    free = {str(node["metadata"]["name"]): node for node in seen.nodes if node["metadata"]["name"] not in taken}
    for machine in machines:
        names = [name for name in (machine.name, machine.host_name) if name in free]
        if machine.address not in found and names:
            found[machine.address] = free.pop(names[0])
    return found


def _age(node: Mapping[str, Any]) -> str:
    return str(node["metadata"]["creationTimestamp"])


def annotations(there: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = there["metadata"].get("annotations") or {}
    return found


def _advertised(name: str, seen: SeenCluster) -> Endpoint | None:
    """Where the API server of a node advertises itself; kubeadm itself has it from there (`getAPIEndpoint`)."""
    for pod in seen.pods:
        if pod["spec"].get("nodeName") == name and ENDPOINT in annotations(pod):
            host, _, port = str(annotations(pod)[ENDPOINT]).rpartition(":")
            address = networks.address(host.strip("[]"))
            if address and port.isdecimal():
                return Endpoint(str(address), int(port))
    return None


def _runs_api_server(node: Mapping[str, Any], seen: SeenCluster) -> bool:
    """Its kubelet has the manifest of one."""
    return any(
        pod["spec"].get("nodeName") == node["metadata"]["name"]
        and MIRROR in annotations(pod)
        and str(pod["metadata"]["name"]).startswith("kube-apiserver-")
        for pod in seen.pods
    )


def machines_of(
    tools: Tools, inventory: Mapping[str, Any], before: Cluster, seen: SeenCluster
) -> tuple[list[Machine], list[Finding]]:
    """The inventory's machines in its order, and those that only the API knows, masters by their age."""
    registered = registrations(before.kubernetes_nodes, seen)
    machines: list[Machine] = []
    findings: list[Finding] = []
    for entry, machine in zip(inventory["nodes"], before.nodes, strict=True):
        node = registered.get(machine.address) if machine.is_kubernetes else None
        if node is not None:
            findings += _odd(tools, machine, node, seen)
        elif machine.is_kubernetes:
            cure = hardway(tools, "", machine) if tools.ours else _JOIN
            wish = f"a Node with the address {machine.address}"
            findings.append(Finding(Grade.ERROR, machine.name, "kubelet-start", "Node", "item", wish, ABSENT, cure))
        machines.append(Machine(entry if node is None else _known(entry, node, seen), node, machine))
    named = {str(node["metadata"]["name"]) for node in registered.values()}
    taken = {str(place): machine.entry["name"] for machine in machines for place in _places(machine.entry)}
    # Of a node's addresses the one by which it is reached: as the master of which all of this was asked.
    six = ":" in before.first_control_plane.address
    for node in sorted(seen.nodes, key=_age):
        name, its = str(node["metadata"]["name"]), addresses(node)
        if not its:
            # A cloud's controller gives it one; without, the API server does not reach its kubelet.
            findings.append(_odd_address(Grade.ERROR, name, "an InternalIP", ABSENT))
        if not its or name in named:
            continue
        role = "control-plane" if LABELS[0] in (node["metadata"].get("labels") or {}) else "worker"
        way = next((address for address in its if (":" in address) == six), its[0])
        entry = _known({"name": name, "address": way, "roles": [role]}, node, seen)
        twin = next((taken[place] for place in _places(entry) if place in taken), "")
        if twin:
            findings.append(
                _odd_address(Grade.WARNING, name, "one that no other machine has", f"{way}, that of {twin}")
            )
            continue
        taken |= dict.fromkeys(_places(entry), name)
        machines.append(Machine(entry, node))
        if tools.ours:
            wish = f"a node of the Inventory with the address {entry['address']}"
            item = f"Node {name}"
            findings.append(Finding(Grade.WARNING, name, "kubelet-start", item, "Inventory", wish, ABSENT))
    return machines, findings


def _odd_address(grade: Grade, name: str, expected: str, found: str) -> Finding:
    cure = f"{KUBECTL} describe node {name}"
    return Finding(grade, name, "kubelet-start", f"Node {name}", "status.addresses", expected, found, cure)


def _places(entry: Mapping[str, Any]) -> tuple[str, ...]:
    """Where a machine is, as kubeadm and as SSH see it."""
    written = (str(entry["address"]), str((entry.get("ssh") or {}).get("host") or ""))
    return tuple(str(networks.address(text)) for text in written if networks.address(text))


def _known(entry: Mapping[str, Any], node: Mapping[str, Any], seen: SeenCluster) -> dict[str, Any]:
    """An entry with what the API knows of its machine: the name, and of a master that it is one and its own address.

    It is reached as before: the address at which an API server advertises itself may be one of another network.
    """
    name, roles = str(node["metadata"]["name"]), list(entry["roles"])
    # Its label can be taken away: a master would be judged as a worker, which has no keys.
    if _runs_api_server(node, seen) and "control-plane" not in roles:
        roles.append("control-plane")
    advertised = _advertised(name, seen)
    own: dict[str, Any] = {}
    if advertised and advertised.host != str(networks.address(str(entry["address"]))):
        ssh = entry.get("ssh") or {}
        own = {"address": advertised.host, "ssh": {**ssh, "host": ssh.get("host") or entry["address"]}}
    return {**entry, "name": name, "roles": roles, **own}


def _odd(tools: Tools, machine: Node, node: Mapping[str, Any], seen: SeenCluster) -> Iterator[Finding]:
    """Where the Inventory and the API do not agree on a machine."""
    item = f"Node {machine.name}"
    there, advertised = addresses(node), _advertised(str(node["metadata"]["name"]), seen)
    if there and machine.address not in (*there, advertised.host if advertised else ""):
        wish, has = f"with {machine.address}, as the Inventory has it", " ".join(there)
        # Where an Inventory is all, it says how a machine is reached; a master's own address is known.
        grade = Grade.NOTE if advertised and not tools.ours else Grade.WARNING
        yield Finding(grade, machine.name, "kubelet-start", item, "status.addresses", wish, has)
    if _runs_api_server(node, seen) and not machine.is_control_plane:
        wish, has = "control-plane: an API server runs there", ", ".join(sorted(machine.roles))
        yield Finding(Grade.WARNING, machine.name, "control-plane", item, "roles", wish, has)


def as_registered(node: Node, machine: Machine, seen: SeenCluster) -> Node:
    """With the name, the CRI socket and the port that the cluster knows; the short name is the one that the file knows."""
    if machine.node is None:
        return node
    name = str(machine.node["metadata"]["name"])
    socket = annotations(machine.node).get(CRI_SOCKET_ANNOTATION)
    registration = replace(node.registration, cri_socket=socket) if socket else node.registration
    advertised = _advertised(name, seen)
    return replace(
        node,
        name=name,
        host_name=machine.given.host_name if machine.given else name.split(".")[0],
        registration=registration,
        bind_port=advertised.port if advertised else node.bind_port,
    )
