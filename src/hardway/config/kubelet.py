"""KubeletConfiguration: its fields, and the document that kubeadm stores.

Fields: k8s.io/kubelet `config/v1beta1/types.go`, those of all minors. Defaults: kubeadm `app/componentconfigs/kubelet.go`.
"""

from collections.abc import Mapping
from typing import Any

from hardway.config.shared_fields import LOGGING, TRACING, logging, without
from hardway.features import Features
from hardway.gotypes.structs import Struct, marshal, struct
from hardway.model import Networking
from hardway.versions import RELEASES

API_VERSION = "kubelet.config.k8s.io/v1beta1"
MANIFESTS = "/etc/kubernetes/manifests"

FIELDS = struct(
    """
    str: apiVersion kind
    *bool: enableServer enableDebuggingHandlers cgroupsPerQOS cpuCFSQuota serializeImagePulls
        enableControllerAttachDetach makeIPTablesUtilChains failSwapOn enableSystemLogHandler
        enableSystemLogQuery enableProfilingHandler enableDebugFlagsHandler seccompDefault registerNode
        localStorageCapacityIsolation failCgroupV1 singleProcessOOMKill mergeDefaultEvictionSettings
    bool: rotateCertificates serverTLSBootstrap enableContentionProfiling runOnce protectKernelDefaults
        kernelMemcgNotification
    str: staticPodPath podLogsDir staticPodURL address tlsCertFile tlsPrivateKeyFile tlsMinVersion
        healthzBindAddress clusterDomain kubeletCgroups systemCgroups cgroupRoot cgroupDriver
        cpuManagerPolicy memoryManagerPolicy topologyManagerPolicy topologyManagerScope hairpinMode
        podCIDR contentType containerLogMaxSize configMapAndSecretChangeDetectionStrategy
        reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup kubeReservedCgroup
        volumePluginDir providerID containerRuntimeEndpoint! imageServiceEndpoint
        imagePullCredentialsVerificationPolicy memoryReservationPolicy
    *str: resolvConf
    duration: syncFrequency fileCheckFrequency httpCheckFrequency streamingConnectionIdleTimeout
        nodeStatusUpdateFrequency nodeStatusReportFrequency imageMinimumGCAge imageMaximumGCAge
        volumeStatsAggPeriod cpuManagerReconcilePeriod runtimeRequestTimeout
        evictionPressureTransitionPeriod shutdownGracePeriod shutdownGracePeriodCriticalPods
    *duration: cpuCFSQuotaPeriod containerLogMonitorInterval
    int32: port readOnlyPort registryBurst eventBurst nodeLeaseDurationSeconds maxPods kubeAPIBurst
        evictionMaxPodGracePeriod podsPerCore
    *int32: registryPullQPS eventRecordQPS healthzPort oomScoreAdj imageGCHighThresholdPercent
        imageGCLowThresholdPercent nodeStatusMaxImages kubeAPIQPS maxParallelImagePulls
        iptablesMasqueradeBit iptablesDropBit containerLogMaxFiles containerLogMaxWorkers
    int64: maxOpenFiles
    *int64: podPidsLimit
    *float64: memoryThrottlingFactor
    [str]: tlsCipherSuites clusterDNS enforceNodeAllocatable allowedUnsafeSysctls
        preloadedImagesVerificationAllowlist
    [int32]: tlsCurvePreferences
    {str}: cpuManagerPolicyOptions topologyManagerPolicyOptions qosReserved evictionHard evictionSoft
        evictionSoftGracePeriod evictionMinimumReclaim systemReserved kubeReserved defaultPodSysctls
    {[str]}: staticPodURLHeader
    {bool}: featureGates
    Authentication: authentication
    Authorization: authorization
    MemorySwap: memorySwap
    CrashLoopBackOff: crashLoopBackOff
    *UserNamespaces: userNamespaces
    Logging: logging
    *Tracing: tracing
    [GracePeriod]: shutdownGracePeriodByPodPriority
    [MemoryReservation]: reservedMemory
    [Taint]: registerWithTaints
    """,
    Authentication=struct(
        "X509: x509 Webhook: webhook Anonymous: anonymous",
        X509=struct("str: clientCAFile"),
        Webhook=struct("*bool: enabled duration: cacheTTL"),
        Anonymous=struct("*bool: enabled"),
    ),
    Authorization=struct(
        "str: mode Webhook: webhook", Webhook=struct("duration: cacheAuthorizedTTL cacheUnauthorizedTTL")
    ),
    MemorySwap=struct("str: swapBehavior"),
    CrashLoopBackOff=struct("*duration: maxContainerRestartPeriod"),
    UserNamespaces=struct("*int64: idsPerPod"),
    Logging=LOGGING,
    Tracing=TRACING,
    GracePeriod=struct("int32: priority! int64: shutdownGracePeriodSeconds!"),
    MemoryReservation=struct("int32: numaNode! {quantity}: limits!"),
    Taint=struct("str: key! value effect! *time: timeAdded"),
)


ADDED = frozenset().union(*(release.features.kubelet_fields for release in RELEASES))
"""Fields that some minor knows and an older one does not."""


def fields(features: Features) -> Struct:
    """Those that the kubelet of a minor knows."""
    return without(FIELDS, ADDED - features.kubelet_fields, logging(features))


def stored(given: Mapping[str, Any], networking: Networking, pki: str, features: Features) -> dict[str, Any]:
    """KubeletConfiguration as kubeadm stores it (but for resolvConf, which depends on the machine)."""
    authentication = _part(given, "authentication")
    authorization = _part(given, "authorization")
    x509, webhook, anonymous = (_part(authentication, name) for name in ("x509", "webhook", "anonymous"))
    return marshal(
        fields(features),
        {
            **given,
            "apiVersion": API_VERSION,
            "kind": "KubeletConfiguration",
            "staticPodPath": given.get("staticPodPath") or MANIFESTS,
            # An empty list is a choice: pods then have no cluster DNS.
            "clusterDNS": [networking.dns_address] if given.get("clusterDNS") is None else given["clusterDNS"],
            "clusterDomain": given.get("clusterDomain") or networking.dns_domain,
            "authentication": {
                "x509": {"clientCAFile": x509.get("clientCAFile") or f"{pki}/ca.crt"},
                "webhook": {**webhook, "enabled": webhook.get("enabled") is not False},
                "anonymous": {"enabled": anonymous.get("enabled") is True},
            },
            "authorization": {**authorization, "mode": authorization.get("mode") or "Webhook"},
            "healthzBindAddress": given.get("healthzBindAddress") or "127.0.0.1",
            "healthzPort": 10248 if given.get("healthzPort") is None else given["healthzPort"],
            # kubeadm cannot tell an absent rotateCertificates from false, so it is always true.
            "rotateCertificates": True,
            "cgroupDriver": given.get("cgroupDriver") or "systemd",
        },
    )


def _part(value: Mapping[str, Any], name: str) -> Mapping[str, Any]:
    return value.get(name) or {}
