"""Apply: who waits for whom, what is told, and how it ends when something goes wrong."""

import asyncio
import dataclasses
import re
import stat
import subprocess
import sys
from dataclasses import asdict
from pathlib import Path

import pytest

from engine_nodes import Machine, World, argv, file, note
from hardway.engine import script
from hardway.engine.events import (
    Event,
    Failed,
    LockWaiting,
    NodeLost,
    StageDone,
    StepDone,
    StepStarted,
    StepWaiting,
)
from hardway.engine.perform import Action, Part
from hardway.engine.perform import script as perform
from hardway.engine.schedule import Selection
from hardway.errors import REFUSED, Locked, Refused, StepFailed, Unreachable, UsageError
from hardway.model import Node
from hardway.steps import Check, Command, Step, Wait, lower
from hardway.steps.shell import input_file
from hardway.workflows.inputs import RunInput
from hardway.workflows.stage import After, Stage, everywhere, first_control_plane, joining_control_planes, workers

ALWAYS = Check("it", "exit 1\n")


def command(name: str, script: str, **more: object) -> Command:
    return Command(name, f"do {name}", script, ALWAYS, **more)  # type: ignore[arg-type]


def test_a_waiting_node_starts_in_the_middle_of_a_script(tmp_path: Path) -> None:
    """A chapter's end is known at once, although its script goes on: here the script itself waits for the other node."""
    world = World(tmp_path, workers=1)
    meeting = tmp_path / "meeting"
    a = world.chapter("a", lambda m, n: [note(m, "a")])
    b = world.chapter("b", lambda m, n: [Wait("b", Check("the other", f"[ -e {meeting} ]\n"), 20)])
    c = world.chapter("c", lambda m, n: [command("c", f"touch {meeting}\n")])

    world.apply(
        Stage(a, first_control_plane),
        Stage(b, first_control_plane),
        Stage(c, workers, after=(After("a", first_control_plane),)),
    )

    assert world.round_trips() == {"master-1": 3, "worker-1": 3}


def test_serial_stages_go_from_node_to_node(tmp_path: Path) -> None:
    """One node at a time, in the order of the inventory, while everything else overlaps."""
    world = World(tmp_path, masters=4)
    log = tmp_path / "log"
    a = world.chapter(
        "a", lambda m, n: [command("a", f"echo in >>{log}; sleep 0.05; echo out-{n.host_name} >>{log}\n")]
    )

    world.apply(Stage(a, joining_control_planes, serial=True))

    assert log.read_text().split() == ["in", "out-master-2", "in", "out-master-3", "in", "out-master-4"]


def test_progress_is_told_step_by_step(tmp_path: Path) -> None:
    """Events name node, chapter and step, can be turned into data, and a wait says what it waits for."""
    world = World(tmp_path)
    slow = Check(
        "time to pass",
        f"[ -e {tmp_path}/since ] || touch {tmp_path}/since\n"
        f"[ -n \"$(find {tmp_path}/since -not -newermt '-1.5 seconds')\" ] || {{ echo 'not yet'; exit 1; }}\n",
    )
    a = world.chapter("a", lambda m, n: [note(m, "one"), Wait("slow", slow, 10)])
    events: list[Event] = []

    world.apply(Stage(a, everywhere), listener=events.append)

    told = [e for e in events if isinstance(e, StepStarted | StepDone | StepWaiting | StageDone)]
    assert [(e.event, getattr(e, "step", "")) for e in told] == [
        ("step-started", "one"),
        ("step-done", "one"),
        ("step-started", "slow"),
        ("step-waiting", "slow"),
        ("step-done", "slow"),
        ("stage-done", ""),
    ]
    assert [e.reason for e in events if isinstance(e, StepWaiting)] == ["not yet"]


