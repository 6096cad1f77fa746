"""super-admin.conf on a real API server: what it is needed for, and that nobody misses it afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from local_cluster import CONFIGURATION, Machine, eventually, machines, stopping

from hardway.chapters import bootstrap_token, check_expiration, control_plane, kubeconfig
from hardway.steps import Run, lower_all

pytestmark = pytest.mark.parity

INVENTORY = """\
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 127.77.0.1, roles: [control-plane]}
"""
ADMINS = "kubeadm:cluster-admins"
BINDING = "bootstrap-token/cluster-admins"


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Machine]:
    """etcd and API server of a cluster that is about to be initialised."""
    machine = machines(tmp_path, CONFIGURATION + INVENTORY)["master-1"]
    cluster, node = machine.cluster, machine.node
    with stopping([machine]):
        machine.serve()
        machine.carry_out(control_plane.steps(cluster, node))
        yield machine


def due(machine: Machine) -> list[str]:
    """Steps of the two chapters that would do something, and questions about its certificates that are answered with no."""
    cluster, node = machine.cluster, machine.node
    steps = [*kubeconfig.steps(cluster, node), *bootstrap_token.steps(cluster, node)]
    asked = [check for check in check_expiration.checks(cluster, node) if check.name.startswith("super-admin.conf ")]
    assert len(asked) == 2
    return [*(step for step, _ in machine.due(steps)), *(check.name for check in asked if machine.ask(check.script))]


def test_it_is_needed_for_one_binding_and_missed_by_nobody(first: Machine) -> None:
    """It makes the binding of administrators; put away, it is not made again, until that binding is gone."""
    cluster, node = first.cluster, first.node
    steps = list(bootstrap_token.steps(cluster, node))
    conf = Path(f"{cluster.paths.kubernetes}/super-admin.conf")
    aside = conf.read_text()
    conf.unlink()
    binding = next(item for item in lower_all(steps) if isinstance(item, Run) and item.step == BINDING)

    assert "kubeconfig/super-admin" in due(first)
    refused = first.bash(binding.script)
    assert (refused.returncode, "chapter kubeconfig makes it" in refused.stderr) == (1, True)
    assert "kubeconfig/super-admin" in first.carry_out(kubeconfig.steps(cluster, node))
    assert first.carry_out(steps) == [BINDING, "bootstrap-token/rbac", "bootstrap-token/cluster-info"]
    assert conf.read_text() != aside
    conf.unlink()
    assert due(first) == []
    first.kubectl("label", "clusterrolebinding", ADMINS, "mine=yes")
    assert first.bash(binding.script).returncode == 0
    assert due(first) == []

    first.kubectl("delete", "clusterrolebinding", ADMINS)
    eventually(lambda: "kubeconfig/super-admin" in due(first), 10)
    assert "super-admin.conf to hold a valid certificate of this cluster" in due(first)
    assert "kubeconfig/super-admin" in first.carry_out(kubeconfig.steps(cluster, node))
    assert first.carry_out(steps) == [BINDING]
    assert due(first) == []


def test_an_api_that_is_down_makes_nobody_an_administrator(first: Machine) -> None:
    """Nobody can say that it is needed, so it is not made."""
    cluster, node = first.cluster, first.node
    first.carry_out(bootstrap_token.steps(cluster, node))
    Path(f"{cluster.paths.kubernetes}/super-admin.conf").unlink()
    first.stop("kube-apiserver")

    assert first.due(kubeconfig.steps(cluster, node)) == []
