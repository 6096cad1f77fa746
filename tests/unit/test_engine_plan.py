"""Plans: what they show, what they keep to themselves, and that they are what apply does."""

import asyncio
import json
import os
from pathlib import Path

import pytest

from engine_nodes import Machine, World, file, note
from hardway.engine.plan import Plan, Status, agree
from hardway.engine.run import make_plan, open_session
from hardway.engine.schedule import Selection, ordered, units
from hardway.engine.verify import verify
from hardway.errors import Refused, UsageError
from hardway.model import Node
from hardway.steps import Check, Severity, Step, Wait
from hardway.workflows.stage import After, Stage, everywhere, first_control_plane, joining_control_planes, workers


def statuses(plan: Plan) -> list[tuple[str, str]]:
    return [(change.item.primitive.step, str(change.status)) for change in plan.changes]


def test_a_second_apply_changes_nothing_and_sends_nothing_but_questions(tmp_path: Path) -> None:
    """Facts and one probe per node, and an empty plan, once everything is done."""
    world = World(tmp_path, masters=2, workers=1)
    chapter = world.chapter("a", lambda m, n: [file(m, "x", "hello\n"), note(m, "one"), note(m, "two")])
    stage = Stage(chapter, everywhere)

    assert world.apply(stage) == 9
    assert world.round_trips() == {"master-1": 3, "master-2": 3, "worker-1": 3}
    assert world.apply(stage) == 0
    assert world.round_trips() == {"master-1": 2, "master-2": 2, "worker-1": 2}
    assert world.plan(stage).pending == ()
    assert [machine.log() for machine in world.machines.values()] == [["one", "two"]] * 3


def test_files_are_compared_by_content_mode_and_owner(tmp_path: Path) -> None:
    """Each way in which a file can differ has its reason, and the content its diff."""
    world = World(tmp_path)
    names = ("same", "content", "mode", "owner", "missing", "link")
    stage = Stage(world.chapter("a", lambda m, n: [file(m, name, "old\nnew\n") for name in names]), everywhere)
    world.apply(stage)
    root = world["master-1"].root
    (root / "content").write_text("old\n")
    (root / "mode").chmod(0o600)
    os.chown(root / "owner", 1, 1)
    (root / "missing").unlink()
    (root / "link").unlink()
    (root / "link").symlink_to(root / "same")

    plan = world.plan(stage)

    assert [(Path(c.new and c.item.primitive.step).name, c.reason) for c in plan.pending] == [
        ("content", "differs"),
        ("mode", "has mode 0600 and owner root:root, wanted 0644 root:root"),
        ("owner", "has mode 0644 and owner daemon:daemon, wanted 0644 root:root"),
        ("missing", "is missing"),
        ("link", "is a symbolic link"),
    ]
    assert plan.pending[0].diff[2:] == ("@@ -1 +1,2 @@", " old", "+new")
    assert world.apply(stage) == 5
    assert world.plan(stage).pending == ()
    assert not (root / "link").is_symlink()


def test_secrets_are_shown_as_hashes(tmp_path: Path) -> None:
    """Neither the old nor the new content of a secret file leaves the node or enters the plan."""
    world = World(tmp_path)
    stage = Stage(
        world.chapter("a", lambda m, n: [file(m, "key", "new-secret\n", mode=0o600, secret=True)]), everywhere
    )
    world["master-1"].root.joinpath("key").write_text("old-secret\n")

    plan = world.plan(stage)

    assert [line[:8] for line in plan.pending[0].diff] == ["-sha256:", "+sha256:"]
    assert "secret\n" not in repr(plan) + json.dumps(plan.to_data())
    assert "bmV3LXNlY3JldA" not in "".join(world["master-1"].scripts)


def test_a_run_is_due_when_a_file_that_it_watches_changes(tmp_path: Path) -> None:
    """The restart because of a file is computed, not found out afterwards; it happens although the guard is content."""
    world = World(tmp_path)
    content = ["1\n"]

    def steps(machine: Machine, node: Node) -> list[Step]:
        return [file(machine, "conf", content[0]), note(machine, "restart", watches=(str(machine.root),))]

    stage = Stage(world.chapter("a", steps), everywhere)
    world.apply(stage)
    content[0] = "2\n"

    assert [c.reason for c in world.plan(stage).pending] == ["differs", f"{tmp_path}/master-1/conf changes"]
    world.apply(stage)
    assert world["master-1"].log() == ["restart", "restart"]
    assert world.plan(stage).pending == ()


