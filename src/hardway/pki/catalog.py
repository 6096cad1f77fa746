"""Every certificate of the cluster as a request: sub-phases, renewal and the expiry table derive from this.

Source: article chapters 11-14; kubeadm v1.30.4 `app/phases/certs/certlist.go`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Usage(StrEnum):
    """Extended key usages."""

    SERVER = "serverAuth"
    CLIENT = "clientAuth"


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
    days: int = 365

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
