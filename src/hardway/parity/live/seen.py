"""What an audit has read, as data."""

import base64
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from hardway.config.problems import hidden
from hardway.renderers.files import Entry, Kind

_KINDS = {"d": Kind.DIRECTORY, "f": Kind.FILE, "l": Kind.LINK}
Answers = Mapping[str, list[str]]
"""Word to what was told after it."""


@dataclass(frozen=True)
class Key:
    """What is known of a private key."""

    label: str
    """Of its PEM block."""
    public: str | None
    """SHA-256 of its public key (SubjectPublicKeyInfo, DER), in hex; empty: openssl cannot read it; None: there is no openssl."""


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
    lacks: frozenset[str] = frozenset()
    """Programs without which less is told."""
    withheld: frozenset[str] = frozenset()
    """Files that stayed where they are, because they hold a secret."""


@dataclass(frozen=True)
class Failure:
    """A question that was not answered, or only in part."""

    question: str
    """Word of the answer."""
    reason: str
    """In words, without secrets."""
    conf: str = ""
    """Kubeconfig with which it was asked, if any."""


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
    failed: tuple[Failure, ...] = ()
    """Questions whose answers say nothing."""


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
    return SeenNode(
        name,
        files,
        keys,
        units,
        tuple(filter(None, running.split("\0"))),
        reload=answers.get("reload") == ["yes"],
        lacks=frozenset(answers.get("lacks", ())),
        withheld=frozenset(answers.get("withheld", ())),
    )


def key(told: str) -> Key:
    """`fingerprint`'s answer."""
    label, bar, public = told.partition("|")
    return Key(label, public if bar else None)


def seen_cluster(answers: Answers) -> SeenCluster:
    """The answer to `cluster_script`."""
    failed: list[Failure] = []

    def items(question: str) -> tuple[Mapping[str, Any], ...]:
        found, why = answer(answers, question)
        failed.extend(why)
        return found

    rows = (row.split("\t") for row in _text(answers, "secrets").splitlines() if row.count("\t") == 4)
    # One object, whose members these are.
    members = [member for told in items("members") for member in told.get("members") or ()]
    return SeenCluster(
        {str(item["metadata"]["name"]): item for item in items("config")},
        items("nodes"),
        items("pods"),
        items("csrs"),
        tuple(
            Secret(name, kind, _decoded(expires), owner, _decoded(signs) == "true")
            for name, kind, expires, owner, signs in rows
        ),
        tuple(members),
        (*failed, *_failures(answers, "secrets")),
    )


def answer(answers: Answers, question: str) -> tuple[tuple[Mapping[str, Any], ...], tuple[Failure, ...]]:
    """The objects that a question has brought, and why that is not all of them."""
    failed = _failures(answers, question)
    try:
        return _listed(_text(answers, question)), failed
    except ValueError:
        return (), failed or (Failure(question, "the answer is not JSON"),)


def _failures(answers: Answers, question: str) -> tuple[Failure, ...]:
    told = (line.split(" ", 3) for line in answers.get("failed", ()))
    return tuple(
        Failure(name, f"{hidden(_decoded(reason)) or 'no reason given'} (exit code {code})", conf)
        for name, conf, code, reason in told
        if name == question
    )


def _text(answers: Answers, question: str) -> str:
    return _decoded((answers.get(question) or [""])[0])


def _listed(text: str) -> tuple[Mapping[str, Any], ...]:
    """The items of kubectl's answer, which is empty for no object and the object itself for one."""
    value = json.loads(text) if text.strip() else {"items": []}
    if not isinstance(value, dict):
        raise ValueError("not an object")
    return tuple(value["items"] or ()) if "items" in value else (value,)


def _decoded(encoded: str) -> str:
    return base64.b64decode(encoded).decode(errors="replace")
