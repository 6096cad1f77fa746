"""The kubeadm documents of a cluster.yaml, as their user would write them for one node. Pure."""

from collections.abc import Iterable, Mapping
from typing import Any

from hardway.config.document import parse
from hardway.config.scalars import value_of
from hardway.features import V1BETA3, V1BETA4, Features
from hardway.model import Node
from hardway.steps.yaml import dump_all

Documents = list[dict[str, Any]]


def read(text: str) -> Documents:
    """All documents but the Inventory of a text that `loads` takes, read as kubeadm reads it."""
    found, _ = parse(text)
    return [document.value for document in found if document.kind != "Inventory"]


def for_init(documents: Documents, node: Node, **run: Any) -> str:
    """kubeadm.yaml of the first master: with its name and address, and what the inventory says of its registration.

    `run`: fields of InitConfiguration that belong to one run, such as `certificateKey`.
    """
    others = [value for value in documents if value["kind"] not in ("InitConfiguration", "JoinConfiguration")]
    return dump_all([{**_init(documents, node, _of_kind(documents, "InitConfiguration")), **run}, *others])


def for_join(documents: Documents, node: Node, discovery: Mapping[str, Any], certificate_key: str) -> str:
    """kubeadm.yaml of a node that joins; `certificate_key` opens the CAs of a master's."""
    join = _of_kind(documents, "JoinConfiguration")
    init = _init(documents, node, join)
    made = {**join, "kind": "JoinConfiguration", "discovery": dict(discovery)}
    made |= {key: init[key] for key in ("apiVersion", "nodeRegistration")}
    made.pop("controlPlane", None)
    if node.is_control_plane:
        own = join.get("controlPlane") or {}
        endpoint = {**(own.get("localAPIEndpoint") or {}), "advertiseAddress": node.address}
        made["controlPlane"] = {**own, "localAPIEndpoint": endpoint, "certificateKey": certificate_key}
    return dump_all([made])


def as_joined(documents: Documents, node: Node, features: Features) -> str:
    """The same for a node that joins, said as an InitConfiguration.

    kubeadm makes a joining master's certificates, kubeconfigs and manifests from one, filled with what
    JoinConfiguration says of the node (`app/cmd/join.go`, fetchInitConfigurationFromJoinConfiguration).
    """
    others = [value for value in documents if value["kind"] not in ("InitConfiguration", "JoinConfiguration")]
    join = _of_kind(documents, "JoinConfiguration")
    endpoint = (join.get("controlPlane") or {}).get("localAPIEndpoint") or {}
    source = {
        "apiVersion": join.get("apiVersion"),
        "nodeRegistration": join.get("nodeRegistration"),
        "localAPIEndpoint": endpoint,
        **{name: join[name] for name in ("timeouts", "patches") if join.get(name)},
    }
    init = _init(documents, node, source)
    if not node.is_control_plane:
        _flag_of_taints(init, features)
    return dump_all([init, *others])


def _flag_of_taints(init: dict[str, Any], features: Features) -> None:
    """Only `join` gives a worker's taints to its kubelet as a flag (`app/phases/kubelet/flags.go`, registerTaintsUsingFlags).

    Taint.ToString is KEY=VALUE:EFFECT, without `=` where there is no value; the user's own flag is stronger.
    """
    registration = init["nodeRegistration"]
    name, text = "register-with-taints", ",".join(_taint_text(taint) for taint in registration.get("taints") or ())
    args = registration.get("kubeletExtraArgs") or []
    listed = [{"name": key, "value": args[key]} for key in sorted(args)] if isinstance(args, dict) else args
    if not text or name in [arg["name"] for arg in listed]:
        return
    if V1BETA4 in features.config_apis:
        # The flag is kubeadm's own and stands before the user's, which a map cannot say.
        init["apiVersion"] = V1BETA4
        registration["kubeletExtraArgs"] = [{"name": name, "value": text}, *listed]
    else:
        registration["kubeletExtraArgs"] = {name: text, **dict(args)}


def _taint_text(taint: dict[str, Any]) -> str:
    value = f"={taint['value']}" if taint.get("value") else ""
    return f"{taint['key']}{value}:{taint['effect']}"


def stored(documents: Documents, objects: Iterable[Mapping[str, Any]]) -> Documents:
    """The documents with those in place that a joining node finds in the cluster, from the API objects of `init`.

    They say more than the user: kubeadm adds a port to the endpoint, and what systemd-resolved of the first master needs.
    """
    data = {value["metadata"]["name"]: value["data"] for value in objects if value["kind"] == "ConfigMap"}
    found = [
        value_of(data[name][key])
        for name, key in (("kubeadm-config", "ClusterConfiguration"), ("kubelet-config", "kubelet"))
    ]
    kinds = [value["kind"] for value in found]
    return [value for value in documents if value["kind"] not in kinds] + found


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
