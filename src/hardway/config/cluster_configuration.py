"""ClusterConfiguration as kubeadm stores it in the ConfigMap kubeadm-config.

Fields: kubeadm v1.30.4 `app/apis/kubeadm/v1beta3/types.go`. Defaults: `v1beta3/defaults.go` and
`app/util/config/initconfiguration.go` (SetClusterDynamicDefaults).
"""

from collections.abc import Mapping
from typing import Any

from hardway.config.go import marshal, struct

_VOLUME = struct("str: name! hostPath! mountPath! bool: readOnly str: pathType")
_COMPONENT = struct("{str}: extraArgs [Volume]: extraVolumes", Volume=_VOLUME)

FIELDS = struct(
    """
    str: apiVersion kind kubernetesVersion controlPlaneEndpoint certificatesDir imageRepository clusterName
    Etcd: etcd
    Networking: networking
    APIServer: apiServer
    Component: controllerManager scheduler
    Image: dns
    {bool}: featureGates
    """,
    Etcd=struct(
        "*Local: local",
        Local=struct(
            """
            str: imageRepository imageTag dataDir!
            {str}: extraArgs
            [str]: serverCertSANs peerCertSANs
            """
        ),
    ),
    Networking=struct("str: serviceSubnet podSubnet dnsDomain"),
    APIServer=struct(
        """
        {str}: extraArgs
        [Volume]: extraVolumes
        [str]: certSANs
        *duration: timeoutForControlPlane
        """,
        Volume=_VOLUME,
    ),
    Component=_COMPONENT,
    Image=struct("str: imageRepository imageTag"),
)


def stored(given: Mapping[str, Any], endpoint: str) -> dict[str, Any]:
    """The user's document with kubeadm's defaults; `endpoint` is the controlPlaneEndpoint with its port."""
    api_server = given.get("apiServer") or {}
    networking = given.get("networking") or {}
    local = (given.get("etcd") or {}).get("local") or {}
    return marshal(
        FIELDS,
        {
            **given,
            "controlPlaneEndpoint": endpoint,
            "certificatesDir": given.get("certificatesDir") or "/etc/kubernetes/pki",
            "imageRepository": given.get("imageRepository") or "registry.k8s.io",
            "clusterName": given.get("clusterName") or "kubernetes",
            "networking": {
                **networking,
                "serviceSubnet": networking.get("serviceSubnet") or "10.96.0.0/12",
                "dnsDomain": networking.get("dnsDomain") or "cluster.local",
            },
            "apiServer": {
                **api_server,
                "timeoutForControlPlane": api_server.get("timeoutForControlPlane") or "4m0s",
                # Certificates hold names as DNS compares them.
                "certSANs": [name.lower() for name in api_server.get("certSANs") or []],
            },
            "etcd": {"local": {**local, "dataDir": local.get("dataDir") or "/var/lib/etcd"}},
        },
    )
