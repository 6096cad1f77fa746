"""Many patches tried at once: what the real kubeadm makes of each, in one root of its own, and what we make of it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from typing import Any

from hardway.chapters import control_plane, etcd, kubelet_start
from hardway.config import loads
from hardway.errors import UsageError
from hardway.lab.gobuild import ensure_kubernetes
from hardway.model import Cluster, Patch, Patches, freeze
from hardway.parity import documents
from hardway.parity.oracle import CONFIG
from hardway.renderers import sandbox
from hardway.renderers.files import Entry, file
from hardway.steps.goyaml import dump_go
from hardway.versions import release

PHASES = {
    "kube-apiserver": ("control-plane apiserver", "/etc/kubernetes/manifests/kube-apiserver.yaml"),
    "kube-controller-manager": (
        "control-plane controller-manager",
        "/etc/kubernetes/manifests/kube-controller-manager.yaml",
    ),
    "kube-scheduler": ("control-plane scheduler", "/etc/kubernetes/manifests/kube-scheduler.yaml"),
    "etcd": ("etcd local", "/etc/kubernetes/manifests/etcd.yaml"),
    "kubeletconfiguration": ("kubelet-start", "/var/lib/kubelet/config.yaml"),
}
"""Target to kubeadm's phase, and the file that it writes."""

NOW = "/patches/now"

TEXT = """\
apiVersion: API
kind: ClusterConfiguration
kubernetesVersion: VERSION
clusterName: mine
controlPlaneEndpoint: api.example.com:8443
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
evictionHard: {memory.available: 200Mi}
featureGates: {A: true}
staticPodURLHeader: {a: [b]}
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 10.0.0.11, roles: [control-plane]}
"""


@dataclass(frozen=True)
class Trial:
    """One file of patches for one target."""

    target: str
    kind: str
    values: Sequence[Any]


@cache
def cluster_of(version: str) -> Cluster:
    """A small cluster of this version."""
    api = release(version).features.config_apis[-1]
    return loads(text_of(version, api))


def text_of(version: str, api: str) -> str:
    """Its cluster.yaml."""
    return TEXT.replace("API", api, 1).replace("VERSION", version)


def kubeadms(version: str, trials: Sequence[Trial]) -> list[tuple[str | None, str]]:
    """For each the file that kubeadm writes, None where it refuses; and what it says."""
    cluster = cluster_of(version)
    node = cluster.first_control_plane
    api = release(version).features.config_apis[-1]
    init = {"apiVersion": api, "kind": "InitConfiguration", "patches": {"directory": NOW}}
    given = [*documents.read(text_of(version, api)), init]
    start: dict[str, Entry] = {CONFIG: file(documents.for_init(given, node).encode(), 0o600)}
    script = "set +e\nmkdir /tried\n"
    for number, trial in enumerate(trials):
        name = f"/patches/{number}/{trial.target}+{trial.kind}.json"
        start[name] = file("\n---\n".join(json.dumps(value) for value in trial.values).encode())
        phase, path = PHASES[trial.target]
        script += (
            f"rm -rf {NOW}\nmv /patches/{number} {NOW}\n"
            f"kubeadm init phase {phase} --config {CONFIG} >/tried/{number}.said 2>&1 && mv {path} /tried/{number}.yaml\n"
        )
    program = ensure_kubernetes(version, ["kubeadm"], lambda line: None)["kubeadm"]
    done = sandbox.run(sandbox.machine(node, {"kubeadm": Path(program)}), f"{script}true\n", start, limit=1800)
    found = []
    for number in range(len(trials)):
        entry = done.tree.get(f"/tried/{number}.yaml")
        found.append((entry.content.decode() if entry else None, done.tree[f"/tried/{number}.said"].content.decode()))
    return found


def ours(version: str, trial: Trial) -> tuple[str | None, str]:
    """The file that we write, or None and the reason."""
    cluster = cluster_of(version)
    patches = tuple(Patch(trial.target, trial.kind, freeze(value), "file") for value in trial.values)
    node = replace(cluster.first_control_plane, patches=Patches("/patches", (), patches))
    cluster = replace(cluster, nodes=(node,))
    try:
        match trial.target:
            case "etcd":
                value = etcd.manifest(cluster, node, f"{node.name}={etcd.peer_url(node)}")
            case "kubeletconfiguration":
                value = kubelet_start.written_configuration(cluster, node)
            case target:
                value = control_plane.manifest(cluster, node, target.removeprefix("kube-"))
        return dump_go(value), ""
    except UsageError as error:
        return None, error.what
