"""The images that the nodes run (`kubeadm config images list`, and the user's own). Pure."""

from collections.abc import Iterator, Mapping

from hardway.model.cluster import Cluster
from hardway.model.value import Value

CONTAINERS = ("containers", "initContainers", "ephemeralContainers")


def images(cluster: Cluster) -> tuple[str, ...]:
    """Full references, in kubeadm's order; then those of the user's manifests."""
    names = ("kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy")
    kubernetes = [
        *(cluster.image(name) for name in names if name != "kube-proxy" or not cluster.skips("addon/kube-proxy")),
        *([] if cluster.skips("addon/coredns") else [cluster.coredns_image]),
        cluster.pause_image,
        *([cluster.stacked_etcd.image] if cluster.etcd_members else []),
    ]
    own = [name for manifest in cluster.manifests for name in named_in(manifest)]
    return tuple(dict.fromkeys([*kubernetes, *own]))


def on_workers(cluster: Cluster) -> tuple[str, ...]:
    """Those that a node without a control plane may run."""
    masters = {cluster.image(f"kube-{name}") for name in ("apiserver", "controller-manager", "scheduler")}
    if cluster.etcd_members:
        masters.add(cluster.stacked_etcd.image)
    return tuple(name for name in images(cluster) if name not in masters)


def named_in(value: Value) -> Iterator[str]:
    """Images of the containers anywhere in an object."""
    if isinstance(value, Mapping):
        for key, below in value.items():
            if key in CONTAINERS and isinstance(below, tuple):
                for container in below:
                    if isinstance(container, Mapping) and isinstance(image := container.get("image"), str):
                        yield image
            yield from named_in(below)
    elif isinstance(value, tuple):
        for item in value:
            yield from named_in(item)
