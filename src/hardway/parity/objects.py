"""API objects in words: what our requests and kubeadm's dry run would leave in the cluster.

What the server fills in is left out or filled in on both sides; secrets are opened, and told by their shape.
"""

import base64
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import yaml

from hardway.config.scalars import value_of
from hardway.parity.certificates import Surroundings, digest, offset, same_as
from hardway.parity.dry_run import Action
from hardway.parity.made import Call, Requests, objects_of
from hardway.parity.values import Fields, flatten, prefixed

RBAC = "rbac.authorization.k8s.io"
FILLED_IN = ("creationTimestamp", "resourceVersion", "uid", "generation", "managedFields", "selfLink")
"""Of metadata, by the server."""
TOKEN = "bootstrap.kubernetes.io/token"
_READING = ("get", "wait", "version", "auth", "config", "cluster-info")
"""Verbs of kubectl that change nothing,"""
_CARRYING = ("apply", "create", "replace")
"""and those whose objects come with the request."""
SHARED = (
    "ca.crt",
    "ca.key",
    "front-proxy-ca.crt",
    "front-proxy-ca.key",
    "etcd/ca.crt",
    "etcd/ca.key",
    "sa.key",
    "sa.pub",
)
"""What masters share, below certificatesDir (kubeadm `app/phases/copycerts`, certsToTransfer)."""


@dataclass(frozen=True)
class Described:
    """Objects by their name, with the chapter that asked for each of them."""

    fields: Mapping[str, Fields]
    chapters: Mapping[str, str] = field(default_factory=dict)


def of_requests(requests: Requests, around: Surroundings) -> Described:
    """What our requests leave."""
    kept = _Kept()
    chapters: dict[str, str] = {}
    for call in requests.calls:
        for item, own, values in _of_call(call, around):
            chapters[kept.put(item, own, values)] = call.chapter
    return Described(kept.fields, chapters)


@dataclass
class _Kept:
    """Objects as they come, each with an item's name of its own."""

    fields: dict[str, Fields] = field(default_factory=dict)
    owners: dict[str, str] = field(default_factory=dict)
    """Item to the object's own name; tokens with random ids have the same item."""

    def put(self, item: str, own: str, values: Fields) -> str:
        """The name that the object goes by: the item, or one with a number where another object goes by that.

        What is applied to an object twice leaves the fields that only the first request has, unless both contradict
        each other. Two objects that are wholly equal count as one.
        """
        names = [item, *(f"{item} ({number})" for number in range(2, len(self.fields) + 3))]
        name = next(name for name in names if self._takes(name, own, values))
        self.fields[name] = {**self.fields.get(name, {}), **values}
        self.owners.setdefault(name, own)
        return name

    def _takes(self, name: str, own: str, values: Fields) -> bool:
        there = self.fields.get(name)
        if there is None or there == values:
            return True
        return self.owners[name] == own and values.items() <= there.items()


def of_actions(actions: Iterable[Action], around: Surroundings) -> Described:
    """What kubeadm's dry run says it would leave."""
    kept = _Kept()
    for action in actions:
        if action.verb == "PATCH" and action.resource == "nodes":
            for item, values in node_items(action.name, action.value).items():
                kept.put(item, item, values)
        elif action.verb in ("CREATE", "UPDATE"):
            item, own = item_name(action.value, around), action.value["metadata"]["name"]
            if item in kept.fields and "bootstrap-token-(" not in item:
                # An update says everything anew.
                del kept.fields[item]
            kept.put(item, own, object_fields(action.value, around))
        else:
            # Nothing of ours has such a name, so it shows up as a difference.
            kept.put(f"{action.verb} {action.resource} {action.name}", action.name, {})
    return Described(kept.fields)


def _of_call(call: Call, around: Surroundings) -> Iterable[tuple[str, str, Fields]]:
    """Item, own name and fields of all that a request makes or changes."""
    words = [word for word in call.argv if not word.startswith("-")]
    for value in objects_of(call):
        own = str(value["metadata"]["name"])
        yield item_name(value, around), own, object_fields(value, around)
    if "node" in words[:2] and words[0] in ("label", "annotate", "taint"):
        patch: dict[str, Any] = {"metadata": {}, "spec": {}}
        pairs = words[words.index("node") + 2 :]
        if words[0] == "taint":
            patch["spec"]["taints"] = [_taint(pair) for pair in pairs]
        else:
            kind = {"label": "labels", "annotate": "annotations"}[words[0]]
            patch["metadata"][kind] = dict(pair.split("=", 1) for pair in pairs)
        for item, fields in node_items(words[words.index("node") + 1], patch).items():
            yield item, item, fields
    elif not {*_READING, *_CARRYING}.intersection(words):
        # kubeadm has nothing of such a name, so it shows up as a difference.
        yield " ".join(words[:3]), "", {}


def _taint(text: str) -> dict[str, str]:
    pair, _, effect = text.rpartition(":")
    key, _, value = pair.partition("=")
    return {"key": key, "effect": effect, **({"value": value} if value else {})}


