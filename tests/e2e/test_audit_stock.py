"""`hardway parity --cluster` on a cluster in which hardway has made nothing: the real kubeadm has."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from built import real_kubeadm
from e2e import stock, untouched
from e2e.harness import Harness, booted, eventually, write_cluster
from schemas import assert_follows_its_schema

pytestmark = [pytest.mark.lab, pytest.mark.long]

NODES = {"master-1", "master-2", "worker-1"}


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """kubeadm init, a master and a worker that joined."""
    file = write_cluster(tmp_path_factory.mktemp("stock"), "stock", "10.55.0")
    lines = file.read_text().splitlines(keepends=True)
    file.write_text("".join(line for line in lines if "name: master-3" not in line))
    with booted(file, "stock") as it:
        it.hardway("apply", "--until", stock.PREPARED)
        stock.lay_down(it, real_kubeadm())
        ticket = stock.init(it)
        for name in ("master-2", "worker-1"):
            stock.join(it, name, ticket)
        eventually(lambda: it.ready_nodes() == NODES, 90, "all nodes to be Ready")
        it.settle()
        eventually(lambda: served(it), 90, "all kubelets to have their serving certificates")
        yield it


def served(it: Harness) -> bool:
    """Approved, signed and stored; a request may come late, and one more after it."""
    stock.approve(it)
    pem = "/var/lib/kubelet/pki/kubelet-server-current.pem"
    return all(it.lab.exec(name, f"[ ! -e {pem} ] || echo yes") == "yes\n" for name in NODES)


def audited(file: Path) -> list[dict[str, Any]]:
    """All findings, and they follow the schema."""
    argv = ["parity", "--cluster", "--json"]
    command = [sys.executable, "-m", "hardway.cli", *argv, "-f", str(file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout, done.stderr
    assert_follows_its_schema(argv, done.stdout)
    value = json.loads(done.stdout)
    assert len(value["nodes"]) == len(NODES)
    assert value["items"] > 110
    found: list[dict[str, Any]] = value["findings"]
    return found


@pytest.mark.parametrize("known", ["cluster.yaml", "master-1", "master-2"])
def test_a_cluster_of_kubeadm_has_no_findings(made: Harness, tmp_path: Path, known: str) -> None:
    """Whether hardway knows the cluster or only one of its masters; not even a note."""
    file = made.file
    if known != "cluster.yaml":
        whole = next(d for d in yaml.safe_load_all(file.read_text()) if d["kind"] == "Inventory")
        kept = {key: whole[key] for key in ("apiVersion", "kind", "ssh")}
        file = tmp_path / "inventory.yaml"
        file.write_text(yaml.safe_dump({**kept, "nodes": [n for n in whole["nodes"] if n["name"] == known]}))

    assert audited(file) == []


def test_an_audit_changes_nothing(made: Harness) -> None:
    """No file of a node and no object of the API, but those that change by themselves while nobody asks."""
    made.settle()
    before = untouched.state(made)
    # The tests' own kubectl has filled it.
    made.lab.exec("master-1", "rm -rf /root/.kube")
    audited(made.file)
    assert made.lab.exec("master-1", "ls -A /root/.kube 2>/dev/null || true") == ""
    after = untouched.state(made)

    assert before.files.keys() == NODES
    for name, lines in before.files.items():
        assert any(line.startswith("/etc/kubernetes/kubelet.conf: f 600 ") for line in lines)
        assert set(after.files[name]) ^ set(lines) == set()
    assert any(name.startswith("rbac.authorization.k8s.io/v1 ClusterRole ") for name in before.objects)
    assert after.objects == before.objects
