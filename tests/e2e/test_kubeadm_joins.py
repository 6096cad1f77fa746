"""kubeadm joins nodes to a cluster of hardway's, takes one away again, and hardway takes it back."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from built import real_kubeadm
from e2e.harness import Harness, booted, eventually, harness, write_cluster

pytestmark = [pytest.mark.lab, pytest.mark.long]

NETWORK = "10.52.0"
MORE = {"master-4": f"{NETWORK}.14", "worker-2": f"{NETWORK}.22"}
ROLES = {"master-4": "control-plane", "worker-2": "worker"}
ZONE = "my-first-cluster.example.com"
OF_THE_LAB = (
    # Published by its release site only.
    "FileExisting-crictl",
    # The kernel's configuration cannot be read in a container.
    "SystemVerification",
)


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Harness, Harness]]:
    """A cluster as it was first, and with two more nodes, which are prepared as far as kubeadm expects."""
    folder = tmp_path_factory.mktemp("joins")
    small = write_cluster(folder, "owned", NETWORK)
    large = folder / "large.yaml"
    place = next(line for line in small.read_text().splitlines(keepends=True) if "name: lb-1" in line)
    lines = "".join(f"  - {{name: {name}, address: {at}, roles: [{ROLES[name]}]}}\n" for name, at in MORE.items())
    large.write_text(small.read_text().replace(place, lines + place))
    with booted(large, "owned") as whole:
        before = harness(small, "owned")
        before.hardway("apply")
        whole.hardway("apply", "--until", "network", "--node", "master-4", "--node", "worker-2")
        # What a cloud's routes or a pod network do by themselves: others find the new nodes' pods.
        whole.hardway("apply", "--only", "network")
        # kubeadm knows nothing of balancers.
        whole.hardway("apply", "--only", "load-balancer")
        for name in MORE:
            whole.put(real_kubeadm(), name)
        yield before, whole


def join(whole: Harness, node: str, *options: str) -> None:
    """Run what join-command prints, with what a machine of the lab cannot have."""
    line = whole.hardway("join-command", "--ttl", "10m", *options).stdout.strip()
    more = f"--node-name={node}.{ZONE} --ignore-preflight-errors={','.join(OF_THE_LAB)}"
    if options:
        # Of a master the preflight of 1.30 pulls images, and only with crictl; they are here, and 1.31 needs none.
        more = f"--node-name={node}.{ZONE} --skip-phases=preflight --apiserver-advertise-address={MORE[node]}"
    whole.lab.exec(node, f"{line} {more} 2>&1")
    eventually(lambda: node in whole.ready_nodes(), 90, f"{node} to be Ready")


def test_kubeadm_joins_a_fourth_master_and_a_second_worker(both: tuple[Harness, Harness]) -> None:
    """With the commands that hardway prints; hardway then has nothing to change on them, but what it approves, and the
    audit finds nothing."""
    whole = both[1]
    join(whole, "worker-2")
    join(whole, "master-4", "--control-plane")
    whole.settle()
    whole.hardway("csr", "approve")

    assert whole.voters() == {"master-1", "master-2", "master-3", "master-4"}
    whole.assert_nothing_to_do()
    whole.assert_nothing_found()


@pytest.mark.parametrize(
    "verb",
    [
        ("apply",),
        ("apply", "--only", "kubelet-start", "--node", "worker-9"),
        ("node", "remove", "worker-9", "--reset", "--yes"),
        ("reset", "--node", "worker-9", "--yes"),
    ],
)
def test_a_node_that_joined_under_another_name_is_refused(
    both: tuple[Harness, Harness], tmp_path: Path, verb: tuple[str, ...]
) -> None:
    """The Inventory calls it otherwise: nothing is changed, and the machine keeps its name."""
    whole = both[1]
    otherwise = replace(whole, file=tmp_path / "cluster.yaml")
    otherwise.file.write_text(whole.file.read_text().replace("name: worker-2,", "name: worker-9,"))
    done = otherwise.hardway(*verb, check=False)

    assert (done.returncode, "nothing was changed" in done.stderr) == (6, True), done.stderr
    assert f"as worker-2.{ZONE}" in done.stderr
    assert whole.lab.exec("worker-2", "hostname; systemctl is-active kubelet") == f"worker-2.{ZONE}\nactive\n"


def test_a_node_that_kubeadm_has_reset_joins_again_by_hardway(both: tuple[Harness, Harness]) -> None:
    """Its Node is still there and silent; afterwards all is as before, to the audit, too."""
    whole = both[1]
    whole.lab.exec("worker-2", "kubeadm reset -f 2>&1")
    eventually(lambda: "worker-2" not in whole.ready_nodes(), 120, "the Node to fall silent")
    whole.hardway("node", "add", "worker-2", "--yes")
    eventually(lambda: whole.ready_nodes() == whole.nodes, 90, "all nodes to be Ready")
    whole.settle()

    whole.assert_nothing_to_do()
    whole.assert_nothing_found()
