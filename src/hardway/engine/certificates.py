"""What stands in certificates that nodes keep: their ends for a table, their fields for a renewal."""

from collections.abc import Container, Iterable
from dataclasses import dataclass, replace
from datetime import datetime

from cryptography import x509
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from hardway.chapters.renew import Request
from hardway.engine.script import sha256
from hardway.errors import Refused
from hardway.model import Cluster, Node
from hardway.operations.expiration import Stored, renewable
from hardway.pki.catalog import CertSpec, Usage
from hardway.pki.kubeconfigs import KubeconfigSpec, client_certificate

_USAGES = {ExtendedKeyUsageOID.SERVER_AUTH: Usage.SERVER, ExtendedKeyUsageOID.CLIENT_AUTH: Usage.CLIENT}


@dataclass(frozen=True)
class Certificate:
    """A certificate with what people ask of it."""

    stored: Stored
    parsed: x509.Certificate | None
    """None when there is none, or none that can be read."""

    @property
    def expires(self) -> datetime | None:
        """Its end, in UTC."""
        return self.parsed.not_valid_after_utc if self.parsed else None


def read(stored: Stored) -> Certificate:
    """The first certificate of the PEM text."""
    try:
        found = x509.load_pem_x509_certificates(stored.pem)
    except ValueError:
        found = []
    return Certificate(stored, found[0] if found else None)


def as_it_is(request: CertSpec, parsed: x509.Certificate) -> CertSpec:
    """The request with the subject, names and usages of a certificate, as kubeadm renews it."""
    subject = parsed.subject
    dns: list[str] = []
    addresses: list[str] = []
    usages: list[Usage] = []
    for extension in parsed.extensions:
        match extension.value:
            case x509.SubjectAlternativeName() as names:
                dns = names.get_values_for_type(x509.DNSName)
                addresses = [str(address) for address in names.get_values_for_type(x509.IPAddress)]
            case x509.ExtendedKeyUsage() as listed:
                usages = [_USAGES[usage] for usage in listed if usage in _USAGES]
    return replace(
        request,
        common_name=_text(subject, NameOID.COMMON_NAME)[0],
        organizations=tuple(_text(subject, NameOID.ORGANIZATION_NAME)),
        dns_names=tuple(dns),
        ip_addresses=tuple(addresses),
        usages=tuple(usages),
    )


def requests(
    cluster: Cluster, node: Node, wanted: Container[str], found: Iterable[Certificate]
) -> tuple[Request, ...]:
    """What is renewed on a master of what is there, by kubeadm's names. Refused where the key of a CA is not there."""
    result = []
    mine = {item.stored.name: item for item in found if item.stored.node == node.name}
    for name, spec in renewable(cluster, node):
        item = mine[name]
        if name not in wanted or item.parsed is None:
            continue
        if item.stored.external:
            raise Refused(
                f"{name} is signed by {item.stored.authority}, whose key is not here; nothing was renewed",
                node.name,
                hint="whoever has the CA renews it; the others can be renewed by their names",
            )
        request = client_certificate(spec) if isinstance(spec, KubeconfigSpec) else spec
        result.append(Request(name, spec, as_it_is(request, item.parsed), sha256(item.stored.pem)))
    return tuple(result)


def _text(subject: x509.Name, oid: x509.ObjectIdentifier) -> list[str]:
    return [str(attribute.value) for attribute in subject.get_attributes_for_oid(oid)]
