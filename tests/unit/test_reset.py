"""The chapters of nodes that leave: what is run on the machine and what on its helper."""

import asyncio
import dataclasses
import os
import subprocess
from contextlib import AbstractAsyncContextManager
from pathlib import Path

import pytest
from clusters import lab_cluster

from hardway.chapters import leave, reset
from hardway.chapters.leave import Drain
from hardway.engine.members import parse
from hardway.engine.membership import Movement, arrival, departure
from hardway.engine.schedule import Selection, units
from hardway.engine.script import Line
from hardway.engine.transport import Transport
from hardway.errors import REFUSED, Refused, Unreachable, UsageError
from hardway.model import Cluster, Node
from hardway.model.quorum import Member
from hardway.steps import Command, Run, lower
from hardway.workflows.add import ELSEWHERE
from hardway.workflows.apply import APPLY
from hardway.workflows.leave import remove, take_back


def run(step: Command, root: Path, **env: str) -> subprocess.CompletedProcess[str]:
    """The step as the engine runs it: asked, carried out if due, and asked again; in mounts of its own."""
    (primitive,) = lower(step)
    assert isinstance(primitive, Run)
    text = (
        f"(set -u\n{primitive.unless.script}) >/dev/null && exit 0\n(set -euo pipefail\n{primitive.script}) || exit\n"
        f"(set -u\n{primitive.unless.script})\n"
    ).replace("/run/hardway", f"{root}/run")
    argv = ["unshare", "-m" if os.geteuid() == 0 else "-rm", "bash", "-c", f"{env.pop('BEFORE', '')}\n{text}"]
    return subprocess.run(
        argv, capture_output=True, text=True, check=False, stdin=subprocess.DEVNULL, env={**os.environ, **env}
    )


def step(name: str, cluster: Cluster, node: Node) -> Command:
    (found,) = (s for s in reset.steps(cluster, node) if s.id == f"reset/cleanup-node/{name}")
    assert isinstance(found, Command)
    return found


@pytest.fixture
def machine(tmp_path: Path) -> tuple[Path, Cluster]:
    """The lab's cluster with its directories below a root of the test's own, as a master has them."""
    cluster = lab_cluster()
    paths = dataclasses.replace(
        cluster.paths,
        kubernetes=f"{tmp_path}/etc",
        pki=f"{tmp_path}/etc/pki",
        manifests=f"{tmp_path}/etc/manifests",
        kubelet=f"{tmp_path}/kubelet",
    )
    etcd = dataclasses.replace(cluster.etcd, data_dir=f"{tmp_path}/etcd")
    for file in ("etc/admin.conf", "etc/kubelet.conf", "etc/audit.yaml", "etc/pki/etcd/ca.key", "etc/pki/.hidden"):
        put(tmp_path / file)
    for file in ("etc/manifests/etcd.yaml", "kubelet/pki/a.pem", "etcd/member/wal/0", "run/inputs/x", "run/keys/y"):
        put(tmp_path / file)
    return tmp_path, dataclasses.replace(cluster, paths=paths, etcd=etcd)


def put(file: Path) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text("x")


def left(root: Path) -> list[str]:
    return sorted(str(path.relative_to(root)) for path in root.rglob("*") if not path.is_dir())


def test_reset_deletes_what_kubeadm_deletes(machine: tuple[Path, Cluster]) -> None:
    """Directories stay and are empty; files that are not the cluster's own stay; twice does no harm."""
    root, cluster = machine
    files = step("files", cluster, cluster.first_control_plane)
    for _ in range(2):
        done = run(files, root)
        assert (done.returncode, done.stdout, done.stderr) == (0, "", "")
    assert left(root) == ["etc/audit.yaml"]
    assert all((root / name).is_dir() for name in ("etc/pki", "etc/manifests", "kubelet", "etcd"))


def test_reset_of_a_worker_leaves_etcd_data_alone(machine: tuple[Path, Cluster]) -> None:
    """A worker never had any: what lies there is somebody else's."""
    root, cluster = machine
    assert run(step("files", cluster, cluster.workers[0]), root).returncode == 0
    assert left(root) == ["etc/audit.yaml", "etcd/member/wal/0"]