def test_a_failure_names_node_and_step_and_starts_nothing_new(tmp_path: Path) -> None:
    """What runs elsewhere comes to its end; the error carries the command's own words."""
    world = World(tmp_path, workers=1)
    text = "echo to stdout\necho the reason >&2\nfalse\necho no\n"
    # A chapter that `apply` knows, so that its command can be told.
    bad = world.chapter("sysctls", lambda m, n: [command("bad", text)])
    slow = world.chapter("slow", lambda m, n: [command("slow", "sleep 0.3\n"), note(m, "slow")])
    never = world.chapter("never", lambda m, n: [note(m, "never")])
    events: list[Event] = []

    with pytest.raises(StepFailed) as caught:
        world.apply(
            Stage(bad, first_control_plane),
            Stage(slow, workers),
            Stage(never, workers, after=(After("sysctls", first_control_plane),)),
            listener=events.append,
        )

    error = caught.value
    assert (error.where, error.output) == ("master-1.example.com: bad", "to stdout\nthe reason\n")
    assert error.command == "hardway apply --only sysctls --node master-1"
    assert world["worker-1"].log() == ["slow"]
    assert [(e.node, e.step) for e in events if isinstance(e, Failed)] == [("master-1.example.com", "bad")]


def test_a_refusal_is_told_from_a_failure(tmp_path: Path) -> None:
    """A script that will not overwrite something ends the run with exit code 6, in its own words."""
    world = World(tmp_path)
    bad = world.chapter("bad", lambda m, n: [command("bad", f"echo 'another CA is there' >&2\nexit {REFUSED}\n")])

    with pytest.raises(Refused) as caught:
        world.apply(Stage(bad, first_control_plane))

    error = caught.value
    assert (error.exit_code, error.where, error.output) == (6, "master-1.example.com: bad", "another CA is there\n")


def test_a_guard_that_refuses_stops_the_run_before_it_begins(tmp_path: Path) -> None:
    """What may not be overwritten on one node leaves all the others as they are; the plan can still be looked at."""
    world = World(tmp_path, workers=2)
    guard = Check("the pods to stay", f"echo 'they would move'\nexit {REFUSED}\n")
    stages = (
        Stage(world.chapter("a", lambda m, n: [note(m, "one")]), everywhere),
        Stage(
            world.chapter("b", lambda m, n: [dataclasses.replace(command("move", "exit 1\n"), unless=guard)]), workers
        ),
    )

    assert [c.reason for c in world.plan(*stages).pending if c.refused] == ["they would move"] * 2
    with pytest.raises(Refused) as caught:
        world.apply(*stages)
    assert (caught.value.where, caught.value.output) == (
        "worker-1.example.com: move",
        "worker-2.example.com: they would move",
    )
    assert [machine.log() for machine in world.machines.values()] == [[]] * 3


def test_no_second_cluster_beside_the_first(tmp_path: Path) -> None:
    """A first master that lost its CA does not make another one while somebody belongs to the old."""
    world = World(tmp_path, workers=1)
    joined = world["worker-1"].root / "joined"
    known = Check("the CA to be known", f"[ -e {joined} ] || {{ echo no; exit 1; }}\n")
    stages = (
        Stage(world.chapter("certs", lambda m, n: []), first_control_plane),
        Stage(
            world.chapter(
                "discovery", lambda m, n: [dataclasses.replace(command("ca", "true\n"), unless=known, inputs=("ca",))]
            ),
            workers,
        ),
    )

    assert len(world.plan(*stages).pending) == 1
    joined.touch()
    with pytest.raises(Refused, match="would begin a new cluster, while others belong to one: worker-1"):
        world.plan(*stages)


def test_a_wait_that_runs_out_says_why(tmp_path: Path) -> None:
    """A timeout is an error with the last reason and the check's hint."""
    world = World(tmp_path)
    check = Check("the moon", "echo 'it is day'\nexit 1\n", hint="come back at night")
    stage = Stage(world.chapter("a", lambda m, n: [Wait("moon", check, 0.3)]), everywhere)

    with pytest.raises(StepFailed, match="gave up waiting for the moon") as caught:
        world.apply(stage)

    assert (caught.value.output, caught.value.hint) == ("it is day\n", "come back at night")


def test_a_script_with_a_wrong_syntax_fails_alone(tmp_path: Path) -> None:
    """It does not take the steps before it down with it, and it is the one that is named."""
    world = World(tmp_path)
    stage = Stage(world.chapter("a", lambda m, n: [note(m, "one"), command("broken", "if then (\n")]), everywhere)

    with pytest.raises(StepFailed, match="syntax error") as caught:
        world.apply(stage)

    assert caught.value.where == "master-1.example.com: broken"
    assert world["master-1"].log() == ["one"]


