"""Kubeconfigs of a node in words."""

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import yaml

from hardway.config.scalars import value_of
from hardway.parity.certificates import Surroundings
from hardway.parity.compare import ABSENT
from hardway.parity.live.pems import authority, key_fields, signed_fields
from hardway.parity.live.seen import key as told_key
from hardway.parity.values import Fields, flatten, prefixed


def _document(text: bytes) -> Any:
    try:
        return value_of(text)
    # Of a `!!timestamp` that there is none of, yaml says ValueError.
    except (yaml.YAMLError, ValueError):
        return None


def _named(value: Any, entries: str, body: str) -> Iterator[tuple[str, dict[str, Any]]]:
    """The named entries of a kubeconfig's list, as far as they are such."""
    items = value.get(entries) if isinstance(value, dict) else None
    for item in items if isinstance(items, list) else ():
        if isinstance(item, dict):
            its = item.get(body)
            yield str(item.get("name")), its if isinstance(its, dict) else {}


@dataclass(frozen=True)
class Used:
    """What a kubeconfig's current context leads to; names are empty and entries too where it leads nowhere."""

    context: str
    cluster: str = ""
    user: str = ""
    its_cluster: Mapping[str, Any] = field(default_factory=dict)
    its_user: Mapping[str, Any] = field(default_factory=dict)


def used(text: bytes) -> Used:
    """As kubectl and kubelets go: by current-context, the last entry of a name."""
    value = _document(text)
    name = str(value.get("current-context") or "") if isinstance(value, dict) else ""
    context = dict(_named(value, "contexts", "context")).get(name, {})
    clusters, users = dict(_named(value, "clusters", "cluster")), dict(_named(value, "users", "user"))
    cluster, user = str(context.get("cluster") or ""), str(context.get("user") or "")
    if cluster not in clusters or user not in users:
        return Used(name)
    return Used(name, cluster, user, clusters[cluster], users[user])


def clusters(text: bytes) -> dict[str, dict[str, Any]]:
    """The clusters that a kubeconfig knows, by name."""
    return dict(_named(_document(text), "clusters", "cluster"))


def kubeconfig_fields(text: bytes, around: Surroundings) -> Fields:
    """A kubeconfig by its structure; its key is told by Key's fields."""
    value = _document(text)
    if not isinstance(value, dict):
        return {"document": "not a kubeconfig"}
    embedded: Fields = {}
    for place, entry in (("cluster", "clusters"), ("user", "users")):
        for name, body in _named(value, entry, place):
            where = f"{entry}[{name}]"
            certificate = _pem(body.pop("client-certificate-data", None))
            if its_authority := body.pop("certificate-authority-data", None):
                embedded[f"{where}.certificate-authority-data"] = authority(_pem(its_authority), around)
            if certificate:
                embedded |= prefixed(signed_fields(certificate, around), f"{where}.client-certificate-data")
            if key := body.pop("client-key-data", None):
                embedded |= prefixed(key_fields(told_key(str(key)), certificate), f"{where}.client-key-data")
    return flatten(value) | embedded


def is_kubeconfig(text: bytes) -> bool:
    """Not any other *.conf, as of a cloud or a resolver."""
    value = _document(text)
    return isinstance(value, dict) and any(isinstance(value.get(name), list) for name in ("clusters", "users"))


def client_certificate(text: bytes) -> bytes:
    """The PEM text that is embedded for the user of a kubeconfig's current context; empty when there is none."""
    return _pem(used(text).its_user.get("client-certificate-data"))


def kubelet_conf_fields(text: bytes, around: Surroundings) -> Fields:
    """What counts in a kubelet.conf: its names differ between the first master and the others."""
    its = used(text)
    if not its.cluster:
        return {"document": "current-context leads to no cluster and user"}
    embedded = "embedded" if "client-certificate-data" in its.its_user else ABSENT
    return {
        "server": str(its.its_cluster.get("server")),
        "certificate-authority": authority(_pem(its.its_cluster.get("certificate-authority-data")), around),
        "client-certificate": str(its.its_user.get("client-certificate", embedded)),
        "client-key": str(its.its_user.get("client-key", embedded)),
    }


def _pem(encoded: Any) -> bytes:
    try:
        return base64.b64decode(str(encoded or ""))
    except ValueError:
        return b""
