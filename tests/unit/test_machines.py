"""Machines beside each other: what twins, clocks and versions are told, on made-up machines and on real ones."""

import asyncio
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
from clusters import lab_cluster

from engine_nodes import World, note
from hardway.chapters.chapter import Chapter
from hardway.chapters.readiness import READINESS
from hardway.engine.facts import collect, machine, parse
from hardway.engine.fitness import not_members, outside, require_fit
from hardway.engine.run import Session, make_plan, open_session
from hardway.engine.schedule import Selection
from hardway.engine.transport import OnLine, Result, Transport
from hardway.engine.verify import Answer, compared, verify
from hardway.errors import Refused, StepFailed
from hardway.model import Cluster, Node, Registration
from hardway.model.machine import Interface, Machine
from hardway.model.skew import SKEW, skew
from hardway.operations.machines import Finding, compare
from hardway.steps import Check, Severity
from hardway.workflows.stage import Stage, everywhere

LAB = lab_cluster()


def healthy(cluster: Cluster = LAB) -> list[Machine]:
    """Machines that differ in all that must differ."""
    return [
        Machine(
            node.name,
            node.name,
            f"{number:032x}",
            f"00000000-0000-0000-0000-{number:012x}",
            "",
            (
                Interface("lo", "127.0.0.1/8", "00:00:00:00:00:00"),
                Interface("eth0", f"{node.address}/24", f"02::{number}"),
            ),
            (100.0, 100.2),
            LAB.endpoint.url,
            {"kubelet": "v1.30.4"} if node.is_kubernetes else {},
        )
        for number, node in enumerate(cluster.nodes)
    ]


def no(found: Iterable[Finding]) -> list[tuple[str, str, str, str]]:
    """Node, key, grade and reason of every no."""
    return [
        (LAB.node(it.node).host_name, it.check.key, str(it.check.severity), it.reason) for it in found if not it.yes
    ]


def changed(number: int, cluster: Cluster = LAB, **more: object) -> list[Machine]:
    machines = healthy(cluster)
    machines[number] = replace(machines[number], **more)  # type: ignore[arg-type]
    return machines


def test_machines_of_their_own_are_asked_and_fine() -> None:
    """Every question has an answer for every machine, and it is yes; each no would come with a cure."""
    found = compare(LAB, healthy(), [node.name for node in LAB.nodes])
    keys = {it.check.key for it in found if it.node == LAB.nodes[0].name}

    assert no(found) == []
    assert keys == {"MachineID", "ProductUUID", "MACAddress", "HostName", "TwinHostName", "Clock", "VersionSkew"}
    assert [it.check.name for it in found if not it.check.hint] == []


def test_twins_are_told_at_both() -> None:
    """machine-id and MAC address are errors, product_uuid is a warning; the other twin is named."""
    first = healthy()[0]
    eth0 = Interface("eth0", "10.30.0.21/24", first.interfaces[1].mac)

    assert no(compare(LAB, changed(3, machine_id=first.machine_id))) == [
        ("master-1", "MachineID", "error", f"worker-1 has {first.machine_id}, too"),
        ("worker-1", "MachineID", "error", f"master-1 has {first.machine_id}, too"),
    ]
    assert no(compare(LAB, changed(3, interfaces=(eth0,)))) == [
        ("master-1", "MACAddress", "error", "worker-1 has 02::0, too"),
        ("worker-1", "MACAddress", "error", "master-1 has 02::0, too"),
    ]
    assert no(compare(LAB, changed(3, product_uuid=first.product_uuid))) == [
        ("master-1", "ProductUUID", "warning", f"worker-1 has {first.product_uuid}, too"),
        ("worker-1", "ProductUUID", "warning", f"master-1 has {first.product_uuid}, too"),
    ]


@pytest.mark.parametrize("value", ["", "uninitialized"])
def test_a_machine_without_an_id_is_told(value: str) -> None:
    """What systemd has not made yet is no id."""
    assert no(compare(LAB, changed(1, machine_id=value))) == [("master-2", "MachineID", "error", "it has none yet")]


