"""The model of a cluster that lives, from its own configuration."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from hardway import versions
from hardway.chapters.kubelet_wait_bootstrap import CRI_SOCKET_ANNOTATION
from hardway.chapters.mark_control_plane import LABELS
from hardway.chapters.upload_config import HASH_ANNOTATION
from hardway.config import Objection, loads, networks, stored, text_of
from hardway.config.document import parse
from hardway.config.problems import hidden
from hardway.config.scalars import value_of
from hardway.errors import UsageError
from hardway.model import Cluster, Endpoint, Node
from hardway.parity.compare import ABSENT
from hardway.parity.live.cures import KUBECTL, Tools, hardway
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.steps.yaml import dump_all

KUBEADM_CONFIG = "kubeadm-config"
_MAP = "ConfigMap kube-system/"
CONFIG_KEYS = {"kubelet-config": "kubelet", "kube-proxy": "config.conf"}
ENDPOINT = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
MIRROR = "kubernetes.io/config.mirror"
"""Annotation of a Pod that a kubelet runs from a file."""
_JOIN = "kubeadm token create --print-join-command"
_ANY_CLUSTER = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
"""
"""Enough to reach the nodes of a file that has nothing but an Inventory."""


@dataclass(frozen=True)
class Given:
    """What the user's file says; it is read once, because it may be a pipe."""

    cluster: Cluster
    documents: tuple[dict[str, Any], ...]
    ours: bool
    """It describes the cluster; else it holds only an Inventory."""
    folder: Path
    file: str


@dataclass(frozen=True)
class Machine:
    """A machine with a kubelet or without, and what the API knows of it."""

    entry: Mapping[str, Any]
    """As an Inventory has it."""
    node: Mapping[str, Any] | None = None
    given: Node | None = None
    """As the file has it; None where only the API knows it."""


def given(path: Path) -> Given:
    """The cluster of a file, or the machines of an Inventory."""
    text = text_of(path)
    parsed, problems = parse(text)
    documents = tuple(document.value for document in parsed)
    if problems or any(document.get("kind") == "ClusterConfiguration" for document in documents):
        return Given(loads(text, file=str(path), folder=path.parent), documents, True, path.parent, str(path))
    inventory = next((document for document in documents if document.get("kind") == "Inventory"), None)
    if inventory is None:
        raise UsageError("there is no Inventory", str(path), hint="it says how the nodes are reached")
    # What hardway would build of these machines is no question: the cluster is there.
    texts = {f"{_MAP}{KUBEADM_CONFIG}": _ANY_CLUSTER, str(path): dump_all([_reachable(inventory, ours=False)])}
    cluster, _ = stored(texts, folder=path.parent)
    return Given(cluster, documents, False, path.parent, str(path))


def _reachable(inventory: Mapping[str, Any], *, ours: bool) -> dict[str, Any]:
    """The Inventory without what is nothing to an audit.

    That is the share of the pod network that each node would be given: there may be more nodes than shares. And patches
    where no document says what they are for.
    """
    network = inventory.get("network")
    left = {"network": {**network, "kind": "none"}} if isinstance(network, dict) else {}
    kept = {name: value for name, value in inventory.items() if ours or name != "patches"}
    return {"baseDomain": "example.com", **kept, **left}


def actual(tools: Tools, before: Given, seen: SeenCluster) -> tuple[Cluster, list[Finding]]:
    """The cluster that its kubeadm-config describes, with the nodes that the API has; and what was odd.

    Those of the file come first, in its order. UsageError when there is no kubeadm-config. InvalidConfiguration when it
    cannot be read.
    """
    if KUBEADM_CONFIG not in seen.documents:
        raise UsageError(
            "there is no ConfigMap kubeadm-config: nothing says what this cluster should be",
            CLUSTER,
            hint="kubeadm init phase upload-config kubeadm, or hardway apply --only upload-config, stores it",
        )
    texts = {f"{_MAP}{KUBEADM_CONFIG}": str(_data(seen, KUBEADM_CONFIG).get("ClusterConfiguration"))}
    texts |= {
        f"{_MAP}{name}": str(_data(seen, name)[key])
        for name, key in CONFIG_KEYS.items()
        if _data(seen, name).get(key)
    }
    inventory: dict[str, Any] = next(d for d in before.documents if d.get("kind") == "Inventory")
    machines, findings = _machines(tools, inventory, before.cluster, seen)
    others = [d for d in before.documents if d.get("kind") in ("InitConfiguration", "JoinConfiguration")]
    nodes = {"nodes": [machine.entry for machine in machines]}
    texts[before.file] = dump_all([*others, {**_reachable(inventory, ours=before.ours), **nodes}])
    tag = _etcd_tag(seen)
    cluster, objections = stored(texts, folder=before.folder, etcd_tag=tag)
    findings += _objected(objections, before.file)
    findings += _of_another_release(cluster, tag)
    hashed = {
        name: HASH_ANNOTATION in (seen.documents.get(name, {}).get("metadata", {}).get("annotations") or {})
        for name in CONFIG_KEYS
    }
    nodes_of_it = tuple(
        _as_registered(node, machine, seen) for node, machine in zip(cluster.nodes, machines, strict=True)
    )
    cluster = replace(
        cluster,
        nodes=nodes_of_it,
        kubelet_configuration_given=not hashed["kubelet-config"],
        kube_proxy_configuration_given=not hashed["kube-proxy"],
        manifests=(),
    )
    if "controlPlaneEndpoint" not in cluster.cluster_configuration:
        # kubeadm's GetControlPlaneEndpoint; such a cluster takes no further master.
        first = cluster.first_control_plane
        cluster = replace(cluster, endpoint=Endpoint(first.address, first.bind_port))
    return cluster, findings


