"""The kubeadm documents of a cluster.yaml, as their user would write them for one node. Pure."""

from typing import Any

import yaml

from hardway.features import V1BETA3
from hardway.model import Node
from hardway.steps.yaml import dump_all
from hardway.versions import find

Documents = list[dict[str, Any]]


def read(text: str) -> Documents:
    """All documents but the Inventory."""
    return [value for value in yaml.safe_load_all(text) if value and value.get("kind") != "Inventory"]


def for_init(documents: Documents, node: Node) -> str:
    """kubeadm.yaml of the first master: with its name and address, and what the inventory says of its registration."""
    others = [value for value in documents if value["kind"] not in ("InitConfiguration", "JoinConfiguration")]
    return dump_all([_init(documents, node, _of_kind(documents, "InitConfiguration")), *others])


def as_joined(documents: Documents, node: Node) -> str:
    """The same for a node that joins, said as an InitConfiguration.

    kubeadm makes a joining master's certificates, kubeconfigs and manifests from one, filled with what
    JoinConfiguration says of the node (`app/cmd/join.go`, fetchInitConfigurationFromJoinConfiguration).
    """
    others = [
        _as_stored(value) for value in documents if value["kind"] not in ("InitConfiguration", "JoinConfiguration")
    ]
    join = _of_kind(documents, "JoinConfiguration")
    endpoint = (join.get("controlPlane") or {}).get("localAPIEndpoint") or {}
    source = {
        "apiVersion": join.get("apiVersion"),
        "nodeRegistration": join.get("nodeRegistration"),
        "localAPIEndpoint": endpoint,
        **({"timeouts": join["timeouts"]} if join.get("timeouts") else {}),
    }
    return dump_all([_init(documents, node, source), *others])


def _as_stored(document: dict[str, Any]) -> dict[str, Any]:
    """Without what a joining node does not find in the cluster: v1beta4, in which it is stored, has no such field."""
    release = find(str(document.get("kubernetesVersion")))
    if release is None or release.features.upload_config_api == V1BETA3:
        return document
    server = {key: item for key, item in (document.get("apiServer") or {}).items() if key != "timeoutForControlPlane"}
    return {**document, "apiServer": server}


def skipped(documents: Documents) -> tuple[str, ...]:
    """skipPhases of InitConfiguration; the flag of the same name replaces it."""
    return tuple(_of_kind(documents, "InitConfiguration").get("skipPhases") or ())


def _of_kind(documents: Documents, kind: str) -> dict[str, Any]:
    return next((value for value in documents if value["kind"] == kind), {})


def _init(documents: Documents, node: Node, source: dict[str, Any]) -> dict[str, Any]:
    cluster = _of_kind(documents, "ClusterConfiguration")
    api = source.get("apiVersion") or cluster["apiVersion"]
    registration = dict(source.get("nodeRegistration") or {})
    registration["name"] = node.name
    if node.registration.kubelet_extra_args:
        args = node.registration.kubelet_extra_args
        registration["kubeletExtraArgs"] = (
            dict(args) if api == V1BETA3 else [{"name": name, "value": value} for name, value in args]
        )
    if node.registration.taints is not None:
        registration["taints"] = [
            {"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in node.registration.taints
        ]
    return {
        **source,
        "apiVersion": api,
        "kind": "InitConfiguration",
        "nodeRegistration": registration,
        "localAPIEndpoint": {**(source.get("localAPIEndpoint") or {}), "advertiseAddress": node.address},
    }