def test_what_cannot_be_compared_is_not_asked() -> None:
    """Containers see their host's product_uuid; some machines have none; MAC addresses end at the router."""
    twin = healthy()[0].product_uuid
    same = [replace(it, product_uuid=twin, container="systemd-nspawn") for it in healthy()]
    none = [replace(it, product_uuid="") for it in healthy()]
    routed = [
        replace(it, interfaces=(Interface("eth0", f"{LAB.node(it.node).address}/32", "02::1"),)) for it in healthy()
    ]
    elsewhere = [replace(it, interfaces=()) for it in healthy()]
    keys = [{it.check.key for it in compare(LAB, machines)} for machines in (same, none, elsewhere)]

    assert [no(compare(LAB, machines)) for machines in (same, none, routed, elsewhere)] == [[], [], [], []]
    assert [("ProductUUID" in found, "MACAddress" in found) for found in keys] == [(False, True)] * 2 + [
        (True, False)
    ]


def test_names_are_asked_before_the_installation() -> None:
    """A clone's name is two warnings, because `apply` sets the name; afterwards chapter base-os asks."""
    machines = changed(3, hostname="debian")
    machines[4] = replace(machines[4], hostname="debian")
    early = [LAB.nodes[3].name, LAB.nodes[4].name]

    assert no(compare(LAB, machines, early)) == [
        ("worker-1", "HostName", "warning", "it is debian"),
        ("lb-1", "HostName", "warning", "it is debian"),
        ("worker-1", "TwinHostName", "warning", "lb-1 has debian, too"),
        ("lb-1", "TwinHostName", "warning", "worker-1 has debian, too"),
    ]
    assert no(compare(LAB, machines)) == []


@pytest.mark.parametrize(
    ("clock", "told"),
    [
        ((100.9, 101.1), None),
        # It may be 40 seconds off, or not at all: a slow answer proves nothing.
        ((60.0, 100.1), None),
        ((101.1, 141.0), None),
        ((101.3, 101.4), ("warning", "it is at least 1.1 s ahead of LEADER's")),
        ((90.0, 98.0), ("warning", "it is at least 2.0 s behind LEADER's")),
        ((399.0, 400.1), ("warning", "it is at least 298.8 s ahead of LEADER's")),
        ((-3500.0, -3499.0), ("error", "it is at least 3599.0 s behind LEADER's")),
    ],
)
@pytest.mark.parametrize("number", [0, 3])
def test_clocks_are_apart_when_it_is_certain(
    number: int, clock: tuple[float, float], told: tuple[str, str] | None
) -> None:
    """Whoever differs from the middle is told, the first of the list as well; beyond a CA's backdating it is an error."""
    found = no(compare(LAB, changed(number, clock=clock)))

    if told is None:
        assert found == []
    else:
        ((name, key, grade, reason),) = found
        assert (name, key, grade) == (LAB.nodes[number].host_name, "Clock", told[0])
        assert reason.split(" s ")[0] == told[1].split(" s ")[0]
        assert reason.split(" s ")[1].split()[0] == told[1].split(" s ")[1].split()[0]


def test_of_two_clocks_the_first_is_right() -> None:
    """Nobody can know; one machine alone has nothing to be compared with."""
    first, second = healthy()[:2]
    shifted = replace(second, clock=(110.0, 110.1))

    assert no(compare(LAB, [first, shifted])) == [
        ("master-2", "Clock", "warning", "it is at least 9.8 s ahead of master-1's")
    ]
    assert [it.check.key for it in compare(LAB, [first]) if it.check.key == "Clock"] == []