def test_what_cannot_be_told_yet_is_known_after(tmp_path: Path) -> None:
    """A check that fails for want of something earlier is no `no`; waits behind a change are asked again."""
    world = World(tmp_path, workers=1)
    early = Check("it to be there", "absent-command\n")
    ready = Check("readiness", "true\n")
    a = world.chapter("a", lambda m, n: [file(m, "x", "x\n"), note(m, "one", unless=early), Wait("ready", ready, 1)])
    b = world.chapter("b", lambda m, n: [Wait("elsewhere", ready, 1)])
    stages = (Stage(a, first_control_plane), Stage(b, workers, after=(After("a", first_control_plane),)))

    assert statuses(world.plan(*stages)) == [
        ("file/x", Status.CHANGE),
        ("one", Status.KNOWN_AFTER),
        ("ready", Status.KNOWN_AFTER),
        ("elsewhere", Status.KNOWN_AFTER),
    ]


def test_the_last_write_to_a_path_decides(tmp_path: Path) -> None:
    """A file that two steps write does not make every plan differ."""
    world = World(tmp_path)
    stage = Stage(world.chapter("a", lambda m, n: [file(m, "x", "1\n"), file(m, "x", "2\n")]), everywhere)

    assert world.apply(stage) == 2
    assert world.plan(stage).pending == ()


def test_a_saved_plan_is_refused_after_drift(tmp_path: Path) -> None:
    """The plan that was looked at is what is applied, or nothing."""
    world = World(tmp_path)
    stage = Stage(world.chapter("a", lambda m, n: [file(m, "x", "1\n"), note(m, "one")]), everywhere)
    saved = json.loads(json.dumps(world.plan(stage).to_data()))

    agree(saved, world.plan(stage))
    world["master-1"].root.joinpath("x").write_text("drift\n")
    with pytest.raises(Refused, match="file/x"):
        agree(saved, world.plan(stage))


def test_chapters_are_selected_in_each_nodes_own_order(tmp_path: Path) -> None:
    """A chapter that stands in two workflows is meant where the node has it."""
    world = World(tmp_path, masters=2)
    a, b, c = (world.chapter(name, lambda m, n: []) for name in "abc")
    stages = [Stage(chapter, on) for on in (first_control_plane, joining_control_planes) for chapter in (a, b, c)]

    def chosen(selection: Selection) -> list[str]:
        return [f"{u.node[7]}{u.chapter}" for u in units(world.cluster, stages, world.cluster.nodes, selection)]

    assert chosen(Selection(first="b")) == ["1b", "1c", "2b", "2c"]
    assert chosen(Selection(last="b")) == ["1a", "1b", "2a", "2b"]
    assert chosen(Selection("b", "b")) == ["1b", "2b"]
    assert chosen(Selection(only=("a", "c"))) == ["1a", "1c", "2a", "2c"]
    with pytest.raises(UsageError, match="there is no chapter `d`"):
        chosen(Selection(first="d"))


def test_a_workflow_that_waits_for_itself_is_refused(tmp_path: Path) -> None:
    """Better an error that names the circle than nodes that wait for ever."""
    world = World(tmp_path, workers=1)
    a, b = (world.chapter(name, lambda m, n: []) for name in "ab")
    stages = (
        Stage(a, first_control_plane, after=(After("b", workers),)),
        Stage(b, workers, after=(After("a", first_control_plane),)),
    )

    with pytest.raises(UsageError, match="waits for itself"):
        ordered(units(world.cluster, stages, world.cluster.nodes))


def test_checks_are_asked_in_one_round_trip(tmp_path: Path) -> None:
    """Every answer has its reason and severity, and equal checks of two chapters are one."""
    world = World(tmp_path)
    yes, no = (
        Check("yes", "true\n"),
        Check("no", "echo first\necho 'the reason'\nexit 1\n", severity=Severity.WARNING),
    )
    mute = Check("mute", "exit 4\n")
    a = world.chapter("a", lambda m, n: [], lambda m, n: [yes, no])
    b = world.chapter("b", lambda m, n: [], lambda m, n: [yes, mute])

    async def ask() -> list[tuple[str, str, bool, str, bool]]:
        async with open_session(world.cluster, connect=world.connect) as session:
            answers = await verify(session, [Stage(a, everywhere), Stage(b, everywhere)])
            return [(x.chapter, x.check.name, x.yes, x.reason, x.is_failure) for x in answers]

    assert asyncio.run(ask()) == [
        ("a", "yes", True, "", False),
        ("a", "no", False, "the reason", False),
        ("b", "mute", False, "it gave no reason (exit code 4)", True),
    ]
    assert world.round_trips() == {"master-1": 2}


def test_a_plan_of_many_checks_takes_one_round_trip(tmp_path: Path) -> None:
    """However much is asked, a node is asked once."""
    world = World(tmp_path, masters=3, workers=2)
    stage = Stage(world.chapter("a", lambda m, n: [note(m, f"w{i}") for i in range(50)]), everywhere)

    async def plan() -> Plan:
        async with open_session(world.cluster, connect=world.connect) as session:
            for machine in world.machines.values():
                machine.scripts.clear()
            return await make_plan(session, [stage])

    assert len(asyncio.run(plan()).pending) == 250
    assert set(world.round_trips().values()) == {1}
