"""Certificates and keys of a node in words. Keys stay on their node, which tells the hash of their public half."""

import hashlib
import re
from typing import Any

from cryptography import x509
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives import serialization

from hardway.parity.certificates import Surroundings, certificate_fields, same_as
from hardway.parity.live.seen import Key
from hardway.parity.values import Fields

_LABEL = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----")
_STRING_TYPE = re.compile(r" \([A-Za-z0-9]+\)(?=$|[+,])")
_KEPT = ("subject", "signer", "key", "KeyUsage", "ExtendedKeyUsage", "BasicConstraints")
NOT_ASKED = "not asked"
"""In place of a value that no node has told; nothing is judged by it."""
UNREADABLE = (
    ValueError, UnsupportedAlgorithm, x509.InvalidVersion, x509.DuplicateExtension, x509.UnsupportedGeneralNameType,
)  # fmt: skip
"""What `cryptography` says of certificates and keys that it does not understand."""


def label(pem: bytes) -> str:
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


def authority(pem: bytes, around: Surroundings) -> str:
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


def key_fields(key: Key | None, beside: bytes | None) -> Fields:
    """A private key, and whether it belongs to the certificate or public key `beside` it."""
    return {"pem": key.label if key else "no block", "pair": pair(key, beside)}


def pair(key: Key | None, beside: bytes | None) -> str:
    """In words whether both belong together."""
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
