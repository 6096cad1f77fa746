"""The cluster and its nodes as frozen, fully derived data."""

from hardway.model.args import Args, argument, authorization_modes
from hardway.model.cluster import (
    Balancer,
    Certificates,
    Cluster,
    Component,
    Endpoint,
    HostVolume,
    Network,
    Networking,
    Paths,
)
from hardway.model.etcd import EtcdExternal, EtcdLocal
from hardway.model.node import CA_DIRECTORIES, Facts, Node, OsFamily, Registration, Role, Ssh, Taint
from hardway.model.patches import Patch, Patches
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
    "EtcdExternal",
    "EtcdLocal",
    "Facts",
    "HostVolume",
    "Network",
    "Networking",
    "Node",
    "OsFamily",
    "Patch",
    "Patches",
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
