"""From checked documents to the frozen model: defaults as kubeadm's, and all that follows from them."""

import ipaddress
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType
from typing import Any, cast

from hardway import versions
from hardway.config import components
from hardway.config import kubeadm as api
from hardway.config.document import SourceDocument
from hardway.config.inventory import Inventory, NodeEntry
from hardway.model import (
    Balancer,
    Cluster,
    Component,
    Document,
    DownloadSource,
    Endpoint,
    EtcdLocal,
    Facts,
    HostVolume,
    Network,
    Networking,
    Node,
    OsFamily,
    Paths,
    Registration,
    Role,
    Ssh,
    Taint,
    freeze_document,
)

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
"""Where each component is released (article chapter 8)."""

POD_PREFIX = {4: 24, 6: 64}
"""Size of a node's share of podSubnet, as the controller manager's default."""


@dataclass
class Sources:
    """The documents of one file on their way to the model."""

    documents: dict[str, SourceDocument] = field(default_factory=dict)
    parsed: dict[str, api.TypeMeta] = field(default_factory=dict)
    files: dict[str, str] = field(default_factory=dict)
    manifests: list[Document] = field(default_factory=list)

    @property
    def inventory(self) -> Inventory:
        return cast(Inventory, self.parsed["Inventory"])

    @property
    def cluster(self) -> api.ClusterConfiguration:
        return cast(api.ClusterConfiguration, self.parsed["ClusterConfiguration"])

    @property
    def init(self) -> api.InitConfiguration | None:
        return cast("api.InitConfiguration | None", self.parsed.get("InitConfiguration"))

    @property
    def join(self) -> api.JoinConfiguration | None:
        return cast("api.JoinConfiguration | None", self.parsed.get("JoinConfiguration"))

    def full_name(self, name: str) -> str:
        """FULL_HOST_NAME of the article for a short name; a full name stays as it is."""
        if "." in name:
            return name
        return f"{name}.{self.cluster.cluster_name}.{self.inventory.base_domain}"

    def component(self, kind: str) -> dict[str, Any]:
        """A component configuration as the user gave it, or nothing."""
        return dict(self.documents[kind].value) if kind in self.documents else {}


def derive(sources: Sources) -> Cluster:
    """The model of checked documents. Pure."""
    config, inventory = sources.cluster, sources.inventory
    release = versions.release(config.kubernetes_version)
    endpoint = _endpoint(config.control_plane_endpoint, sources.init)
    networking = Networking(
        tuple(config.networking.service_subnet.split(",")),
        tuple(config.networking.pod_subnet.split(",")) if config.networking.pod_subnet else (),
        config.networking.dns_domain,
    )
    nodes = _nodes(sources, networking)
    repository = config.image_repository
    etcd, dns = config.etcd.local, config.dns
    wildcard = "::" if ":" in nodes[0].address else "0.0.0.0"
    balancers = [node for node in nodes if Role.LOAD_BALANCER in node.roles]
    masters = [node for node in nodes if node.is_control_plane]
    front = inventory.load_balancer.address or (balancers or masters)[0].address
    return Cluster(
        name=config.cluster_name,
        base_domain=inventory.base_domain,
        release=release,
        endpoint=endpoint,
        nodes=nodes,
        networking=networking,
        paths=Paths(pki=config.certificates_dir),
        image_repository=repository,
        # kubeadm keeps CoreDNS in a folder of its own in the default registry only.
        coredns_image=(
            f"{dns.image_repository or repository}{'/coredns' if _default_dns(config) else ''}"
            f"/coredns:{dns.image_tag or release.coredns_image_tag}"
        ),
        pause_image=f"{repository}/pause:{release.pause_image_tag}",
        api_server=_component(config.api_server, tuple(config.api_server.cert_sans)),
        api_server_timeout=int(components.seconds(config.api_server.timeout_for_control_plane) or 240),
        controller_manager=_component(config.controller_manager),
        scheduler=_component(config.scheduler),
        etcd=EtcdLocal(
            etcd.data_dir,
            MappingProxyType(dict(etcd.extra_args)),
            tuple(etcd.server_cert_sans),
            tuple(etcd.peer_cert_sans),
            f"{etcd.image_repository or repository}/etcd:{etcd.image_tag or release.etcd_image_tag}",
        ),
        feature_gates=MappingProxyType(dict(config.feature_gates)),
        skip_phases=tuple(sources.init.skip_phases) if sources.init else (),
        token_ttl=int(components.seconds(inventory.token_ttl) or 7200),
        cluster_configuration=freeze_document(_stored_cluster_configuration(config, endpoint)),
        kubelet_configuration=freeze_document(
            components.kubelet_document(
                sources.component("KubeletConfiguration"), networking, config.certificates_dir
            )
        ),
        kubelet_configuration_given="KubeletConfiguration" in sources.documents,
        kube_proxy_configuration=freeze_document(
            components.kube_proxy_document(sources.component("KubeProxyConfiguration"), networking, wildcard)
        ),
        kube_proxy_configuration_given="KubeProxyConfiguration" in sources.documents,
        downloads=_downloads(inventory, release),
        containerd=freeze_document(inventory.containerd.cri),
        files=MappingProxyType(dict(sources.files)),
        network=Network(inventory.network.kind, _pod_network(networking, inventory)),
        balancer=Balancer(front, inventory.load_balancer.port),
        manifests=tuple(sources.manifests),
    )


