"""What a node has, in the words of `wanted`."""

import base64
import hashlib
import re
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml
from cryptography import x509
from cryptography.hazmat.primitives import serialization

from hardway.model import Cluster
from hardway.parity.certificates import Surroundings, certificate_fields, pem_form, same_as
from hardway.parity.live.seen import Key, SeenNode
from hardway.parity.live.seen import key as told_key
from hardway.parity.normalise import entry_fields, flag_fields
from hardway.parity.values import Fields, flatten, prefixed
from hardway.renderers.files import Entry, Kind

_STRING_TYPE = re.compile(r" \([A-Za-z0-9]+\)(?=$|[+,])")
_KEPT = ("subject", "signer", "key", "KeyUsage", "ExtendedKeyUsage", "BasicConstraints")


def surroundings(node: SeenNode, moment: datetime) -> Surroundings:
    """The public files of a node, for `certificate_fields`."""
    public = {path: entry.content for path, entry in node.files.items() if path.endswith((".crt", ".pub"))}
    return Surroundings(public, moment, moment)


def fields(cluster: Cluster, node: SeenNode, path: str, around: Surroundings) -> Fields:
    """One file or directory that is there."""
    entry = node.files[path]
    state: Fields = entry_fields(path, Entry(Kind.DIRECTORY, entry.mode, entry.owner), around)
    state["file.kind"] = entry.kind.value
    if entry.kind is not Kind.FILE:
        return state
    kubernetes = cluster.paths.kubernetes
    if path == f"{kubernetes}/kubelet.conf":
        return state | kubelet_conf_fields(entry.content, around)
    if path.endswith(".conf"):
        return state | kubeconfig_fields(entry.content, around)
    if path.endswith(".crt"):
        return state | {"pem": pem_form(entry.content).partition(",")[0]} | signed_fields(entry.content, around)
    if path.endswith(".pem"):
        return state | signed_fields(entry.content, around) | {"pair": _pair(node.keys.get(path), entry.content)}
    if path.endswith(".key"):
        beside = around.files.get(f"{path[:-4]}.crt") or around.files.get(f"{path[:-4]}.pub")
        return state | _key(node.keys.get(path), beside)
    if path.endswith(".pub"):
        key = node.keys.get(f"{path[:-4]}.key")
        return state | {"pem": pem_form(entry.content), "pair": _pair(key, entry.content)}
    return entry_fields(path, entry, around)


def signed_fields(pem: bytes, around: Surroundings) -> Fields:
    """What matters of a certificate that may be of any age; its names one by one, in no order."""
    whole = certificate_fields(pem, around)
    if "certificate" in whole:
        return {"certificate": whole["certificate"]}
    kept = {name: whole[name] for name in _KEPT if name in whole}
    kept["subject"] = ", ".join(sorted(_STRING_TYPE.sub("", kept["subject"]).replace("+", ", ").split(", ")))
    names = whole.get("SubjectAlternativeName", "")
    return kept | {f"SubjectAlternativeName.{name}": "present" for name in names.split(", ") if name}


def _key(key: Key | None, beside: bytes | None) -> Fields:
    return {"pem": key.label if key else "no block", "pair": _pair(key, beside)}


def _pair(key: Key | None, beside: bytes | None) -> str:
    if key is None or beside is None:
        return "nothing beside it"
    return "fits" if public_hash(beside) == key.public else "does not fit"


def public_hash(pem: bytes) -> str:
    """SHA-256 of the public key of a certificate, or of a public key; empty for what cannot be read."""
    try:
        if b"BEGIN CERTIFICATE" in pem:
            key: Any = x509.load_pem_x509_certificate(pem).public_key()
        else:
            key = serialization.load_pem_public_key(pem)
    except ValueError:
        return ""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


def _document(text: bytes) -> Any:
    try:
        return yaml.safe_load(text)
    except yaml.YAMLError:
        return None


def kubeconfig_fields(text: bytes, around: Surroundings) -> Fields:
    """A kubeconfig by its structure; its key is told by Key's fields."""
    value = _document(text)
    if not isinstance(value, dict):
        return {"document": "not a kubeconfig"}
    embedded: Fields = {}
    for place, entry in (("cluster", "clusters"), ("user", "users")):
        for item in value.get(entry) or []:
            body = item.get(place) or {}
            where = f"{entry}[{item.get('name')}]"
            certificate = _pem(body.pop("client-certificate-data", None))
            if authority := body.pop("certificate-authority-data", None):
                embedded[f"{where}.certificate-authority-data"] = same_as(_pem(authority), around.files)
            if certificate:
                embedded |= prefixed(signed_fields(certificate, around), f"{where}.client-certificate-data")
            if key := body.pop("client-key-data", None):
                embedded |= prefixed(_key(told_key(str(key)), certificate), f"{where}.client-key-data")
    return flatten(value) | embedded


def client_certificates(text: bytes) -> list[bytes]:
    """The certificates that are embedded in a kubeconfig, as PEM."""
    value = _document(text)
    users = (value.get("users") or []) if isinstance(value, dict) else []
    found = (_pem((user.get("user") or {}).get("client-certificate-data")) for user in users)
    return [pem for pem in found if pem]


def kubelet_conf_fields(text: bytes, around: Surroundings) -> Fields:
    """What counts in a kubelet.conf: its names differ between the first master and the others."""
    value = _document(text)
    try:
        cluster, user = value["clusters"][0]["cluster"], value["users"][0]["user"]
    except (LookupError, TypeError):
        return {"document": "not a kubeconfig"}
    return {
        "server": str(cluster.get("server")),
        "certificate-authority": same_as(_pem(cluster.get("certificate-authority-data")), around.files),
        "client-certificate": str(user.get("client-certificate", "embedded")),
        "client-key": str(user.get("client-key", "embedded")),
    }


def _pem(encoded: Any) -> bytes:
    try:
        return base64.b64decode(str(encoded or ""))
    except ValueError:
        return b""


def running_fields(pod: Mapping[str, Any]) -> Fields:
    """What a static pod's containers run, as its manifest or its mirror in the API says."""
    found: Fields = {}
    for container in (pod.get("spec") or {}).get("containers") or []:
        where = f"containers[{container.get('name')}]"
        found[f"{where}.image"] = f'"{container.get("image")}"'
        found |= prefixed(flag_fields(list(container.get("command") or [])), f"{where}.command")
    return found
