"""Which API version of kubeadm's documents has which field.

Source: kubeadm `app/apis/kubeadm/{v1beta3,v1beta4}/types.go`; the mirrors in `config.kubeadm` have the fields of both.
"""

from collections.abc import Iterator, Mapping
from typing import Any

from hardway.config.document import SourceDocument
from hardway.config.problems import Problem
from hardway.features import V1BETA3, V1BETA4

ONLY: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    V1BETA3: {
        "ClusterConfiguration": ("apiServer.timeoutForControlPlane",),
        "JoinConfiguration": ("discovery.timeout",),
    },
    V1BETA4: {
        "ClusterConfiguration": (
            "dns.disabled",
            "proxy",
            "encryptionAlgorithm",
            "certificateValidityPeriod",
            "caCertificateValidityPeriod",
            "apiServer.extraEnvs",
            "controllerManager.extraEnvs",
            "scheduler.extraEnvs",
            "etcd.local.extraEnvs",
            "etcd.external.httpEndpoints",
        ),
        "InitConfiguration": ("nodeRegistration.imagePullSerial", "timeouts"),
        "JoinConfiguration": ("nodeRegistration.imagePullSerial", "timeouts"),
    },
}
"""Fields that only one of them has."""

FLAGS: Mapping[str, tuple[str, ...]] = {
    "ClusterConfiguration": (
        "apiServer.extraArgs",
        "controllerManager.extraArgs",
        "scheduler.extraArgs",
        "etcd.local.extraArgs",
    ),
    "InitConfiguration": ("nodeRegistration.kubeletExtraArgs",),
    "JoinConfiguration": ("nodeRegistration.kubeletExtraArgs",),
}
"""Fields whose form is another one in each."""


def problems(document: SourceDocument) -> Iterator[Problem]:
    """Fields of another API version than the document's own."""
    for api, kinds in ONLY.items():
        for path in kinds.get(document.kind, ()) if api != document.api_version else ():
            if _at(document.value, path) is not None:
                yield document.problem(
                    tuple(path.split(".")),
                    f"`{path.split('.')[-1]}` is a field of {api}, and this document says {document.api_version}",
                    "remove it, or write all of kubeadm's documents in the other version",
                )
    for path in FLAGS.get(document.kind, ()):
        given = _at(document.value, path)
        if isinstance(given, dict) and document.api_version == V1BETA4:
            yield document.problem(
                tuple(path.split(".")),
                f"{V1BETA4} has a list here, not a map",
                "write `- {name: FLAG, value: VALUE}` for each",
            )
        elif isinstance(given, list) and document.api_version == V1BETA3:
            yield document.problem(
                tuple(path.split(".")),
                f"{V1BETA3} has a map here, not a list",
                "write `FLAG: VALUE` for each; a flag that stands several times needs v1beta4",
            )


def _at(value: Any, path: str) -> Any:
    for part in path.split("."):
        value = value.get(part) if isinstance(value, dict) else None
    return value
