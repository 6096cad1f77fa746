"""The model of a cluster that lives, from its own configuration."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from hardway.chapters.kubelet_wait_bootstrap import CRI_SOCKET_ANNOTATION
from hardway.chapters.mark_control_plane import LABELS
from hardway.chapters.upload_config import HASH_ANNOTATION
from hardway.config import loads, networks, text_of
from hardway.config.document import parse
from hardway.errors import UsageError
from hardway.model import Cluster, Node
from hardway.parity.compare import ABSENT
from hardway.parity.live.cures import KUBECTL, Tools, hardway
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.seen import SeenCluster
from hardway.steps.yaml import dump_all

CONFIG_KEYS = {"kubelet-config": "kubelet", "kube-proxy": "config.conf"}
ENDPOINT = "kubeadm.kubernetes.io/kube-apiserver.advertise-address.endpoint"
_JOIN = "kubeadm token create --print-join-command"
_ANY_CLUSTER = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
controlPlaneEndpoint: not-asked-yet:6443
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


def given(path: Path) -> Given:
    """The cluster of a file, or the machines of an Inventory."""
    text = text_of(path)
    parsed, problems = parse(text)
    documents = tuple(document.value for document in parsed)
    if problems or any(document.get("kind") == "ClusterConfiguration" for document in documents):
        return Given(loads(text, file=str(path), folder=path.parent), documents, True, path.parent)
    inventory = next((document for document in documents if document.get("kind") == "Inventory"), None)
    if inventory is None:
        raise UsageError("there is no Inventory", str(path), hint="it says how the nodes are reached")
    # What patches are for is said by documents that are not asked yet.
    machines = {name: value for name, value in inventory.items() if name != "patches"}
    text = _ANY_CLUSTER + "---\n" + dump_all([{"baseDomain": "example.com", **machines}])
    return Given(loads(text, file=str(path), folder=path.parent), documents, False, path.parent)


def actual(tools: Tools, before: Given, seen: SeenCluster) -> tuple[Cluster, list[Finding]]:
    """The cluster that its kubeadm-config describes, with the nodes that the API has; and what was odd.

    UsageError when there is no kubeadm-config. InvalidConfiguration when it asks for what hardway does not know.
    """
    if "kubeadm-config" not in seen.documents:
        raise UsageError(
            "there is no ConfigMap kubeadm-config: nothing says what this cluster should be",
            CLUSTER,
            hint="kubeadm init phase upload-config kubeadm, or hardway apply --only upload-config, stores it",
        )
    texts = [str(_data(seen, "kubeadm-config").get("ClusterConfiguration"))]
    texts += [str(_data(seen, name)[key]) for name, key in CONFIG_KEYS.items() if _data(seen, name).get(key)]
    inventory: dict[str, Any] = next(d for d in before.documents if d.get("kind") == "Inventory")
    entries, findings = _entries(tools, inventory, before.cluster, seen)
    others = [d for d in before.documents if d.get("kind") in ("InitConfiguration", "JoinConfiguration")]
    texts.append(dump_all([*others, {"baseDomain": "example.com", **inventory, "nodes": entries}]))
    cluster = loads("---\n".join(f"{text.rstrip()}\n" for text in texts), file="kubeadm-config", folder=before.folder)
    hashed = {
        name: HASH_ANNOTATION in (seen.documents.get(name, {}).get("metadata", {}).get("annotations") or {})
        for name in CONFIG_KEYS
    }
    registered = registrations(cluster.kubernetes_nodes, seen)
    nodes = tuple(_as_registered(node, registered.get(node.address), seen) for node in cluster.nodes)
    cluster = replace(
        cluster,
        nodes=nodes,
        kubelet_configuration_given=not hashed["kubelet-config"],
        kube_proxy_configuration_given=not hashed["kube-proxy"],
        manifests=(),
    )
    return cluster, findings


def _data(seen: SeenCluster, name: str) -> Mapping[str, Any]:
    found: Mapping[str, Any] = seen.documents.get(name, {}).get("data") or {}
    return found


def addresses(node: Mapping[str, Any]) -> tuple[str, ...]:
    """Internal addresses of a Node, without what is none: the API takes anything that somebody's cloud tells."""
    listed = node.get("status", {}).get("addresses") or ()
    told = (networks.address(str(item["address"])) for item in listed if item["type"] == "InternalIP")
    return tuple(str(address) for address in told if address)


