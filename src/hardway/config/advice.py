"""What is allowed and probably not meant: said once, and nothing is refused."""

import ipaddress
from collections.abc import Iterator, Mapping

from hardway.config.networks import address
from hardway.model import Cluster, Role, Value
from hardway.patches.names import parse

INIT_DEFAULTS = "abcdef.0123456789abcdef"
"""No secret: kubeadm prints it as its example (`app/util/config/initconfiguration.go`, PlaceholderToken)."""


def advice(cluster: Cluster) -> tuple[str, ...]:
    """Sentences without full stop for the person who wrote the cluster.yaml. Pure."""
    return tuple(_advice(cluster))


def _advice(cluster: Cluster) -> Iterator[str]:
    masters, members = len(cluster.control_planes), len(cluster.etcd_members)
    if members and members % 2 == 0:
        yield f"{masters} masters bear no more failures than {masters - 1}: etcd needs more than half of its members"
    if len(cluster.balancers) > 1 and not cluster.balancer.virtual:
        if any(node.address == cluster.balancer.address for node in cluster.balancers):
            yield (
                f"the API's name leads to one of {len(cluster.balancers)} balancers only:"
                f" {cluster.balancer.address} (loadBalancer.virtualAddress leads to whichever lives)"
            )
        else:
            yield f"`{cluster.balancer.address}` is none of the balancers: something else must bring it to them"
    if masters > 1 and not cluster.balancers and cluster.balancer.address == cluster.first_control_plane.address:
        yield "the API's name leads to the first master alone: when that is down, so is the API for everybody else"
    if any(token.value == INIT_DEFAULTS for token in cluster.bootstrap_tokens):
        yield "token abcdef is the one that `kubeadm config print init-defaults` shows: everybody knows it"
    zone = f".{cluster.name}.{cluster.base_domain}"
    if address(cluster.endpoint.host) is None and not cluster.endpoint.host.endswith(zone):
        yield f"`{cluster.endpoint.host}` is outside of {zone[1:]}: its DNS record must lead to {cluster.balancer.address}"
    for subnet in cluster.networking.service_subnets:
        if ipaddress.ip_network(subnet).is_global:
            yield f"service network {subnet} is public address space: its real hosts cannot be reached from the cluster"
    driver = cluster.kubelet_configuration.get("cgroupDriver")
    if driver != "systemd" and not _says_systemd_cgroup(cluster.containerd):
        yield f"kubelets use cgroup driver {driver}, containerd systemd: containerd.cri of the Inventory can change it"
    if cluster.kubelet_configuration.get("serverTLSBootstrap") is True and not cluster.approve_serving_certificates:
        yield "nobody here approves the kubelets' serving certificates: until somebody does, logs and exec fail"
    pinned = [name for name, source in cluster.downloads.items() if source.sha256]
    if pinned and len({node.facts.arch for node in cluster.kubernetes_nodes}) > 1:
        yield f"nodes have several architectures, and a sha256 fits one file: {', '.join(pinned)} will be refused on some"
    for registry in cluster.registries:
        for mirror in registry.mirrors:
            if mirror.skip_verify or mirror.url.startswith("http://"):
                yield f"images of {registry.host} come through {mirror.url} unverified: whoever answers there chooses them"
    targets = cluster.release.features.patch_targets
    for path in dict.fromkeys(path for node in cluster.kubernetes_nodes for path, _ in node.patches.files):
        if reason := parse(path.rpartition("/")[2], targets).ignored:
            yield f"{path} is no patch for kubeadm {cluster.release.minor}: {reason}"
    mixed = [node.host_name for node in cluster.nodes if {Role.LOAD_BALANCER, Role.CONTROL_PLANE} <= node.roles]
    if mixed:
        yield f"the balancer on {', '.join(mixed)} goes down with the master"


def _says_systemd_cgroup(value: Value) -> bool:
    """The setting stands anywhere in the user's containerd settings."""
    if isinstance(value, Mapping):
        return "SystemdCgroup" in value or any(_says_systemd_cgroup(item) for item in value.values())
    return False
