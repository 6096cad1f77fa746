"""Certificates and keys in words: everything that two issuers can have in common, nothing secret."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from cryptography import x509
from cryptography.exceptions import InternalError, InvalidSignature
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, padding, rsa
from cryptography.hazmat.primitives.asymmetric.types import PrivateKeyTypes, PublicKeyTypes

from hardway.model import BootstrapToken
from hardway.parity.extensions import extension_text
from hardway.parity.values import Fields, prefixed

_PEM = re.compile(rb"-----BEGIN ([A-Z0-9 ]+)-----\n(.*?)-----END \1-----\n", re.DOTALL)


@dataclass(frozen=True)
class Surroundings:
    """What a file is described by: the files beside it, and when they were made."""

    files: Mapping[str, bytes] = field(repr=False)
    begun: datetime
    ended: datetime
    leaves_begin_with_ca: bool = True
    """`Features.leaves_begin_with_ca`; where not, a leaf may begin in the same second by accident."""
    tokens: tuple[BootstrapToken, ...] = ()
    """Bootstrap tokens that the user asks for."""


def certificate_fields(pem: bytes, around: Surroundings) -> Fields:
    """A PEM file with one certificate."""
    fields = {"pem": pem_form(pem)}
    try:
        certificate = x509.load_pem_x509_certificate(pem)
    except ValueError as error:
        return {**fields, "certificate": f"unreadable: {error}"}
    signer = signer_of(certificate, around.files)
    fields |= {
        "version": certificate.version.name,
        "subject": name_text(certificate.subject),
        "issuer": name_text(certificate.issuer),
        "signer": signer or "nobody known",
        "signature": certificate.signature_algorithm_oid.dotted_string,
        "serial": "positive, 63 bits" if 0 < certificate.serial_number < 2**63 else "another kind",
        "key": key_text(certificate.public_key()),
        "extensions": " ".join(e.oid.dotted_string for e in certificate.extensions),
    }
    fields |= _validity(certificate, signer, around)
    for extension in certificate.extensions:
        name = type(extension.value).__name__
        fields[f"{name}.critical"] = str(extension.critical)
        fields[name] = extension_text(extension.value, certificate, signer, around.files)
    return fields


def pair_fields(pem: bytes, around: Surroundings) -> Fields:
    """A PEM file with a certificate and its private key, as kubelets keep them."""
    key = b"".join(match[0] for match in _PEM.finditer(pem) if match[1].endswith(b"PRIVATE KEY"))
    return certificate_fields(pem, around) | prefixed(key_fields(key, pem), "private")


def key_fields(pem: bytes, certificate: bytes | None) -> Fields:
    """A PEM file with a private or public key, and whether it belongs to a certificate or a public key."""
    fields = {"pem": pem_form(pem)}
    public = public_key(pem)
    if public is None:
        return {**fields, "key": "unreadable"}
    fields["key"] = key_text(public)
    if certificate is not None:
        other = public_key(certificate)
        fields["pair"] = "fits" if other is not None and _spki(other) == _spki(public) else "does not fit"
    return fields


def same_as(content: bytes, files: Mapping[str, bytes]) -> str:
    """The file that has this content, in words."""
    paths = [path for path, other in files.items() if other == content]
    return f"content of {paths[0]}" if paths else "content of no file"


def pem_form(pem: bytes) -> str:
    """Labels of the blocks, and what is odd about their form."""
    blocks = _PEM.findall(pem)
    labels = ", ".join(label.decode() for label, _ in blocks)
    rest = _PEM.sub(b"", pem)
    widths = {len(line) for _, body in blocks for line in body.splitlines()[:-1]}
    odd = (", text outside of blocks" if rest.strip() else "") + ("" if widths <= {64} else ", lines of other width")
    return f"{labels or 'no block'}{odd}"


def public_key(pem: bytes) -> PublicKeyTypes | None:
    """The public key of a certificate, a private key or a public key; None for anything else."""
    try:
        if b"BEGIN CERTIFICATE" in pem:
            return x509.load_pem_x509_certificate(pem).public_key()
        if b"PRIVATE KEY-----" in pem:
            private = serialization.load_pem_private_key(pem, None, unsafe_skip_rsa_key_validation=True)
            return private.public_key() if _works(private) else None
        return serialization.load_pem_public_key(pem)
    except ValueError:
        return None


def _works(private: PrivateKeyTypes) -> bool:
    """The key can be used: what an RSA key signs can be verified, a hundred times faster than to look for prime factors.

    Of others the library has checked all that there is.
    """
    public, data = private.public_key(), b"data"
    try:
        if isinstance(private, rsa.RSAPrivateKey) and isinstance(public, rsa.RSAPublicKey):
            scheme = padding.PKCS1v15(), hashes.SHA256()
            public.verify(private.sign(data, *scheme), data, *scheme)
    except (InvalidSignature, ValueError, InternalError):
        return False
    return True


def key_text(key: Any) -> str:
    """Kind and size of a public key."""
    if isinstance(key, rsa.RSAPublicKey):
        return f"RSA {key.key_size}, exponent {key.public_numbers().e}"
    if isinstance(key, ec.EllipticCurvePublicKey):
        return f"EC {key.curve.name}"
    return type(key).__name__


def name_text(name: x509.Name) -> str:
    """A name in its own order; `+` joins the attributes of one set, and each says its string type."""
    return ", ".join(
        "+".join(f"{a.rfc4514_attribute_name}={a.value!s} ({a._type.name})" for a in rdn) for rdn in name.rdns
    )


def signer_of(certificate: x509.Certificate, files: Mapping[str, bytes]) -> str:
    """Path of the certificate whose key has signed; empty when it is none of the files."""
    for path, pem in sorted(files.items()):
        if path.endswith(".crt") and b"BEGIN CERTIFICATE" in pem:
            try:
                certificate.verify_directly_issued_by(x509.load_pem_x509_certificate(pem))
            except (ValueError, TypeError, InvalidSignature):
                continue
            return path
    return ""


def _validity(certificate: x509.Certificate, signer: str, around: Surroundings) -> Fields:
    begin, end = certificate.not_valid_before_utc, certificate.not_valid_after_utc
    authority = x509.load_pem_x509_certificate(around.files[signer]) if signer else None
    with_ca = authority is not None and authority != certificate and authority.not_valid_before_utc == begin
    is_told = with_ca and around.leaves_begin_with_ca
    begins = "with its CA" if is_told else offset(begin, around, timedelta(minutes=5))
    return {"begins": begins, "ends": offset(end, around, timedelta(minutes=5))}


def offset(moment: datetime, around: Surroundings, unit: timedelta) -> str:
    """Distance from the time of issue in whole units where the time of issue allows it, else to the second."""
    # X.509 drops fractions of seconds.
    low, high = moment - around.ended - timedelta(seconds=1), moment - around.begun + timedelta(seconds=1)
    count = -(-low // unit)
    exact = count * unit if count * unit <= high else moment - around.begun.replace(microsecond=0)
    return f"{abs(exact)} {'before' if exact < timedelta() else 'after'} issue"


def _spki(key: PublicKeyTypes) -> bytes:
    return key.public_bytes(serialization.Encoding.DER, serialization.PublicFormat.SubjectPublicKeyInfo)


def now() -> datetime:
    """The time, for Surroundings."""
    return datetime.now(UTC)


def digest(content: bytes) -> str:
    """A hash for content that is compared but not shown."""
    sha = hashes.Hash(hashes.SHA256())
    sha.update(content)
    return f"{len(content)} bytes, sha256 {sha.finalize().hex()}"