def registrations(machines: Iterable[Node], seen: SeenCluster) -> dict[str, Mapping[str, Any]]:
    """Address of a machine to its Node: the one with this address; else, for a Node may have none, the one with its name."""
    machines = tuple(machines)
    by_address = {address: node for node in seen.nodes for address in addresses(node)}
    found = {machine.address: by_address[machine.address] for machine in machines if machine.address in by_address}
    taken = {str(node["metadata"]["name"]) for node in found.values()}
    free = {str(node["metadata"]["name"]): node for node in seen.nodes if node["metadata"]["name"] not in taken}
    for machine in machines:
        names = [name for name in (machine.name, machine.host_name) if name in free]
        if machine.address not in found and names:
            found[machine.address] = free.pop(names[0])
    return found


def _entries(
    tools: Tools, inventory: Mapping[str, Any], before: Cluster, seen: SeenCluster
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The inventory's nodes in its order, and those that only the API knows, masters by their age."""
    findings: list[Finding] = []
    entries = [dict(entry) for entry in inventory["nodes"]]
    known = {node.address for node in before.nodes}
    registered = registrations(before.kubernetes_nodes, seen)
    named = {str(node["metadata"]["name"]) for node in registered.values()}
    for node in sorted(seen.nodes, key=lambda node: str(node["metadata"]["creationTimestamp"])):
        name = str(node["metadata"]["name"])
        if not addresses(node):
            # A cloud's controller gives it one; without, the API server does not reach its kubelet.
            findings.append(
                Finding(
                    Grade.ERROR, name, "kubelet-start", f"Node {name}", "status.addresses", "an InternalIP", ABSENT,
                    f"{KUBECTL} describe node {name}",
                )
            )  # fmt: skip
        if name in named or known & set(addresses(node)) or not addresses(node):
            continue
        role = "control-plane" if LABELS[0] in node["metadata"].get("labels", {}) else "worker"
        entries.append({"name": name, "address": addresses(node)[0], "roles": [role]})
        if tools.ours:
            wish = f"a node of the Inventory with the address {addresses(node)[0]}"
            item = f"Node {name}"
            findings.append(Finding(Grade.WARNING, name, "kubelet-start", item, "Inventory", wish, ABSENT))
    for machine in before.kubernetes_nodes:
        there = addresses(registered[machine.address]) if machine.address in registered else None
        if there and machine.address not in there:
            wish, has = f"with {machine.address}, as the Inventory has it", " ".join(there)
            item, field = f"Node {machine.name}", "status.addresses"
            findings.append(Finding(Grade.WARNING, machine.name, "kubelet-start", item, field, wish, has))
        if there is None:
            findings.append(
                Finding(
                    Grade.ERROR,
                    machine.name,
                    "kubelet-start",
                    "Node",
                    "item",
                    f"a Node with the address {machine.address}",
                    ABSENT,
                    hardway(tools, "", machine) if tools.ours else _JOIN,
                )
            )
    return entries, findings


def _as_registered(node: Node, found: Mapping[str, Any] | None, seen: SeenCluster) -> Node:
    """With the name, the CRI socket and the port that the cluster knows."""
    if found is None:
        return node
    name = str(found["metadata"]["name"])
    socket = (found["metadata"].get("annotations") or {}).get(CRI_SOCKET_ANNOTATION)
    registration = replace(node.registration, cri_socket=socket) if socket else node.registration
    endpoint = next(
        (
            str((pod["metadata"].get("annotations") or {})[ENDPOINT])
            for pod in seen.pods
            if pod["spec"].get("nodeName") == name and ENDPOINT in (pod["metadata"].get("annotations") or {})
        ),
        "",
    )
    told = endpoint.rpartition(":")[2]
    port = int(told) if told.isdecimal() else node.bind_port
    return replace(node, name=name, host_name=name.split(".")[0], registration=registration, bind_port=port)
