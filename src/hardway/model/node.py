"""A machine of the cluster: what the inventory says of it and what was found on it."""

from dataclasses import dataclass, field
from enum import StrEnum

from hardway.model.patches import Patches


class Role(StrEnum):
    """What a machine is for; a machine may have several roles."""

    CONTROL_PLANE = "control-plane"
    WORKER = "worker"
    LOAD_BALANCER = "load-balancer"


class OsFamily(StrEnum):
    """Package family of the operating system (article chapter 5: tabs apt and yum/dnf)."""

    DEBIAN = "debian"
    REDHAT = "redhat"


CA_DIRECTORIES = (
    "/etc/pki",
    "/etc/ca-certificates",
    "/usr/share/ca-certificates",
    "/usr/local/share/ca-certificates",
    "/etc/pki/ca-trust",
    "/etc/pki/tls/certs",
)
"""Host directories that one minor of kubeadm or another mounts into the control plane where they exist
(kubeadm `app/phases/controlplane/volumes.go`); which of them, its features say."""


@dataclass(frozen=True)
class Facts:
    """What kubeadm's own output depends on. The engine probes it; renderers take it from the inventory."""

    os_family: OsFamily = OsFamily.DEBIAN
    arch: str = "amd64"
    """Go's name of the architecture: amd64 or arm64."""
    hostname: str = ""
    """Host name before chapter 5; empty when it was not probed."""
    resolved: bool = False
    """systemd-resolved is active: kubeadm then sets resolvConf."""
    ca_directories: tuple[str, ...] = ()
    """Those of CA_DIRECTORIES that exist, in that order."""
    interface: str = ""
    """Network interface that has the node's address; empty when none has it."""
    cpus: int = 0
    """Number of processors, 0 when it was not probed."""


@dataclass(frozen=True)
class Taint:
    """A taint with which the node registers."""

    key: str
    effect: str
    value: str = ""


@dataclass(frozen=True)
class Registration:
    """kubeadm's nodeRegistration: how the kubelet of this node starts and registers."""

    cri_socket: str = "unix:///var/run/containerd/containerd.sock"
    kubelet_extra_args: tuple[tuple[str, str], ...] = ()
    """Flags without dashes, in kubeadm's order (sorted by name where the API has a map)."""
    taints: tuple[Taint, ...] | None = None
    """None: kubeadm's default for the role; empty: no taints."""
    ignore_preflight_errors: tuple[str, ...] = ()
    image_pull_policy: str = "IfNotPresent"


@dataclass(frozen=True)
class Ssh:
    """How the node is reached. Empty fields are left to ssh_config."""

    host: str = ""
    """Address or ssh_config alias; empty: the node's address."""
    port: int = 0
    user: str = ""
    identity_file: str = ""
    config_file: str = ""
    """An ssh_config to read instead of the user's own."""
    transport: str = "asyncssh"
    """asyncssh, openssh or local."""


@dataclass(frozen=True)
class Node:
    """One machine. `name` is the host name, the Kubernetes node name and the etcd member name at once."""

    name: str
    """FULL_HOST_NAME of the article."""
    host_name: str
    """HOST_NAME of the article: the first label of the name."""
    address: str
    """MACHINE_LOCAL_ADDRESS of the article: an IP address."""
    roles: frozenset[Role]
    bind_port: int = 6443
    """Port of this node's own kube-apiserver."""
    startup_seconds: float = 240
    """How long startup probes of this node's static pods are patient (timeouts.controlPlaneComponentHealthCheck)."""
    timeouts: tuple[tuple[str, str], ...] = ()
    """Others that the user has chosen: the patience of kubeadm's own phases. Steps of hardway have their own."""
    pod_cidr: str = ""
    """Pod network of this node where the network chapter is `bridge`."""
    registration: Registration = field(default_factory=Registration)
    patches: Patches = field(default_factory=Patches)
    ssh: Ssh = field(default_factory=Ssh)
    facts: Facts = field(default_factory=Facts)

    @property
    def loopback(self) -> str:
        """The loopback address of the family of its own, as URLs have it."""
        return "[::1]" if ":" in self.address else "127.0.0.1"

    @property
    def is_control_plane(self) -> bool:
        return Role.CONTROL_PLANE in self.roles

    @property
    def is_kubernetes(self) -> bool:
        """The node runs a kubelet."""
        return bool(self.roles & {Role.CONTROL_PLANE, Role.WORKER})
