"""Where chapter 8 fetches each component from (article chapter 8)."""

from collections.abc import Mapping
from types import MappingProxyType

from hardway import versions
from hardway.config.inventory import Component, Inventory
from hardway.model import DownloadSource

GITHUB = "https://github.com"
SITES: Mapping[str, str] = {
    "runc": f"{GITHUB}/opencontainers/runc/releases/download",
    "containerd": f"{GITHUB}/containerd/containerd/releases/download",
    "kubelet": "https://dl.k8s.io",
    "kubectl": "https://dl.k8s.io",
    "kubeadm": "https://dl.k8s.io",
    "etcd": f"{GITHUB}/etcd-io/etcd/releases/download",
    "crictl": f"{GITHUB}/kubernetes-sigs/cri-tools/releases/download",
    "cni-plugins": f"{GITHUB}/containernetworking/plugins/releases/download",
}
"""Where each component is released."""


def sources(inventory: Inventory, release: versions.Release) -> Mapping[str, DownloadSource]:
    """Component to source, without those that nobody wants."""
    pinned: dict[Component, str] = {
        "runc": release.runc,
        "containerd": release.containerd,
        "kubelet": release.kubernetes,
        "kubectl": release.kubernetes,
        "kubeadm": release.kubernetes,
        "etcd": release.etcd,
        "crictl": release.crictl,
        "cni-plugins": release.cni_plugins,
    }
    mirror = inventory.downloads.mirror.rstrip("/")
    found: dict[str, DownloadSource] = {}
    for name, version in pinned.items():
        if name in inventory.downloads.skip:
            continue
        own = inventory.downloads.components.get(name)
        site = SITES[name].replace("https://", f"{mirror}/") if mirror else SITES[name]
        found[name] = DownloadSource(
            (own and own.version) or version, (own and own.repository) or site, own.sha256 if own else ""
        )
    return MappingProxyType(found)
