"""A certificate issued again with one thing changed, by the CA that is among the files."""

from collections.abc import Mapping
from datetime import timedelta

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

from hardway.renderers.files import Tree

Key = rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey
Extensions = Mapping[type[x509.ExtensionType], x509.ExtensionType | None]


def issue_again(
    tree: Tree,
    path: str,
    *,
    subject: x509.Name | None = None,
    extensions: Extensions | None = None,
    critical: Mapping[type[x509.ExtensionType], bool] | None = None,
    fewer_names: bool = False,
    reversed_names: bool = False,
    reversed_extensions: bool = False,
    later: timedelta = timedelta(),
    begins: timedelta = timedelta(),
    signer: str = "",
    stranger: Key | None = None,
    key: Key | None = None,
    algorithm: hashes.HashAlgorithm | None = None,
    serial: int = 0,
) -> bytes:
    """PEM of the certificate at the path, as it was but for the change."""
    old = x509.load_pem_x509_certificate(tree[path].content)
    signer = signer or (path.removesuffix(".crt") if old.issuer == old.subject else "/etc/kubernetes/pki/ca")
    ca_key = stranger or serialization.load_pem_private_key(tree[f"{signer}.key"].content, None)
    ca = x509.load_pem_x509_certificate(tree[f"{signer}.crt"].content)
    assert isinstance(ca_key, rsa.RSAPrivateKey | ec.EllipticCurvePrivateKey)
    builder = (
        x509.CertificateBuilder()
        .subject_name(subject or old.subject)
        .issuer_name(ca.subject)
        .public_key(key.public_key() if key else old.public_key())
        .serial_number(serial or old.serial_number)
        .not_valid_before(old.not_valid_before_utc + begins)
        .not_valid_after(old.not_valid_after_utc + later)
    )
    found: dict[type[x509.ExtensionType], tuple[x509.ExtensionType, bool]] = {
        type(e.value): (e.value, e.critical) for e in old.extensions
    }
    for kind, value in (extensions or {}).items():
        before = found.pop(kind, (value, False))
        if value is not None:
            found[kind] = (value, before[1])
    if fewer_names or reversed_names:
        alternates, _ = found[x509.SubjectAlternativeName]
        assert isinstance(alternates, x509.SubjectAlternativeName)
        listed = [*alternates][1:] if fewer_names else [*alternates][::-1]
        found[x509.SubjectAlternativeName] = (x509.SubjectAlternativeName(listed), False)
    for kind, wanted in (critical or {}).items():
        found[kind] = (found[kind][0], wanted)
    for value, is_critical in reversed(found.values()) if reversed_extensions else found.values():
        builder = builder.add_extension(value, is_critical)
    signed = builder.sign(ca_key, algorithm or hashes.SHA256())
    return signed.public_bytes(serialization.Encoding.PEM)