def node_items(name: str, patch: Mapping[str, Any]) -> dict[str, Fields]:
    """What a patch of a Node says of its labels, annotations and taints, each an item of its own.

    Taints are told apart by key and effect, as the API does it.
    """
    metadata, spec = patch.get("metadata") or {}, patch.get("spec") or {}
    items = {
        f"Node {name} {kind}": flatten(metadata[kind]) for kind in ("labels", "annotations") if metadata.get(kind)
    }
    if spec.get("taints"):
        items[f"Node {name} taints"] = {
            f"{taint['key']}:{taint['effect']}": taint.get("value") or "" for taint in spec["taints"]
        }
    return items


def item_name(value: Mapping[str, Any], around: Surroundings | None = None) -> str:
    """Kind, namespace and name; a bootstrap token whose name is random goes by its description or purpose."""
    metadata = value["metadata"]
    name = metadata["name"]
    if value["kind"] == "Secret" and value.get("type") == TOKEN and not (around and _chosen(name, around)):
        data = secret_data(value)
        purpose = (data.get("description") or b"to join").decode()
        joins = "usage-bootstrap-authentication" in data
        name = f"bootstrap-token-({purpose if joins else 'that owns kubeadm-certs'})"
    namespace = metadata.get("namespace")
    return f"{value['kind']} {namespace + '/' if namespace else ''}{name}"


def object_fields(value: Mapping[str, Any], around: Surroundings) -> Fields:
    """One object as it would stand in the cluster."""
    whole = {key: item for key, item in value.items() if key not in ("status", "data", "stringData")}
    whole["metadata"] = {k: v for k, v in value["metadata"].items() if k not in FILLED_IN}
    template = ((whole.get("spec") or {}).get("template") or {}).get("metadata") or {}
    template.pop("creationTimestamp", None)
    for subject in whole.get("subjects") or []:
        if subject["kind"] in ("User", "Group"):
            subject.setdefault("apiGroup", RBAC)
    match value["kind"]:
        case "Secret":
            return secret_fields(whole, secret_data(value), around)
        case "ConfigMap":
            return flatten(whole) | config_map_fields(value.get("data") or {}, around)
        case _:
            return flatten(whole)


def config_map_fields(data: Mapping[str, str], around: Surroundings) -> Fields:
    """The documents in a ConfigMap by their values, and by their text."""
    fields: Fields = {}
    for key, text in data.items():
        for found in re.findall(r"certificate-authority-data: (\S+)", text):
            text = text.replace(found, same_as(base64.b64decode(found), around.files).replace(" ", "-"))
        try:
            document = value_of(text)
        except yaml.YAMLError:
            document = None
        if isinstance(document, dict):
            fields |= prefixed(flatten(document), f"data.{key}")
        fields[f"data.{key}.text"] = digest(text.encode())
    return fields


def secret_fields(whole: dict[str, Any], data: Mapping[str, bytes | None], around: Surroundings) -> Fields:
    """A Secret by the keys and the shape of its data."""
    whole.setdefault("type", "Opaque")
    metadata = whole["metadata"]
    for owner in metadata.get("ownerReferences") or []:
        # The server gives the uid; the name ends with a random id.
        owner.pop("uid", None)
        owner["name"] = re.sub(r"-[a-z0-9]{6}$", "-ID", owner["name"])
    if whole["type"] != TOKEN:
        return flatten(whole) | {f"data.{key}": "some content" for key in data}
    identity = metadata["name"].removeprefix("bootstrap-token-")
    chosen = _chosen(metadata["name"], around)
    if not chosen:
        metadata["name"] = "bootstrap-token-ID"
    fields = flatten(whole)
    for key, content in data.items():
        text = (content or b"").decode()
        match key:
            case "token-id":
                shown = "the id of its name" if text == identity else f"not the id of its name {identity}"
            case "token-secret" if chosen:
                shown = digest(text.encode())
            case "token-secret":
                shown = "16 of a-z0-9" if re.fullmatch("[a-z0-9]{16}", text) else "another shape"
            case "expiration":
                shown = _expiration(text, around, identity if chosen else "")
            case _:
                shown = f'"{text}"'
        fields[f"data.{key}"] = shown
    return fields


def _chosen(name: str, around: Surroundings) -> bool:
    """The Secret is that of a token which the user has chosen."""
    return any(token.identifier and name == f"bootstrap-token-{token.identifier}" for token in around.tokens)


def _expiration(text: str, around: Surroundings, identifier: str) -> str:
    """The life of a token, counted from when it was made; a random one may be any of those that were asked for."""
    if not re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", text):
        return f"not RFC 3339 in UTC: {text}"
    end = datetime.fromisoformat(text)
    for token in around.tokens:
        begin, second = end - timedelta(seconds=token.ttl), timedelta(seconds=1)
        if token.identifier == identifier and around.begun - second <= begin <= around.ended + second:
            return f"{timedelta(seconds=token.ttl)} after issue"
    return offset(end, around, timedelta(hours=1))


def secret_data(value: Mapping[str, Any]) -> dict[str, bytes | None]:
    """The data of a Secret; the dry run leaves out the content of kubeadm-certs."""
    data: dict[str, bytes | None] = {
        key: None if text is None else base64.b64decode(text) for key, text in (value.get("data") or {}).items()
    }
    return data | {key: str(text).encode() for key, text in (value.get("stringData") or {}).items()}
