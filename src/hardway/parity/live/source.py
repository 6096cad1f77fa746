"""The model of a cluster that lives, from its own configuration."""

import ipaddress
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from hardway.chapters.kubelet_wait_bootstrap import CRI_SOCKET_ANNOTATION
from hardway.chapters.mark_control_plane import LABELS
from hardway.chapters.upload_config import HASH_ANNOTATION
from hardway.config import load, loads
from hardway.errors import UsageError
from hardway.model import Cluster, Node
from hardway.parity.compare import ABSENT
from hardway.parity.live.cures import Tools, hardway
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


def given(path: Path) -> tuple[Cluster, bool]:
    """The cluster of a file, and whether the file describes one: False when it holds only an Inventory."""
    documents = _documents(path)
    if any(document.get("kind") == "ClusterConfiguration" for document in documents):
        return load(path), True
    inventory = next((document for document in documents if document.get("kind") == "Inventory"), None)
    if inventory is None:
        raise UsageError("there is no Inventory", str(path), hint="it says how the nodes are reached")
    # What patches are for is said by documents that are not asked yet.
    machines = {name: value for name, value in inventory.items() if name != "patches"}
    text = _ANY_CLUSTER + "---\n" + dump_all([{"baseDomain": "example.com", **machines}])
    return loads(text, file=str(path), folder=path.parent), False


def _documents(path: Path) -> list[dict[str, Any]]:
    try:
        found = list(yaml.safe_load_all(path.read_text()))
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}", str(path), hint="name it with --file") from None
    except (yaml.YAMLError, UnicodeDecodeError):
        # The reader of configurations says where and why.
        load(path)
        raise
    return [document for document in found if isinstance(document, dict)]


def actual(tools: Tools, before: Cluster, seen: SeenCluster) -> tuple[Cluster, list[Finding]]:
    """The cluster that its kubeadm-config describes, with the nodes that the API has; and what was odd.

    UsageError when there is no kubeadm-config. InvalidConfiguration when it asks for what hardway does not know.
    """
    if "kubeadm-config" not in seen.documents:
        raise UsageError(
            "there is no ConfigMap kubeadm-config: nothing says what this cluster should be",
            CLUSTER,
            hint="kubeadm init phase upload-config kubeadm, or hardway apply --only upload-config, stores it",
        )
    path = Path(tools.file)
    texts = [str(_data(seen, "kubeadm-config").get("ClusterConfiguration"))]
    texts += [str(_data(seen, name)[key]) for name, key in CONFIG_KEYS.items() if _data(seen, name).get(key)]
    own = _documents(path)
    inventory: dict[str, Any] = next(document for document in own if document.get("kind") == "Inventory")
    entries, findings = _entries(tools, inventory, before, seen)
    others = [d for d in own if d.get("kind") in ("InitConfiguration", "JoinConfiguration")]
    texts.append(dump_all([*others, {"baseDomain": "example.com", **inventory, "nodes": entries}]))
    cluster = loads("---\n".join(f"{text.rstrip()}\n" for text in texts), file="kubeadm-config", folder=path.parent)
    hashed = {
        name: HASH_ANNOTATION in (seen.documents.get(name, {}).get("metadata", {}).get("annotations") or {})
        for name in CONFIG_KEYS
    }
    by_address = {address: node for node in seen.nodes for address in addresses(node)}
    nodes = tuple(_as_registered(node, by_address.get(node.address), seen) for node in cluster.nodes)
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
    """Internal addresses of a Node."""
    listed = node.get("status", {}).get("addresses", ())
    return tuple(str(ipaddress.ip_address(item["address"])) for item in listed if item["type"] == "InternalIP")


def _entries(
    tools: Tools, inventory: Mapping[str, Any], before: Cluster, seen: SeenCluster
) -> tuple[list[dict[str, Any]], list[Finding]]:
    """The inventory's nodes in its order, and those that only the API knows, masters by their age."""
    findings: list[Finding] = []
    entries = [dict(entry) for entry in inventory["nodes"]]
    known = {node.address for node in before.nodes}
    in_api = {address for node in seen.nodes for address in addresses(node)}
    for node in sorted(seen.nodes, key=lambda node: str(node["metadata"]["creationTimestamp"])):
        if known & set(addresses(node)) or not addresses(node):
            continue
        name = str(node["metadata"]["name"])
        role = "control-plane" if LABELS[0] in node["metadata"].get("labels", {}) else "worker"
        entries.append({"name": name, "address": addresses(node)[0], "roles": [role]})
        if tools.ours:
            wish = f"a node of the Inventory with the address {addresses(node)[0]}"
            item = f"Node {name}"
            findings.append(Finding(Grade.WARNING, name, "kubelet-start", item, "Inventory", wish, ABSENT))
    for machine in before.kubernetes_nodes:
        if machine.address not in in_api:
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
    port = int(endpoint.rpartition(":")[2]) if endpoint else node.bind_port
    return replace(node, name=name, host_name=name.split(".")[0], registration=registration, bind_port=port)
