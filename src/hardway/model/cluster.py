"""The cluster: what kubeadm's documents and the inventory say, defaulted, derived and frozen."""

import ipaddress
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from hardway.model.args import Args
from hardway.model.etcd import EtcdExternal, EtcdLocal
from hardway.model.node import Node, Role
from hardway.model.supply import DownloadSource, Proxy, Registry
from hardway.model.token import BootstrapToken
from hardway.model.value import Document
from hardway.versions import Release


@dataclass(frozen=True)
class Endpoint:
    """controlPlaneEndpoint: where clients reach the API."""

    host: str
    port: int = 6443

    @property
    def url(self) -> str:
        host = f"[{self.host}]" if ":" in self.host else self.host
        return f"https://{host}:{self.port}"


@dataclass(frozen=True)
class Networking:
    """kubeadm's `networking`, with the addresses that kubeadm derives from it."""

    service_subnets: tuple[str, ...] = ("10.96.0.0/12",)
    pod_subnets: tuple[str, ...] = ()
    dns_domain: str = "cluster.local"

    @property
    def api_service_address(self) -> str:
        """ClusterIP of the Service kubernetes: the 1st address of the service CIDR."""
        return str(ipaddress.ip_network(self.service_subnets[0], strict=False)[1])

    @property
    def dns_address(self) -> str:
        """ClusterIP of the cluster DNS: the 10th address of the service CIDR."""
        return str(ipaddress.ip_network(self.service_subnets[0], strict=False)[10])


@dataclass(frozen=True)
class Paths:
    """Directories of a node, as kubeadm has them."""

    kubernetes: str = "/etc/kubernetes"
    pki: str = "/etc/kubernetes/pki"
    """certificatesDir, in its shortest form."""
    manifests: str = "/etc/kubernetes/manifests"
    kubelet: str = "/var/lib/kubelet"
    pki_given: str = ""
    """certificatesDir where it is written in a longer form, such as with a slash at its end."""
    joining_ca: str = "/etc/kubernetes/pki/ca.crt"
    """caCertPath in its shortest form: nodes that join have the CA there, too; its default does not follow `pki`."""

    @property
    def ca(self) -> str:
        """Certificate of the CA that signs for clients and the API server."""
        return f"{self.pki}/ca.crt"

    @property
    def pki_mounted(self) -> str:
        """What kubeadm mounts: it shortens paths of files, and not those of volumes."""
        return self.pki_given or self.pki


@dataclass(frozen=True)
class HostVolume:
    """extraVolumes of a static pod."""

    name: str
    host_path: str
    mount_path: str
    read_only: bool = False
    path_type: str = ""


@dataclass(frozen=True)
class Certificates:
    """What the configuration says of all keys and certificates."""

    algorithm: str = "RSA-2048"
    """encryptionAlgorithm."""
    days: float = 365
    """certificateValidityPeriod: from when it is made."""
    ca_days: float = 3650
    """caCertificateValidityPeriod."""


@dataclass(frozen=True)
class Component:
    """apiServer, controllerManager or scheduler of ClusterConfiguration."""

    extra_args: Args = ()
    extra_volumes: tuple[HostVolume, ...] = ()
    cert_sans: tuple[str, ...] = ()
    """apiServer only."""
    extra_envs: tuple[tuple[str, str], ...] = ()
    """Variables of the container."""


@dataclass(frozen=True)
class Network:
    """The pod network: `none`, or `bridge` (CNI bridge plugin with static routes between the nodes)."""

    kind: str = "none"
    cidr: str = ""
    """Network of all pods, of which each node has a share."""


@dataclass(frozen=True)
class Balancer:
    """The load-balancer role in front of the API (article chapter 3)."""

    address: str = ""
    """Address to which the endpoint's host name resolves: VIP-LB of the article."""
    port: int = 6443
    virtual: bool = False
    """The address belongs to no machine: keepalived holds it on one of the balancers."""
    virtual_router_id: int = 51
    """VRRP's number of the group (RFC 9568), 1 to 255."""


