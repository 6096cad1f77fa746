"""KubeletConfiguration and KubeProxyConfiguration: their fields, and the documents that kubeadm stores.

Fields: k8s.io/kubelet and k8s.io/kube-proxy v0.30.4 `config/*/types.go`. Defaults: kubeadm v1.30.4
`app/componentconfigs/{kubelet,kubeproxy}.go`. kubeadm stores what Go's marshaller makes of the document, zero values
of required fields included.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hardway.model import Networking


@dataclass(frozen=True)
class FieldKind:
    """Kind of a field; a pointer keeps a zero that the user wrote."""

    kind: str
    pointer: bool


Fields = Mapping[str, FieldKind]


def _fields(**groups: str) -> Fields:
    return {
        name: FieldKind(group.removesuffix("_pointer"), group.endswith("_pointer"))
        for group, names in groups.items()
        for name in names.split()
    }


KUBELET: Fields = _fields(
    bool_pointer="""
        enableServer enableDebuggingHandlers cgroupsPerQOS cpuCFSQuota serializeImagePulls
        enableControllerAttachDetach makeIPTablesUtilChains failSwapOn enableSystemLogHandler
        enableSystemLogQuery enableProfilingHandler enableDebugFlagsHandler seccompDefault
        registerNode localStorageCapacityIsolation
    """,
    str="""
        staticPodPath podLogsDir staticPodURL address tlsCertFile tlsPrivateKeyFile tlsMinVersion
        healthzBindAddress clusterDomain kubeletCgroups systemCgroups cgroupRoot cgroupDriver
        cpuManagerPolicy memoryManagerPolicy topologyManagerPolicy topologyManagerScope hairpinMode
        podCIDR contentType containerLogMaxSize configMapAndSecretChangeDetectionStrategy
        reservedSystemCPUs showHiddenMetricsForVersion systemReservedCgroup kubeReservedCgroup
        volumePluginDir providerID containerRuntimeEndpoint imageServiceEndpoint
    """,
    duration="""
        syncFrequency fileCheckFrequency httpCheckFrequency streamingConnectionIdleTimeout
        nodeStatusUpdateFrequency nodeStatusReportFrequency imageMinimumGCAge imageMaximumGCAge
        volumeStatsAggPeriod cpuManagerReconcilePeriod runtimeRequestTimeout
        evictionPressureTransitionPeriod shutdownGracePeriod shutdownGracePeriodCriticalPods
    """,
    map="""
        staticPodURLHeader cpuManagerPolicyOptions topologyManagerPolicyOptions qosReserved
        evictionHard evictionSoft evictionSoftGracePeriod evictionMinimumReclaim featureGates
        systemReserved kubeReserved
    """,
    int="""
        port readOnlyPort registryBurst eventBurst nodeLeaseDurationSeconds maxPods maxOpenFiles
        kubeAPIBurst evictionMaxPodGracePeriod podsPerCore
    """,
    list="""
        tlsCipherSuites clusterDNS enforceNodeAllocatable allowedUnsafeSysctls
        shutdownGracePeriodByPodPriority reservedMemory registerWithTaints
    """,
    bool="""
        rotateCertificates serverTLSBootstrap enableContentionProfiling runOnce
        protectKernelDefaults kernelMemcgNotification
    """,
    object="authentication authorization memorySwap logging",
    int_pointer="""
        registryPullQPS eventRecordQPS healthzPort oomScoreAdj imageGCHighThresholdPercent
        imageGCLowThresholdPercent podPidsLimit nodeStatusMaxImages kubeAPIQPS maxParallelImagePulls
        iptablesMasqueradeBit iptablesDropBit containerLogMaxFiles containerLogMaxWorkers
    """,
    str_pointer="resolvConf",
    duration_pointer="cpuCFSQuotaPeriod containerLogMonitorInterval",
    float_pointer="memoryThrottlingFactor",
    object_pointer="tracing",
)
KUBE_PROXY: Fields = _fields(
    map="featureGates",
    object="clientConnection logging iptables ipvs nftables winkernel detectLocal conntrack",
    str="""
        hostnameOverride bindAddress healthzBindAddress metricsBindAddress
        showHiddenMetricsForVersion mode detectLocalMode clusterCIDR portRange
    """,
    bool="bindAddressHardFail enableProfiling",
    list="nodePortAddresses",
    int_pointer="oomScoreAdj",
    duration="configSyncPeriod",
)

_PYTHON: Mapping[str, tuple[type, ...]] = {
    "bool": (bool,),
    "str": (str,),
    "int": (int,),
    "float": (float, int),
    "duration": (str,),
    "list": (list,),
    "map": (dict,),
    "object": (dict,),
}
_DURATION = re.compile(r"(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)")
_UNIT = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}


def fits(kind: FieldKind, value: Any) -> bool:
    """The value has the field's type."""
    if value is None:
        return True
    if isinstance(value, bool) and kind.kind != "bool":
        return False
    if kind.kind == "duration":
        return isinstance(value, str) and seconds(value) is not None
    return isinstance(value, _PYTHON[kind.kind])


def seconds(duration: str) -> float | None:
    """A Go duration in seconds, None when it is none."""
    if duration == "0":
        return 0.0
    parts = _DURATION.findall(duration)
    if not parts or "".join(number + unit for number, unit in parts) != duration:
        return None
    return sum(float(number) * _UNIT[unit] for number, unit in parts)