@pytest.mark.parametrize(
    ("component", "version", "fits"),
    [
        ("kubelet", "v1.30.9", True),
        ("kubelet", "v1.27.0", True),
        ("kubelet", "v1.26.15", False),
        ("kubelet", "v1.31.0", False),
        ("kube-apiserver", "v1.29.6", True),
        ("kube-apiserver", "v1.31.0", True),
        ("kube-apiserver", "v1.28.0", False),
        ("kube-scheduler", "v1.29.6", True),
        ("kube-scheduler", "v1.31.0", False),
        ("kube-controller-manager", "v1.28.0", False),
        ("kubelet", "b7e4c1", True),
    ],
)
def test_versions_fit_to_all_api_servers(component: str, version: str, fits: bool) -> None:
    """Kubernetes' version skew policy, against what the file asks for; what is no version says nothing."""
    found = no(compare(LAB, changed(2, versions={component: version})))
    # An API server of another minor is another one for the kubelets, too: 1.30 is newer than 1.29 and 1.28.
    mine = [key for name, key, _, _ in found if name == "master-3"]

    assert mine == ([] if fits else ["VersionSkew"])


def test_an_older_api_server_makes_kubelets_too_new() -> None:
    """All nodes are compared with all API servers, those that run and the one that is asked for."""
    machines = changed(0, versions={"kube-apiserver": "v1.29.6", "kubelet": "v1.29.6"})

    assert [(name, reason) for name, _, _, reason in no(compare(LAB, machines))] == [
        (name, "it is v1.30.4 with API servers v1.29.6, v1.30.4: allowed is at most 3 older, in minors")
        for name in ("master-2", "master-3", "worker-1")
    ]


def test_the_table_of_skew() -> None:
    """The policy of Kubernetes 1.28 and later, in words."""
    assert {row.component: str(row) for row in SKEW} == {
        "kube-apiserver": "at most 1 older or 1 newer, in minors",
        "kube-controller-manager": "at most 1 older, in minors",
        "kube-scheduler": "at most 1 older, in minors",
        "kubelet": "at most 3 older, in minors",
        "kube-proxy": "at most 3 older, in minors",
        "kubectl": "at most 1 older or 1 newer, in minors",
        "kubeadm": "at most 1 newer, in minors",
    }
    with pytest.raises(KeyError):
        skew("etcd")


def test_what_is_ignored_only_warns() -> None:
    """ignorePreflightErrors counts for these questions, too, in any case of letters."""
    lenient = Registration(ignore_preflight_errors=("machineid",))
    cluster = replace(LAB, nodes=(replace(LAB.nodes[0], registration=lenient), *LAB.nodes[1:]))
    found = no(compare(cluster, changed(1, machine_id=healthy()[0].machine_id)))

    assert [(name, grade) for name, _, grade, _ in found] == [("master-1", "warning"), ("master-2", "error")]


def test_facts_are_read_as_they_are_told() -> None:
    """A Red Hat machine in a container that has joined; images with and without a tag."""
    said = collect(
        [
            "Last login: today",
            "fact clock 1000.5",
            "fact os rocky rhel centos fedora",
            "fact arch aarch64",
            "fact hostname db",
            "fact resolved inactive",
            "fact cpus 4",
            "fact ca /etc/pki",
            "fact machine-id 0123",
            "fact product-uuid 4C4C4544-0042",
            "fact container lxc",
            "fact address 10.0.0.1/24 eth0 02:00:00:00:00:01",
            "fact address 10.8.0.1/24 tun0",
            "fact server 'https://api.example.com:6443'",
            "fact version kubelet Kubernetes v1.30.4",
            "fact version kube-apiserver registry.k8s.io/kube-apiserver:v1.30.4",
            "fact version kube-scheduler localhost:5000/kube-scheduler@sha256:abc",
            "fact version kube-controller-manager ",
        ]
    )

    assert str(parse(LAB.nodes[0], said).os_family) == "redhat"
    assert machine("db", said, 7.0, 7.25) == Machine(
        "db",
        "db",
        "0123",
        "4c4c4544-0042",
        "lxc",
        (Interface("eth0", "10.0.0.1/24", "02:00:00:00:00:01"), Interface("tun0", "10.8.0.1/24", "")),
        (993.25, 993.5),
        "https://api.example.com:6443",
        {"kubelet": "v1.30.4", "kube-apiserver": "v1.30.4", "kube-scheduler": "abc"},
    )