def with_sockets(cluster: Cluster, nodes: Mapping[str, SeenNode]) -> Cluster:
    """With the CRI sockets that nodes keep for themselves: no annotation of their Node names those (NodeLocalCRISocket)."""
    if not cluster.release.features.node_local_cri_socket:
        return cluster
    kubelet = cluster.paths.kubelet

    def told(node: Node) -> Node:
        files = nodes[node.name].files if node.name in nodes else {}
        for path in (f"{kubelet}/instance-config.yaml", f"{kubelet}/config.yaml"):
            socket = _socket(files[path].content) if path in files else ""
            if socket:
                return replace(node, registration=replace(node.registration, cri_socket=socket))
        return node

    return replace(cluster, nodes=tuple(told(node) for node in cluster.nodes))


def _socket(content: bytes) -> str:
    """containerRuntimeEndpoint of a kubelet's configuration; empty where there is none."""
    try:
        value = value_of(content)
    except (yaml.YAMLError, ValueError, RecursionError):
        # Told as a document that cannot be read.
        return ""
    return str(value.get("containerRuntimeEndpoint") or "") if isinstance(value, dict) else ""


def _data(seen: SeenCluster, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = seen.documents.get(name, {}).get("data") or {}
    return found


def _objected(objections: Iterable[Objection], file: str) -> Iterator[Finding]:
    """What hardway would not build, and what kubeadm could not read."""
    for one in objections:
        kind, _, field = one.problem.path.partition(".")
        item = f"{kind} of {file}" if one.source == file else one.source
        name = one.source.removeprefix(_MAP)
        chapter = "addon/kube-proxy" if name == "kube-proxy" else "upload-config"
        grade, wish, cure = Grade.NOTE, "what hardway would build", ""
        if one.unreadable:
            grade, wish = Grade.ERROR, "what kubeadm can read"
            cure = "" if one.source == file else f"{KUBECTL} -n kube-system edit cm {name}"
        message = hidden(one.problem.message)
        yield Finding(grade, CLUSTER, chapter, item, field or "document", wish, message, cure)


def _etcd_tag(seen: SeenCluster) -> str:
    """The tag of the image that most members of etcd run; empty where none is seen."""
    images = [
        str(container.get("image", ""))
        for pod in seen.pods
        for container in pod["spec"].get("containers") or ()
        if container.get("name") == "etcd" and MIRROR in _annotations(pod)
    ]
    tags = Counter(found["tag"] for image in images if (found := _ETCD.fullmatch(image)))
    return tags.most_common(1)[0][0] if tags else ""


_ETCD = re.compile(r".*/etcd:(?P<tag>[\w.-]+)")


def _of_another_release(cluster: Cluster, etcd_tag: str) -> Iterator[Finding]:
    """What is known of a patch release is what its neighbour has."""
    version = cluster.release.kubernetes
    listed = versions.listed(version)
    if listed is None or listed.kubernetes == version:
        return
    yield Finding(
        Grade.NOTE, CLUSTER, "upload-config", f"{_MAP}{KUBEADM_CONFIG}", "kubernetesVersion",
        f"{listed.kubernetes}, by which this cluster is judged", version,
    )  # fmt: skip
    if etcd_tag not in ("", listed.etcd_image_tag):
        wish = f"{listed.etcd_image_tag}, as {listed.kubernetes} has it"
        yield Finding(Grade.NOTE, CLUSTER, "etcd", "Pods of etcd", "image", wish, etcd_tag)


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


def _annotations(there: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = there["metadata"].get("annotations") or {}
    return found


def _advertised(name: str, seen: SeenCluster) -> Endpoint | None:
    """Where the API server of a node advertises itself; kubeadm itself has it from there (`getAPIEndpoint`)."""
    for pod in seen.pods:
        if pod["spec"].get("nodeName") == name and ENDPOINT in _annotations(pod):
            host, _, port = str(_annotations(pod)[ENDPOINT]).rpartition(":")
            address = networks.address(host.strip("[]"))
            if address and port.isdecimal():
                return Endpoint(str(address), int(port))
    return None


def _runs_api_server(node: Mapping[str, Any], seen: SeenCluster) -> bool:
    """Its kubelet has the manifest of one."""
    return any(
        pod["spec"].get("nodeName") == node["metadata"]["name"]
        and MIRROR in _annotations(pod)
        and str(pod["metadata"]["name"]).startswith("kube-apiserver-")
        for pod in seen.pods
    )


def _machines(
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


def _as_registered(node: Node, machine: Machine, seen: SeenCluster) -> Node:
    """With the name, the CRI socket and the port that the cluster knows; the short name is the one that the file knows."""
    if machine.node is None:
        return node
    name = str(machine.node["metadata"]["name"])
    socket = _annotations(machine.node).get(CRI_SOCKET_ANNOTATION)
    registration = replace(node.registration, cri_socket=socket) if socket else node.registration
    advertised = _advertised(name, seen)
    return replace(
        node,
        name=name,
        host_name=machine.given.host_name if machine.given else name.split(".")[0],
        registration=registration,
        bind_port=advertised.port if advertised else node.bind_port,
    )
