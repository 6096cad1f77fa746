"""A control plane without kubelets and containers: the real binaries, started with the flags of our manifests.

Every master has an address of its own in 127.0.0.0/8 and a directory of its own in place of its /etc and /var.
"""

import json
import os
import subprocess
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import yaml

from built import binaries
from hardway.chapters import control_plane, etcd, wait_control_plane
from hardway.config.load import loads
from hardway.model import Cluster, Document, Node, Paths, thaw
from hardway.pki import catalog, kubeconfigs, sign
from hardway.steps import Await, Run, Step, Write, lower_all
from hardway.steps.shell import INPUTS

CONFIGURATION = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 127.77.0.1, bindPort: 7443}
nodeRegistration: {name: master-1.local-cluster.example.com}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
clusterName: local-cluster
controlPlaneEndpoint: 127.77.0.1:7443
apiServer: {extraArgs: {bind-address: 127.77.0.1}}
controllerManager:
  extraArgs:
    bind-address: 127.77.0.1
    # Nobody may find the nodes silent, or roll out pods, in the middle of a test.
    controllers: bootstrapsigner,tokencleaner,csrsigning,csrapproving
"""
INVENTORY = """\
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
serverTLSBootstrap: true
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 127.77.0.1, roles: [control-plane]}
  - {name: master-2, address: 127.77.0.2, roles: [control-plane]}
  - {name: master-3, address: 127.77.0.3, roles: [control-plane]}
  - {name: worker-1, address: 127.77.0.4, roles: [worker]}
