"""The steps that chapters speak in: frozen, comparable data with ids equal to kubeadm's phase paths."""

from dataclasses import dataclass, field
from typing import TypeAlias

from hardway.model import Document, OsFamily
from hardway.pki.catalog import CertSpec, KeyPairSpec
from hardway.pki.kubeconfigs import KubeconfigSpec
from hardway.steps.checks import Check


@dataclass(frozen=True)
class File:
    """A file with this content."""

    id: str
    path: str
    content: str = field(repr=False)
    mode: int = 0o644
    owner: str = "root:root"
    secret: bool = False
    why: str = ""


@dataclass(frozen=True)
class Directory:
    """A directory (and its parents) with this mode and owner."""

    id: str
    path: str
    mode: int = 0o755
    owner: str = "root:root"
    why: str = ""
    narrow_parents: bool = False
    """Parents that are missing are made for their owner alone; else everybody may look into them."""


@dataclass(frozen=True)
class Packages:
    """Packages of the distribution; `commands` are what must be in PATH afterwards."""

    id: str
    names: tuple[str, ...]
    family: OsFamily
    environment: str = ""
    """Path of a file with variables for the package manager, such as proxies."""
    why: str = ""


@dataclass(frozen=True)
class Service:
    """systemd units that are enabled and run with the newest version of the files they read.

    `watches` are those files: a unit that became active before one of them changed is restarted. All units
    are started by one `systemctl restart`, so systemd starts them side by side.
    """

    id: str
    units: tuple[str, ...]
    watches: tuple[str, ...] = ()
    started: bool = True
    """False: only enabled (the kubelet in article chapter 9)."""
    why: str = ""


@dataclass(frozen=True)
class Command:
    """Any other change, with its guard."""

    id: str
    title: str
    script: str
    unless: Check
    idempotent: bool = False
    watches: tuple[str, ...] = ()
    inputs: tuple[str, ...] = ()
    why: str = ""


@dataclass(frozen=True)
class Certificate:
    """A certificate and its key, requested."""

    id: str
    spec: CertSpec


@dataclass(frozen=True)
class KeyPair:
    """A private key and its public key, requested."""

    id: str
    spec: KeyPairSpec


@dataclass(frozen=True)
class Kubeconfig:
    """A kubeconfig with an embedded client certificate, requested."""

    id: str
    spec: KubeconfigSpec


@dataclass(frozen=True)
class StaticPod:
    """A manifest for the kubelet (0600 and to the byte as kubeadm writes it)."""

    id: str
    path: str
    manifest: Document
    why: str = ""


@dataclass(frozen=True)
class ApiObjects:
    """Objects of the API, made and kept by server-side apply through kubectl on the node."""

    id: str
    objects: tuple[Document, ...]
    kubeconfig: str = "/etc/kubernetes/admin.conf"
    once: bool = False
    """Made where they are missing, and whatever stands there is left as it is."""
    fallback: str = ""
    """Kubeconfig that makes them where the other may not do everything yet; with them it may."""
    why: str = ""


@dataclass(frozen=True)
class Wait:
    """Wait for a condition."""

    id: str
    check: Check
    limit: float
    """Seconds."""


Step: TypeAlias = (
    File
    | Directory
    | Packages
    | Service
    | Command
    | Certificate
    | KeyPair
    | Kubeconfig
    | StaticPod
    | ApiObjects
    | Wait
)
