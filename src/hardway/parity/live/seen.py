"""What an audit has read, as data."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardway.renderers.files import Entry, Kind

_KINDS = {"d": Kind.DIRECTORY, "f": Kind.FILE, "l": Kind.LINK}
Answers = Mapping[str, list[str]]
"""Word to what was told after it."""


@dataclass(frozen=True)
class Key:
    """What is known of a private key."""

    label: str
    """Of its PEM block."""
    public: str
    """SHA-256 of its public key (SubjectPublicKeyInfo, DER), in hex."""


@dataclass(frozen=True)
class Secret:
    """What is known of a Secret of kube-system."""

    name: str
    type: str
    expiration: str = ""
    """Of a bootstrap token: RFC 3339."""
    owner: str = ""
    signs: bool = False
    """A bootstrap token with which cluster-info is signed."""


@dataclass(frozen=True)
class SeenNode:
    """One node."""

    name: str
    files: Mapping[str, Entry]
    """By path. A private key has no content; a kubeconfig has Key's fields in place of its key."""
    keys: Mapping[str, Key]
    units: Mapping[str, tuple[str, str]]
    """Unit to whether it is enabled and active, in systemd's words."""
    kubelet: tuple[str, ...]
    """Command line of the running kubelet; empty when none runs."""
    reload: bool = False
    """systemd has read an older kubelet.service."""


@dataclass(frozen=True)
class SeenCluster:
    """What the API says."""

    documents: Mapping[str, Mapping[str, Any]]
    """kubeadm-config, kubelet-config and kube-proxy: the ConfigMaps, as far as they are there."""
    nodes: tuple[Mapping[str, Any], ...]
    pods: tuple[Mapping[str, Any], ...] = ()
    requests: tuple[Mapping[str, Any], ...] = ()
    """CertificateSigningRequests."""
    secrets: tuple[Secret, ...] = field(default=(), repr=False)
    """Of kube-system."""
    members: tuple[Mapping[str, Any], ...] = ()
    """etcd's members; empty when etcd was not asked."""


def heard(lines: Iterable[str]) -> Answers:
    """The answer of one of the scripts of `fetch`."""
    found: dict[str, list[str]] = {}
    for line in lines:
        mark, _, rest = line.partition(" ")
        if mark == "audit":
            word, _, rest = rest.partition(" ")
            found.setdefault(word, []).append(rest)
    return found


def seen_node(name: str, answers: Answers) -> SeenNode:
    """A node's answer."""
    contents: dict[str, bytes] = {}
    for line in answers.get("content", []):
        encoded, _, path = line.partition(" ")
        contents[path] = base64.b64decode(encoded)
    keys = {}
    for line in answers.get("key", []):
        told, _, path = line.partition(" ")
        keys[path] = key(told.replace("_", " "))
    files = {}
    for line in answers.get("stat", []):
        mode, owner, kind, path = line.split(" ", 3)
        files[path] = Entry(_KINDS.get(kind, Kind.FILE), int(mode, 8), owner, contents.get(path, b""))
    units = {}
    for line in answers.get("unit", []):
        unit, enabled, active = (*line.split(" "), "", "")[:3]
        units[unit] = (enabled, active)
    running = base64.b64decode((answers.get("kubelet") or [""])[0]).decode(errors="replace")
    reload = answers.get("reload") == ["yes"]
    return SeenNode(name, files, keys, units, tuple(filter(None, running.split("\0"))), reload)


def key(told: str) -> Key:
    """`fingerprint`'s answer."""
    label, _, public = told.partition("|")
    return Key(label, public)


def seen_cluster(answers: Answers) -> SeenCluster:
    """The answer to `cluster_script`."""

    def text(word: str) -> str:
        return base64.b64decode((answers.get(word) or [""])[0]).decode()

    def items(word: str) -> tuple[Mapping[str, Any], ...]:
        return listed(text(word))

    rows = (row.split("\t") for row in text("secrets").splitlines() if row.count("\t") == 4)
    members = text("members")
    return SeenCluster(
        {str(item["metadata"]["name"]): item for item in items("config")},
        items("nodes"),
        items("pods"),
        items("csrs"),
        tuple(
            Secret(name, kind, _decoded(expires), owner, _decoded(signs) == "true")
            for name, kind, expires, owner, signs in rows
        ),
        tuple(json.loads(members).get("members", ())) if members.strip() else (),
    )


def listed(text: str) -> tuple[Mapping[str, Any], ...]:
    """The items of kubectl's answer, which is empty for no object and the object itself for one."""
    value = json.loads(text) if text.strip() else {"items": []}
    return tuple(value["items"]) if "items" in value else (value,)


def _decoded(encoded: str) -> str:
    return base64.b64decode(encoded).decode(errors="replace")
