"""The Inventory document: the machines, and what kubeadm's API cannot say. Reference: docs/inventory.md."""

from typing import Any, Literal

from pydantic import Field

from hardway.config.flags import Flags
from hardway.config.kubeadm import Strict, Taint, TypeMeta

API_VERSION = "hardway.dev/v1alpha1"


class Ssh(Strict):
    """How machines are reached; what is left out is left to ssh_config."""

    host: str = ""
    port: int = Field(default=0, ge=0, le=65535)
    user: str = ""
    identity_file: str = ""
    config_file: str = ""
    transport: Literal["", "asyncssh", "openssh", "local"] = ""


CaDirectory = Literal[
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
]


def _usual_directories() -> list[CaDirectory]:
    """Those that Debian's and Ubuntu's ca-certificates makes."""
    return ["/usr/share/ca-certificates", "/usr/local/share/ca-certificates"]


class NodeFacts(Strict):
    """What renderers believe of a machine that they do not ask."""

    os_family: Literal["debian", "redhat"] = "debian"
    arch: Literal["amd64", "arm64"] = "amd64"
    resolved: bool = False
    ca_directories: list[CaDirectory] = Field(default_factory=_usual_directories)
    interface: str = Field(default="eth0", pattern=r"^[^\s/]{1,15}$")


class NodeEntry(Strict):
    """One machine."""

    name: str
    address: str
    roles: list[Literal["control-plane", "worker", "load-balancer"]] = Field(min_length=1)
    pod_cidr: str = Field(default="", alias="podCIDR")
    ssh: Ssh = Field(default_factory=Ssh)
    facts: NodeFacts = Field(default_factory=NodeFacts)
    taints: list[Taint] | None = None
    kubelet_extra_args: Flags = Field(default_factory=Flags)


class Download(Strict):
    """Another version or source of one component."""

    version: str = ""
    repository: str = ""
    sha256: str = Field(default="", pattern=r"^([0-9a-f]{64})?$")


Component = Literal["runc", "containerd", "kubelet", "kubectl", "kubeadm", "etcd", "crictl", "cni-plugins"]
"""What chapter 8 installs."""


class Downloads(Strict):
    """Where chapter 8 fetches from."""

    mirror: str = ""
    """URL below which the release sites' hosts are directories: MIRROR/dl.k8s.io/v1.30.4/..."""
    skip: list[Component] = Field(default_factory=list)
    components: dict[Component, Download] = Field(default_factory=dict)


def _pull_and_resolve() -> list[Literal["pull", "resolve"]]:
    return ["pull", "resolve"]


class RegistryMirror(Strict):
    """A mirror of a registry, as containerd's hosts.toml has it."""

    url: str
    ca: str = ""
    """File beside cluster.yaml."""
    capabilities: list[Literal["pull", "resolve"]] = Field(default_factory=_pull_and_resolve, min_length=1)
    override_path: bool = False
    skip_verify: bool = False


class Registry(Strict):
    """How images of one registry are fetched."""

    mirrors: list[RegistryMirror] = Field(min_length=1)
    fallback: bool = True


class Containerd(Strict):
    """containerd."""

    cri: dict[str, Any] = Field(default_factory=dict)
    """Settings of the CRI plugin that are merged into ours."""
    registries: dict[str, Registry] = Field(default_factory=dict)
    """Registry's host to its mirrors."""


class Proxy(Strict):
    """HTTP proxies of the machines."""

    http: str = ""
    https: str = ""
    no_proxy: list[str] = Field(default_factory=list)
    """Added to what the cluster needs."""


class PodNetwork(Strict):
    """The pod network."""

    kind: Literal["none", "bridge"] = "none"
    pod_cidr: str = Field(default="", alias="podCIDR")
    """Network of all pods; empty: podSubnet of ClusterConfiguration."""


class LoadBalancer(Strict):
    """What stands in front of the API."""

    address: str = ""
    """Brought to a balancer by somebody else."""
    port: int = Field(default=6443, ge=1, le=65535)
    virtual_address: str = ""
    """Held by keepalived on one of the balancers."""
    virtual_router_id: int = Field(default=51, ge=1, le=255, alias="virtualRouterID")


class Inventory(TypeMeta):
    """Machines and all that kubeadm's documents do not say."""

    base_domain: str
    nodes: list[NodeEntry] = Field(min_length=1)
    ssh: Ssh = Field(default_factory=Ssh)
    downloads: Downloads = Field(default_factory=Downloads)
    containerd: Containerd = Field(default_factory=Containerd)
    proxy: Proxy = Field(default_factory=Proxy)
    network: PodNetwork = Field(default_factory=PodNetwork)
    load_balancer: LoadBalancer = Field(default_factory=LoadBalancer)
    files: dict[str, str] = Field(default_factory=dict)
    """Path on the masters to a file beside cluster.yaml."""
    patches: dict[str, str] = Field(default_factory=dict)
    """`patches.directory` of kubeadm's documents to a directory beside cluster.yaml."""
    manifests: list[str] = Field(default_factory=list)
    token_ttl: str = "2h0m0s"
    approve_serving_certificates: bool = True
    """hardway approves the kubelets' serving certificates (serverTLSBootstrap); false: somebody else does."""
