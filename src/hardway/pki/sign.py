"""The same requests, signed here with `cryptography` instead of on a node with openssl: for the tree renderer.

Not pure (random keys and serials), so chapters do not know it. Fields are those of kubeadm v1.30.4, as in `openssl`.
The time is an argument: certificates begin and end by it.
"""

import base64
import hashlib
import ipaddress
import secrets
import warnings
from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hardway.errors import Refused
from hardway.pki import kubeconfigs
from hardway.pki.catalog import Begin, CertSpec, KeyPairSpec, Usage
from hardway.pki.kubeconfigs import KubeconfigSpec

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
_CURVES: Mapping[str, ec.EllipticCurve] = {"ECDSA-P256": ec.SECP256R1(), "ECDSA-P384": ec.SECP384R1()}
Files = Mapping[str, bytes]
"""Paths with what is there already."""

BACKDATE = timedelta(minutes=5)
"""A CA begins that much earlier, against clocks that differ (kubeadm's CertificateBackdate)."""

_USAGES = {Usage.SERVER: ExtendedKeyUsageOID.SERVER_AUTH, Usage.CLIENT: ExtendedKeyUsageOID.CLIENT_AUTH}
_PRINTABLE = set("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789 '()+,-./:=?")


def certificates(specs: Iterable[CertSpec], files: Files, now: datetime) -> dict[str, bytes]:
    """Keys and certificates for the requests that `files` has no certificate for; CAs come first in `specs`.

    Refused when a CA is neither in `files` nor among the requests before.
    """
    made: dict[str, bytes] = {}
    for spec in specs:
        if spec.certificate in files:
            continue
        known = {**files, **made}
        key = _load_key(known[spec.key]) if spec.key in known else _new_key(spec.algorithm)
        made[spec.key] = known.get(spec.key) or _pem(key)
        made[spec.certificate] = _sign(spec, key, known, now)
    return made


def key_pair(spec: KeyPairSpec, files: Files) -> dict[str, bytes]:
    """The files of the key pair that are missing."""
    key = _load_key(files[spec.private_key]) if spec.private_key in files else _new_key(spec.algorithm)
    public = key.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    made = {spec.private_key: _pem(key), spec.public_key: public}
    return {path: content for path, content in made.items() if path not in files}


def kubeconfig(spec: KubeconfigSpec, files: Files, now: datetime) -> bytes:
    """A kubeconfig with a new client certificate; Refused when the CA is not in `files`."""
    key = _new_key(spec.algorithm)
    certificate = _sign(kubeconfigs.client_certificate(spec), key, files, now)
    authority = _load_certificate(files[spec.ca_certificate]).public_bytes(serialization.Encoding.PEM)
    return kubeconfigs.text(spec, _base64(authority), _base64(certificate), _base64(_pem(key))).encode()


def _sign(spec: CertSpec, key: Key, files: Files, now: datetime) -> bytes:
    subject = _subject(spec)
    builder = x509.CertificateBuilder().subject_name(subject).public_key(key.public_key())
    builder = builder.serial_number(secrets.randbelow(2**63 - 1) + 1)
    # X.509 has no fractions of seconds.
    now = now.replace(microsecond=0)
    builder = builder.not_valid_after(now + timedelta(days=spec.days))
    if spec.is_ca:
        signer, issuer, begin = key, subject, now - BACKDATE
        authority = None
    else:
        if spec.ca_certificate not in files or spec.ca_key not in files:
            raise Refused(
                f"certificate {spec.name} cannot be signed without {spec.ca_certificate} and {spec.ca_key}",
                hint="with an external CA bring the certificates that it signed",
            )
        ca = _load_certificate(files[spec.ca_certificate])
        signer, issuer = _load_key(files[spec.ca_key]), ca.subject
        begin = ca.not_valid_before_utc
        is_new = spec.begins is Begin.WITH_NEW_CA and begin > now - BACKDATE - timedelta(minutes=1)
        if spec.begins is not Begin.WITH_CA and not is_new:
            begin = now - BACKDATE
        authority = ca.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value
    builder = builder.issuer_name(issuer).not_valid_before(begin)
    for extension, critical in _extensions(spec, key, authority):
        builder = builder.add_extension(extension, critical)
    return builder.sign(signer, _digest(signer)).public_bytes(serialization.Encoding.PEM)