"""


def search_path() -> str:
    """PATH with the built binaries first."""
    folders = {binaries()[name].parent: None for name in ("kubeadm", "etcd")}
    return ":".join([*map(str, folders), os.environ["PATH"]])


@dataclass
class Machine:
    """One node: its directory, and the cluster as it looks from there."""

    root: Path
    cluster: Cluster
    node: Node
    processes: dict[str, subprocess.Popen[bytes]] = field(default_factory=dict)

    def bash(self, script: str, mode: str = "set -euo pipefail") -> subprocess.CompletedProcess[str]:
        """Run a step's text on this machine."""
        text = script.replace(INPUTS, f"{self.root}/inputs").replace("/run/hardway", f"{self.root}/run")
        return subprocess.run(
            ["bash", "-c", f"{mode}\n{text}"],
            capture_output=True,
            text=True,
            check=False,
            stdin=subprocess.DEVNULL,
            env={"PATH": search_path(), "HOME": str(self.root), "LC_ALL": "C"},
        )

    def ask(self, script: str) -> str:
        """The answer of a check: empty for yes, else its reason."""
        done = self.bash(f"(\n{script}\n)", "set -u")
        return "" if done.returncode == 0 else done.stdout.strip() or f"exit {done.returncode}: {done.stderr}"

    def carry_out(self, steps: Iterable[Step]) -> list[str]:
        """Carry out what is due, as the engine does; the ids of the steps that ran. All are content afterwards."""
        ran, listed = [], list(steps)
        for primitive in lower_all(listed):
            match primitive:
                case Write():
                    Path(primitive.path).write_bytes(primitive.content)
                case Run() if self.ask(primitive.unless.script):
                    done = self.bash(primitive.script)
                    assert done.returncode == 0, (primitive.step, done.stderr)
                    ran.append(primitive.step)
                case Await():
                    eventually(lambda: self.ask(primitive.check.script) == "", primitive.limit)  # noqa: B023
        assert self.due(listed) == []
        return ran

    def due(self, steps: Iterable[Step]) -> list[tuple[str, str]]:
        """Steps whose guard says no, with its reason."""
        asked = [
            (item.step, self.ask(item.unless.script if isinstance(item, Run) else item.check.script))
            for item in lower_all(steps)
            if not isinstance(item, Write)
        ]
        return [(step, reason) for step, reason in asked if reason]

    def start(self, name: str, manifest: Document | Mapping[str, Any]) -> None:
        """Start the process of a static pod here."""
        spec: dict[str, Any] = thaw(manifest)
        command = spec["spec"]["containers"][0]["command"]
        # On one machine a loopback address would be shared by all members.
        flags = [self._own(flag) for flag in command[1:]]
        log = (self.root / f"{name}.log").open("ab")
        self.processes[name] = subprocess.Popen([binaries()[name], *flags], stdout=log, stderr=log, cwd=self.root)

    def _own(self, flag: str) -> str:
        if flag.startswith("--listen-client-urls="):
            return f"--listen-client-urls=https://{self.node.address}:2379"
        return flag.replace("//127.0.0.1:", f"//{self.node.address}:")

    def etcd_manifest(self) -> dict[str, Any]:
        """The static pod of its member, as the chapters have written it."""
        value: dict[str, Any] = yaml.safe_load(Path(f"{self.cluster.paths.manifests}/etcd.yaml").read_text())
        return value

    def serve(self) -> None:
        """etcd and the API server of a first master, by their chapters."""
        self.carry_out(etcd.steps(self.cluster, self.node))
        self.start("etcd", self.etcd_manifest())
        self.start("kube-apiserver", control_plane.kube_apiserver(self.cluster, self.node))
        self.carry_out(wait_control_plane.steps(self.cluster, self.node))

    def stop(self, name: str) -> None:
        process = self.processes.pop(name)
        process.kill()
        process.wait()

    def kubectl(self, *words: str, stdin: str = "", user: str = "admin") -> str:
        """What kubectl prints."""
        done = subprocess.run(
            ["kubectl", f"--kubeconfig={self.cluster.paths.kubernetes}/{user}.conf", *words],
            capture_output=True,
            text=True,
            check=False,
            input=stdin,
            env={"PATH": search_path(), "HOME": str(self.root)},
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def get(self, *words: str) -> dict[str, Any]:
        """An object of the API without what the server counts."""
        value: dict[str, Any] = json.loads(self.kubectl("get", "-o", "json", *words))
        for key in ("managedFields", "resourceVersion", "generation", "uid", "creationTimestamp"):
            value["metadata"].pop(key, None)
        return value


def machines(root: Path, documents: str = CONFIGURATION + INVENTORY) -> dict[str, Machine]:
    """All machines of the cluster with their PKI, nothing started."""
    model = loads(documents)
    now = datetime.now(UTC)
    shared: dict[str, bytes] = {}
    made: dict[str, Machine] = {}
    for node in model.kubernetes_nodes:
        home = root / node.host_name
        etc = home / "etc"
        cluster = replace(
            model,
            paths=Paths(f"{etc}", f"{etc}/pki", f"{etc}/manifests", f"{home}/kubelet"),
            etcd=replace(model.etcd, data_dir=f"{home}/etcd"),
        )
        for folder in ("etc/pki/etcd", "etc/manifests", "kubelet/pki", "inputs", "run"):
            (home / folder).mkdir(parents=True)
        files = {f"{cluster.paths.pki}/{name}": content for name, content in shared.items()}
        if node.is_control_plane:
            files |= sign.certificates(catalog.certificates(cluster, node), files, now)
            files |= sign.key_pair(catalog.service_account_key(cluster), files)
            for spec in kubeconfigs.kubeconfigs(cluster, node):
                files[spec.path] = sign.kubeconfig(spec, files, now)
        shared = shared or {
            name: content
            for path, content in files.items()
            if (name := path.removeprefix(f"{cluster.paths.pki}/")).startswith(
                ("ca.", "sa.", "front-proxy-ca.", "etcd/ca.")
            )
        }
        for path, content in files.items():
            Path(path).write_bytes(content)
            Path(path).chmod(0o600)
        made[node.host_name] = Machine(home, cluster, node)
    return made


@contextmanager
def stopping(listed: Iterable[Machine]) -> Iterator[None]:
    """All processes of these machines end with the block, also where it fails before all of them are started."""
    try:
        yield
    finally:
        for machine in listed:
            for name in list(machine.processes):
                machine.stop(name)


def eventually(is_so: Callable[[], bool], limit: float) -> None:
    """Wait until it is so."""
    deadline = time.monotonic() + limit
    while not is_so():
        assert time.monotonic() < deadline
        time.sleep(0.1)