class Shifted:
    """A node whose clock is off by some seconds, and whose answers come late."""

    def __init__(self, inner: Transport, seconds: float, late: float) -> None:
        self._inner, self._seconds, self._late = inner, seconds, late

    async def run(self, script: str, on_line: OnLine) -> Result:
        await asyncio.sleep(self._late)

        def told(line: str) -> None:
            head, mark, value = line.partition("fact clock ")
            on_line(f"{head}{mark}{float(value) + self._seconds}" if mark else line)

        return await self._inner.run(script, told)

    async def send(self, line: str, data: Iterable[bytes]) -> Result:
        return await self._inner.send(line, data)

    async def close(self) -> None:
        await self._inner.close()


async def answers(
    world: World, seconds: float = 0, late: float = 0, early: bool = False
) -> tuple[Session, tuple[Answer, ...]]:
    async def connect(node: Node) -> Transport:
        plain = await world.connect(node)
        return Shifted(plain, seconds, late) if node.host_name == "worker-1" else plain

    async with open_session(world.cluster, connect=connect) as session:
        names = frozenset(node.name for node in session.nodes) if early else frozenset()
        return session, await verify(session, [Stage(READINESS, lambda cluster: ())], names)


def keys(found: Iterable[Answer]) -> set[tuple[str, str]]:
    return {(answer.node.split(".")[0], answer.check.key) for answer in found if not answer.yes}


def test_one_real_machine_twice(tmp_path: Path) -> None:
    """Two entries that lead to one machine have one machine-id, and one host name: nothing is faked but the entries."""
    world = World(tmp_path, workers=1)
    session, found = asyncio.run(answers(world, early=True))
    ids = {machine.machine_id for machine in session.machines.values()}

    assert ids == {Path("/etc/machine-id").read_text().strip()}
    for name in ("master-1", "worker-1"):
        assert {(name, "MachineID"), (name, "TwinHostName"), (name, "HostName")} <= keys(found)
        assert (name, "Clock") not in keys(found)


def test_a_shifted_clock_is_told_and_a_late_answer_is_not(tmp_path: Path) -> None:
    """Measured over a real script: an hour is an error; an answer that takes 1.5 s does not look like a shift."""
    shifted = asyncio.run(answers(World(tmp_path / "a", workers=1), seconds=-3600))[1]
    late = asyncio.run(answers(World(tmp_path / "b", workers=1), late=1.5))[1]
    (clock,) = [it for it in shifted if it.check.key == "Clock" and it.node.startswith("worker-1")]

    assert (clock.yes, clock.is_failure) == (False, True)
    assert clock.reason.startswith("it is at least 3")
    assert clock.reason.endswith(" s behind master-1's")
    assert [it.reason for it in late if it.check.key == "Clock" and not it.yes] == []


def test_machines_that_are_not_fit_stop_a_run_before_it_begins(tmp_path: Path) -> None:
    """With something to do an error stops; with nothing to do, or when it is ignored, it is only told."""
    world = World(tmp_path, workers=1)
    stage = Stage(world.chapter("a", lambda m, n: [note(m, "a")]), everywhere)

    async def fit(cluster: Cluster) -> list[str]:
        async with open_session(cluster, connect=world.connect) as session:
            return [it.check.key for it in await require_fit(session, await make_plan(session, [stage]), [stage])]

    with pytest.raises(StepFailed) as stopped:
        asyncio.run(fit(world.cluster))
    lenient = Registration(ignore_preflight_errors=("all",))
    ignoring = replace(world.cluster, nodes=tuple(replace(n, registration=lenient) for n in world.cluster.nodes))
    told = asyncio.run(fit(ignoring))
    world.apply(stage)

    assert stopped.value.where == "master-1.example.com: readiness/MachineID"
    assert "rm -f /etc/machine-id" in stopped.value.hint
    assert "worker-1.example.com: MachineID: a machine-id of its own: master-1 has" in stopped.value.output
    assert "MachineID" in told
    assert asyncio.run(fit(world.cluster)) == told


