"""The kubeadm documents of a cluster.yaml, as their user would write them for one node. Pure.

What the user's documents say goes to kubeadm as it was read, never as our model has it: a mistake in our reading would
be handed to both sides, and nobody would see it. Only what the Inventory says of a node is put in.
"""

import ipaddress
from collections.abc import Iterable, Mapping
from typing import Any

from hardway.config.document import parse
from hardway.config.scalars import value_of
from hardway.features import V1BETA3, V1BETA4, Features
from hardway.model import Node
from hardway.steps.yaml import dump_all

Documents = list[dict[str, Any]]
OF_NODES = ("InitConfiguration", "JoinConfiguration", "Inventory")


def read(text: str) -> Documents:
    """All documents of a text that `loads` takes, read as kubeadm reads it."""
    found, _ = parse(text)
    return [document.value for document in found]


def for_init(documents: Documents, node: Node, **run: Any) -> str:
    """kubeadm.yaml of the first master: with its name and address, and what the inventory says of its registration.

    `run`: fields of InitConfiguration that belong to one run, such as `certificateKey`.
    """
    others = [value for value in documents if value["kind"] not in OF_NODES]
    return dump_all([{**_init(documents, node, _of_kind(documents, "InitConfiguration")), **run}, *others])


def for_join(documents: Documents, node: Node, discovery: Mapping[str, Any], certificate_key: str) -> str:
    """kubeadm.yaml of a node that joins; `certificate_key` opens the CAs of a master's."""
    join = _of_kind(documents, "JoinConfiguration")
    init = _init(documents, node, _of_all(join))
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
    others = [value for value in documents if value["kind"] not in OF_NODES]
    join = _of_kind(documents, "JoinConfiguration")
    source = {
        "apiVersion": join.get("apiVersion"),
        "nodeRegistration": join.get("nodeRegistration"),
        "localAPIEndpoint": (join.get("controlPlane") or {}).get("localAPIEndpoint"),
        **{name: join[name] for name in ("timeouts", "patches") if join.get(name)},
    }
    init = _init(documents, node, _of_all(source))
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


def _of_all(join: dict[str, Any]) -> dict[str, Any]:
    """What JoinConfiguration says of every node that joins: a name or an address in it is that of one of them."""
    registration, endpoint = join.get("nodeRegistration") or {}, join.get("localAPIEndpoint") or {}
    return {
        **join,
        "nodeRegistration": {key: value for key, value in registration.items() if key != "name"},
        "localAPIEndpoint": {key: value for key, value in endpoint.items() if key != "advertiseAddress"},
    }


def _init(documents: Documents, node: Node, source: dict[str, Any]) -> dict[str, Any]:
    api = source.get("apiVersion") or _of_kind(documents, "ClusterConfiguration")["apiVersion"]
    registration, endpoint = source.get("nodeRegistration") or {}, source.get("localAPIEndpoint") or {}
    own = _entry(documents, node)
    added: dict[str, Any] = {"name": registration.get("name") or node.name}
    if own.get("kubeletExtraArgs"):
        args = _laid_over(registration.get("kubeletExtraArgs"), own["kubeletExtraArgs"])
        added["kubeletExtraArgs"] = (
            dict(args) if api == V1BETA3 else [{"name": name, "value": value} for name, value in args]
        )
    if own.get("taints") is not None:
        added["taints"] = own["taints"]
    return {
        **source,
        "apiVersion": api,
        "kind": "InitConfiguration",
        "nodeRegistration": {**registration, **added},
        "localAPIEndpoint": {**endpoint, "advertiseAddress": endpoint.get("advertiseAddress") or node.address},
    }


def _entry(documents: Documents, node: Node) -> dict[str, Any]:
    """What the Inventory says of a node; no two have one address."""
    entries = _of_kind(documents, "Inventory")["nodes"]
    return next(entry for entry in entries if str(ipaddress.ip_address(entry["address"])) == node.address)


def _laid_over(shared: Any, own: Any) -> list[tuple[str, Any]]:
    """kubeletExtraArgs in either form, and a node's own in place of those that have its names."""
    ours = _pairs(own)
    return [pair for pair in _pairs(shared) if pair[0] not in dict(ours)] + ours


def _pairs(args: Any) -> list[tuple[str, Any]]:
    """A map as kubeadm sorts it, a list as it stands."""
    if isinstance(args, list):
        return [(arg.get("name", ""), arg.get("value", "")) for arg in args]
    return sorted((args or {}).items())