def test_reset_unmounts_before_it_deletes(machine: tuple[Path, Cluster]) -> None:
    """Volumes, one in the other and with a space in the name; the kubelet's directory itself may be a mount."""
    root, cluster = machine
    put(root / "data/precious")
    mounts = (
        f"mkdir -p '{root}/kubelet/a b/c'; mount --bind {root}/kubelet {root}/kubelet\n"
        f"mount --bind {root}/data '{root}/kubelet/a b'; mkdir -p '{root}/kubelet/a b/c'\n"
        f"mount -t tmpfs tmpfs '{root}/kubelet/a b/c'\n"
    )
    refused = run(step("files", cluster, cluster.first_control_plane), root, BEFORE=mounts)
    assert refused.returncode == 1
    assert (root / "data/precious").exists()

    (primitive,) = lower(step("mounts", cluster, cluster.first_control_plane))
    assert isinstance(primitive, Run)
    done = run(
        step("files", cluster, cluster.first_control_plane),
        root,
        BEFORE=f"{mounts}(set -euo pipefail\n{primitive.script})\n(set -u\n{primitive.unless.script}) || exit 9\n",
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "data/precious" in left(root)
    assert not (root / "kubelet/pki").exists()


@pytest.mark.parametrize("how", [Drain(), Drain(bare_pods=True), Drain(timeout=5, dead=True)])
def test_drain_is_kubectls(how: Drain) -> None:
    """The flags by which people know it; of a dead node nothing is evicted or waited for, and nobody is asked."""
    cluster = lab_cluster()
    text = {
        s.id: s.script
        for s in leave.drain(cluster.workers[0], how).steps(cluster, cluster.nodes[1])
        if isinstance(s, Command)
    }

    assert f"drain {cluster.workers[0].name} --ignore-daemonsets --delete-emptydir-data" in text["drain/evict"]
    assert f"--timeout={how.timeout}s" in text["drain/evict"]
    assert (" --force" in text["drain/evict"].replace("--force-unreachable", "")) == (how.bare_pods or how.dead)
    assert ("--disable-eviction" in text["drain/evict"]) == how.dead
    assert (f"exit {REFUSED}" in text["drain/evict"]) == (not how.dead)
    assert f"--server=https://{cluster.nodes[1].address}:6443" in text["drain/cordon"]


def test_a_node_that_leaves_is_deleted_last() -> None:
    """Its kubelet is stopped by then and cannot report itself any more; the member of a master goes first of all."""
    cluster = lab_cluster()
    helper, master, worker = cluster.first_control_plane, cluster.control_planes[1], cluster.workers[0]

    def names(*stages: object) -> list[str]:
        return [stage.chapter.name for stage in stages]  # type: ignore[attr-defined]

    assert names(*remove(worker, helper, Drain(), reset=False)) == ["drain", "delete-node"]
    assert names(*remove(worker, helper, Drain(), reset=True)) == ["drain", "reset", "delete-node"]
    assert names(*take_back(master, helper)) == ["remove-etcd-member", "reset", "delete-node"]
    stages = remove(master, helper, Drain(), reset=True)
    waits = {u.chapter: {name for _, name in u.after} for u in units(cluster, stages, (helper, master))}
    assert waits == {
        "drain": set(),
        "remove-etcd-member": set(),
        "reset": {helper.name},
        "delete-node": {master.name},
    }


def test_add_means_the_new_node_whole_and_the_others_where_it_matters() -> None:
    """All chapters of the new node; elsewhere those that depend on who is there, and what waits, waits as ever."""
    cluster = lab_cluster()
    new = cluster.workers[0].name
    chosen = units(cluster, APPLY, cluster.nodes, Selection(only=ELSEWHERE, whole=(new,)))

    assert {u.chapter for u in chosen if u.node != new} == set(ELSEWHERE)
    assert [u.chapter for u in chosen if u.node == new] == [
        stage.chapter.name for stage in APPLY if cluster.node(new) in stage.on(cluster)
    ]


def test_members_are_read_as_etcdctl_tells_them() -> None:
    """Ids stay text: they have 64 bits. Health is by client URL; whoever has not started has none."""
    lines = [
        Line("member", "8e9e05c52164694d, started, m1, https://10.0.0.1:2380, https://10.0.0.1:2379, false"),
        Line("member", "fd422379fda50e48, started, m2, https://10.0.0.2:2380, https://10.0.0.2:2379, false"),
        Line("member", "91bc3c398fb3c146, unstarted, , https://10.0.0.3:2380, , true"),
        # [{"endpoint":"https://10.0.0.1:2379","health":true},{"endpoint":"https://10.0.0.2:2379","health":false}]
        Line(
            "health",
            "W3siZW5kcG9pbnQiOiJodHRwczovLzEwLjAuMC4xOjIzNzkiLCJoZWFsdGgiOnRydWV9LHsiZW5kcG9pbnQiOiJodHRwczovLzEwLjAuMC4yOjIzNzkiLCJoZWFsdGgiOmZhbHNlfV0=",
        ),
    ]
    assert parse(lines) == (
        Member("8e9e05c52164694d", "m1", "https://10.0.0.1:2380"),
        Member("fd422379fda50e48", "m2", "https://10.0.0.2:2380", healthy=False),
        Member("91bc3c398fb3c146", "", "https://10.0.0.3:2380", learner=True, healthy=False),
    )


def test_scripts_are_clean_bash(tmp_path: Path) -> None:
    """shellcheck finds nothing in what is run on the machine and on its helper."""
    cluster = lab_cluster()
    helper, master = cluster.first_control_plane, cluster.control_planes[1]
    files = []
    for how in (Drain(), Drain(bare_pods=True, dead=True)):
        for stage in remove(master, helper, how, reset=True):
            (node,) = stage.on(cluster)
            for primitive in (p for s in stage.chapter.steps(cluster, node) for p in lower(s)):
                assert isinstance(primitive, Run)
                for text in (primitive.script, primitive.unless.script):
                    files.append(tmp_path / f"{len(files)}.sh")
                    files[-1].write_text(text)
    done = subprocess.run(["shellcheck", "-s", "bash", *files], capture_output=True, text=True, check=False)

    assert done.stdout == ""


async def nobody(node: Node) -> Transport:
    """No machine answers."""
    raise Unreachable("no connection", node.name, hint="is it up?")


def enter(context: AbstractAsyncContextManager[Movement]) -> None:
    """Look at a movement, and do nothing."""

    async def look() -> None:
        async with context:
            pass

    asyncio.run(look())


def test_what_may_not_leave_is_refused_before_anybody_is_asked() -> None:
    """The only master, the first one, and the machine to which the API's name leads."""
    cluster = lab_cluster()
    first, second = cluster.control_planes[:2]
    alone = dataclasses.replace(cluster, nodes=(first, *cluster.workers))
    leads = dataclasses.replace(cluster, balancer=dataclasses.replace(cluster.balancer, address=second.address))

    with pytest.raises(Refused, match="it is the only master"):
        enter(departure(alone, first.name, Drain(), reset=True, connect=nobody))
    with pytest.raises(Refused, match="it is the first master of the Inventory"):
        enter(departure(cluster, first.name, Drain(), reset=True, connect=nobody))
    with pytest.raises(Refused, match="leads to this machine"):
        enter(departure(leads, second.name, None, reset=False, connect=nobody))
    with pytest.raises(Refused, match="begins a cluster and does not join one"):
        enter(arrival(cluster, [first.host_name], nobody))
    with pytest.raises(UsageError, match="it runs no kubelet"):
        enter(departure(cluster, cluster.balancers[0].name, Drain(), reset=True, connect=nobody))
    with pytest.raises(Unreachable, match="no other master answers") as lost:
        enter(departure(cluster, second.name, Drain(), reset=True, connect=nobody))
    others = [node.name for node in cluster.control_planes if node != second]
    assert lost.value.output.splitlines() == [f"{name}: no connection" for name in others]