def test_a_write_into_a_missing_directory_fails(tmp_path: Path) -> None:
    """Chapters make directories; nothing is left beside the target."""
    world = World(tmp_path)
    stage = Stage(world.chapter("a", lambda m, n: [file(m, "no/such", "x\n")]), everywhere)

    with pytest.raises(StepFailed, match="No such file or directory"):
        world.apply(stage)
    assert sorted(path.name for path in world["master-1"].root.iterdir()) == ["run"]


def test_an_upload_that_was_cut_short_runs_nothing(tmp_path: Path) -> None:
    """Wherever the script ends too early, no step is begun."""
    machine = World(tmp_path)["master-1"]
    text = perform(
        "nonce",
        "somebody",
        [
            Part(
                0,
                tuple(
                    Action(i, p) for i, p in enumerate(lower(file(machine, "x", "x\n")) + lower(note(machine, "a")))
                ),
            )
        ],
        {},
    )
    # The last line is the call, and its name is short: everything before it is cut somewhere, or at its end.
    cuts = [*range(0, len(text), 97), *range(len(text) - 30, len(text) - 1)]
    for cut in cuts:
        if text[:cut].endswith("\nmain"):
            continue
        subprocess.run(argv(machine.run), input=text[:cut].encode(), capture_output=True, check=False)

    assert sorted(path.name for path in machine.root.iterdir()) == ["run"]
    assert list(machine.run.iterdir()) == []


def test_a_killed_script_is_looked_at_again_and_goes_on(tmp_path: Path) -> None:
    """kill -9 of the remote bash in the middle of a step costs one probe, and every command runs once."""
    world = World(tmp_path)
    killed = tmp_path / "killed"

    def steps(machine: Machine, node: Node) -> list[Step]:
        kill = f"[ -e {killed} ] || {{ touch {killed}; kill -9 $$; sleep 0.3; }}\necho kill >>{machine.root}/log\n"
        return [note(machine, "one"), note(machine, "kill", script=kill), note(machine, "two")]

    events: list[Event] = []
    world.apply(Stage(world.chapter("a", steps), everywhere), listener=events.append)

    assert world["master-1"].log() == ["one", "kill", "two"]
    assert [e.node for e in events if isinstance(e, NodeLost)] == ["master-1.example.com"]
    assert [e.holder.split(",")[0] for e in events if isinstance(e, LockWaiting)] != []
    assert world.round_trips() == {"master-1": 5}


def test_a_node_that_is_lost_twice_is_given_up(tmp_path: Path) -> None:
    """One retry, then the user is told."""
    world = World(tmp_path)
    stage = Stage(world.chapter("a", lambda m, n: [command("a", "kill -9 $$\n")]), everywhere)

    with pytest.raises(Unreachable):
        world.apply(stage)


def test_what_a_killed_run_owes_is_paid(tmp_path: Path) -> None:
    """The file changed, the restart did not come: the next run restarts although the guard is content."""
    world = World(tmp_path)
    content = ["1\n"]
    trap = tmp_path / "trap"

    def steps(machine: Machine, node: Node) -> list[Step]:
        return [
            file(machine, "conf", content[0]),
            command("trap", f"[ ! -e {trap} ] || exit 9\n"),
            note(machine, "restart", watches=(f"{machine.root}/conf",)),
        ]

    stage = Stage(world.chapter("a", steps), everywhere)
    world.apply(stage)
    content[0] = "2\n"
    trap.touch()
    with pytest.raises(StepFailed):
        world.apply(stage)
    trap.unlink()

    assert [c.item.primitive.step for c in world.plan(stage).pending] == ["trap", "restart"]
    world.apply(stage)
    assert world["master-1"].log() == ["restart", "restart"]


