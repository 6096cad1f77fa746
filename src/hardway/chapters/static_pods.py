"""Static pods as kubeadm builds them (`app/util/staticpod/utils.go`): flags, volumes, probes and the pod around."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import ceil
from typing import Any

from hardway.features import Features
from hardway.model import Args, Document, HostVolume, Node, Proxy, argument, freeze_document

PROBE_PORT = "probe-port"
DIRECTORY = "DirectoryOrCreate"
FILE = "FileOrCreate"


@dataclass(frozen=True)
class Probe:
    """Where a component answers health questions."""

    host: str
    """Empty: the pod's own address."""
    port: int
    scheme: str = "HTTPS"
    named: bool = False
    """The port is a named one of the container."""

    @property
    def ports(self) -> list[dict[str, Any]]:
        """Ports of the container that the probe names."""
        return [{"containerPort": self.port, "name": PROBE_PORT, "protocol": "TCP"}] if self.named else []

    def to_value(self, path: str, failures: int, *, delay: int = 10, period: int = 10) -> dict[str, Any]:
        """The probe as Kubernetes spells it; 15 seconds of patience, as kubeadm has."""
        port = PROBE_PORT if self.named else self.port
        get: dict[str, Any] = {"path": path, "port": port, "scheme": self.scheme}
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
READINESS_FAILURES = 3


def startup_failures(node: Node) -> int:
    """One question every ten seconds for as long as the node's startup probes are patient.

    kubeadm v1.30 takes its own four minutes, which v1beta3 cannot set: it ignores timeoutForControlPlane here
    (`apis/kubeadm/v1beta3/conversion.go`, SetDefaultTimeouts).
    """
    return ceil(node.startup_seconds / 10)


def flags(features: Features, defaults: Mapping[str, str], extra: Args) -> list[str]:
    """Command-line flags; extraArgs win over defaults (`app/util/arguments.go`)."""
    given = {name for name, _ in extra}
    own = [(name, value) for name, value in defaults.items() if name not in given]
    ordered = sorted([*own, *extra]) if features.sorted_extra_args else [*sorted(own), *extra]
    return [f"--{name}={value}" for name, value in ordered]


def probe_address(extra_args: Args) -> str:
    """Host of the probe of a component that listens on bind-address (127.0.0.1 by default)."""
    bound = argument(extra_args, "bind-address", "127.0.0.1")
    return "" if bound in ("0.0.0.0", "::") else bound


def host_volume(name: str, path: str, kind: str = DIRECTORY, *, read_only: bool = True) -> HostVolume:
    """A volume that is mounted where it lies on the host."""
    return HostVolume(name, path, path, read_only, kind)


def pod(
    features: Features,
    name: str,
    image: str,
    command: list[str],
    volumes: Iterable[HostVolume],
    probe: Probe,
    probes: Mapping[str, dict[str, Any]],
    requests: Mapping[str, str],
    annotations: Mapping[str, str] | None = None,
    *,
    environment: Mapping[str, str] | None = None,
    sort_mounts: bool = True,
) -> Document:
    """A static pod of kube-system with host network and the highest priority; `probe` is what its `probes` ask."""
    unique = {volume.name: volume for volume in volumes}
    ordered = sorted(unique.values(), key=lambda volume: volume.name)
    metadata: dict[str, Any] = {
        **({"creationTimestamp": None} if features.empty_values_written else {}),
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
        **({"ports": probe.ports} if probe.ports else {}),
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


def environment_of(proxy: Proxy, extra: Iterable[tuple[str, str]]) -> Mapping[str, str]:
    """The machine's proxies, then the user's extraEnvs, which win (`MergeKubeadmEnvVars`)."""
    return {**proxy.environment, **dict(extra)}


def env(environment: Mapping[str, str]) -> list[dict[str, str]]:
    """Variables of a container, without empty values as Go leaves them out. kubeadm has no particular order."""
    return [{"name": name, **({"value": value} if value else {})} for name, value in sorted(environment.items())]


def _mount(volume: HostVolume) -> dict[str, Any]:
    mount: dict[str, Any] = {"mountPath": volume.mount_path, "name": volume.name}
    if volume.read_only:
        mount["readOnly"] = True
    return mount


def _volume(volume: HostVolume) -> dict[str, Any]:
    return {"hostPath": {"path": volume.host_path, "type": volume.path_type}, "name": volume.name}
