"""What `hardway check` finds on a cluster that runs, when something is wrong with a machine: on real nodes, put right after."""

import json
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from e2e.harness import Harness

pytestmark = pytest.mark.lab

ZONE = "my-first-cluster.example.com"


def answers(it: Harness, *chapters: str) -> tuple[int, set[tuple[str, str, str]]]:
    """Exit code of `check`, and host name, severity and reason of each no."""
    only = [word for chapter in chapters for word in ("--only", chapter)]
    done = it.hardway("check", "--json", *only, check=False)
    found = json.loads(done.stdout)
    return done.returncode, {
        (answer["node"].split(".")[0], answer["severity"], answer["reason"]) for answer in found if not answer["yes"]
    }


@contextmanager
def spoilt(it: Harness, node: str, spoil: str, mend: str) -> Iterator[None]:
    """The machine with something wrong, which is put right again."""
    it.lab.exec(node, spoil)
    try:
        yield
    finally:
        it.lab.exec(node, mend)


def test_a_port_behind_a_firewall_and_one_that_nobody_has(cluster: Harness) -> None:
    """Both sides are told apart: who does not listen, and who does not get through."""
    cluster.settle()
    worker = cluster.lab.machine("worker-1").node.address
    master = cluster.lab.machine("master-2").node.address
    rule = f"INPUT -s {worker} -p tcp --dport 6443 -j DROP"
    # The kubelet starts the pod again as soon as the manifest is back.
    manifest = "/etc/kubernetes/manifests/kube-scheduler.yaml"
    with (
        spoilt(cluster, "master-2", f"iptables -I {rule}", f"iptables -D {rule}"),
        spoilt(
            cluster,
            "master-3",
            f"mv {manifest} /root/ && for i in $(seq 60); do ss -Hltn 'sport = :10259' | grep -q . || break; sleep 0.5; done",
            f"mv /root/kube-scheduler.yaml {manifest} && for i in $(seq 60); do"
            " ss -Hltn 'sport = :10259' | grep -q . && break; sleep 0.5; done",
        ),
    ):
        found = answers(cluster, "ports")

    assert found == (
        3,
        {
            ("worker-1", "error", f"no connection to {master} (no answer)"),
            ("master-3", "error", "nobody listens"),
        },
    )
    assert answers(cluster, "ports") == (0, set())


def test_a_record_that_leads_elsewhere(cluster: Harness) -> None:
    """The node that is led astray is named, with name, expected and found."""
    right = cluster.lab.machine("master-1").node.address
    with spoilt(
        cluster, "worker-1", f"echo '192.0.2.9 master-1.{ZONE}' >>/etc/hosts", "sed -i /192.0.2.9/d /etc/hosts"
    ):
        found = answers(cluster, "readiness")

    reason = f"master-1.{ZONE} resolves to 192.0.2.9, the inventory says {right}"
    assert found == (0, {("worker-1", "warning", reason)})


def test_a_cloned_machine(cluster: Harness) -> None:
    """Twins are told at both; a run that has nothing to do is not stopped, one that has would be."""
    twin = cluster.lab.exec("master-1", "cat /etc/machine-id").strip()
    file = "/etc/modules-load.d/k8s.conf"
    own = cluster.lab.exec("worker-1", "cat /etc/machine-id").strip()
    with spoilt(cluster, "worker-1", f"echo {twin} >/etc/machine-id", f"echo {own} >/etc/machine-id"):
        found = answers(cluster, "readiness")
        idle = cluster.hardway("apply", check=False)
        with spoilt(cluster, "worker-1", f"mv {file} /root/", f"mv /root/k8s.conf {file}"):
            stopped = cluster.hardway("apply", "--only", "kernel-modules", check=False)

    assert found == (
        3,
        {("master-1", "error", f"worker-1 has {twin}, too"), ("worker-1", "error", f"master-1 has {twin}, too")},
    )
    assert (idle.returncode, "nothing to change" in idle.stderr, "machine-id" in idle.stderr) == (0, True, True)
    assert (stopped.returncode, "readiness/MachineID" in stopped.stderr) == (3, True)