def test_an_empty_machine_that_is_not_fit_stops_a_run_before_it_begins(tmp_path: Path) -> None:
    """All errors of all nodes at once, warnings told; of what has joined, or of one chapter alone, nothing is asked."""
    world = World(tmp_path)
    begin = Stage(world.chapter("readiness", lambda m, n: [note(m, "a")]), everywhere)
    questions = [
        Check("much memory", "echo 'there is little'\nexit 1\n", "buy some", key="Mem"),
        Check("no swap", "echo 'it is on'\nexit 1\n", severity=Severity.WARNING, key="Swap"),
        Check("an empty disk", "echo 'it exists'\nexit 1\n", key="DirAvailable--var-lib-etcd"),
    ]

    def asking(*wrong: Check) -> Stage:
        return Stage(Chapter("preflight", "p", (), before=lambda cluster, node: iter(wrong)), everywhere)

    async def fit(stages: list[Stage], server: str = "", only: tuple[str, ...] = ()) -> list[str]:
        async with open_session(world.cluster, connect=world.connect) as session:
            member(session, "master-1", server)
            plan = await make_plan(session, stages, Selection(only=only))
            return [it.check.key for it in await require_fit(session, plan, stages)]

    with pytest.raises(StepFailed) as stopped:
        asyncio.run(fit([begin, asking(*questions[:2])]))
    with pytest.raises(Refused) as refused:
        asyncio.run(fit([begin, asking(*questions)]))
    warned = asyncio.run(fit([begin, asking(questions[1])]))
    joined = asyncio.run(fit([begin, asking(*questions)], "https://api.example.com:6443"))
    alone = asyncio.run(fit([asking(*questions), begin], only=("preflight",)))

    assert stopped.value.render().splitlines()[0] == (
        "error: master-1.example.com: preflight/Mem: much memory: there is little"
    )
    assert "ignorePreflightErrors: [Mem]" in stopped.value.hint
    assert refused.value.output == "master-1.example.com: DirAvailable--var-lib-etcd: an empty disk: it exists"
    assert (warned, joined, alone) == (["Swap"], [], [])
    assert world["master-1"].log() == []


def member(session: Session, host_name: str, server: str) -> None:
    name = session.cluster.node(host_name).name
    session.machines[name] = replace(session.machines[name], server=server)


def test_nodes_outside_of_the_cluster_are_asked_other_questions(tmp_path: Path) -> None:
    """What an empty node is asked is what matters before; nodes that belong are asked all."""
    world = World(tmp_path, workers=1)
    asked = Chapter(
        "c",
        "c",
        (),
        checks=lambda cluster, node: iter([Check("after", "exit 1\n")]),
        before=lambda cluster, node: iter([Check("before", "true\n", severity=Severity.WARNING)]),
    )

    async def stand() -> tuple[object, ...]:
        async with open_session(world.cluster, connect=world.connect) as session:
            nobody = outside(session), [(it.node, it.reason) for it in not_members(session)]
            member(session, "master-1", "https://api.example.com:6443")
            one = outside(session)
            said = [(it.node, it.check.name) for it in await verify(session, [Stage(asked, everywhere)], one)]
            member(session, "master-1", "https://127.0.0.1:6443")
            member(session, "worker-1", "https://other.example.com:6443")
            return nobody, one, said, [(it.node, it.reason) for it in not_members(session)], len(compared(session))

    nobody, one, said, foreign, beside = asyncio.run(stand())
    names = ["master-1.example.com", "worker-1.example.com"]

    assert nobody == (frozenset(names), [(name, "it is still to be installed") for name in names])
    assert one == {"worker-1.example.com"}
    assert said == [("master-1.example.com", "after"), ("worker-1.example.com", "before")]
    assert foreign == [("worker-1.example.com", "it belongs to https://other.example.com:6443")]
    assert isinstance(beside, int)
    assert beside > 0
