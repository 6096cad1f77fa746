"""Mirrors of kubeadm's documents (`app/apis/kubeadm/{v1beta3,v1beta4}/{types,defaults}.go`).

They have the fields of both API versions; `config.api_versions` tells those of the wrong one.
"""

from typing import Any, NewType

from pydantic import BaseModel, ConfigDict, Field, model_validator
from pydantic.alias_generators import to_camel

from hardway.config.flags import Flags


class Strict(BaseModel):
    """Fields as the API spells them; anything else is an error."""

    model_config = ConfigDict(
        extra="forbid", strict=True, alias_generator=to_camel, populate_by_name=True, frozen=True
    )

    @model_validator(mode="before")
    @classmethod
    def _nothing_is_absent(cls, value: Any) -> Any:
        """Go cannot tell nothing and an empty text from a field that is left out: all are defaulted."""
        if not isinstance(value, dict):
            return value
        texts = {field.alias for field in cls.model_fields.values() if field.annotation is str}
        return {key: item for key, item in value.items() if item is not None and (item != "" or key not in texts)}


Duration = NewType("Duration", str)
"""A metav1.Duration: an empty text is a mistake, where of other texts it is the default."""


class TypeMeta(Strict):
    """What every document begins with."""

    api_version: str
    kind: str


class ImageMeta(Strict):
    """Another place for an image."""

    image_repository: str = ""
    image_tag: str = ""


class HostPathMount(Strict):
    """A directory or file of the host in a static pod."""

    name: str
    host_path: str
    mount_path: str
    read_only: bool = False
    path_type: str = ""


class EnvVar(Strict):
    """A variable of a container."""

    name: str
    value: str = ""


class Dns(ImageMeta):
    """dns."""

    disabled: bool = False


class Proxy(Strict):
    """proxy."""

    disabled: bool = False


class ControlPlaneComponent(Strict):
    """controllerManager and scheduler."""

    extra_args: Flags = Field(default_factory=Flags)
    extra_volumes: list[HostPathMount] = Field(default_factory=list)
    extra_envs: list[EnvVar] = Field(default_factory=list)


class ApiServer(ControlPlaneComponent):
    """apiServer."""

    cert_sans: list[str] = Field(default_factory=list, alias="certSANs")
    timeout_for_control_plane: Duration = Duration("4m0s")


class LocalEtcd(ImageMeta):
    """etcd.local."""

    data_dir: str = "/var/lib/etcd"
    extra_args: Flags = Field(default_factory=Flags)
    extra_envs: list[EnvVar] = Field(default_factory=list)
    server_cert_sans: list[str] = Field(default_factory=list, alias="serverCertSANs")
    peer_cert_sans: list[str] = Field(default_factory=list, alias="peerCertSANs")


class ExternalEtcd(Strict):
    """etcd.external."""

    endpoints: list[str] = Field(min_length=1)
    http_endpoints: list[str] = Field(default_factory=list)
    ca_file: str = ""
    cert_file: str = ""
    key_file: str = ""


class Etcd(Strict):
    """etcd: on the masters (the default) or somewhere else, and not both."""

    local: LocalEtcd | None = None
    external: ExternalEtcd | None = None

    @model_validator(mode="before")
    @classmethod
    def _local_is_the_default(cls, value: Any) -> Any:
        """`SetDefaults_Etcd`."""
        if isinstance(value, dict) and value.get("local") is None and value.get("external") is None:
            return {**value, "local": {}}
        return value


class Networking(Strict):
    """networking."""

    service_subnet: str = "10.96.0.0/12"
    pod_subnet: str = ""
    dns_domain: str = "cluster.local"


class ClusterConfiguration(TypeMeta):
    """What all masters share."""

    kubernetes_version: str
    cluster_name: str = "kubernetes"
    control_plane_endpoint: str
    networking: Networking = Field(default_factory=Networking)
    etcd: Etcd = Field(default_factory=Etcd)
    api_server: ApiServer = Field(default_factory=ApiServer)
    controller_manager: ControlPlaneComponent = Field(default_factory=ControlPlaneComponent)
    scheduler: ControlPlaneComponent = Field(default_factory=ControlPlaneComponent)
    dns: Dns = Field(default_factory=Dns)
    proxy: Proxy = Field(default_factory=Proxy)
    certificates_dir: str = "/etc/kubernetes/pki"
    image_repository: str = "registry.k8s.io"
    feature_gates: dict[str, bool] = Field(default_factory=dict)
    encryption_algorithm: str = "RSA-2048"
    certificate_validity_period: Duration = Duration("8760h0m0s")
    ca_certificate_validity_period: Duration = Duration("87600h0m0s")


