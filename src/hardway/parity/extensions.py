"""Extensions of certificates in words that two issuers can have in common."""

import hashlib
from collections.abc import Mapping

from cryptography import x509
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa

_KEY_USAGES = (
    "digital_signature",
    "content_commitment",
    "key_encipherment",
    "data_encipherment",
    "key_agreement",
    "key_cert_sign",
    "crl_sign",
)


def extension_text(
    value: x509.ExtensionType, certificate: x509.Certificate, signer: str, files: Mapping[str, bytes]
) -> str:
    """What an extension says; of identifiers, what they are made of. `files` has the signer's certificate."""
    match value:
        case x509.KeyUsage():
            names = [n for n in _KEY_USAGES if getattr(value, n)]
            if value.key_agreement:
                names += [n for n in ("encipher_only", "decipher_only") if getattr(value, n)]
            return ", ".join(names)
        case x509.ExtendedKeyUsage():
            return ", ".join(usage.dotted_string for usage in value)
        case x509.BasicConstraints():
            return f"CA {value.ca}, path length {value.path_length}"
        case x509.SubjectKeyIdentifier():
            own = x509.SubjectKeyIdentifier.from_public_key(certificate.public_key())
            if value == own:
                return "SHA-1 of the key"
            return "SHA-256 of the key, cut" if value.digest == _cut_sha256(certificate) else "another one"
        case x509.AuthorityKeyIdentifier():
            return _authority_text(value, signer, files)
        case x509.SubjectAlternativeName():
            return ", ".join(f"{type(name).__name__} {name.value}" for name in value)
        case _:
            return value.public_bytes().hex()


def _cut_sha256(certificate: x509.Certificate) -> bytes:
    """RFC 7093, as Go has it from 1.25 on."""
    public, encoding = certificate.public_key(), serialization.Encoding
    if isinstance(public, rsa.RSAPublicKey):
        bits = public.public_bytes(encoding.DER, serialization.PublicFormat.PKCS1)
    elif isinstance(public, ec.EllipticCurvePublicKey):
        bits = public.public_bytes(encoding.X962, serialization.PublicFormat.UncompressedPoint)
    else:
        return b""
    return hashlib.sha256(bits).digest()[:20]


def _authority_text(value: x509.AuthorityKeyIdentifier, signer: str, files: Mapping[str, bytes]) -> str:
    more = " with issuer and serial" if value.authority_cert_issuer or value.authority_cert_serial_number else ""
    if not signer:
        return f"of nobody known{more}"
    extensions = x509.load_pem_x509_certificate(files[signer]).extensions
    try:
        wanted = extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest
    except x509.ExtensionNotFound:
        wanted = b""
    return f"{'of the signer' if value.key_identifier == wanted else 'of another'}{more}"
