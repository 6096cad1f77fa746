"""How an object of the API differs from what was asked for: neither by the server's own part of it, nor by nothing. Pure."""

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hardway.parity.certificates import Surroundings
from hardway.parity.compare import ABSENT, Difference, compare_fields
from hardway.parity.objects import object_fields
from hardway.parity.values import Fields

_ANY = ""
_PROBE = {"timeoutSeconds": "1", "periodSeconds": "10", "successThreshold": "1", "failureThreshold": "3"}
FILLED_IN: Mapping[str, str] = {
    # DaemonSet and its Pods.
    "spec.revisionHistoryLimit": "10",
    "spec.updateStrategy.type": '"RollingUpdate"',
    "spec.updateStrategy.rollingUpdate.maxSurge": "0",
    "spec.updateStrategy.rollingUpdate.maxUnavailable": "1",
    "template.spec.dnsPolicy": '"ClusterFirst"',
    "template.spec.restartPolicy": '"Always"',
    "template.spec.schedulerName": '"default-scheduler"',
    "template.spec.terminationGracePeriodSeconds": "30",
    # What serviceAccountName says.
    "template.spec.serviceAccount": _ANY,
    "configMap.defaultMode": "420",
    "secret.defaultMode": "420",
    "downwardAPI.defaultMode": "420",
    "projected.defaultMode": "420",
    "serviceAccountToken.expirationSeconds": "3600",
    "hostPath.type": '""',
    "terminationMessagePath": '"/dev/termination-log"',
    "terminationMessagePolicy": '"File"',
    # The image's tag decides.
    "imagePullPolicy": _ANY,
    "fieldRef.apiVersion": '"v1"',
    "protocol": '"TCP"',
    # What containerPort says, for Pods in their node's network.
    "hostPort": _ANY,
    **{
        f"{kind}Probe.{name}": value
        for kind in ("liveness", "readiness", "startup")
        for name, value in _PROBE.items()
    },
    "httpGet.path": '"/"',
    "httpGet.scheme": '"HTTP"',
    "grpc.service": '""',
    # Service.
    "spec.type": '"ClusterIP"',
    "spec.sessionAffinity": '"None"',
    "spec.internalTrafficPolicy": '"Cluster"',
    "spec.ipFamilyPolicy": _ANY,
    **{f"spec.{name}[{number}]": _ANY for name in ("ipFamilies", "clusterIPs") for number in range(2)},
}
"""End of a field's name to the value that the API server gives it where nobody says anything (k8s.io/kubernetes
`pkg/apis/{apps,core}/v1/{defaults,zz_generated.defaults}.go`, the same from 1.29 to 1.37)."""

_NOT_ASKED = (
    # Controllers, kubectl and people put them on everything.
    re.compile(r"(spec\.template\.)?metadata\.(labels|annotations)(\.|$)"),
    # Of a ServiceAccount, up to 1.23.
    re.compile(r"secrets(\.|\[)"),
    # Another field tells the variable's name; its value may be a secret.
    re.compile(r".*\.env\[.*\]\.value$"),
    # What kubeadm's documents say is in our model, which was read from them; other keys are told without their text.
    re.compile(r"data\."),
)


_PEOPLES = ("Deployment kube-system/coredns", "ConfigMap kube-system/coredns")
"""kubeadm keeps what people add to them."""


def of_object(
    item: str, ours: dict[str, Any], there: Mapping[str, Any], around: Surroundings
) -> Iterator[Difference]:
    """What was asked for and is not so, and what somebody has added."""
    for difference in compare_fields(item, _fields(ours, around), _fields(dict(there), around)):
        if difference.ours == ABSENT:
            if item not in _PEOPLES and _is_somebodys(difference.field, difference.kubeadm):
                yield difference
        elif difference.kubeadm != ABSENT or difference.ours not in ("{}", "[]", "null", '""'):
            yield difference
    if item not in _PEOPLES:
        for key in sorted((there.get("data") or {}).keys() - (ours.get("data") or {}).keys()):
            yield Difference(item, f"data.{key}", ABSENT, "present")


def _fields(value: dict[str, Any], around: Surroundings) -> Fields:
    """An object by its fields; a document in a ConfigMap by its values, not by its text."""
    fields = object_fields(value, around)
    texts = {name for name in fields if name.endswith(".text")}
    parsed = {name for name in texts if any(other.startswith(name[:-4]) for other in fields.keys() - texts)}
    return {name: text for name, text in fields.items() if name not in parsed}


def _is_somebodys(field: str, value: str) -> bool:
    """A field that was not asked for says something, and the server has not filled it in."""
    if value in ("{}", "[]", "null") or any(pattern.match(field) for pattern in _NOT_ASKED):
        return False
    return not any(f".{field}".endswith(f".{end}") and wish in (_ANY, value) for end, wish in FILLED_IN.items())