def go_duration(duration: str) -> str:
    """The duration as Go prints it: `5m` becomes `5m0s`."""
    total = seconds(duration)
    if not total:
        return "0s"
    if total < 1:
        return duration
    hours, rest = divmod(total, 3600)
    minutes, secs = divmod(rest, 60)
    text = f"{secs:g}s"
    if hours or minutes:
        text = f"{int(minutes)}m{text}"
    return f"{int(hours)}h{text}" if hours else text


def _overlay(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in given.items():
        if isinstance(value, Mapping) and isinstance(merged.get(key), Mapping):
            merged[key] = _overlay(merged[key], value)
        elif value is not None:
            merged[key] = value
    return merged


def _document(fields: Fields, base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """The user's document over the zero values, as Go marshals it."""
    merged = _overlay(base, given)
    result: dict[str, Any] = {}
    for key, value in merged.items():
        kind = fields.get(key)
        if kind and kind.kind == "duration" and isinstance(value, str):
            result[key] = go_duration(value)
        elif kind and not kind.pointer and key not in base and not value:
            continue  # omitempty
        else:
            result[key] = value
    return result


_LOGGING = {
    "flushFrequency": 0,
    "options": {"json": {"infoBufferSize": "0"}, "text": {"infoBufferSize": "0"}},
    "verbosity": 0,
}


def kubelet_document(given: Mapping[str, Any], networking: Networking, pki: str) -> dict[str, Any]:
    """KubeletConfiguration as kubeadm stores it (but for resolvConf, which depends on the machine)."""
    zero = "0s"
    base: dict[str, Any] = {
        "apiVersion": "kubelet.config.k8s.io/v1beta1",
        "kind": "KubeletConfiguration",
        "authentication": {
            "anonymous": {"enabled": False},
            "webhook": {"cacheTTL": zero, "enabled": True},
            "x509": {"clientCAFile": f"{pki}/ca.crt"},
        },
        "authorization": {
            "mode": "Webhook",
            "webhook": {"cacheAuthorizedTTL": zero, "cacheUnauthorizedTTL": zero},
        },
        "cgroupDriver": "systemd",
        "clusterDNS": [networking.dns_address],
        "clusterDomain": networking.dns_domain,
        "containerRuntimeEndpoint": "",
        "cpuManagerReconcilePeriod": zero,
        "evictionPressureTransitionPeriod": zero,
        "fileCheckFrequency": zero,
        "healthzBindAddress": "127.0.0.1",
        "healthzPort": 10248,
        "httpCheckFrequency": zero,
        "imageMaximumGCAge": zero,
        "imageMinimumGCAge": zero,
        "logging": _LOGGING,
        "memorySwap": {},
        "nodeStatusReportFrequency": zero,
        "nodeStatusUpdateFrequency": zero,
        "runtimeRequestTimeout": zero,
        "shutdownGracePeriod": zero,
        "shutdownGracePeriodCriticalPods": zero,
        "staticPodPath": "/etc/kubernetes/manifests",
        "streamingConnectionIdleTimeout": zero,
        "syncFrequency": zero,
        "volumeStatsAggPeriod": zero,
    }
    # kubeadm cannot tell an absent rotateCertificates from false, so it is always true.
    return {**_document(KUBELET, base, given), "rotateCertificates": True}


def kube_proxy_document(given: Mapping[str, Any], networking: Networking, bind: str) -> dict[str, Any]:
    """KubeProxyConfiguration as kubeadm stores it; `bind` is the wildcard of the nodes' address family."""
    zero = "0s"
    base: dict[str, Any] = {
        "apiVersion": "kubeproxy.config.k8s.io/v1alpha1",
        "kind": "KubeProxyConfiguration",
        "bindAddress": bind,
        "bindAddressHardFail": False,
        "clientConnection": {
            "acceptContentTypes": "",
            "burst": 0,
            "contentType": "",
            "kubeconfig": "/var/lib/kube-proxy/kubeconfig.conf",
            "qps": 0,
        },
        "clusterCIDR": ",".join(networking.pod_subnets),
        "configSyncPeriod": zero,
        "conntrack": {
            "maxPerCore": None,
            "min": None,
            "tcpBeLiberal": False,
            "tcpCloseWaitTimeout": None,
            "tcpEstablishedTimeout": None,
            "udpStreamTimeout": zero,
            "udpTimeout": zero,
        },
        "detectLocal": {"bridgeInterface": "", "interfaceNamePrefix": ""},
        "detectLocalMode": "",
        "enableProfiling": False,
        "healthzBindAddress": "",
        "hostnameOverride": "",
        "iptables": {
            "localhostNodePorts": None,
            "masqueradeAll": False,
            "masqueradeBit": None,
            "minSyncPeriod": zero,
            "syncPeriod": zero,
        },
        "ipvs": {
            "excludeCIDRs": None,
            "minSyncPeriod": zero,
            "scheduler": "",
            "strictARP": False,
            "syncPeriod": zero,
            "tcpFinTimeout": zero,
            "tcpTimeout": zero,
            "udpTimeout": zero,
        },
        "logging": _LOGGING,
        "metricsBindAddress": "",
        "mode": "",
        "nftables": {"masqueradeAll": False, "masqueradeBit": None, "minSyncPeriod": zero, "syncPeriod": zero},
        "nodePortAddresses": None,
        "oomScoreAdj": None,
        "portRange": "",
        "showHiddenMetricsForVersion": "",
        "winkernel": {
            "enableDSR": False,
            "forwardHealthCheckVip": False,
            "networkName": "",
            "rootHnsEndpointName": "",
            "sourceVip": "",
        },
    }
    return _document(KUBE_PROXY, base, given)