def _default_dns(config: api.ClusterConfiguration) -> bool:
    return not config.dns.image_repository and config.image_repository == "registry.k8s.io"


def _endpoint(text: str, init: api.InitConfiguration | None) -> Endpoint:
    """Where no port is given kubeadm takes the one of the first master's API server."""
    default = init.local_api_endpoint.bind_port if init else 6443
    host, _, port = text.rpartition(":") if _has_port(text) else (text, "", str(default))
    return Endpoint(host.strip("[]"), int(port))


def _has_port(text: str) -> bool:
    """The endpoint ends with a port (and is not a bare IPv6 address)."""
    head, colon, tail = text.rpartition(":")
    return bool(colon) and tail.isdigit() and (":" not in head or head.endswith("]"))


def _component(config: api.ControlPlaneComponent, cert_sans: tuple[str, ...] = ()) -> Component:
    volumes = tuple(
        HostVolume(v.name, v.host_path, v.mount_path, v.read_only, v.path_type) for v in config.extra_volumes
    )
    return Component(MappingProxyType(dict(config.extra_args)), volumes, cert_sans)


def _nodes(sources: Sources, networking: Networking) -> tuple[Node, ...]:
    inventory = sources.inventory
    shares = _pod_shares(networking, inventory)
    return tuple(_node(sources, entry, shares.get(entry.name, "")) for entry in inventory.nodes)


def _pod_network(networking: Networking, inventory: Inventory) -> str:
    return inventory.network.pod_cidr or next(iter(networking.pod_subnets), "")


def _pod_shares(networking: Networking, inventory: Inventory) -> dict[str, str]:
    """Each Kubernetes node's part of podSubnet, in the order of the inventory, where the inventory names none."""
    if inventory.network.kind != "bridge":
        return {}
    whole = ipaddress.ip_network(_pod_network(networking, inventory))
    parts = whole.subnets(new_prefix=max(POD_PREFIX[whole.version], whole.prefixlen))
    taken = {entry.pod_cidr for entry in inventory.nodes if entry.pod_cidr}
    shares: dict[str, str] = {}
    for entry in inventory.nodes:
        if entry.pod_cidr:
            shares[entry.name] = entry.pod_cidr
        elif {"control-plane", "worker"} & set(entry.roles):
            shares[entry.name] = str(next(part for part in parts if str(part) not in taken))
    return shares


