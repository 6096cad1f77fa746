"""The tokens of InitConfiguration on a real API server: kubeadm's own, made once, and never again."""

import base64
import json
import subprocess
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from local_cluster import CONFIGURATION, Machine, eventually, machines, stopping

from built import real_kubeadm
from hardway.chapters import bootstrap_token, control_plane, token_cleanup
from hardway.chapters.by_kubeadm import by_kubeadm
from hardway.operations import tokens
from hardway.steps import Command, Run, lower_all
from hardway.steps.shell import INPUTS, input_file

pytestmark = pytest.mark.parity

VALUES = {
    "aaaaaa": "aaaaaa.0123456789abcdef",
    "bbbbbb": "bbbbbb.fedcba9876543210",
    "012345": "012345.0123456789012345",
}
ENTRIES = f"""\
bootstrapTokens:
- {{token: {VALUES["aaaaaa"]}, ttl: 90m, description: 'a $(id) `x` \\ é "q"'}}
- {{token: {VALUES["bbbbbb"]}, ttl: 0s, usages: [authentication], groups: ["system:bootstrappers:b", "system:bootstrappers:a"]}}
- {{token: "{VALUES["012345"]}", description: "true"}}
- {{ttl: 2h, description: random}}
"""
RANDOM = "rrrrrr.rrrrrrrrrrrrrrrr"
INVENTORY = """\
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 127.77.0.1, roles: [control-plane]}
  - {name: worker-1, address: 127.77.0.4, roles: [worker]}
"""
WORKER = "worker-1.local-cluster.example.com"
DOCUMENTS = CONFIGURATION.replace("kind: InitConfiguration\n", f"kind: InitConfiguration\n{ENTRIES}") + INVENTORY
LIVES = {"aaaaaa": 5400, "012345": 86400, "rrrrrr": 7200}


@pytest.fixture
def first(tmp_path: Path) -> Iterator[Machine]:
    """etcd, API server and controller manager of a cluster that is about to be initialised, its worker registered."""
    machine = machines(tmp_path, DOCUMENTS)["master-1"]
    cluster, node = machine.cluster, machine.node
    with stopping([machine]):
        machine.serve()
        machine.start("kube-controller-manager", control_plane.kube_controller_manager(cluster, node))
        joined = {"apiVersion": "v1", "kind": "Node", "metadata": {"name": WORKER}}
        machine.kubectl("create", "-f", "-", stdin=json.dumps(joined), user="super-admin")
        status = {"status": {"conditions": [{"type": "Ready", "status": "True", "reason": "Test", "message": "-"}]}}
        machine.kubectl("patch", "node", WORKER, "--subresource=status", "-p", json.dumps(status), user="super-admin")
        yield machine


def lay(machine: Machine) -> None:
    """What the engine lays down."""
    values = {token.run_input: token.value or RANDOM for token in machine.cluster.bootstrap_tokens}
    for name, value in {**values, f"token/{WORKER}": "wwwwww.wwwwwwwwwwwwwwww"}.items():
        Path(input_file(name).replace(INPUTS, f"{machine.root}/inputs")).write_text(f"{value}\n")


def stored(machine: Machine) -> dict[str, dict[str, str]]:
    """The tokens in the cluster, by their ids, as the API holds them."""
    listed: dict[str, Any] = json.loads(
        machine.kubectl("get", "secrets", "-n", "kube-system", "-o", "json", user="super-admin")
    )
    return {
        secret["metadata"]["name"].removeprefix("bootstrap-token-"): {
            "type": secret["type"],
            **{key: base64.b64decode(value).decode() for key, value in secret["data"].items()},
        }
        for secret in listed["items"]
    }


def without_ends(found: dict[str, dict[str, str]], since: datetime) -> dict[str, dict[str, str]]:
    """The same without their ends, which have to be what was asked for, counted from between then and now."""
    second = timedelta(seconds=1)
    rest = {identifier: dict(data) for identifier, data in found.items()}
    for identifier, data in rest.items():
        if identifier in LIVES:
            made = datetime.fromisoformat(data.pop("expiration")) - timedelta(seconds=LIVES[identifier])
            assert since - second <= made <= datetime.now(UTC) + second, identifier
    return rest


def by_the_real_kubeadm(machine: Machine, script: str) -> None:
    """Run the text of `--by kubeadm`; kubeadm takes no loopback address, and looks for its kubeconfig in /etc.

    admin.conf can do nothing yet: kubeadm binds its group when it finds it where it has made it.
    """
    conf = f"{machine.cluster.paths.kubernetes}/super-admin.conf"
    text = script.replace('"advertiseAddress": "127.77.0.1"', '"advertiseAddress": "10.30.0.11"')
    text = text.replace(' --config "$work', f' --kubeconfig={conf} --config "$work')
    assert text.count(f"--kubeconfig={conf} --config") == 1
    done = machine.bash(text.replace(machine.cluster.paths.pki, "/etc/kubernetes/pki"))
    assert done.returncode == 0, done.stderr


