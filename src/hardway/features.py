"""What differs between minors of Kubernetes, by name. Each minor is the one before it with what changed.

Source: kubeadm of each release in `hardway.versions` (`cmd/kubeadm/app`), and `types.go` of k8s.io/kubelet. Where a
change came to a minor with one of its patch releases, the row tells of the release that is listed there.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Literal

V1BETA3, V1BETA4 = "kubeadm.k8s.io/v1beta3", "kubeadm.k8s.io/v1beta4"

RSA_AND_P256 = ("RSA-2048", "RSA-3072", "RSA-4096", "ECDSA-P256")


@dataclass(frozen=True)
class Gate:
    """A feature gate of kubeadm."""

    default: bool
    locked: bool = False
    """It can be named, but not changed."""


def gates(**found: Gate) -> Mapping[str, Gate]:
    """A read-only table of gates."""
    return MappingProxyType(found)


@dataclass(frozen=True)
class Features:
    """What differs between minors of Kubernetes, as seen by chapters, workflows and the configuration."""

    config_apis: tuple[str, ...]
    """API versions of kubeadm's documents that this minor's kubeadm reads, oldest first."""
    upload_config_api: str
    """API version in which kubeadm stores ClusterConfiguration in the ConfigMap kubeadm-config."""
    gates: Mapping[str, Gate] = field(hash=False)
    """kubeadm's feature gates."""
    key_algorithms: tuple[str, ...] = RSA_AND_P256
    """encryptionAlgorithm can be one of them."""
    leaves_begin_with_ca: bool = True
    """A certificate begins when its CA begins; else five minutes before it is made. (Kubeconfigs': always with the CA.)"""
    kubeconfigs_follow_algorithm: bool = False
    """Keys in kubeconfigs are of the chosen algorithm, too; else they are RSA with 2048 bits."""
    sha256_key_identifiers: bool = False
    """A CA's subject key identifier is a shortened SHA-256 (kubeadm built with Go 1.25 or newer), else a SHA-1."""
    kubelet_client_is_admin: bool = True
    """The API server's client certificate for kubelets is in kubeadm:cluster-admins; else a binding of its own allows it."""
    kubelet_local_mode: bool = False
    """A master's kubelet talks to the API server of its own machine (ControlPlaneKubeletLocalMode)."""
    node_local_cri_socket: bool = False
    """The CRI socket is in instance-config.yaml; else it is a flag of the kubelet and an annotation of the Node."""
    pause_image_flag: bool = True
    """The kubelet gets --pod-infra-container-image."""
    sorted_extra_args: bool = True
    """extraArgs are sorted among kubeadm's own flags; else they follow them as the user wrote them."""
    authorization_mode_stored: bool = False
    """authorization-mode becomes one of the API server's extraArgs, modes that nobody knows left out."""
    startup_timeout_of: Literal["all masters", "no master", "the first master"] = "no master"
    """On whom v1beta3's timeoutForControlPlane decides how long startup probes are patient."""
    ca_directories: tuple[str, ...] = (
        "/etc/pki",
        "/etc/ca-certificates",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
    )
    """Host directories that are mounted into the control plane where they exist."""
    flexvolumes: bool = True
    """The controller manager mounts the directory of FlexVolume plugins."""
    named_probe_ports: bool = False
    """Probes of static pods and of CoreDNS name a port of their container."""
    scheduler_livez: bool = False
    """The scheduler is asked for /livez and /readyz, not for /healthz."""
    etcd_readyz: bool = False
    """etcd is asked for /livez and /readyz, not for /health."""
    etcd_flags_by_version: bool = False
    """By the tag of its image etcd from 3.6 on gets flags under their final names, an older one the experimental ones."""
    etcd_final_flags: bool = False
    """Every etcd gets the final names."""
    least_external_etcd: str = "3.4.13"
    """The oldest external etcd that kubeadm takes (MinExternalEtcdVersion)."""
    external_etcd_http_endpoints: bool = False
    """v1beta4's external etcd has httpEndpoints, which are stored, too: the endpoints where the user names no others."""
    empty_values_written: bool = True
    """Static pods say `creationTimestamp: null`, kubeconfigs `preferences: {}`; else both are left out."""
    coredns_caches_cluster: bool = True
    """CoreDNS caches the names of the cluster's own domain, too."""
    kube_proxy_mode: str = ""
    """The mode that kubeadm stores where the user chose none."""
    kubelet_fields: frozenset[str] = frozenset()
    """Fields of KubeletConfiguration that kubelets of 1.29 did not know."""
    kube_proxy_fields: frozenset[str] = frozenset()
    """Fields of KubeProxyConfiguration that kube-proxy of 1.29 did not know."""
    pod_fields: frozenset[str] = frozenset()
    """Fields of pods and what is in them that not all minors know."""
    empty_host_alias_written: bool = True
    """One of a pod's hostAliases without an address says `ip: ""`; else its address is left out."""
    patch_targets: tuple[str, ...] = (
        "etcd",
        "kube-apiserver",
        "kube-controller-manager",
        "kube-scheduler",
        "kubeletconfiguration",
    )
    """What files in the directory of `patches` can change."""
    resolv_conf_stored: bool = True
    """What the first master's systemd-resolved makes of resolvConf is stored in the cluster, too."""
    logging_text_options: bool = True
    """logging.options has `text`."""

    def chosen(self, wanted: Mapping[str, bool]) -> "Features":
        """With the user's feature gates, as far as they change what is made."""
        return replace(
            self,
            kubelet_local_mode=wanted.get("ControlPlaneKubeletLocalMode", self.kubelet_local_mode),
            node_local_cri_socket=wanted.get("NodeLocalCRISocket", self.node_local_cri_socket),
        )


