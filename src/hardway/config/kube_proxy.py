"""KubeProxyConfiguration: its fields, and the document that kubeadm stores.

Fields: k8s.io/kube-proxy `config/v1alpha1/types.go`, those of all minors. Defaults: kubeadm
`app/componentconfigs/kubeproxy.go`.
"""

from collections.abc import Mapping
from typing import Any

from hardway.features import Features
from hardway.gotypes.structs import Struct, marshal, struct
from hardway.kinds.shared_fields import CLIENT_CONNECTION, LOGGING, logging, without
from hardway.model import Networking
from hardway.versions import RELEASES

API_VERSION = "kubeproxy.config.k8s.io/v1alpha1"
KUBECONFIG = "/var/lib/kube-proxy/kubeconfig.conf"
"""Where the DaemonSet mounts it."""

FIELDS = struct(
    """
    str: apiVersion kind
    {bool}: featureGates
    ClientConnection: clientConnection
    Logging: logging
    str: hostnameOverride! bindAddress! healthzBindAddress! metricsBindAddress!
        showHiddenMetricsForVersion! mode! detectLocalMode! clusterCIDR! portRange!
    bool: bindAddressHardFail! enableProfiling! windowsRunAsService
    IPTables: iptables
    IPVS: ipvs
    NFTables: nftables
    Winkernel: winkernel
    DetectLocal: detectLocal
    [str]: nodePortAddresses!
    *int32: oomScoreAdj!
    Conntrack: conntrack
    duration: configSyncPeriod
    """,
    ClientConnection=CLIENT_CONNECTION,
    Logging=LOGGING,
    IPTables=struct(
        "*int32: masqueradeBit! bool: masqueradeAll! *bool: localhostNodePorts! duration: syncPeriod minSyncPeriod"
    ),
    IPVS=struct(
        """
        duration: syncPeriod minSyncPeriod tcpTimeout tcpFinTimeout udpTimeout
        str: scheduler!
        [str]: excludeCIDRs!
        bool: strictARP!
        """
    ),
    NFTables=struct("*int32: masqueradeBit! bool: masqueradeAll! duration: syncPeriod minSyncPeriod"),
    Winkernel=struct("str: networkName! sourceVip! rootHnsEndpointName! bool: enableDSR! forwardHealthCheckVip!"),
    DetectLocal=struct("str: bridgeInterface! interfaceNamePrefix!"),
    Conntrack=struct(
        """
        *int32: maxPerCore! min!
        *duration: tcpEstablishedTimeout! tcpCloseWaitTimeout!
        bool: tcpBeLiberal!
        duration: udpTimeout udpStreamTimeout
        """
    ),
)


ADDED = frozenset().union(*(release.features.kube_proxy_fields for release in RELEASES))
"""Fields that some minor knows and an older one does not."""


def fields(features: Features) -> Struct:
    """Those that the kube-proxy of a minor knows."""
    return without(FIELDS, ADDED - features.kube_proxy_fields, logging(features))


def stored(
    given: Mapping[str, Any], networking: Networking, advertise_address: str, features: Features
) -> dict[str, Any]:
    """KubeProxyConfiguration as kubeadm stores it; `advertise_address` is the first master's."""
    connection = given.get("clientConnection") or {}
    return marshal(
        fields(features),
        {
            **given,
            "apiVersion": API_VERSION,
            "kind": "KubeProxyConfiguration",
            "bindAddress": given.get("bindAddress") or ("::" if ":" in advertise_address else "0.0.0.0"),
            "clusterCIDR": given.get("clusterCIDR") or ",".join(networking.pod_subnets),
            "mode": given.get("mode") or features.kube_proxy_mode,
            "clientConnection": {**connection, "kubeconfig": connection.get("kubeconfig") or KUBECONFIG},
        },
    )
