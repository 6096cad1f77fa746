"""The article's own cluster, with its names, flags, ports and audit policy, comes up to what the article shows.

The lab's machines need ordinary configuration of their own: addresses, the way in, the mirror, what containerd may not
do here, a resolver that is not systemd's, and kubelets that do not evict pods because the host's disk is rather full.
Nothing else of the example is changed.
"""

import json
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from e2e.harness import EXAMPLE, ROOT, Harness, booted, eventually

pytestmark = pytest.mark.lab

NAME = "first"
NETWORK = "10.35.0"
NODES = {"master-1", "master-2", "master-3", "worker-1"}

CNI = r"""
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: trial-network, namespace: kube-system}
spec:
  selector: {matchLabels: {app: trial-network}}
  template:
    metadata: {labels: {app: trial-network}}
    spec:
      hostNetwork: true
      automountServiceAccountToken: false
      tolerations: [{operator: Exists}]
      containers:
      - name: write
        image: docker.io/library/busybox:1.36
        env: [{name: ADDRESS, valueFrom: {fieldRef: {fieldPath: status.hostIP}}}]
        command: [sh, -euc]
        args:
        - |
          cat >/host/10-trial.conflist <<EOF
          {"cniVersion": "1.0.0", "name": "trial", "plugins": [{"type": "bridge", "bridge": "cni0",
           "isGateway": true, "ipMasq": true, "ipam": {"type": "host-local",
           "ranges": [[{"subnet": "10.245.${ADDRESS##*.}.0/24"}]], "routes": [{"dst": "0.0.0.0/0"}]}}]}
          EOF
          exec sleep infinity
        volumeMounts: [{name: host, mountPath: /host}]
      volumes: [{name: host, hostPath: {path: /etc/cni/net.d, type: DirectoryOrCreate}}]
---
apiVersion: v1
kind: Pod
metadata: {name: first-pod, namespace: default}
spec:
  terminationGracePeriodSeconds: 0
  containers:
  - {name: first, image: "docker.io/library/busybox:1.36", command: [sleep, infinity]}
"""


def on_the_lab(folder: Path) -> Path:
    """The example in a folder of its own, with what the lab's machines need."""
    shutil.copytree(ROOT / "examples/my-first-cluster", folder, dirs_exist_ok=True)
    file = folder / "cluster.yaml"
    init, cluster, inventory = yaml.safe_load_all(file.read_text())
    of_the_lab: dict[str, dict[str, Any]] = {each["kind"]: each for each in yaml.safe_load_all(EXAMPLE.read_text())}
    lab = of_the_lab["Inventory"]
    addresses = {node["name"]: node["address"].replace("10.30.0", NETWORK) for node in lab["nodes"]}
    for node in inventory["nodes"]:
        node["address"] = addresses[node["name"]]
    inventory |= {name: lab[name] for name in ("downloads", "containerd")}
    inventory["ssh"] = {"configFile": f"/var/lib/hardway-lab/{NAME}/ssh/config"}
    crictl = {"ignorePreflightErrors": ["FileExisting-crictl"]}
    init["nodeRegistration"]["ignorePreflightErrors"] += crictl["ignorePreflightErrors"]
    join = {"apiVersion": init["apiVersion"], "kind": "JoinConfiguration", "nodeRegistration": crictl}
    own = of_the_lab["KubeletConfiguration"]
    # The first master's kubelet has the article's file, the others have kubeadm's defaults.
    others = {name: own[name] for name in ("apiVersion", "kind", "evictionHard")}
    file.write_text(yaml.safe_dump_all([init, join, cluster, others, inventory], sort_keys=False))
    kubelet = folder / "config-custom.yaml"
    settings = yaml.safe_load(kubelet.read_text()) | {"resolvConf": "/etc/resolv.conf"} | others
    kubelet.write_text(yaml.safe_dump(settings, sort_keys=False))
    return file


@pytest.fixture(scope="module")
def first(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """The cluster, applied once."""
    with booted(on_the_lab(tmp_path_factory.mktemp("first")), NAME) as it:
        done = it.hardway("apply", check=False)
        assert done.returncode == 0, done.stdout + done.stderr + it.diagnosis()
        yield it


def test_as_the_article_shows_it(first: Harness) -> None:
    """All nodes are registered and NotReady for want of a CNI; what runs without one, runs; three members vote."""
    first.settle()
    pods = {str(pod["metadata"]["name"]).partition(".")[0] for pod in first.get("pods -n kube-system")}  # type: ignore[index]
    masters = sorted(NODES - {"worker-1"})
    components = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")

    assert {str(node["metadata"]["name"]).split(".")[0] for node in first.get("nodes")} == NODES  # type: ignore[index]
    assert first.ready_nodes() == set()
    assert pods == {f"{component}-{master}" for component in components for master in masters}
    assert first.voters() == set(masters)


def test_the_api_server_has_the_articles_flags(first: Harness) -> None:
    """The running process has the 125 flags of the article, as configured, and its own advertise-address."""
    (configured,) = (
        document["apiServer"]["extraArgs"]
        for document in yaml.safe_load_all(first.file.read_text())
        if document["kind"] == "ClusterConfiguration"
    )
    line = first.lab.exec("master-2", "tr '\\0' '\\n' </proc/$(pidof kube-apiserver)/cmdline")
    flags = dict(word.removeprefix("--").split("=", 1) for word in line.split("\n")[1:] if word)
    address = first.lab.machine("master-2").node.address

    assert len(flags) == 126
    assert flags == {**configured, "advertise-address": address}


def test_the_audit_log_is_written(first: Harness) -> None:
    """Every master writes what happens, by the rules of the policy."""
    for master in sorted(NODES - {"worker-1"}):
        line = first.lab.exec(master, "tail -n 1 /var/log/kubernetes/audit/audit.log")
        assert json.loads(line)["kind"] == "Event"


def test_second_apply_changes_nothing(first: Harness) -> None:
    """The plan after an apply is empty."""
    first.assert_nothing_to_do()


def test_ready_with_a_network(first: Harness) -> None:
    """With a CNI among the inventory's manifests the next apply makes all nodes Ready, and pods run."""
    *documents, inventory = yaml.safe_load_all(first.file.read_text())
    (first.file.parent / "cni.yaml").write_text(CNI)
    inventory["manifests"] = ["cni.yaml"]
    first.file.write_text(yaml.safe_dump_all([*documents, inventory], sort_keys=False))
    first.hardway("apply")

    eventually(lambda: first.ready_nodes() == NODES, 90, "all nodes to be Ready")
    ready = "get pod first-pod -o 'jsonpath={.status.conditions[?(@.type==\"Ready\")].status}'"
    try:
        eventually(lambda: first.kubectl(ready) == "True", 60, "a pod on the new network to run")
    except AssertionError as late:
        raise AssertionError(first.kubectl("describe pod first-pod")) from late