V1_29 = Features(
    config_apis=(V1BETA3,),
    upload_config_api=V1BETA3,
    gates=gates(
        EtcdLearnerMode=Gate(True),
        PublicKeysECDSA=Gate(False),
        RootlessControlPlane=Gate(False),
        UpgradeAddonsBeforeControlPlane=Gate(False),
    ),
    authorization_mode_stored=True,
    startup_timeout_of="all masters",
    pod_fields=frozenset({"PodResourceClaim.source"}),
    empty_host_alias_written=False,
    logging_text_options=False,
)

V1_30 = replace(
    V1_29,
    gates=gates(**V1_29.gates, WaitForAllControlPlaneComponents=Gate(False)),
    authorization_mode_stored=False,
    startup_timeout_of="no master",
    kubelet_fields=frozenset({"podLogsDir", "containerLogMaxWorkers", "containerLogMonitorInterval"}),
    pod_fields=V1_29.pod_fields
    | {"PodSecurityContext.appArmorProfile", "SecurityContext.appArmorProfile", "VolumeMount.recursiveReadOnly"},
    empty_host_alias_written=True,
    logging_text_options=True,
)

V1_31 = replace(
    V1_30,
    config_apis=(V1BETA3, V1BETA4),
    upload_config_api=V1BETA4,
    gates=gates(
        EtcdLearnerMode=Gate(True),
        PublicKeysECDSA=Gate(False),
        RootlessControlPlane=Gate(False),
        WaitForAllControlPlaneComponents=Gate(False),
        ControlPlaneKubeletLocalMode=Gate(False),
    ),
    leaves_begin_with_ca=False,
    kubeconfigs_follow_algorithm=True,
    ca_directories=(
        "/etc/pki/ca-trust",
        "/etc/pki/tls/certs",
        "/etc/ca-certificates",
        "/usr/share/ca-certificates",
        "/usr/local/share/ca-certificates",
    ),
    etcd_readyz=True,
    least_external_etcd="3.5.11",
    kubelet_fields=V1_30.kubelet_fields | {"failCgroupV1"},
    kube_proxy_fields=frozenset({"windowsRunAsService"}),
    pod_fields=(V1_30.pod_fields - {"PodResourceClaim.source"})
    | {
        "PodResourceClaim.resourceClaimName",
        "PodResourceClaim.resourceClaimTemplateName",
        "PodSecurityContext.supplementalGroupsPolicy",
        "ResourceClaim.request",
        "Volume.image",
    },
    patch_targets=(*V1_30.patch_targets, "corednsdeployment"),
)

