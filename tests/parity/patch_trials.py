"""Many directories of patches tried at once: what the real kubeadm makes of each, in one root of its own, and what we do."""

import json
import re
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from hardway.chapters import control_plane, etcd, kubelet_start
from hardway.config import InvalidConfiguration, loads
from hardway.gotypes.structs import UNKNOWN, wrong
from hardway.kinds import kubelet, pods
from hardway.lab.binaries import ensure_kubernetes
from hardway.model import Cluster
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
NOW = "/patches"
TEXT = """\
apiVersion: API
kind: InitConfiguration
patches: {directory: /patches}
---
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
patches: {/patches: patches}
nodes:
  - {name: master-1, address: 10.0.0.11, roles: [control-plane]}
"""
STRICTER = re.compile(
    r"unknown field `"
    r"|: must be "
    r"|what comes out is no "
    r"|an operation on the whole document"
    r"|(copy|move) \S+: '.*' is not there$"
    r"|`.*` stands twice"
    r"|'-\d+' is not a valid sequence index"
    r"|does not contain a 'value' member"
    r"|is set and cut by one patch"
)
"""What only we refuse: fields that kubeadm passes over or that stop the kubelet, members that do not exist, and what
comes out another way each time, because Go walks through a map in any order."""


@dataclass(frozen=True)
class Trial:
    """A directory of patches, and the target that is looked at."""

    target: str
    files: Mapping[str, str]


@dataclass(frozen=True)
class Outcome:
    """The file that was written, None where it was refused, and what was said."""

    text: str | None
    said: str


def one_file(target: str, kind: str, values: Sequence[Any]) -> Trial:
    """A single file of some documents in JSON."""
    return Trial(target, {f"{target}+{kind}.json": "\n---\n".join(json.dumps(value) for value in values)})


def text_of(version: str) -> str:
    """The cluster.yaml of all trials, in the newest API version of a release."""
    return TEXT.replace("API", release(version).features.config_apis[-1]).replace("VERSION", version)


def _cluster(version: str) -> Cluster:
    """Without patches."""
    return loads(
        text_of(version).replace("patches: {/patches: patches}\n", "").replace("patches: {directory: /patches}\n", "")
    )


def kubeadms(version: str, trials: Sequence[Trial]) -> list[Outcome]:
    """What the real kubeadm of the version makes of each."""
    node = _cluster(version).first_control_plane
    start: dict[str, Entry] = {
        CONFIG: file(documents.for_init(documents.read(text_of(version)), node).encode(), 0o600)
    }
    script = "set +e\nmkdir /tried\n"
    for number, trial in enumerate(trials):
        for name, text in trial.files.items():
            start[f"/trials/{number}/{name}"] = file(text.encode())
        phase, path = PHASES[trial.target]
        script += (
            f"rm -rf {NOW}\nmv /trials/{number} {NOW}\n"
            f"kubeadm init phase {phase} --config {CONFIG} >/tried/{number}.said 2>&1 && mv {path} /tried/{number}.yaml\n"
        )
    program = ensure_kubernetes(version, ["kubeadm"], lambda line: None)["kubeadm"]
    done = sandbox.run(sandbox.machine(node, {"kubeadm": program}), f"{script}true\n", start, limit=1800)
    written = (done.tree.get(f"/tried/{number}.yaml") for number in range(len(trials)))
    return [
        Outcome(entry and entry.content.decode(), done.tree[f"/tried/{number}.said"].content.decode())
        for number, entry in enumerate(written)
    ]


def ours(version: str, trial: Trial) -> Outcome:
    """What we make of it."""
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        for name, text in trial.files.items():
            path = Path(folder) / "patches" / name
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(text.encode())
        try:
            cluster = loads(text_of(version), folder=Path(folder))
        except InvalidConfiguration as refused:
            return Outcome(None, "\n".join(problem.message for problem in refused.problems))
    node = cluster.first_control_plane
    match trial.target:
        case "etcd":
            value = etcd.manifest(cluster, node, f"{node.name}={etcd.peer_url(node)}")
        case "kubeletconfiguration":
            value = kubelet_start.written_configuration(cluster, node)
        case target:
            value = control_plane.manifest(cluster, node, target.removeprefix("kube-"))
    return Outcome(dump_go(value), "")


def differences(version: str, trials: Sequence[Trial]) -> list[str]:
    """Trials whose two outcomes do not agree, in words; where only we refuse there has to be a known reason."""
    found = []
    for trial, theirs in zip(trials, kubeadms(version, trials), strict=True):
        mine = ours(version, trial)
        if mine.text == theirs.text or (mine.text is None and _is_meant(version, trial, mine, theirs)):
            continue
        found.append(f"{trial}\nhardway: {mine.text or mine.said}\nkubeadm: {theirs.text or theirs.said}")
    return found


def _is_meant(version: str, trial: Trial, mine: Outcome, theirs: Outcome) -> bool:
    """Only we refuse it, for a known reason, and kubeadm's file bears that reason out."""
    found = STRICTER.search(mine.said)
    if not found or theirs.text is None:
        return False
    if found[0].startswith(UNKNOWN):
        # It was passed over; the kubelet's configuration is not decoded, so the kubelet meets it.
        field = mine.said[found.end() :].partition("`")[0]
        written = any(message == f"{found[0]}{field}`" for message in _wrong(version, trial.target, theirs.text))
        return written is (trial.target == "kubeletconfiguration")
    # Of a Pod kubeadm decodes each field, of the kubelet's configuration none.
    return found[0] != ": must be " or trial.target == "kubeletconfiguration"


def _wrong(version: str, target: str, text: str) -> list[str]:
    """What does not fit in a file that kubeadm has written, by the tables of its version."""
    features = release(version).features
    table = kubelet.fields(features) if target == "kubeletconfiguration" else pods.types(features)["Pod"]
    return [message for _, message, _ in wrong(table, yaml.safe_load(text))]