def _digest(signer: Key) -> hashes.SHA256 | hashes.SHA384 | hashes.SHA512:
    """What Go signs with: the hash that is as strong as the signer's curve."""
    curve = signer.curve if isinstance(signer, ec.EllipticCurvePrivateKey) else None
    if isinstance(curve, ec.SECP521R1):
        return hashes.SHA512()
    return hashes.SHA384() if isinstance(curve, ec.SECP384R1) else hashes.SHA256()


def _extensions(
    spec: CertSpec, key: Key, authority: x509.SubjectKeyIdentifier | None
) -> list[tuple[x509.ExtensionType, bool]]:
    """In the order in which Go writes them."""
    found: list[tuple[x509.ExtensionType, bool]] = [
        (
            x509.KeyUsage(
                digital_signature=True,
                content_commitment=False,
                key_encipherment=True,
                data_encipherment=False,
                key_agreement=False,
                key_cert_sign=spec.is_ca,
                crl_sign=False,
                encipher_only=False,
                decipher_only=False,
            ),
            True,
        )
    ]
    if spec.usages:
        found.append((x509.ExtendedKeyUsage([_USAGES[usage] for usage in spec.usages]), False))
    found.append((x509.BasicConstraints(ca=spec.is_ca, path_length=None), True))
    if spec.is_ca:
        identifier = x509.SubjectKeyIdentifier.from_public_key(key.public_key())
        if spec.sha256_key_identifier:
            identifier = x509.SubjectKeyIdentifier(hashlib.sha256(_bits(key)).digest()[:20])
        found.append((identifier, False))
    if authority is not None:
        found.append((x509.AuthorityKeyIdentifier.from_issuer_subject_key_identifier(authority), False))
    names: list[x509.GeneralName] = [x509.DNSName(name) for name in spec.dns_names]
    names += [x509.IPAddress(ipaddress.ip_address(address)) for address in spec.ip_addresses]
    if names:
        found.append((x509.SubjectAlternativeName(names), False))
    return found


def _bits(key: Key) -> bytes:
    """The public key as it stands in the bit string of a certificate."""
    public, encoding = key.public_key(), serialization.Encoding
    if isinstance(public, rsa.RSAPublicKey):
        return public.public_bytes(encoding.DER, serialization.PublicFormat.PKCS1)
    return public.public_bytes(encoding.X962, serialization.PublicFormat.UncompressedPoint)


def _subject(spec: CertSpec) -> x509.Name:
    sets = [x509.RelativeDistinguishedName([_attribute(NameOID.COMMON_NAME, spec.common_name)])]
    if spec.organizations:
        names = [_attribute(NameOID.ORGANIZATION_NAME, name) for name in spec.organizations]
        sets.insert(0, x509.RelativeDistinguishedName(names))
    return x509.Name(sets)


def _attribute(oid: x509.ObjectIdentifier, value: str) -> x509.NameAttribute[str]:
    # Go writes printable strings where it can, and does not end a common name at X.520's 64 characters. The library
    # has underscored arguments for both, and no others.
    kind = x509.name._ASN1Type.PrintableString if set(value) <= _PRINTABLE else x509.name._ASN1Type.UTF8String
    with warnings.catch_warnings(action="ignore"):
        return x509.NameAttribute(oid, value, kind, _validate=False)


def _new_key(algorithm: str) -> Key:
    if algorithm in _CURVES:
        return ec.generate_private_key(_CURVES[algorithm])
    return rsa.generate_private_key(public_exponent=65537, key_size=int(algorithm.removeprefix("RSA-")))


def _pem(key: Key) -> bytes:
    # PKCS#1 or SEC 1, `BEGIN RSA PRIVATE KEY` or `BEGIN EC PRIVATE KEY`, as kubeadm writes it.
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.TraditionalOpenSSL, serialization.NoEncryption()
    )


def _base64(content: bytes) -> str:
    return base64.b64encode(content).decode()


def _load_key(content: bytes) -> Key:
    key = serialization.load_pem_private_key(content, None)
    if not isinstance(key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey):
        raise Refused(
            "only RSA and ECDSA keys are made and used here", hint="keep files that were made elsewhere complete"
        )
    return key


def _load_certificate(content: bytes) -> x509.Certificate:
    return x509.load_pem_x509_certificate(content)
