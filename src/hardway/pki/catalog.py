"""Every certificate of the cluster as a request: sub-phases, renewal and the expiry table derive from this.

Source: article chapters 11-14; kubeadm v1.30.4 `app/phases/certs/certlist.go` and `app/util/pkiutil/pki_helpers.go`.
"""

import ipaddress
import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from hardway.model import Cluster, EtcdExternal, Node


class Usage(StrEnum):
    """Extended key usages."""

    SERVER = "serverAuth"
    CLIENT = "clientAuth"


ADMINS = ("kubeadm:cluster-admins",)


class Begin(StrEnum):
    """When a leaf begins. A CA begins five minutes before it is made, against clocks that differ."""

    WITH_CA = "when its CA begins"
    WITH_NEW_CA = "when its CA begins if that was made just now, else five minutes before it is made"
    """kubeadm init takes one time for all that it makes."""
    BACKDATED = "five minutes before it is made"


@dataclass(frozen=True)
class CertSpec:
    """A certificate that somebody needs; a CA when `ca_certificate` is empty."""

    name: str
    """kubeadm's sub-phase, e.g. `apiserver-etcd-client`."""
    purpose: str
    certificate: str
    """Path of the PEM certificate."""
    key: str
    """Path of the PEM key (PKCS#1, 0600)."""
    common_name: str
    organizations: tuple[str, ...] = ()
    usages: tuple[Usage, ...] = ()
    dns_names: tuple[str, ...] = ()
    ip_addresses: tuple[str, ...] = ()
    ca_certificate: str = ""
    ca_key: str = ""
    days: float = 365
    """How long it is valid from when it is made."""
    begins: Begin = Begin.WITH_CA
    """Of a leaf."""
    algorithm: str = "RSA-2048"
    """Of its key, as kubeadm's encryptionAlgorithm has it."""
    sha256_key_identifier: bool = False
    """Of a CA: the first 160 bits of the SHA-256 of its key, else the SHA-1."""
    also: tuple[tuple[str, ...], ...] = ()
    """Other organizations with which it is as good: those of other minors, which a renewal after an upgrade keeps."""

    @property
    def is_ca(self) -> bool:
        return not self.ca_certificate


@dataclass(frozen=True)
class KeyPairSpec:
    """A private key with its public key in files of their own (the service-account key pair)."""

    name: str
    purpose: str
    private_key: str
    public_key: str
    algorithm: str = "RSA-2048"


_LABEL = "[a-z0-9]([-a-z0-9]*[a-z0-9])?"
_DNS_NAME = re.compile(rf"(\*\.)?{_LABEL}(\.{_LABEL})*")
"""RFC 1123 subdomain, with a wildcard as its first label if need be."""


def ca(cluster: Cluster, name: str) -> CertSpec:
    """The CA `ca`, `front-proxy-ca` or, where the masters run etcd, `etcd-ca`."""
    return next(spec for spec in authorities(cluster) if spec.name == name)


def authorities(cluster: Cluster) -> tuple[CertSpec, ...]:
    """The three CAs, the same on every master; external etcd has a CA of its own."""
    pki = cluster.paths.pki
    return tuple(
        CertSpec(
            name,
            purpose,
            f"{pki}/{file}.crt",
            f"{pki}/{file}.key",
            common_name,
            dns_names=(common_name,),
            days=cluster.certificates.ca_days,
            algorithm=cluster.certificates.algorithm,
            sha256_key_identifier=cluster.release.features.sha256_key_identifiers,
        )
        for name, file, common_name, purpose in (
            ("ca", "ca", "kubernetes", "signs everything that talks to the API"),
            ("front-proxy-ca", "front-proxy-ca", "front-proxy-ca", "signs the identity of the API aggregation layer"),
            ("etcd-ca", "etcd/ca", "etcd-ca", "signs everything that talks to etcd"),
        )
        if name != "etcd-ca" or cluster.etcd_members
    )