def _node(sources: Sources, entry: NodeEntry, pod_cidr: str) -> Node:
    full = sources.full_name(entry.name)
    first = next((n for n in sources.inventory.nodes if "control-plane" in n.roles), None)
    init, join = sources.init, sources.join
    given = (
        (init.node_registration if init else None) if entry is first else (join.node_registration if join else None)
    )
    registration = given or api.NodeRegistration()
    port = 6443
    if entry is first and init:
        port = init.local_api_endpoint.bind_port
    elif join and join.control_plane:
        port = join.control_plane.local_api_endpoint.bind_port
    taints = entry.taints if entry.taints is not None else registration.taints
    args = {**registration.kubelet_extra_args, **entry.kubelet_extra_args}
    base, own = sources.inventory.ssh, entry.ssh
    return Node(
        name=full,
        host_name=full.split(".")[0],
        address=str(ipaddress.ip_address(entry.address)),
        roles=frozenset(Role(role) for role in entry.roles),
        bind_port=port,
        pod_cidr=pod_cidr,
        registration=Registration(
            registration.cri_socket,
            tuple(sorted(args.items())),
            None if taints is None else tuple(Taint(t.key, t.effect, t.value) for t in taints),
            tuple(registration.ignore_preflight_errors),
            registration.image_pull_policy,
        ),
        ssh=Ssh(
            own.host,
            own.port or base.port,
            own.user or base.user,
            own.identity_file or base.identity_file,
            own.config_file or base.config_file,
            own.transport or base.transport or "asyncssh",
        ),
        facts=Facts(
            os_family=OsFamily(entry.facts.os_family),
            arch=entry.facts.arch,
            resolved=entry.facts.resolved,
            ca_directories=tuple(entry.facts.ca_directories),
        ),
    )


def _downloads(inventory: Inventory, release: versions.Release) -> Mapping[str, DownloadSource]:
    pinned = {
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
    sources: dict[str, DownloadSource] = {}
    for name, version in pinned.items():
        if name in inventory.downloads.skip or (name == "cni-plugins" and inventory.network.kind != "bridge"):
            continue
        own = inventory.downloads.components.get(name)
        site = SITES[name].replace("https://", f"{mirror}/") if mirror else SITES[name]
        sources[name] = DownloadSource(
            (own and own.version) or version, (own and own.repository) or site, own.sha256 if own else ""
        )
    return MappingProxyType(sources)


def _stored_cluster_configuration(config: api.ClusterConfiguration, endpoint: Endpoint) -> dict[str, Any]:
    """ClusterConfiguration as kubeadm stores it: defaulted, empty fields left out but for the components."""
    stored: dict[str, Any] = config.model_dump(by_alias=True)
    return {
        "apiServer": _without_empty(stored["apiServer"])
        | {"timeoutForControlPlane": components.go_duration(config.api_server.timeout_for_control_plane)},
        "apiVersion": config.api_version,
        "certificatesDir": config.certificates_dir,
        "clusterName": config.cluster_name,
        "controlPlaneEndpoint": endpoint.url.removeprefix("https://"),
        "controllerManager": _without_empty(stored["controllerManager"]),
        "dns": _without_empty(stored["dns"]),
        "etcd": {"local": _without_empty(stored["etcd"]["local"])},
        **({"featureGates": stored["featureGates"]} if stored["featureGates"] else {}),
        "imageRepository": config.image_repository,
        "kind": config.kind,
        "kubernetesVersion": config.kubernetes_version,
        "networking": _without_empty(stored["networking"]),
        "scheduler": _without_empty(stored["scheduler"]),
    }


def _without_empty(value: Any) -> Any:
    """What Go's omitempty leaves: it is about fields, so a flag (which is a key of a map) may well be empty."""
    if isinstance(value, dict):
        return {
            key: item if key == "extraArgs" else _without_empty(item)
            for key, item in value.items()
            if item not in ("", 0, False, None, [], {})
        }
    if isinstance(value, list):
        return [_without_empty(item) for item in value]
    return value
