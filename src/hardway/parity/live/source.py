"""The model of a cluster that lives, from its own configuration."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import yaml

from hardway import versions
from hardway.chapters.upload_config import HASH_ANNOTATION
from hardway.config import Objection, loads, stored, text_of
from hardway.config.document import parse
from hardway.config.problems import hidden
from hardway.config.scalars import value_of
from hardway.errors import UsageError
from hardway.model import Cluster, Endpoint, Node
from hardway.parity.live import machines
from hardway.parity.live.cures import KUBECTL, Tools
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.steps.yaml import dump_all

KUBEADM_CONFIG = "kubeadm-config"
_MAP = "ConfigMap kube-system/"
CONFIG_KEYS = {"kubelet-config": "kubelet", "kube-proxy": "config.conf"}
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
    listed, findings = machines.machines_of(tools, inventory, before.cluster, seen)
    others = [d for d in before.documents if d.get("kind") in ("InitConfiguration", "JoinConfiguration")]
    nodes = {"nodes": [machine.entry for machine in listed]}
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
        machines.as_registered(node, machine, seen) for node, machine in zip(cluster.nodes, listed, strict=True)
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
        if container.get("name") == "etcd" and machines.MIRROR in machines.annotations(pod)
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
