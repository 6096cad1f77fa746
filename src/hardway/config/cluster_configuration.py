"""ClusterConfiguration as kubeadm stores it in the ConfigMap kubeadm-config.

Fields: kubeadm `app/apis/kubeadm/{v1beta3,v1beta4}/types.go`. Defaults: `defaults.go` and `conversion.go` beside them,
and `app/util/config/initconfiguration.go` (SetClusterDynamicDefaults).
"""

from collections.abc import Mapping
from typing import Any

from hardway.features import V1BETA3, V1BETA4
from hardway.gotypes.structs import Struct, marshal, struct

_VOLUME = struct("str: name! hostPath! mountPath! bool: readOnly str: pathType")
_ARG = struct("str: name! value!")
_ENV = struct("str: name! value")

_TOP = """
    str: apiVersion kind kubernetesVersion controlPlaneEndpoint certificatesDir imageRepository clusterName
    Etcd: etcd
    Networking: networking
    APIServer: apiServer
    Component: controllerManager scheduler
    DNS: dns
    {bool}: featureGates
"""
_NETWORKING = struct("str: serviceSubnet podSubnet dnsDomain")
_ETCD = "*Local: local *External: external"
_LOCAL = "str: imageRepository imageTag dataDir! [str]: serverCertSANs peerCertSANs"
_EXTERNAL = struct("[str]: endpoints! httpEndpoints str: caFile! certFile! keyFile!")
_COMPONENT = "[Volume]: extraVolumes"

FIELDS: Mapping[str, Struct] = {
    V1BETA3: struct(
        _TOP,
        Etcd=struct(_ETCD, External=_EXTERNAL, Local=struct(f"{_LOCAL} {{str}}: extraArgs")),
        Networking=_NETWORKING,
        APIServer=struct(
            f"{_COMPONENT} {{str}}: extraArgs [str]: certSANs *duration: timeoutForControlPlane", Volume=_VOLUME
        ),
        Component=struct(f"{_COMPONENT} {{str}}: extraArgs", Volume=_VOLUME),
        DNS=struct("str: imageRepository imageTag"),
    ),
    V1BETA4: struct(
        _TOP
        + "str: encryptionAlgorithm *duration: certificateValidityPeriod caCertificateValidityPeriod Proxy: proxy",
        Etcd=struct(
            _ETCD,
            External=_EXTERNAL,
            Local=struct(f"{_LOCAL} [Arg]: extraArgs [Env]: extraEnvs", Arg=_ARG, Env=_ENV),
        ),
        Networking=_NETWORKING,
        APIServer=struct(
            f"{_COMPONENT} [Arg]: extraArgs [Env]: extraEnvs [str]: certSANs", Volume=_VOLUME, Arg=_ARG, Env=_ENV
        ),
        Component=struct(f"{_COMPONENT} [Arg]: extraArgs [Env]: extraEnvs", Volume=_VOLUME, Arg=_ARG, Env=_ENV),
        DNS=struct("str: imageRepository imageTag bool: disabled"),
        Proxy=struct("bool: disabled"),
    ),
}


def stored(
    given: Mapping[str, Any], endpoint: str, api: str, disabled: Mapping[str, bool], *, http_endpoints: bool = False
) -> dict[str, Any]:
    """The user's document with kubeadm's defaults, in the API version in which it is stored.

    `endpoint` is the controlPlaneEndpoint with its port, `disabled` whether `dns` and `proxy` are; `http_endpoints`:
    an external etcd has that field.
    """
    api_server = given.get("apiServer") or {}
    networking = given.get("networking") or {}
    value = {
        **given,
        "apiVersion": api,
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
            # Certificates hold names as DNS compares them.
            "certSANs": [name.lower() for name in api_server.get("certSANs") or []],
        },
        "etcd": _etcd(given.get("etcd") or {}, http_endpoints=http_endpoints),
    }
    if api == V1BETA3:
        value["apiServer"]["timeoutForControlPlane"] = api_server.get("timeoutForControlPlane") or "4m0s"
        return marshal(FIELDS[api], value)
    for component in (value["apiServer"], value["etcd"].get("local") or {}):
        component["extraArgs"] = _listed(component.get("extraArgs"))
    for name in ("controllerManager", "scheduler"):
        component = given.get(name) or {}
        value[name] = {**component, "extraArgs": _listed(component.get("extraArgs"))}
    value["dns"] = {**(given.get("dns") or {}), "disabled": disabled["dns"]}
    value["proxy"] = {"disabled": disabled["proxy"]}
    value["encryptionAlgorithm"] = given.get("encryptionAlgorithm") or "RSA-2048"
    value["certificateValidityPeriod"] = given.get("certificateValidityPeriod") or "8760h"
    value["caCertificateValidityPeriod"] = given.get("caCertificateValidityPeriod") or "87600h"
    return marshal(FIELDS[api], value)


def _etcd(given: Mapping[str, Any], *, http_endpoints: bool) -> dict[str, Any]:
    """etcd with its defaults: local unless it is external."""
    external = given.get("external")
    if external is None:
        local = given.get("local") or {}
        return {"local": {**local, "dataDir": local.get("dataDir") or "/var/lib/etcd"}}
    asked = (external.get("httpEndpoints") or external.get("endpoints")) if http_endpoints else None
    return {"external": {**external, "httpEndpoints": asked}}


def _listed(flags: Any) -> Any:
    """The flags of v1beta3 as v1beta4 has them: sorted."""
    if not isinstance(flags, dict):
        return flags
    return [{"name": name, "value": flags[name]} for name in sorted(flags)]
