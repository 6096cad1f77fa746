"""Machines that real cloud-init prepares at their first boot; `apply` takes them as they are and makes them a cluster."""

import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import yaml

from e2e.harness import EXAMPLE, Harness, booted, eventually, harness
from hardway.config import load
from hardway.workflows.first_boot import CHAPTERS, LEFT_TO_APPLY
from parity import real_cloud_init

pytestmark = pytest.mark.lab

NAME = "seeded"
NETWORK = "10.43.0"
OWN = (
    b"#cloud-config\nwrite_files:\n- {path: /etc/of-the-user, content: mine}\nruncmd:\n- touch /etc/of-the-user-ran\n"
)
SECRET = "-----BEGIN PRIVATE KEY-----\nnot really\n-----END PRIVATE KEY-----\n"


def on_the_lab(folder: Path) -> Path:
    """A master and two workers of the lab's example; the master gets a secret file."""
    file = folder / "cluster.yaml"
    *documents, inventory = yaml.safe_load_all(EXAMPLE.read_text())
    roles = {"master-1": "control-plane", "worker-1": "worker", "worker-2": "worker"}
    inventory["nodes"] = [
        {"name": name, "address": f"{NETWORK}.{number}", "roles": [role]}
        for number, (name, role) in enumerate(roles.items(), 11)
    ]
    del inventory["loadBalancer"]
    inventory["ssh"] = {"configFile": f"/var/lib/hardway-lab/{NAME}/ssh/config"}
    inventory["files"] = {"/etc/kubernetes/some.key": "some.key"}
    (folder / "some.key").write_text(SECRET)
    file.write_text(yaml.safe_dump_all([*documents, inventory], sort_keys=False))
    return file


def seeds(file: Path) -> Mapping[str, str]:
    """What the verb renders: the master's beside a user's own part and its secret part; worker-2's asks for a kubelet
    that nobody has."""
    out = file.parent / "seed"
    harness(file, NAME).hardway("render", "cloud-init", "-o", str(out))
    found = {path.parent.name: path.read_bytes() for path in out.glob("*/user-data")}
    node = load(file).node("master-1")
    secret = (out / "master-1/secret").read_bytes()
    found["master-1"] = real_cloud_init.multi_part(node, [OWN, found["master-1"], secret])
    wanted = b'COMPONENT_VERSION="v1.30.4"'
    assert found["worker-2"].count(wanted) == 1
    found["worker-2"] = found["worker-2"].replace(wanted, b'COMPONENT_VERSION="v1.30.444"')
    return {name: content.decode() for name, content in found.items()}


@pytest.fixture(scope="module")
def seeded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """Three machines whose first boot has come to its end."""
    file = on_the_lab(tmp_path_factory.mktemp("seeded"))
    with booted(file, NAME, seeds(file)) as it:
        with ThreadPoolExecutor() as pool:
            list(
                pool.map(
                    lambda node: it.lab.exec(node.host_name, "cloud-init status --wait || true"), it.lab.spec.nodes
                )
            )
        yield it


OF_WHO_HAS_JOINED = ("kubelet-start/joined-as", "kubelet-start/register-again")
"""They have nothing to say of a machine that has not."""


def pending(it: Harness, *argv: str) -> list[tuple[str, str]]:
    """Node and step of what the plan would change."""
    only = [word for chapter in CHAPTERS for word in ("--only", chapter.name)]
    changes = json.loads(it.hardway("plan", "--json", *only, *argv).stdout)["changes"]
    return [(change["node"].split(".")[0], change["step"]) for change in changes]


def test_nothing_is_left_to_change(seeded: Harness) -> None:
    """The plan of the chapters that were rendered is empty but for the steps that need the cluster."""
    found = pending(seeded, "--node", "master-1", "--node", "worker-1")

    assert [(node, step) for node, step in found if step not in LEFT_TO_APPLY] == []
    assert set(found) == {
        ("master-1", "kubelet-start/start"),
        ("master-1", "kubelet-start/healthz"),
        *(("worker-1", step) for step in LEFT_TO_APPLY if step not in OF_WHO_HAS_JOINED),
    }
    for node in ("master-1", "worker-1"):
        assert "status: done" in seeded.lab.exec(node, "cloud-init status")


def test_parts_are_joined(seeded: Harness) -> None:
    """A user's own part was carried out beside ours, and the secret file has its mode."""
    assert seeded.lab.exec("master-1", "cat /etc/of-the-user; stat -c %a /etc/of-the-user-ran") == "mine644\n"
    assert seeded.lab.exec("master-1", "stat -c '%a %U' /etc/kubernetes/some.key") == "600 root\n"


def test_a_failing_node_is_seen(seeded: Harness) -> None:
    """cloud-init says error, the log names the step, and nothing after it was done."""
    log = seeded.lab.exec("worker-2", "cat /var/log/cloud-init-output.log")

    assert "status: error" in seeded.lab.exec("worker-2", "cloud-init status || true")
    assert [line for line in log.splitlines() if line.startswith("hardway: ")][-1] == (
        "hardway: install-components/install"
    )
    assert "kubelet-install.service" in log
    assert ("worker-2", "configure-components/containerd/start") in pending(seeded, "--node", "worker-2")


def test_apply_goes_on_from_there(seeded: Harness) -> None:
    """The same command as everywhere makes the cluster, mends the machine that failed, and then has nothing to do."""
    done = seeded.hardway("apply", check=False)
    assert done.returncode == 0, done.stdout + done.stderr + seeded.diagnosis()

    eventually(lambda: seeded.ready_nodes() == {"master-1", "worker-1", "worker-2"}, 60, "all nodes to be Ready")
    seeded.assert_nothing_to_do()
