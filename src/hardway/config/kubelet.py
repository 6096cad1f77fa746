"""KubeletConfiguration as kubeadm stores it. Defaults: kubeadm `app/componentconfigs/kubelet.go`."""

from collections.abc import Mapping
from typing import Any

from hardway.features import Features
from hardway.gotypes.structs import marshal
from hardway.kinds.kubelet import API_VERSION, fields
from hardway.model import Networking

MANIFESTS = "/etc/kubernetes/manifests"


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
            # An empty list is a choice: pods of the first master then have no cluster DNS.
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
