"""Static pods as kubeadm builds them (`app/util/staticpod/utils.go`): flags, volumes, probes and the pod around."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from hardway.model import Document, HostVolume, freeze_document

DIRECTORY = "DirectoryOrCreate"
FILE = "FileOrCreate"


@dataclass(frozen=True)
class Probe:
    """Where a component answers health questions."""

    host: str
    """Empty: the pod's own address."""
    port: int
    scheme: str = "HTTPS"

    def to_value(self, path: str, failures: int, *, delay: int = 10, period: int = 10) -> dict[str, Any]:
        """The probe as Kubernetes spells it; 15 seconds of patience, as kubeadm has."""
        get: dict[str, Any] = {"path": path, "port": self.port, "scheme": self.scheme}
        if self.host:
            get["host"] = self.host
        probe: dict[str, Any] = {
            "failureThreshold": failures,
            "httpGet": get,
            "periodSeconds": period,
            "timeoutSeconds": 15,
        }
        if delay:
            probe["initialDelaySeconds"] = delay
        return probe


LIVENESS_FAILURES = 8
STARTUP_FAILURES = 24
"""Four minutes of one question every ten seconds. kubeadm v1.30 takes its own timeout for this, which v1beta3 cannot
set: it ignores timeoutForControlPlane here (`apis/kubeadm/v1beta3/conversion.go`, SetDefaultTimeouts)."""


def flags(defaults: Mapping[str, str], extra: Iterable[tuple[str, str]]) -> list[str]:
    """Command-line flags sorted by name; extraArgs win over defaults (`app/util/arguments.go`)."""
    merged = {**defaults, **dict(extra)}
    return [f"--{name}={merged[name]}" for name in sorted(merged)]


def probe_address(extra_args: Mapping[str, str]) -> str:
    """Host of the probe of a component that listens on bind-address (127.0.0.1 by default)."""
    bound = extra_args.get("bind-address", "127.0.0.1")
    return "" if bound in ("0.0.0.0", "::") else bound


def host_volume(name: str, path: str, kind: str = DIRECTORY, *, read_only: bool = True) -> HostVolume:
    """A volume that is mounted where it lies on the host."""
    return HostVolume(name, path, path, read_only, kind)


def pod(
    name: str,
    image: str,
    command: list[str],
    volumes: Iterable[HostVolume],
    probes: Mapping[str, dict[str, Any]],
    requests: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    sort_mounts: bool = True,
) -> Document:
    """A static pod of kube-system with host network and the highest priority."""
    unique = {volume.name: volume for volume in volumes}
    ordered = sorted(unique.values(), key=lambda volume: volume.name)
    metadata: dict[str, Any] = {
        "creationTimestamp": None,
        "labels": {"component": name, "tier": "control-plane"},
        "name": name,
        "namespace": "kube-system",
    }
    if annotations:
        metadata["annotations"] = dict(annotations)
    variables = {"env": env(environment)} if environment else {}
    container: dict[str, Any] = {
        "command": [name, *command],
        **variables,
        "image": image,
        "imagePullPolicy": "IfNotPresent",
        "name": name,
        "resources": {"requests": dict(requests)},
        "volumeMounts": [_mount(volume) for volume in (ordered if sort_mounts else unique.values())],
        **probes,
    }
    return freeze_document(
        {
            "apiVersion": "v1",
            "kind": "Pod",
            "metadata": metadata,
            "spec": {
                "containers": [container],
                "hostNetwork": True,
                "priority": 2000001000,
                "priorityClassName": "system-node-critical",
                "securityContext": {"seccompProfile": {"type": "RuntimeDefault"}},
                "volumes": [_volume(volume) for volume in ordered],
            },
            "status": {},
        }
    )


def env(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Variables of a container. kubeadm writes them in no particular order."""
    return [{"name": name, "value": environment[name]} for name in sorted(environment)]


def _mount(volume: HostVolume) -> dict[str, Any]:
    mount: dict[str, Any] = {"mountPath": volume.mount_path, "name": volume.name}
    if volume.read_only:
        mount["readOnly"] = True
    return mount


def _volume(volume: HostVolume) -> dict[str, Any]:
    return {"hostPath": {"path": volume.host_path, "type": volume.path_type}, "name": volume.name}
