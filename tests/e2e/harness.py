"""A lab of the tests' own: another name and another network than the one that a person may have up."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from hardway.chapters.by_kubeadm import step_id
from hardway.config import load
from hardway.errors import HardwayError, LabError
from hardway.features import V1BETA3, V1BETA4
from hardway.lab.lab import Lab
from hardway.lab.paths import locked
from hardway.lab.spec import from_cluster
from hardway.versions import DEFAULT, release
from hardway.workflows.apply import APPLY
from hardway.workflows.by import chosen
from schemas import assert_follows_its_schema

ROOT = Path(__file__).resolve().parents[2]
EXAMPLE = ROOT / "examples/lab/cluster.yaml"
CONTROL_PLANE = "node-role.kubernetes.io/control-plane"
STATIC_PODS = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
COREDNS = 2
"""Pods of it in a cluster, however large."""


def write_cluster(folder: Path, name: str, network: str, kubernetes: str = DEFAULT) -> Path:
    """The lab example under another name and another /24 (as `10.31.0`), perhaps with another version of Kubernetes."""
    text = (
        EXAMPLE.read_text()
        .replace("10.30.0.", f"{network}.")
        .replace("/hardway-lab/lab/", f"/hardway-lab/{name}/")
        .replace(f"kubernetesVersion: {DEFAULT}", f"kubernetesVersion: {kubernetes}")
    )
    features = release(kubernetes).features
    if V1BETA3 not in features.config_apis:
        text = text.replace(V1BETA3, V1BETA4)
    if "failCgroupV1" in features.kubelet_fields:
        # From 1.35 on a kubelet refuses cgroup v1, which the lab's machine may have, unless it is told otherwise.
        text = text.replace("cgroupDriver: systemd\n", "cgroupDriver: systemd\nfailCgroupV1: false\n")
    file = folder / "cluster.yaml"
    file.write_text(text)
    return file


@dataclass(frozen=True)
class Harness:
    """The lab, the file that describes its cluster, and ways to ask both."""

    file: Path
    lab: Lab

    @property
    def nodes(self) -> set[str]:
        """Short names of the cluster's nodes."""
        return {node.host_name for node in self.lab.spec.nodes if node.is_kubernetes}

    @property
    def masters(self) -> set[str]:
        """Those of the control plane."""
        return {name for name in self.nodes if name.startswith("master")}

    @property
    def members(self) -> set[str]:
        """Short names of the machines that run a member of etcd: none where etcd is somebody else's."""
        return {node.host_name for node in load(self.file).etcd_members}

    def hardway(self, *argv: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run the command `hardway` as a user does."""
        command = [sys.executable, "-m", "hardway.cli", *argv, "-f", str(self.file)]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=900)
        if check and done.returncode != 0:
            raise AssertionError(f"{command} exited {done.returncode}\n{done.stdout}\n{done.stderr}")
        if {"--json", "--events"} & set(argv) and done.returncode == 0:
            assert_follows_its_schema(argv, done.stdout)
        return done

    def apply_by(self, by: str) -> None:
        """Apply with kubeadm for some chapters: it has carried out each of them on its nodes, and no other."""
        done = self.hardway("apply", "--events", "--by", by, check=False)
        assert done.returncode == 0, f"{by}\n{done.stderr}\n{self.diagnosis()}"
        told = [json.loads(line) for line in done.stdout.splitlines()]
        changed = [event for event in told if event["event"] == "step-done" and event["result"] == "changed"]
        ran = {(event["chapter"], event["node"]) for event in changed if event["step"] == step_id(event["chapter"])}
        choice = chosen(APPLY, load(self.file), by)
        assert ran == {(chapter, node) for chapter, nodes in choice.items() for node in nodes}, by
        assert ran, f"{by} gives kubeadm nothing to do"

    def assert_nothing_to_do(self, *options: str) -> None:
        """The plan is empty; else it is shown."""
        told = self.hardway("plan", "--diff", *options).stdout
        assert told.startswith("0 to change, 0 known after apply, "), told

    def put(self, binary: Path, node: str, target: str = "/usr/local/bin/kubeadm") -> None:
        """Bring a program to a node."""
        command = self.lab.ssh_command(node, [f"sudo -n sh -c 'cat >{target} && chmod 755 {target}'"])
        with binary.open("rb") as content:
            subprocess.run(command, stdin=content, check=True, stdout=subprocess.DEVNULL)

    def kubectl(self, command: str, node: str = "master-1", stdin: str = "") -> str:
        """kubectl on a node, through the balancer (admin.conf points to it)."""
        feed = f"<<'EOF'\n{stdin}\nEOF\n" if stdin else "</dev/null\n"
        return self.lab.exec(node, f"kubectl --kubeconfig /etc/kubernetes/admin.conf {command} {feed}")

    def get(self, what: str, node: str = "master-1") -> list[dict[str, object]]:
        """Objects of the API as data."""
        items: list[dict[str, object]] = json.loads(self.kubectl(f"get {what} -o json", node))["items"]
        return items

    def ready_nodes(self, node: str = "master-1") -> set[str]:
        """Short names of the nodes that are Ready."""
        text = self.kubectl(
            "get nodes -o 'jsonpath={range .items[*]}{.metadata.name} "
            '{.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}\'',
            node,
        )
        pairs = [line.split() for line in text.splitlines()]
        return {name.split(".")[0] for name, status in pairs if status == "True"}

    def restless_pods(self, node: str = "master-1") -> list[str]:
        """Pods of kube-system that do not run with all containers ready, and those that the API misses: masters' static
        pods, kube-proxy's and CoreDNS'.

        A kubelet shows its static pods once its Node is there; where that comes late it tries again after a minute.
        """
        text = self.kubectl(
            "-n kube-system get pods -o 'jsonpath={range .items[*]}{.metadata.name} {.status.phase} "
            '{.status.containerStatuses[*].ready}{"\\n"}{end}\'',
            node,
        )
        rows = [line.split() for line in text.splitlines()]
        shown = [row[0] for row in rows]
        nodes = [line.split() for line in self.kubectl("get nodes --no-headers --show-labels", node).splitlines()]
        masters = [row[0] for row in nodes if f"{CONTROL_PLANE}=" in row[-1]]
        cluster = load(self.file)
        pods = STATIC_PODS if cluster.etcd_members else [pod for pod in STATIC_PODS if pod != "etcd"]
        missing = {f"{pod}-{name}" for pod in pods for name in masters} - set(shown)
        # The names of these end at random, so they are counted.
        due = {"kube-proxy": len(nodes), "coredns": COREDNS}
        few = [
            f"a pod of {addon}"
            for addon, count in due.items()
            if not cluster.skips(f"addon/{addon}") and sum(name.startswith(f"{addon}-") for name in shown) < count
        ]
        restless = [row[0] for row in rows if row[1:2] != ["Running"] or set(row[2:]) != {"true"}]
        return restless + sorted(missing) + few

    def settle(self, node: str = "master-1") -> None:
        """Wait until all pods of kube-system run, and are shown."""
        eventually(lambda: self.restless_pods(node) == [], 150, "all pods of kube-system to run")

    def etcdctl(self, command: str, node: str = "master-1") -> str:
        """etcdctl on a master, which asks the member beside it."""
        pki = "/etc/kubernetes/pki/etcd"
        return self.lab.exec(
            node,
            f"etcdctl --endpoints https://127.0.0.1:2379 --cacert {pki}/ca.crt --cert {pki}/healthcheck-client.crt"
            f" --key {pki}/healthcheck-client.key {command}",
        )

    def voters(self, node: str = "master-1") -> set[str]:
        """Short names of the etcd members that vote."""
        rows = [line.split(", ") for line in self.etcdctl("member list -w simple", node).splitlines()]
        return {row[2].split(".")[0] for row in rows if row[1] == "started" and row[5] == "false"}

    def assert_whole(self) -> None:
        """The cluster is as any other: for hardway's own steps and checks, and for kubeadm's configuration of it."""
        eventually(lambda: self.ready_nodes() == self.nodes, 120, "all nodes to be Ready")
        self.settle()
        assert not self.members or self.voters() == self.members
        self.assert_nothing_to_do()
        self.assert_nothing_found()
        self.hardway("check")

    def assert_nothing_found(self) -> None:
        """The audit has neither errors nor warnings."""
        findings = json.loads(self.hardway("parity", "--cluster", "--json").stdout)["findings"]
        assert [finding for finding in findings if finding["severity"] != "note"] == []

    def diagnosis(self) -> str:
        """What a person would look at first when the cluster did not come up."""
        script = (
            "export KUBECONFIG=/etc/kubernetes/admin.conf\nuptime\n"
            "kubectl get csr,nodes 2>&1 | tail -n 20\nkubectl get pods -A 2>&1 | grep -v Running\n"
            'for log in /var/log/pods/kube-system_kube-*/*/*.log; do echo "$log"; tail -n 5 "$log"; done 2>/dev/null\n'
            "journalctl -u kubelet --no-pager -n 25 2>/dev/null\ntrue\n"
        )
        parts = []
        for node in self.lab.spec.nodes:
            try:
                parts.append(f"--- {node.host_name}\n{self.lab.exec(node.host_name, script)}")
            except LabError as error:
                parts.append(f"--- {node.host_name}\n{error}")
        return "\n".join(parts)


def harness(file: Path, name: str, also: Sequence[str] = ()) -> Harness:
    """The harness of a cluster file; the lab is not up yet. `also`: versions that its mirror has besides."""
    return Harness(file, Lab(from_cluster(load(file), name, also)))


@contextmanager
def booted(
    file: Path, name: str, seeds: Mapping[str, str] | None = None, also: Sequence[str] = ()
) -> Iterator[Harness]:
    """The lab of a cluster file with booted nodes and nothing on them; gone afterwards.

    `seeds`: user-data by host name, which cloud-init carries out when the node boots. Two runs of the tests on one
    machine take turns, because there is one lab of a name.
    """
    it = harness(file, name, also)
    with locked(f"tests-{name}"):
        it.lab.down()
        try:
            it.lab.up("auto", say, seeds)
            yield it
        finally:
            it.lab.down()


def eventually(condition: Callable[[], bool], seconds: float, what: str) -> None:
    """Wait for a condition; AssertionError when the time runs out. Errors of the question count as no."""
    deadline = time.monotonic() + seconds
    last = ""
    while True:
        try:
            if condition():
                return
        except (HardwayError, OSError, LookupError, ValueError) as error:
            # The API may be away while a node restarts, and an object without its status yet.
            last = f" ({error})"
        if time.monotonic() > deadline:
            raise AssertionError(f"gave up waiting for {what} after {seconds:g} s{last}")
        time.sleep(0.5)


def say(text: str) -> None:
    """A line of progress, seen with pytest -s and in the report of a failure."""
    print(text, file=sys.stderr, flush=True)


def is_root() -> bool:
    """The lab needs root."""
    return os.geteuid() == 0
