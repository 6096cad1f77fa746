"""KubeletConfiguration: its fields. Source: k8s.io/kubelet `config/v1beta1/types.go`, those of all minors."""

from hardway.features import Features
from hardway.gotypes.structs import Struct, struct
from hardway.kinds.shared_fields import LOGGING, TRACING, logging, without
from hardway.versions import RELEASES

API_VERSION = "kubelet.config.k8s.io/v1beta1"

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
