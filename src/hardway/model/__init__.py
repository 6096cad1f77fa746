"""The cluster and its nodes as frozen, fully derived data."""

from hardway.model.cluster import (
    Args,
    Balancer,
    Certificates,
    Cluster,
    Component,
    Endpoint,
    EtcdLocal,
    HostVolume,
    Network,
    Networking,
    Paths,
    argument,
    authorization_modes,
)
from hardway.model.node import CA_DIRECTORIES, Facts, Node, OsFamily, Registration, Role, Ssh, Taint
from hardway.model.supply import DownloadSource, Proxy, Registry, RegistryMirror
from hardway.model.token import BootstrapToken
from hardway.model.value import Document, Value, freeze, freeze_document, thaw

__all__ = [
    "CA_DIRECTORIES",
    "Args",
    "Balancer",
    "BootstrapToken",
    "Certificates",
    "Cluster",
    "Component",
    "Document",
    "DownloadSource",
    "Endpoint",
    "EtcdLocal",
    "Facts",
    "HostVolume",
    "Network",
    "Networking",
    "Node",
    "OsFamily",
    "Paths",
    "Proxy",
    "Registration",
    "Registry",
    "RegistryMirror",
    "Role",
    "Ssh",
    "Taint",
    "Value",
    "argument",
    "authorization_modes",
    "freeze",
    "freeze_document",
    "thaw",
]