def test_they_are_kubeadms_and_made_once(first: Machine) -> None:
    """Field by field; an interrupted run keeps what is there; what goes later does not come again; nobody prints a secret."""
    steps = list(bootstrap_token.steps(first.cluster, first.node))
    since = datetime.now(UTC)
    lay(first)
    making = next(item for item in lower_all(steps) if isinstance(item, Run) and item.step.endswith("user-tokens"))
    first.carry_out(steps[:1])
    assert (making.step, "token aaaaaa is missing") in first.due(steps)
    done = first.bash(making.script)
    assert done.returncode == 0, done.stderr
    ours = stored(first)
    plain = without_ends(ours, since)
    change = base64.b64encode(b"changed").decode()
    patch = json.dumps({"data": {"description": change}})
    first.kubectl("patch", "secret", "-n", "kube-system", "bootstrap-token-aaaaaa", "-p", patch, user="super-admin")
    first.kubectl("delete", "secret", "-n", "kube-system", "bootstrap-token-012345", user="super-admin")

    assert (making.step, "token 012345 is missing") in first.due(steps)
    again = first.bash(making.script)
    assert again.returncode == 0, again.stderr
    halves = [value.partition(".")[2] for value in (*VALUES.values(), RANDOM)]
    assert not any(half in text for half in halves for text in (done.stdout, done.stderr, again.stdout, again.stderr))
    resumed = stored(first)
    assert resumed["aaaaaa"] == {**ours["aaaaaa"], "description": "changed"}
    assert set(resumed) == {*VALUES, "rrrrrr"}

    assert making.step not in first.carry_out(steps)
    first.kubectl("delete", "secret", "-n", "kube-system", "bootstrap-token-bbbbbb", user="super-admin")
    assert first.due(steps) == []
    assert first.carry_out(steps) == []
    signed = {f"jws-kubeconfig-{name}" for name in ("aaaaaa", "012345", "rrrrrr")}
    eventually(
        lambda: set(first.get("configmap", "cluster-info", "-n", "kube-public")["data"]) == {*signed, "kubeconfig"},
        60,
    )
    first.carry_out(token_cleanup.steps(first.cluster, first.node))
    assert list((first.root / "inputs").iterdir()) == []
    assert set(stored(first)) == {"aaaaaa", "012345", "rrrrrr"}

    first.kubectl("delete", "secret", "-n", "kube-system", "--all", user="super-admin")
    since = datetime.now(UTC)
    _kubeadm_itself(first)
    theirs = stored(first)
    random = next(data for data in theirs.values() if data.get("description") == "random")
    theirs["rrrrrr"] = {**theirs.pop(random["token-id"]), "token-id": "rrrrrr", "token-secret": "r" * 16}
    assert plain == without_ends(theirs, since)
    assert theirs["bbbbbb"].keys() == {
        "type", "auth-extra-groups", "token-id", "token-secret", "usage-bootstrap-authentication"
    }  # fmt: skip


def _kubeadm_itself(machine: Machine) -> None:
    """kubeadm's phase with the user's own document."""
    text = DOCUMENTS.replace("advertiseAddress: 127.77.0.1", "advertiseAddress: 10.30.0.11")
    parts = [part for part in text.split("---\n") if "kind: Inventory" not in part]
    file = machine.root / "kubeadm.yaml"
    file.write_text("---\n".join(parts))
    conf = f"{machine.cluster.paths.kubernetes}/admin.conf"
    done = subprocess.run(
        [real_kubeadm(), "init", "phase", "bootstrap-token", f"--config={file}", f"--kubeconfig={conf}"],
        capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr


def test_a_token_that_has_ended_does_not_come_again(first: Machine) -> None:
    """The controller manager takes it away, and the next plan is empty."""
    steps = list(bootstrap_token.steps(first.cluster, first.node))
    lay(first)
    first.carry_out(steps)
    past = base64.b64encode(b"2024-01-01T00:00:00Z").decode()
    patch = json.dumps({"data": {"expiration": past}})
    first.kubectl("patch", "secret", "-n", "kube-system", "bootstrap-token-aaaaaa", "-p", patch)
    eventually(lambda: "aaaaaa" not in stored(first), 60)

    assert first.due(steps) == []
    assert {token.identifier for token in tokens.listed(first.bash(tokens.listing(first.cluster)).stdout)} == {
        "bbbbbb", "012345", "rrrrrr",
    }  # fmt: skip


def test_kubeadm_makes_them_in_our_place_once(first: Machine) -> None:
    """`--by kubeadm=bootstrap-token`: the same tokens beside the nodes'; when it runs again later, only the nodes'."""
    chapter = by_kubeadm(bootstrap_token.BOOTSTRAP_TOKEN, frozenset({first.node.name}))
    step = next(one for one in chapter.steps(first.cluster, first.node) if isinstance(one, Command))
    since = datetime.now(UTC)
    lay(first)
    by_the_real_kubeadm(first, step.script)
    found = stored(first)

    assert {name: data["token-secret"] for name, data in found.items()} == {
        value.partition(".")[0]: value.partition(".")[2]
        for value in (*VALUES.values(), RANDOM, "wwwwww.wwwwwwwwwwwwwwww")
    }
    assert (
        without_ends(found, since)["bbbbbb"]["auth-extra-groups"] == "system:bootstrappers:b,system:bootstrappers:a"
    )
    assert found["aaaaaa"]["description"] == 'a $(id) `x` \\ é "q"'
    # Its roles are not asked here: with a kubeconfig of its own kubeadm does not bind the administrators.
    own = [one for one, _ in first.due(bootstrap_token.steps(first.cluster, first.node))]
    assert "bootstrap-token/user-tokens" not in own

    first.kubectl("delete", "secret", "-n", "kube-system", "--all", user="super-admin")
    by_the_real_kubeadm(first, step.script)
    assert set(stored(first)) == {"wwwwww"}
