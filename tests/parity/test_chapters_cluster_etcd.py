"""How etcd grows, with real members: learner, voter, interrupted anywhere, and every state that must be refused."""

import shutil
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from local_cluster import Machine, eventually, machines, stopping

from hardway.chapters import etcd, etcd_join
from hardway.errors import REFUSED
from hardway.model import Patch, Patches, freeze
from hardway.steps import Command, Run, lower_all

pytestmark = pytest.mark.parity


@pytest.fixture(scope="module")
def made(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Machine]:
    """All machines with their certificates."""
    return machines(tmp_path_factory.mktemp("etcd"))


@pytest.fixture
def masters(made: dict[str, Machine], monkeypatch: pytest.MonkeyPatch) -> Iterator[dict[str, Machine]]:
    """Three masters, of which the first one runs and the others are empty."""
    monkeypatch.setattr(etcd_join, "LIMIT", 20)
    first = made["master-1"]
    try:
        with stopping(made.values()):
            first.carry_out(etcd.steps(first.cluster, first.node))
            first.start("etcd", first.etcd_manifest())
            eventually(lambda: not first.ask(etcd.voter(first.cluster, first.node)), 20)
            yield made
    finally:
        for machine in made.values():
            shutil.rmtree(machine.cluster.etcd.data_dir, ignore_errors=True)
            Path(f"{machine.cluster.paths.manifests}/etcd.yaml").unlink(missing_ok=True)


def flag(machine: Machine, name: str) -> str:
    """A flag in the manifest."""
    text = Path(f"{machine.cluster.paths.manifests}/etcd.yaml").read_text()
    return next((line.partition(f"--{name}=")[2] for line in text.splitlines() if f"--{name}=" in line), "")


def kubelet(machine: Machine) -> threading.Thread:
    """Starts etcd as soon as its manifest is there."""

    def watch() -> None:
        eventually(Path(f"{machine.cluster.paths.manifests}/etcd.yaml").exists, 20)
        machine.start("etcd", machine.etcd_manifest())

    thread = threading.Thread(target=watch)
    thread.start()
    return thread


def join(machine: Machine) -> list[str]:
    return machine.carry_out(etcd_join.steps(machine.cluster, machine.node))


def step(machine: Machine, name: str) -> Run:
    """One primitive of the join."""
    return next(
        item
        for item in lower_all(etcd_join.steps(machine.cluster, machine.node))
        if isinstance(item, Run) and item.step == name
    )


def etcdctl(machine: Machine, words: str) -> str:
    done = machine.bash(f"{etcd.etcdctl(machine.cluster, machine.node)} {words}")
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_two_masters_join_one_after_the_other(masters: dict[str, Machine]) -> None:
    """Both become voters; a manifest names the members there were; a second run has nothing to do."""
    for name in ("master-2", "master-3"):
        thread = kubelet(masters[name])
        assert join(masters[name])[-3:] == [
            "control-plane-join/etcd/member",
            "etcd/local",
            "control-plane-join/etcd/promote",
        ]
        thread.join()

    listed = etcdctl(masters["master-1"], "member list -w simple").splitlines()
    assert [line.rpartition(", ")[2] for line in listed] == ["false"] * 3
    members = {
        f"{m.node.name}={etcd.peer_url(m.node)}"
        for m in (masters["master-1"], masters["master-2"], masters["master-3"])
    }
    assert set(flag(masters["master-3"], "initial-cluster").split(",")) == members
    assert flag(masters["master-3"], "initial-cluster-state") == "existing"
    assert flag(masters["master-1"], "initial-cluster-state") == ""
    assert Path(f"{masters['master-2'].cluster.paths.manifests}/etcd.yaml").stat().st_mode & 0o777 == 0o600
    for name in ("master-1", "master-2", "master-3"):
        chapter = etcd if name == "master-1" else etcd_join
        assert masters[name].due(chapter.steps(masters[name].cluster, masters[name].node)) == []


def test_a_patched_member_joins(masters: dict[str, Machine]) -> None:
    """The manifest that is put together on the node has the patch and the members; a second run has nothing to do."""
    second = masters["master-2"]
    change = freeze([{"op": "add", "path": "/spec/containers/0/command/-", "value": "--max-request-bytes=2000000"}])
    patches = Patches("/patches", (), (Patch("etcd", "json", change, "etcd+json.json"),))
    second.node, before = replace(second.node, patches=patches), second.node
    thread = kubelet(second)
    join(second)
    thread.join()
    due = second.due(etcd_join.steps(second.cluster, second.node))
    unpatched = second.due(etcd_join.steps(second.cluster, before))
    second.node = before

    assert flag(second, "max-request-bytes") == "2000000"
    assert flag(second, "initial-cluster").count("=") == 2
    assert etcdctl(masters["master-1"], "member list -w simple").count(", started, ") == 2
    assert (due, unpatched) == ([], [("etcd/local", "it differs")])