def test_the_second_operator_is_told_who_is_there(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Waiting for the lock is limited, and the error names the holder."""
    monkeypatch.setattr(script, "LOCK_WAIT", 1)
    world = World(tmp_path)
    run = world["master-1"].run
    (run / "holder").write_text("ann@laptop, hardway with pid 4, since noon\n")
    with subprocess.Popen(["flock", run / "lock", "sleep", "60"]) as holder:
        try:
            while subprocess.run(["flock", "-n", run / "lock", "true"], check=False).returncode == 0:
                pass
            events: list[Event] = []
            with pytest.raises(Locked, match="ann@laptop"):
                world.apply(
                    Stage(world.chapter("a", lambda m, n: [note(m, "a")]), everywhere), listener=events.append
                )
        finally:
            # flock waits for its command, which holds the lock.
            subprocess.run(["pkill", "-P", str(holder.pid)], check=True)

    assert [e.holder for e in events if isinstance(e, LockWaiting)] == ["ann@laptop, hardway with pid 4, since noon"]


def test_an_interrupted_client_leaves_the_step_to_its_end_and_nothing_more(tmp_path: Path) -> None:
    """Cancelled (Ctrl-C) in a step: that step ends, the next does not begin, and the next run continues."""
    world = World(tmp_path)
    a = world.chapter(
        "a",
        lambda m, n: [note(m, "slow", script=f"sleep 0.4\necho slow >>{m.root}/log\n"), note(m, "next")],
    )
    stage = Stage(a, everywhere)
    told: list[Event] = []

    async def interrupted() -> None:
        begun = asyncio.Event()

        def listener(event: Event) -> None:
            told.append(event)
            if isinstance(event, StepStarted):
                begun.set()

        task = asyncio.ensure_future(world._apply([stage], (), Selection(), listener))
        await begun.wait()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    asyncio.run(interrupted())

    assert asdict(told[-1]) == {"event": "interrupted", "running": (("master-1.example.com", "slow"),)}
    assert [c.item.primitive.step for c in world.plan(stage).pending] == ["next"]
    assert world["master-1"].log() == ["slow"]


TOKEN = re.compile(r"[a-z0-9]{6}\.[a-z0-9]{16}")


def joining(world: World) -> tuple[Stage, ...]:
    """A master that announces a token, and a worker that uses it."""
    worker = world.cluster.node("worker-1").name
    name, seen = f"token/{worker}", f"{world['master-1'].root}/announced"
    announced = Check("the announcement", f"[ -e {seen} ]\n")
    a = world.chapter(
        "announce",
        lambda m, n: [Command("announce", "announce", f"cp {input_file(name)} {seen}\n", announced, inputs=(name,))],
    )

    def join(machine: Machine, node: Node) -> list[Step]:
        same = f"cmp {input_file(name)} {seen}\nstat -c %a {input_file(name)} >{machine.root}/mode\n"
        return [note(machine, "join", script=same + f"echo join >>{machine.root}/log\n", inputs=(name,))]

    clean = world.chapter(
        "clean",
        lambda m, n: [
            Command(
                "clean",
                "forget the token",
                f"rm -f {input_file(name)}\n",
                Check("it to be gone", f"[ ! -e {input_file(name)} ]\n"),
                watches=(input_file(name),),
            )
        ],
    )
    return (
        Stage(a, first_control_plane),
        Stage(world.chapter("join", join), workers, after=(After("announce", first_control_plane),)),
        Stage(clean, first_control_plane, after=(After("join", workers),)),
    )


def test_tokens_are_minted_laid_down_and_forgotten(tmp_path: Path) -> None:
    """0600 on the node that uses it, in no event, and gone once its chapter has cleaned up; nothing for a second run."""
    world = World(tmp_path, workers=1)
    events: list[Event] = []

    world.apply(*joining(world), listener=events.append)

    token = (world["master-1"].root / "announced").read_text().strip()
    assert TOKEN.fullmatch(token)
    assert (world["worker-1"].root / "mode").read_text().strip() == "600"
    assert token not in repr(events)
    assert list((world["master-1"].run / "inputs").iterdir()) == []
    assert world.plan(*joining(world)).pending == ()
    assert world.apply(*joining(world)) == 0


def test_an_interrupted_run_uses_its_token_again(tmp_path: Path) -> None:
    """What the first master has announced is taken up, not minted anew."""
    world = World(tmp_path, workers=1)
    stages = joining(world)
    world.apply(*stages[:1])
    token = (world["master-1"].root / "announced").read_text()

    world.apply(*stages)

    assert world["worker-1"].log() == ["join"]
    assert (world["master-1"].root / "announced").read_text() == token


def test_one_node_alone_finds_the_token_on_the_first_master(tmp_path: Path) -> None:
    """--node worker-1 works when the master has announced it, and is refused with a hint when it has not."""
    world = World(tmp_path, workers=1)
    stages = joining(world)

    with pytest.raises(UsageError, match="nothing in this plan makes it") as caught:
        world.apply(*stages, nodes=["worker-1"])
    # Its Node may be there still, though its machine was reset.
    assert re.search(
        r"takes it for alive.* is Unknown .*kubectl delete node worker-1\.example\.com;", caught.value.hint
    )
    world.apply(*stages[:1])
    world.apply(*stages, nodes=["worker-1"])

    assert world["worker-1"].log() == ["join"]


@pytest.mark.parametrize("made_before", [False, True])
def test_a_value_that_a_stage_makes_reaches_those_who_need_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, made_before: bool
) -> None:
    """Read at the end of its stage without a round trip of its own, and by the probe when the stage was done before."""
    world = World(tmp_path, workers=1)
    pin = world["master-1"].root / "pin"
    monkeypatch.setattr(
        "hardway.workflows.inputs.RUN_INPUTS", (RunInput("ca-pin", secret=False, read=f"cat {pin}\n"),)
    )
    make = world.chapter("make", lambda m, n: [file(m, "pin", "sha256:abc\n")])
    use = world.chapter(
        "use",
        lambda m, n: [
            note(
                m,
                "use",
                script=f"cat {input_file('ca-pin')} >>{m.root}/log\n",
                inputs=("ca-pin",),
                unless=Check("x", f"[ -e {m.root}/log ]\n"),
            )
        ],
    )
    stages = (Stage(make, first_control_plane, makes=("ca-pin",)), Stage(use, workers))
    if made_before:
        world.apply(*stages[:1])
        world.round_trips()

    world.apply(*stages)

    assert world["worker-1"].log() == ["sha256:abc"]
    assert world.round_trips() == {"master-1": 2 if made_before else 3, "worker-1": 3}


def test_failed_output_does_not_show_run_inputs(tmp_path: Path) -> None:
    """A command that prints its token and fails does not make us print it."""
    world = World(tmp_path, workers=1)
    name = f"token/{world.cluster.node('worker-1').name}"
    a = world.chapter("a", lambda m, n: [command("a", f"cat {input_file(name)}\nexit 3\n", inputs=(name,))])

    with pytest.raises(StepFailed) as caught:
        world.apply(Stage(a, first_control_plane))

    assert not TOKEN.search(caught.value.output)
    assert caught.value.output == "***\n"


def test_secret_files_are_never_readable_for_others(tmp_path: Path) -> None:
    """Watched while it is written: the file beside the target has its final mode before its first byte."""
    world = World(tmp_path)
    root = world["master-1"].root
    stage = Stage(
        world.chapter(
            "a", lambda m, n: [file(m, f"key-{i}", "secret " * 9000, mode=0o600, secret=True) for i in range(9)]
        ),
        everywhere,
    )
    watcher = subprocess.Popen(
        [sys.executable, "-c", _WATCH, str(root)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    assert watcher.stdout
    watcher.stdout.read(1)
    world.apply(stage)
    found, _ = watcher.communicate(b"end")

    assert found == b""
    assert stat.S_IMODE((root / "key-0").stat().st_mode) == 0o600
    assert [path.name for path in (root / "run").iterdir()] == ["lock"]


_WATCH = """
import os, select, sys, stat
print(end=".", flush=True)
bad = set()
while not select.select([0], [], [], 0)[0]:
    for entry in os.scandir(sys.argv[1]):
        try:
            info = entry.stat()
        except FileNotFoundError:
            continue
        if "key" in entry.name and stat.S_IMODE(info.st_mode) & 0o077:
            bad.add(entry.name)
print(*bad, end="")
"""
