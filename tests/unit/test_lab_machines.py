"""The lab's machine side, as far as it can be tested without root and nodes."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, replace
from pathlib import Path

import pytest

from hardway.config import loads
from hardway.errors import UsageError
from hardway.lab import cgroups, dns, limits, mounts, network, process, ssh, tree
from hardway.lab.process import Process, await_end, end, identify, inits_below, start
from hardway.lab.spec import LabNode, LabSpec, check_name, from_cluster, from_record
from hardway.model.dns import Record

pytestmark = pytest.mark.fast

EXAMPLE = Path(__file__).resolve().parents[2] / "examples/lab/cluster.yaml"


def spec_named(name: str) -> LabSpec:
    """The lab of the example's cluster under another name."""
    return from_cluster(loads(EXAMPLE.read_text().replace("/hardway-lab/lab/", f"/hardway-lab/{name}/")), name)


SPEC = spec_named("trial")


def test_the_nodes_are_the_articles() -> None:
    """Three masters, a worker and two balancers, with a record for each and for the endpoint and the mirror."""
    assert [(node.host_name, node.address) for node in SPEC.nodes] == [
        ("master-1", "10.30.0.11"),
        ("master-2", "10.30.0.12"),
        ("master-3", "10.30.0.13"),
        ("worker-1", "10.30.0.21"),
        ("lb-1", "10.30.0.8"),
        ("lb-2", "10.30.0.9"),
    ]
    assert {record.name.split(".")[0]: record.address for record in SPEC.records} == {
        "api": "10.30.0.10",
        "mirror": "10.30.0.1",
        **{node.host_name: node.address for node in SPEC.nodes},
    }


def test_spec_survives_its_record() -> None:
    """What `up` writes down is the same spec when it is read again."""
    spec = replace(SPEC, also=("v1.34.4",))
    assert from_record(json.loads(json.dumps(asdict(spec)))) == spec


def test_further_versions_are_those_that_can_be_had() -> None:
    """What a mirror is to have besides is checked before anything is built."""
    cluster = loads(EXAMPLE.read_text().replace("/hardway-lab/lab/", "/hardway-lab/trial/"))

    assert from_cluster(cluster, "trial", ["v1.34.4"]).also == ("v1.34.4",)
    with pytest.raises(UsageError, match=r"Kubernetes `v1\.34\.99` is not supported"):
        from_cluster(cluster, "trial", ["v1.34.99"])


@pytest.mark.parametrize("name", ["a", "lab", "lab-2", "twelve-chars"])
def test_names_that_fit(name: str) -> None:
    """The bridge's name has 15 characters at most and holds the whole name, so two labs never share a bridge."""
    bridge = spec_named(name).bridge

    assert len(bridge) <= 15
    assert bridge.endswith(name)


@pytest.mark.parametrize("name", ["", "thirteen-char", "Lab", "a/b", "..", "-a", "a-", "a b", "a_b", "a\n"])
def test_names_that_do_not_fit(name: str) -> None:
    """A name that cannot be part of an interface, a directory and a cgroup is a usage error."""
    with pytest.raises(UsageError, match="cannot be the name of a lab"):
        check_name(name)


def test_twin_nodes_are_refused() -> None:
    """Two nodes with one address or one name would take each other's place."""
    node = LabNode("a", "a.x", "10.0.0.2", True)
    with pytest.raises(UsageError, match=r"two nodes of lab `x` have the address 10\.0\.0\.2"):
        LabSpec("x", "10.0.0.1", 24, "z", (node, LabNode("b", "b.x", "10.0.0.2", True)), ())
    with pytest.raises(UsageError, match="two nodes of lab `x` have the host name a"):
        LabSpec("x", "10.0.0.1", 24, "z", (node, LabNode("a", "b.x", "10.0.0.3", True)), ())
    with pytest.raises(UsageError, match=r"10\.0\.0\.2 is the host's own address"):
        LabSpec("x", "10.0.0.2", 24, "z", (node,), ())


def test_zone_has_the_articles_ttl() -> None:
    """Every record is in the zone, absolute, with a TTL of a minute; IPv6 addresses are AAAA."""
    spec = LabSpec("x", "fd00::1", 64, "z.example", (), (Record("n.z.example", "fd00::2"), *SPEC.records))
    text = dns.zone(spec)

    assert "n.z.example. 60 IN AAAA fd00::2\n" in text
    for record in SPEC.records:
        assert f"{record.name}. 60 IN A {record.address}\n" in text


