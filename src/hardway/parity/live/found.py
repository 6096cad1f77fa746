"""What a node has, in the words of `wanted`."""

import base64
import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import yaml
from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from hardway.config.scalars import value_of
from hardway.model import Cluster
from hardway.parity.certificates import Surroundings, certificate_fields, same_as
from hardway.parity.compare import ABSENT
from hardway.parity.live.seen import Key, SeenNode
from hardway.parity.live.seen import key as told_key
from hardway.parity.normalise import entry_fields, flag_fields
from hardway.parity.values import Fields, flatten, prefixed
from hardway.renderers.files import Entry, Kind

_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_STRING_TYPE = re.compile(r" \([A-Za-z0-9]+\)(?=$|[+,])")
_KEPT = ("subject", "signer", "key", "KeyUsage", "ExtendedKeyUsage", "BasicConstraints")
NOT_ASKED = "not asked"
"""In place of a value that no node has told; nothing is judged by it."""
UNREADABLE = (
    ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""What `cryptography` says of certificates and keys that it does not understand."""
MISSHAPEN = (*UNREADABLE, yaml.YAMLError, AttributeError, LookupError, TypeError, RecursionError)
"""What a value says that is not of the shape that it should be."""


def surroundings(node: SeenNode, moment: datetime) -> Surroundings:
    """The public files of a node, for `certificate_fields`."""
    public = {path: entry.content for path, entry in node.files.items() if path.endswith((".crt", ".pub"))}
    return Surroundings(public, moment, moment)


def fields(cluster: Cluster, node: SeenNode, path: str, around: Surroundings) -> Fields:
    """One file or directory that is there, whatever is in it."""
    entry = node.files[path]
    state: Fields = entry_fields(path, Entry(Kind.DIRECTORY, entry.mode, entry.owner), around)
    state["file.kind"] = entry.kind.value
    if entry.kind is not Kind.FILE:
        return state
    try:
        return _content_fields(cluster, node, path, around, state)
    except MISSHAPEN as error:
        return state | {"document": f"cannot be read: {type(error).__name__}"}


def _content_fields(cluster: Cluster, node: SeenNode, path: str, around: Surroundings, state: Fields) -> Fields:
    entry = node.files[path]
    kubernetes = cluster.paths.kubernetes
    if path == f"{kubernetes}/kubelet.conf":
        return state | kubelet_conf_fields(entry.content, around)
    if path.endswith(".conf"):
        return state | kubeconfig_fields(entry.content, around)
    if path.endswith(".crt"):
        return state | {"pem": _label(entry.content)} | signed_fields(entry.content, around)
    if path.endswith(".pem"):
        return state | signed_fields(entry.content, around) | {"pair": _pair(node.keys.get(path), entry.content)}
    if path.endswith(".key"):
        beside = around.files.get(f"{path[:-4]}.crt") or around.files.get(f"{path[:-4]}.pub")
        return state | _key(node.keys.get(path), beside)
    if path.endswith(".pub"):
        key = node.keys.get(f"{path[:-4]}.key")
        return state | {"pem": _label(entry.content), "pair": _pair(key, entry.content)}
    return entry_fields(path, entry, around)


def _label(pem: bytes) -> str:
    """Of the first block. Text around it, and a last line without an end, disturb nobody."""
    match = _LABEL.search(pem)
    return match[1].decode() if match else "no block"


def certificates(pem: bytes) -> tuple[bytes, ...]:
    """The certificates of a PEM file as DER; none of what cannot be read."""
    try:
        return tuple(each.public_bytes(serialization.Encoding.DER) for each in x509.load_pem_x509_certificates(pem))
    except UNREADABLE:
        return ()


def identity(pem: bytes) -> bytes:
    """What makes a file the same as another: its first certificate, which is the one that kubeadm takes
    (`TryLoadCertFromDisk`); else all of it."""
    return next(iter(certificates(pem)), pem.strip())


def _authority(pem: bytes, around: Surroundings) -> str:
    """The file whose CA is embedded: kubeadm writes its first certificate anew (`EncodeCertPEM`), kubectl takes it whole."""
    its = certificates(pem)
    for path, other in around.files.items():
        whole = certificates(other) if path.endswith(".crt") else ()
        if its and its in (whole, whole[:1]):
            return f"content of {path}"
    return same_as(pem, around.files)


def signed_fields(pem: bytes, around: Surroundings) -> Fields:
    """What matters of a certificate that may be of any age; its names one by one, in no order."""
    try:
        whole = certificate_fields(pem, around)
    except UNREADABLE as error:
        return {"certificate": f"unreadable: {error}"}
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
    if key.public is None:
        return NOT_ASKED
    if not key.public:
        return "openssl cannot read the key"
    return "fits" if public_hash(beside) == key.public else "does not fit"


def public_hash(pem: bytes) -> str:
    """SHA-256 of the public key of a certificate, or of a public key; empty for what cannot be read."""
    try:
        if b"BEGIN CERTIFICATE" in pem:
            key: Any = x509.load_pem_x509_certificate(pem).public_key()
        else:
            key = serialization.load_pem_public_key(pem)
    except UNREADABLE:
        return ""
    der = key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)
    return hashlib.sha256(der).hexdigest()


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
            if authority := body.pop("certificate-authority-data", None):
                embedded[f"{where}.certificate-authority-data"] = _authority(_pem(authority), around)
            if certificate:
                embedded |= prefixed(signed_fields(certificate, around), f"{where}.client-certificate-data")
            if key := body.pop("client-key-data", None):
                embedded |= prefixed(_key(told_key(str(key)), certificate), f"{where}.client-key-data")
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
        "certificate-authority": _authority(_pem(its.its_cluster.get("certificate-authority-data")), around),
        "client-certificate": str(its.its_user.get("client-certificate", embedded)),
        "client-key": str(its.its_user.get("client-key", embedded)),
    }


def _pem(encoded: Any) -> bytes:
    try:
        return base64.b64decode(str(encoded or ""))
    except ValueError:
        return b""


def running_fields(pod: Mapping[str, Any]) -> Fields:
    """What a static pod's containers run, as its manifest or its mirror in the API says."""
    found: Fields = {}
    spec = pod.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    for container in containers if isinstance(containers, list) else ():
        if isinstance(container, dict):
            where = f"containers[{container.get('name')}]"
            command = container.get("command")
            found[f"{where}.image"] = f'"{container.get("image")}"'
            found |= prefixed(flag_fields(command if isinstance(command, list) else []), f"{where}.command")
    return found