V1_32 = replace(
    V1_31,
    gates=gates(
        **{**V1_31.gates, "EtcdLearnerMode": Gate(True, locked=True)},
        NodeLocalCRISocket=Gate(False),
    ),
    scheduler_livez=True,
    coredns_caches_cluster=False,
    kubelet_fields=V1_31.kubelet_fields | {"singleProcessOOMKill", "crashLoopBackOff"},
    pod_fields=V1_31.pod_fields | {"PodSecurityContext.seLinuxChangePolicy", "PodSpec.resources"},
)

V1_33 = replace(
    V1_32,
    gates=gates(
        PublicKeysECDSA=Gate(False),
        RootlessControlPlane=Gate(False),
        WaitForAllControlPlaneComponents=Gate(True),
        ControlPlaneKubeletLocalMode=Gate(True),
        NodeLocalCRISocket=Gate(False),
    ),
    sha256_key_identifiers=True,
    kubelet_client_is_admin=False,
    kubelet_local_mode=True,
    startup_timeout_of="the first master",
    sorted_extra_args=False,
    least_external_etcd="3.5.24",
    kubelet_fields=V1_32.kubelet_fields
    | {
        "imagePullCredentialsVerificationPolicy",
        "preloadedImagesVerificationAllowlist",
        "mergeDefaultEvictionSettings",
        "userNamespaces",
    },
    pod_fields=V1_32.pod_fields | {"Lifecycle.stopSignal"},
)

V1_34 = replace(
    V1_33,
    gates=gates(
        **{
            **V1_33.gates,
            "WaitForAllControlPlaneComponents": Gate(True, locked=True),
            "NodeLocalCRISocket": Gate(True),
        }
    ),
    key_algorithms=(*RSA_AND_P256, "ECDSA-P384"),
    sha256_key_identifiers=False,
    kubelet_client_is_admin=True,
    node_local_cri_socket=True,
    named_probe_ports=True,
    etcd_flags_by_version=True,
    pod_fields=V1_33.pod_fields
    | {
        "Container.restartPolicyRules",
        "EnvVarSource.fileKeyRef",
        "EphemeralContainer.restartPolicyRules",
        "PodSpec.hostnameOverride",
        "VolumeProjection.podCertificate",
    },
    empty_values_written=False,
)

V1_35 = replace(
    V1_34,
    gates=gates(
        PublicKeysECDSA=Gate(False),
        RootlessControlPlane=Gate(False),
        ControlPlaneKubeletLocalMode=Gate(True, locked=True),
        NodeLocalCRISocket=Gate(True),
    ),
    sha256_key_identifiers=True,
    pause_image_flag=False,
    pod_fields=V1_34.pod_fields | {"PodSpec.workloadRef", "PodCertificateProjection.userAnnotations"},
    external_etcd_http_endpoints=True,
)

V1_36 = replace(
    V1_35,
    gates=gates(
        PublicKeysECDSA=Gate(False),
        RootlessControlPlane=Gate(False),
        NodeLocalCRISocket=Gate(True, locked=True),
    ),
    kubelet_client_is_admin=False,
    flexvolumes=False,
    etcd_flags_by_version=False,
    etcd_final_flags=True,
    kubelet_fields=V1_35.kubelet_fields | {"tlsCurvePreferences", "memoryReservationPolicy"},
    pod_fields=(V1_35.pod_fields - {"PodSpec.workloadRef"}) | {"PodSpec.schedulingGroup"},
)

V1_37 = replace(
    V1_36,
    config_apis=(V1BETA4,),
    resolv_conf_stored=False,
    gates=gates(RootlessControlPlane=Gate(False)),
    kube_proxy_mode="iptables",
    kubelet_fields=V1_36.kubelet_fields | {"defaultPodSysctls"},
    pod_fields=V1_36.pod_fields
    | {
        "ClusterTrustBundleProjection.user",
        "ConfigMapVolumeSource.defaultUser",
        "DownwardAPIVolumeFile.user",
        "DownwardAPIVolumeSource.defaultUser",
        "EmptyDirVolumeSource.mode",
        "GRPCAction.mode",
        "HTTPGetAction.protocol",
        "KeyToPath.user",
        "PodCertificateProjection.user",
        "PodSpec.evictionResponders",
        "ProjectedVolumeSource.defaultUser",
        "SecretVolumeSource.defaultUser",
        "ServiceAccountTokenProjection.user",
        "VolumeMount.bindMountOptions",
    },
    patch_targets=(*V1_36.patch_targets, "kubeproxydaemonset"),
)