def test_dns_listens_on_the_bridge_only() -> None:
    """CoreDNS binds the bridge's address in every block, and asks nobody else."""
    text = dns.corefile(SPEC, Path("/z"))

    assert text.count("{\n    bind 10.30.0.1\n") == text.count(":53 {") == 2
    assert "forward" not in text


def test_ssh_config_is_strict(tmp_path: Path) -> None:
    """Host keys are known by address and by name before the first connection, and nothing else is accepted."""
    folder = tmp_path / "ssh"
    ssh.make(SPEC, folder)
    config = subprocess.run(
        ["ssh", "-G", "-F", folder / "config", "master-1"], capture_output=True, text=True, check=True
    ).stdout.splitlines()

    assert folder.stat().st_mode & 0o777 == 0o700
    assert "stricthostkeychecking true" in config
    assert "hostname 10.30.0.11" in config
    assert "user hardway" in config
    assert f"userknownhostsfile {folder}/known_hosts" in config
    known = (folder / "known_hosts").read_text().splitlines()
    assert [line.split()[0] for line in known] == [f"{node.address},{node.name}" for node in SPEC.nodes]
    assert len({line.split()[2] for line in known}) == len(SPEC.nodes)


def test_ssh_keys_are_kept(tmp_path: Path) -> None:
    """A second call changes no key."""
    ssh.make(SPEC, tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    ssh.make(SPEC, tmp_path)

    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_mounts_are_undone_in_reverse() -> None:
    """What was mounted last is unmounted first; neighbours with the same beginning are left alone."""
    text = (
        "proc /proc proc rw 0 0\n"
        "a /lab/x overlay rw 0 0\n"
        "b /lab/x/deep\\040er tmpfs rw 0 0\n"
        "c /lab/xy overlay rw 0 0\n"
    )

    assert mounts.below(Path("/lab/x"), text) == [Path("/lab/x/deep er"), Path("/lab/x")]
    assert mounts.below(Path("/lab/y"), text) == []


@pytest.mark.parametrize(
    ("listing", "expected"),
    [
        ("-P FORWARD ACCEPT\n", False),
        ("-P FORWARD DROP\n", True),
        ("-P FORWARD ACCEPT\n-A FORWARD -j DOCKER-USER\n", True),
    ],
)
def test_rule_only_where_needed(listing: str, expected: bool) -> None:
    """The host's firewall is not touched where it accepts everything anyway."""
    assert network.is_restrictive(listing) is expected


def test_routing_rules_of_the_bridge_only() -> None:
    """`down` finds its rules by the bridge, also when the bridge is gone already, and no others."""
    listing = (
        "0:\tfrom all lookup local\n"
        "20000:\tfrom 10.33.0.0/24 iif hw-x unreachable\n"
        "20000:\tfrom 10.34.0.0/24 iif hw-xy unreachable\n"
        "20001:\tfrom all iif hw-x [detached] blackhole\n"
        "32766:\tfrom all lookup main\n"
    )

    assert network.preferences(listing, "hw-x") == ["20000", "20001"]


@pytest.fixture
def sysctl(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> dict[str, Path]:
    """Kernel settings, the lab's record of them and its locks, all in a directory of the test."""
    files = {name: tmp_path / "sys" / name for name in limits.WANTED}
    for file in files.values():
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text("128\n")
    monkeypatch.setattr(limits, "SYSCTL", tmp_path / "sys")
    monkeypatch.setattr(limits, "state_dir", lambda name: tmp_path / "state" / name)
    monkeypatch.setenv("HARDWAY_CACHE", str(tmp_path / "cache"))
    return files


def test_limits_are_set_back_with_the_last_lab(sysctl: dict[str, Path], tmp_path: Path) -> None:
    """Raised once and told once; kept while another lab is there; then as before."""
    said: list[str] = []
    limits.raise_limits(said.append)
    limits.raise_limits(said.append)
    assert {name: int(file.read_text()) for name, file in sysctl.items()} == limits.WANTED
    assert len(said) == len(limits.WANTED)

    (tmp_path / "state/other").mkdir()
    limits.restore_limits()
    assert {name: int(file.read_text()) for name, file in sysctl.items()} == limits.WANTED

    (tmp_path / "state/other").rmdir()
    limits.restore_limits()
    limits.restore_limits()
    assert {int(file.read_text()) for file in sysctl.values()} == {128}
    assert list((tmp_path / "state").iterdir()) == []


def test_limits_that_others_changed_are_left_alone(sysctl: dict[str, Path]) -> None:
    """A limit that is high enough is not touched, and one that somebody set since is not set back."""
    high, low = sysctl.values()
    high.write_text("1000000\n")
    limits.raise_limits(lambda text: None)
    low.write_text("77\n")
    limits.restore_limits()

    assert (high.read_text(), low.read_text()) == ("1000000\n", "77\n")


def test_recipe_names_the_tree() -> None:
    """The cache's name of the tree is made from all that goes into it, hooks included."""
    before = tree.recipe()

    assert len(before) == 12
    assert tree.recipe() == before


@pytest.fixture
def sleeper(tmp_path: Path) -> Iterator[Process]:
    """A process of this test."""
    child = start(["sleep", "60"], tmp_path / "log")
    yield child
    end(child)


def test_process_is_known_by_its_start(sleeper: Process) -> None:
    """Another process that got the same PID is not taken for the recorded one, nor signalled."""
    recycled = Process(sleeper.pid, sleeper.started - 1)
    process.send(recycled, 9)

    assert not recycled.alive
    assert not await_end(sleeper, 0.2)
    assert identify(sleeper.pid) == sleeper


def test_end_ends(sleeper: Process) -> None:
    """An ended process is not alive, not even as a zombie, and ending it twice does no harm."""
    end(sleeper)
    end(sleeper)

    assert not sleeper.alive


def test_end_of_the_deaf(tmp_path: Path) -> None:
    """A process that ignores SIGTERM is killed."""
    script = "import signal; signal.signal(signal.SIGTERM, signal.SIG_IGN); print(flush=True); signal.pause()"
    log = tmp_path / "log"
    deaf = start([sys.executable, "-c", script], log)
    assert process.await_condition(lambda: log.stat().st_size > 0, 10)
    end(deaf, 0.2)

    assert not deaf.alive


def test_children_of_the_same_namespace_are_no_nodes(tmp_path: Path) -> None:
    """Only the init of a PID namespace is a node's first process."""
    log = tmp_path / "log"
    shell = start(["sh", "-c", "sleep 60 & echo $!; wait"], log)
    assert process.await_condition(lambda: log.stat().st_size > 0, 10)
    try:
        assert inits_below(shell) == []
    finally:
        end(shell)
        if (left := identify(int(log.read_text()))) is not None:
            end(left)


@pytest.mark.skipif(os.geteuid() != 0, reason="makes a PID namespace")
def test_init_is_found_behind_its_supervisor(tmp_path: Path) -> None:
    """The init of a node is found however many processes stand before it."""
    shell = start(["sh", "-c", "unshare --fork --pid --kill-child sleep 60; true"], tmp_path / "log")
    try:
        assert process.await_condition(lambda: len(inits_below(shell)) == 1, 10)
        (init,) = inits_below(shell)
        process.send(init, 9)
        assert await_end(shell, 10)
    finally:
        end(shell)


def test_members_of_all_hierarchies(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Processes are found in every hierarchy and in cgroups that the node itself has made."""
    tops = [tmp_path / "cpu", tmp_path / "pids"]
    monkeypatch.setattr(cgroups, "hierarchies", lambda: tops)
    for path, pids in {
        "cpu/hardway-lab-x/a": "11\n",
        "pids/hardway-lab-x/a/system.slice": "12\n0\n",
        "pids/hardway-lab-x/@host": "13\n",
        "pids/hardway-lab-xy/a": "99\n",
    }.items():
        (tmp_path / path).mkdir(parents=True)
        (tmp_path / path / "cgroup.procs").write_text(pids)

    assert cgroups.members("x") == [11, 12, 13]
    assert cgroups.members("x", "a") == [11, 12]
    assert cgroups.members("y") == []