class StoredClusterConfiguration(ClusterConfiguration):
    """The same of a cluster that is there: kubeadm makes one with one master without an endpoint."""

    control_plane_endpoint: str = ""


class Taint(Strict):
    """A taint."""

    key: str
    effect: str
    value: str = ""


class NodeRegistration(Strict):
    """nodeRegistration."""

    name: str = ""
    cri_socket: str = "unix:///var/run/containerd/containerd.sock"
    taints: list[Taint] | None = None
    kubelet_extra_args: Flags = Field(default_factory=Flags)
    ignore_preflight_errors: list[str] = Field(default_factory=list)
    image_pull_policy: str = "IfNotPresent"
    image_pull_serial: bool = True


class Timeouts(Strict):
    """timeouts. The first is that of startup probes; the others are kubeadm's own patience, here each step has its own."""

    control_plane_component_health_check: Duration = Duration("4m0s")
    kubelet_health_check: Duration = Duration("4m0s")
    kubernetes_api_call: Duration = Field(default=Duration("1m0s"), alias="kubernetesAPICall")
    etcd_api_call: Duration = Field(default=Duration("2m0s"), alias="etcdAPICall")
    tls_bootstrap: Duration = Field(default=Duration("5m0s"), alias="tlsBootstrap")
    discovery: Duration = Duration("5m0s")
    upgrade_manifests: Duration = Duration("5m0s")


class ApiEndpoint(Strict):
    """localAPIEndpoint."""

    advertise_address: str = ""
    bind_port: int = Field(default=6443, ge=1, le=65535)

    @model_validator(mode="before")
    @classmethod
    def _zero_is_absent(cls, value: Any) -> Any:
        return {k: v for k, v in value.items() if k != "bindPort" or v != 0} if isinstance(value, dict) else value


class BootstrapToken(Strict):
    """A token that the user wants beside the nodes' own."""

    token: str = Field(default="", repr=False)
    """Empty: a random one."""
    description: str = ""
    ttl: Duration = Duration("24h0m0s")
    expires: str = ""
    usages: list[str] = Field(default_factory=list)
    groups: list[str] = Field(default_factory=list)


class Patches(Strict):
    """patches: the directory on the node with files that change what kubeadm would write."""

    directory: str = ""


class InitConfiguration(TypeMeta):
    """The first master."""

    bootstrap_tokens: list[BootstrapToken] = Field(default_factory=list)
    node_registration: NodeRegistration = Field(default_factory=NodeRegistration)
    local_api_endpoint: ApiEndpoint = Field(default_factory=ApiEndpoint, alias="localAPIEndpoint")
    certificate_key: str = ""
    skip_phases: list[str] = Field(default_factory=list)
    patches: Patches | None = None
    timeouts: Timeouts = Field(default_factory=Timeouts)


class JoinControlPlane(Strict):
    """controlPlane of JoinConfiguration."""

    local_api_endpoint: ApiEndpoint = Field(default_factory=ApiEndpoint, alias="localAPIEndpoint")
    certificate_key: str = ""


class BootstrapTokenDiscovery(Strict):
    """discovery.bootstrapToken: hardway mints the token and knows the pin."""

    token: str = ""
    api_server_endpoint: str = ""
    ca_cert_hashes: list[str] = Field(default_factory=list)
    unsafe_skip_ca_verification: bool = Field(default=False, alias="unsafeSkipCAVerification")


class Discovery(Strict):
    """discovery."""

    bootstrap_token: BootstrapTokenDiscovery = Field(default_factory=BootstrapTokenDiscovery)
    tls_bootstrap_token: str = ""
    timeout: Duration = Duration("5m0s")


class JoinConfiguration(TypeMeta):
    """What all joining nodes share."""

    node_registration: NodeRegistration = Field(default_factory=NodeRegistration)
    ca_cert_path: str = "/etc/kubernetes/pki/ca.crt"
    discovery: Discovery = Field(default_factory=Discovery)
    control_plane: JoinControlPlane | None = None
    skip_phases: list[str] = Field(default_factory=list)
    patches: Patches | None = None
    timeouts: Timeouts = Field(default_factory=Timeouts)


UNSUPPORTED = {
    "dryRun": "`hardway plan` shows what would be done",
    "valueFrom": "a static pod can read no objects of the API: write the `value`",
    "file": "hardway finds the cluster with a token of its own (discovery.bootstrapToken)",
    "timeAdded": "leave it out: a taint is added when its node registers",
}
"""Fields that kubeadm has and hardway has not."""