@dataclass(frozen=True)
class Cluster:
    """Everything that chapters need to know; equal input gives an equal Cluster."""

    name: str
    base_domain: str
    release: Release
    endpoint: Endpoint
    nodes: tuple[Node, ...]
    networking: Networking = field(default_factory=Networking)
    paths: Paths = field(default_factory=Paths)
    image_repository: str = "registry.k8s.io"
    coredns_image: str = ""
    pause_image: str = ""
    api_server: Component = field(default_factory=Component)
    api_server_timeout: int = 240
    """timeoutForControlPlane in seconds."""
    controller_manager: Component = field(default_factory=Component)
    scheduler: Component = field(default_factory=Component)
    etcd: EtcdLocal | EtcdExternal = field(default_factory=EtcdLocal)
    certificates: Certificates = field(default_factory=Certificates)
    feature_gates: Mapping[str, bool] = field(default_factory=lambda: MappingProxyType({}))
    skip_phases: tuple[str, ...] = ()
    """kubeadm's phase paths that are left out, e.g. `addon` or `addon/kube-proxy`."""
    token_ttl: int = 7200
    """Life of a node's bootstrap token in seconds."""
    bootstrap_tokens: tuple[BootstrapToken, ...] = ()
    """Those that the user asks for beside the nodes' own; each id stands once."""
    approve_serving_certificates: bool = True
    """Kubelets' serving certificates are approved here; False: somebody else's controller does."""

    cluster_configuration: Document = field(default_factory=lambda: MappingProxyType({}))
    """ClusterConfiguration as kubeadm stores it: defaulted and normalised."""
    kubelet_configuration: Document = field(default_factory=lambda: MappingProxyType({}))
    """KubeletConfiguration as kubeadm stores it: the user's document with kubeadm's defaults."""
    kubelet_configuration_given: bool = False
    """The user brought a KubeletConfiguration: kubeadm then stores no hash annotation."""
    kube_proxy_configuration: Document = field(default_factory=lambda: MappingProxyType({}))
    kube_proxy_configuration_given: bool = False

    downloads: Mapping[str, DownloadSource] = field(default_factory=lambda: MappingProxyType({}))
    """Component name to source; a component that is missing here is not installed by chapter 8."""
    containerd: Document = field(default_factory=lambda: MappingProxyType({}))
    """Extra settings of containerd's CRI plugin, merged into the one file of chapter 9."""
    registries: tuple[Registry, ...] = ()
    """Registries whose images come through mirrors."""
    proxy: Proxy = field(default_factory=Proxy)
    files: Mapping[str, str] = field(default_factory=lambda: MappingProxyType({}))
    """User files for control-plane nodes (path to content), e.g. the audit policy."""
    network: Network = field(default_factory=Network)
    balancer: Balancer = field(default_factory=Balancer)
    manifests: tuple[Document, ...] = ()
    """User manifests, applied after the addons."""

    @property
    def control_planes(self) -> tuple[Node, ...]:
        """Masters in the order of the inventory; the first one runs the init workflow."""
        return tuple(node for node in self.nodes if node.is_control_plane)

    @property
    def first_control_plane(self) -> Node:
        return self.control_planes[0]

    @property
    def joining_control_planes(self) -> tuple[Node, ...]:
        return self.control_planes[1:]

    @property
    def etcd_members(self) -> tuple[Node, ...]:
        """Nodes that run a member of etcd: every master, or none where etcd is external."""
        return tuple(node for node in self.nodes if self.runs_member(node))

    def runs_member(self, node: Node) -> bool:
        """The node runs a member of etcd; asked of what it is for, so that a node with other facts is the same node."""
        return node.is_control_plane and isinstance(self.etcd, EtcdLocal)

    @property
    def stacked_etcd(self) -> EtcdLocal:
        """The etcd of `etcd_members`; ValueError where there are none."""
        if isinstance(self.etcd, EtcdExternal):
            raise ValueError("etcd is external: it has no members here")
        return self.etcd

    @property
    def workers(self) -> tuple[Node, ...]:
        """Nodes with the role worker that are no masters."""
        return tuple(n for n in self.nodes if Role.WORKER in n.roles and not n.is_control_plane)

    @property
    def balancers(self) -> tuple[Node, ...]:
        return tuple(node for node in self.nodes if Role.LOAD_BALANCER in node.roles)

    @property
    def kubernetes_nodes(self) -> tuple[Node, ...]:
        """Nodes that run a kubelet."""
        return tuple(node for node in self.nodes if node.is_kubernetes)

    def node(self, name: str) -> Node:
        """The node of that full or short name; KeyError when there is none."""
        for node in self.nodes:
            if name in (node.name, node.host_name):
                return node
        raise KeyError(name)

    def skips(self, phase: str) -> bool:
        """The phase (or the phase above it) is on the skipPhases list."""
        return any(phase == skipped or phase.startswith(f"{skipped}/") for skipped in self.skip_phases)

    def image(self, component: str) -> str:
        """Image of a Kubernetes component, e.g. `kube-apiserver`."""
        # A tag has no +, which builds of one's own have in their version (kubeadm's KubernetesVersionToImageTag).
        tag = re.sub(r"[^-\w.]", "_", self.release.kubernetes)
        return f"{self.image_repository}/{component}:{tag}"