def leaves(cluster: Cluster, node: Node) -> tuple[CertSpec, ...]:
    """The certificates of one master, each signed by one of the CAs."""
    networking, pki, features = cluster.networking, cluster.paths.pki, cluster.release.features
    by_name = {spec.name: spec for spec in authorities(cluster)}
    backdated = Begin.WITH_NEW_CA if node == cluster.first_control_plane else Begin.BACKDATED
    begins = Begin.WITH_CA if features.leaves_begin_with_ca else backdated
    apiserver = _alternate_names(
        (
            node.name,
            "kubernetes",
            "kubernetes.default",
            "kubernetes.default.svc",
            f"kubernetes.default.svc.{networking.dns_domain}",
            cluster.endpoint.host,
            *cluster.api_server.cert_sans,
        ),
        (networking.api_service_address, node.address),
    )
    server, client = Usage.SERVER, Usage.CLIENT
    nothing: tuple[tuple[str, ...], tuple[str, ...]] = ((), ())

    def leaf(
        name: str,
        file: str,
        signer: str,
        purpose: str,
        common_name: str,
        usages: tuple[Usage, ...],
        names: tuple[tuple[str, ...], tuple[str, ...]] = nothing,
        organizations: tuple[str, ...] = (),
        also: tuple[tuple[str, ...], ...] = (),
    ) -> CertSpec:
        return CertSpec(
            name,
            purpose,
            f"{pki}/{file}.crt",
            f"{pki}/{file}.key",
            common_name,
            organizations,
            usages,
            names[0],
            names[1],
            by_name[signer].certificate,
            by_name[signer].key,
            cluster.certificates.days,
            begins,
            cluster.certificates.algorithm,
            also=also,
        )

    found = (
        leaf(
            "apiserver",
            "apiserver",
            "ca",
            "the API server shows it to its clients",
            "kube-apiserver",
            (server,),
            apiserver,
        ),
        leaf(
            "apiserver-kubelet-client",
            "apiserver-kubelet-client",
            "ca",
            "the API server shows it to kubelets",
            "kube-apiserver-kubelet-client",
            (client,),
            organizations=ADMINS if features.kubelet_client_is_admin else (),
            also=((),) if features.kubelet_client_is_admin else (ADMINS,),
        ),
        leaf(
            "front-proxy-client",
            "front-proxy-client",
            "front-proxy-ca",
            "the API server shows it to extension API servers",
            "front-proxy-client",
            (client,),
        ),
    )
    if isinstance(cluster.etcd, EtcdExternal):
        return found
    local = (node.name, "localhost")
    loopback = (node.address, "127.0.0.1", "::1")
    etcd_server = _alternate_names((*local, *cluster.etcd.server_cert_sans), loopback)
    etcd_peer = _alternate_names((*local, *cluster.etcd.peer_cert_sans), loopback)
    return (
        *found,
        leaf(
            "etcd-server",
            "etcd/server",
            "etcd-ca",
            "etcd shows it to its clients",
            node.name,
            (server, client),
            etcd_server,
        ),
        leaf(
            "etcd-peer",
            "etcd/peer",
            "etcd-ca",
            "etcd members show it to each other",
            node.name,
            (server, client),
            etcd_peer,
        ),
        leaf(
            "etcd-healthcheck-client",
            "etcd/healthcheck-client",
            "etcd-ca",
            "tools on this node show it to etcd",
            "kube-etcd-healthcheck-client",
            (client,),
        ),
        leaf(
            "apiserver-etcd-client",
            "apiserver-etcd-client",
            "etcd-ca",
            "the API server shows it to etcd",
            "kube-apiserver-etcd-client",
            (client,),
        ),
    )


def certificates(cluster: Cluster, node: Node) -> tuple[CertSpec, ...]:
    """All certificates that chapter `certs` makes on a master; a CA precedes what it signs."""
    own = authorities(cluster) if node == cluster.first_control_plane else ()
    return (*own, *leaves(cluster, node))


def service_account_key(cluster: Cluster) -> KeyPairSpec:
    """The key pair of article chapter 14."""
    pki = cluster.paths.pki
    algorithm = cluster.certificates.algorithm
    return KeyPairSpec("sa", "signs the tokens of ServiceAccounts", f"{pki}/sa.key", f"{pki}/sa.pub", algorithm)


def _alternate_names(names: Iterable[str], addresses: Iterable[str]) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """DNS names and addresses, each without repetition, DNS names sorted as kubeadm leaves them.

    A name that is an IP address (an endpoint or an extra SAN) becomes an address; what is neither an address nor a
    DNS name is left out, as in kubeadm's appendSANsToAltNames.
    """
    dns: set[str] = set()
    ips = [address(text) or text for text in addresses]
    for name in names:
        if found := address(name):
            ips.append(found)
        elif len(name) <= 253 and _DNS_NAME.fullmatch(name):
            dns.add(name)
    return tuple(sorted(dns)), tuple(dict.fromkeys(ips))


def address(text: str) -> str:
    """An IP address in its one canonical form, empty for what is none (as Go's ParseIPSloppy reads it)."""
    octets = text.split(".")
    if len(octets) == 4 and all(octet.isascii() and octet.isdigit() for octet in octets):
        # Leading zeros are decimal.
        text = ".".join(str(int(octet)) for octet in octets)
    try:
        parsed = ipaddress.ip_address(text)
    except ValueError:
        return ""
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.scope_id is not None:
            return ""
        # Go does not tell ::ffff:1.2.3.4 from 1.2.3.4.
        parsed = parsed.ipv4_mapped or parsed
    return str(parsed)