def test_interrupted_joins_are_finished(masters: dict[str, Machine]) -> None:
    """A member that is announced but has no manifest, and one whose learner runs already, go on from there."""
    second = masters["master-2"]
    assert second.bash(step(second, "control-plane-join/etcd/member").script).returncode == 0
    assert second.bash(step(second, "control-plane-join/etcd/member").script).returncode == 0
    thread = kubelet(second)

    assert join(second)[-2:] == ["etcd/local", "control-plane-join/etcd/promote"]
    thread.join()
    assert second.bash(step(second, "control-plane-join/etcd/promote").script).returncode == 0


def test_a_second_learner_waits_for_the_first(masters: dict[str, Machine]) -> None:
    """etcd takes one learner at a time; the other master is patient, then joins."""
    second, third = masters["master-2"], masters["master-3"]
    assert second.bash(step(second, "control-plane-join/etcd/member").script).returncode == 0
    threads = [kubelet(second), kubelet(third)]
    other: list[list[str]] = []
    waiting = threading.Thread(target=lambda: other.append(join(third)))
    waiting.start()

    join(second)
    for thread in (waiting, *threads):
        thread.join()
    assert other[0][-1] == "control-plane-join/etcd/promote"
    assert etcdctl(masters["master-1"], "member list -w simple").count(", started, ") == 3


def test_what_the_members_say_stays(masters: dict[str, Machine]) -> None:
    """A changed flag changes the manifest, but not the members of the first start; kubeadm upgrade's form is fine too."""
    second = masters["master-2"]
    thread = kubelet(second)
    join(second)
    thread.join()
    before = flag(second, "initial-cluster")
    path = Path(f"{second.cluster.paths.manifests}/etcd.yaml")
    path.write_text(path.read_text().replace("snapshot-count=10000", "snapshot-count=5"))

    assert join(second) == ["etcd/local"]
    assert (flag(second, "initial-cluster"), flag(second, "snapshot-count")) == (before, "10000")

    alone = f"{second.node.name}={etcd.peer_url(second.node)}"
    lines = [line for line in path.read_text().splitlines(True) if "initial-cluster-state" not in line]
    path.write_text("".join(lines).replace(before, alone))
    assert (flag(second, "initial-cluster"), flag(second, "initial-cluster-state")) == (alone, "")
    assert second.due(etcd_join.steps(second.cluster, second.node)) == []


def refusal(machine: Machine, name: str) -> tuple[int, list[str]]:
    done = machine.bash(step(machine, name).script)
    return done.returncode, done.stderr.splitlines()


def test_data_of_another_cluster_is_refused(masters: dict[str, Machine]) -> None:
    """Nothing is added to the cluster, and the person is told what to do."""
    second = masters["master-2"]
    (second.root / "etcd/member").mkdir(parents=True)

    assert refusal(second, "control-plane-join/etcd/member") == (
        REFUSED,
        [
            f"{second.root}/etcd holds the data of another etcd cluster",
            "hint: move it away, then apply again",
        ],
    )
    assert len(etcdctl(masters["master-1"], "member list -w simple").splitlines()) == 1


def test_a_member_whose_data_is_lost_is_refused(masters: dict[str, Machine]) -> None:
    """A machine made anew does not slip into the place of a started member; the cure is named with the member's id."""
    second = masters["master-2"]
    for machine in (second, masters["master-3"]):
        thread = kubelet(machine)
        join(machine)
        thread.join()
    identity = next(
        line
        for line in etcdctl(masters["master-1"], "member list -w simple").splitlines()
        if ":2380" in line and ".2:" in line
    ).partition(",")[0]
    second.stop("etcd")
    shutil.rmtree(second.cluster.etcd.data_dir)
    Path(f"{second.cluster.paths.manifests}/etcd.yaml").unlink()
    code, said = refusal(second, "control-plane-join/etcd/member")

    assert (code, said[-1]) == (
        REFUSED,
        f"hint: if it is lost for good, on another master: etcdctl member remove {identity}",
    )


def test_a_removed_member_is_not_promoted(masters: dict[str, Machine]) -> None:
    """A node that was removed from the cluster behind its back says so at once."""
    second = masters["master-2"]
    Path(f"{second.cluster.paths.manifests}/etcd.yaml").write_text("kind: Pod\n")

    code, said = refusal(second, "control-plane-join/etcd/promote")
    assert (code, said[0]) == (
        REFUSED,
        "this node has the manifest of etcd, but the cluster does not know the member any more",
    )


def test_every_command_is_guarded_by_its_own_effect(masters: dict[str, Machine]) -> None:
    """On a fresh node every command is due, and asking costs next to nothing although nobody listens."""
    second = masters["master-2"]
    commands = [s for s in etcd_join.steps(second.cluster, second.node) if isinstance(s, Command)]

    assert [second.ask(command.unless.script) for command in commands] == [
        "not a member yet",
        "not written yet",
        "nobody listens on port 2379",
    ]
