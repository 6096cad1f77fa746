"""Everything that a cluster stores, in words: what chance, the clock and the server decide is left out or named. Pure."""

import base64
import copy
import hashlib
import hmac
import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from cryptography import x509

from hardway.parity import objects
from hardway.parity.certificates import certificate_fields, key_text, name_text, same_as
from hardway.parity.normalise import flag_fields
from hardway.parity.objects import TOKEN, secret_data
from hardway.parity.sealed import opened
from hardway.parity.stored.dump import Stored
from hardway.parity.values import Fields, flatten, prefixed

LEFT_OUT: Mapping[str, str] = {
    "Lease": "a heartbeat: who holds it, and since when",
}
"""Kinds that are not compared by value, with the reason; their keys in etcd are."""
PATIENCE = timedelta(minutes=2)
"""Of somebody who asks for a certificate."""
CLUSTER_INFO = ("kube-public", "cluster-info")
SEALED = ("kube-system", "kubeadm-certs")
JWS = "jws-kubeconfig-"
KEYS = "keys of etcd"
EVENTS = "/registry/events/"
"""What components tell of themselves: an API server, for one, that looks for an address in the moment in which it is given."""


def described(stored: Stored) -> dict[str, Fields]:
    """Every object by its name, and the keys of etcd as one item."""
    secrets = {
        str(value["metadata"]["name"]).removeprefix("bootstrap-token-"): secret_data(value)
        for value in stored.objects
        if value["kind"] == "Secret" and value.get("type") == TOKEN
    }
    found: dict[str, Fields] = {}
    for value in stored.objects:
        if value["kind"] not in LEFT_OUT:
            name, fields = _described(value, stored, secrets)
            found[_name(name, fields, found)] = fields
    keys = (key for key in stored.keys if not key.startswith(EVENTS))
    return found | {KEYS: dict.fromkeys(map(_key, keys), "present")}


def _name(item: str, fields: Fields, found: Mapping[str, Fields]) -> str:
    """The item's own name: tokens of one purpose share one as long as they are alike."""
    names = (item, *(f"{item} ({number})" for number in range(2, len(found) + 3)))
    return next(name for name in names if found.get(name, fields) == fields)


def _described(value: dict[str, Any], stored: Stored, secrets: Mapping[str, Mapping[str, Any]]) -> tuple[str, Fields]:
    around = stored.around
    place = (value["metadata"].get("namespace"), value["metadata"]["name"])
    match value["kind"]:
        case "CertificateSigningRequest":
            return _request(value, stored)
        case "ConfigMap" if place == CLUSTER_INFO:
            signatures = {key: text for key, text in value["data"].items() if key.startswith(JWS)}
            rest = {**value, "data": {key: text for key, text in value["data"].items() if key not in signatures}}
            text = str(value["data"].get("kubeconfig"))
            signed = dict(_signatures(signatures, text, secrets))
            return objects.item_name(value), objects.object_fields(rest, around) | signed
        case "ConfigMap":
            return objects.item_name(value), objects.object_fields(value, around) | _files(value, stored)
        case "Secret" if place == SEALED:
            values = {
                f"data.{key}": opened(blob, stored.certificate_key, around.files)
                for key, blob in secret_data(value).items()
            }
            return objects.item_name(value), objects.object_fields(value, around) | values
        case "Pod":
            return _pod(copy.deepcopy(value), stored)
    return objects.item_name(value), objects.object_fields(value, around)


def _pod(value: dict[str, Any], stored: Stored) -> tuple[str, Fields]:
    """A mirror Pod, its commands as flags."""
    commands: Fields = {}
    for container in value["spec"]["containers"]:
        place = f"spec.containers[{container['name']}].command"
        commands |= prefixed(flag_fields(container.pop("command", [])), place)
    for owner in value["metadata"].get("ownerReferences") or []:
        # That of its node, from the server.
        owner.pop("uid", None)
    return objects.item_name(value), objects.object_fields(value, stored.around) | commands


def _files(value: Mapping[str, Any], stored: Stored) -> Fields:
    """Texts of a ConfigMap that are files of the first master, such as its CAs."""
    found = {
        f"data.{key}.text": same_as(text.encode(), stored.around.files)
        for key, text in (value.get("data") or {}).items()
    }
    return {name: words for name, words in found.items() if words != same_as(b"", {})}


def _signatures(
    signatures: Mapping[str, str], text: str, secrets: Mapping[str, Mapping[str, Any]]
) -> Iterator[tuple[str, str]]:
    """What each token that may sign has signed, all of one kind in one field."""
    for identity, data in secrets.items():
        if data.get("usage-bootstrap-signing") == b"true":
            right = signatures.get(f"{JWS}{identity}") == signature(identity, data["token-secret"], text)
            yield (f"data.{JWS}(a token)", "signed by it") if right else (f"data.{JWS}{identity}", "missing or wrong")
    for key in signatures:
        if key.removeprefix(JWS) not in secrets:
            yield f"data.{key}", "signed by no token that is there"


def signature(identity: str, secret: bytes, text: str) -> str:
    """The detached JWS of a text with a bootstrap token (RFC 7515; k8s.io/cluster-bootstrap, token/jws)."""

    def encoded(data: bytes) -> str:
        return base64.urlsafe_b64encode(data).rstrip(b"=").decode()

    header = encoded(f'{{"alg":"HS256","kid":"{identity}"}}'.encode())
    digest = hmac.new(secret, f"{header}.{encoded(text.encode())}".encode(), hashlib.sha256).digest()
    return f"{header}..{encoded(digest)}"


def _request(value: Mapping[str, Any], stored: Stored) -> tuple[str, Fields]:
    """A request for a certificate by what it asks for, who asks, and the answer."""
    spec, status = value["spec"], value.get("status") or {}
    request = x509.load_pem_x509_csr(base64.b64decode(spec["request"]))
    who = {
        "username": re.sub(r"^(system:bootstrap):[a-z0-9]{6}$", r"\1:(id of a token)", spec["username"]),
        "groups": spec.get("groups"),
        "signerName": spec["signerName"],
        "usages": spec["usages"],
        "expirationSeconds": spec.get("expirationSeconds"),
        "conditions": [[one["type"], one.get("reason")] for one in status.get("conditions") or []],
    }
    subject = name_text(request.subject)
    fields = flatten(who) | {"subject": subject, "key": key_text(request.public_key())}
    if status.get("certificate"):
        # Answered at once.
        asked = datetime.fromisoformat(value["metadata"]["creationTimestamp"])
        around = replace(stored.around, begun=asked, ended=asked + PATIENCE)
        fields |= prefixed(certificate_fields(base64.b64decode(status["certificate"]), around), "certificate")
    return f"CertificateSigningRequest of {subject}", fields


def _key(key: str) -> str:
    """A key of etcd without what is drawn by lot."""
    return re.sub(r"(/bootstrap-token-[a-z0-9]{6}|/csr-[a-z0-9]+)$", lambda m: f"{_kind(m[1])}(ID)", key)


def _kind(end: str) -> str:
    return re.sub(r"[a-z0-9]+$", "", end)
