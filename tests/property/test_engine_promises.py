"""The engine's promises over random workflows: plan equals apply, and killed anywhere it converges."""

import contextlib
import json
import os
import signal
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from hypothesis import given, settings
from hypothesis import strategies as st

from engine_nodes import Machine, World, file, note
from hardway.cli.outputs import EVENT
from hardway.engine.events import Event, StepDone
from hardway.engine.plan import Plan, title
from hardway.errors import Unreachable
from hardway.model import Node
from hardway.steps import Await, Check, Step, Wait
from hardway.workflows.stage import After, Selector, Stage, everywhere, first_control_plane, joining_control_planes

SECRET = "do-not-tell-anybody"
FILES = "abc"


@dataclass(frozen=True)
class Wish:
    """A step that can be drawn: it is made for each machine."""

    kind: str
    name: str
    content: str = ""
    mode: int = 0o644

    def step(self, machine: Machine) -> Step:
        match self.kind:
            case "file":
                return file(machine, self.name, self.content, mode=self.mode)
            case "secret":
                return file(machine, self.name, f"{SECRET}{self.content}", mode=0o600, secret=True)
            case "watch":
                return note(machine, self.name, watches=(f"{machine.root}/{self.content}",))
            case "slow":
                return note(machine, self.name, script=f"sleep 0.03\necho {self.name} >>{machine.root}/log\n")
            case "wait":
                return Wait(f"wait-{self.name}", Check("run to be there", f"[ -d {machine.root}/run ]\n"), 5)
            case _:
                return note(machine, self.name)


@st.composite
def chapters(draw: st.DrawFn) -> tuple[tuple[Wish, ...], ...]:
    """Some chapters of some steps; commands have names of their own, files are written again and again."""
    counter = iter(range(1000))
    wish = st.one_of(
        st.builds(
            Wish,
            st.just("file"),
            st.sampled_from(FILES),
            st.sampled_from(["", "1\n", "2\n", "no newline", "'$x' \\ \"\n"]),
            st.sampled_from([0o644, 0o600, 0o755]),
        ),
        st.builds(Wish, st.just("secret"), st.just("key"), st.sampled_from(["1\n", "2\n"])),
        st.builds(
            lambda kind, watched: Wish(kind, f"w{next(counter)}", watched),
            st.sampled_from(["note", "slow", "watch", "wait"]),
            st.sampled_from(FILES),
        ),
    )
    return tuple(draw(st.lists(st.lists(wish, max_size=4).map(tuple), min_size=1, max_size=4)))


SELECTORS: tuple[Selector, ...] = (first_control_plane, joining_control_planes, everywhere)


@st.composite
def workflows(draw: st.DrawFn) -> Callable[[World], tuple[Stage, ...]]:
    """Chapters on some nodes, each perhaps after an earlier one on other nodes, perhaps one node at a time."""
    wishes = draw(chapters())
    places = [draw(st.sampled_from(SELECTORS)) for _ in wishes]
    afters = [draw(st.none() | st.integers(0, n - 1)) if n else None for n in range(len(wishes))]
    serials = [draw(st.booleans()) for _ in wishes]

    def steps(mine: Sequence[Wish]) -> Callable[[Machine, Node], list[Step]]:
        return lambda machine, node: [wish.step(machine) for wish in mine]

    def build(world: World) -> tuple[Stage, ...]:
        return tuple(
            Stage(
                world.chapter(f"c{n}", steps(mine)),
                places[n],
                () if (earlier := afters[n]) is None else (After(f"c{earlier}", places[earlier]),),
                serials[n],
            )
            for n, mine in enumerate(wishes)
        )

    return build


before = st.lists(st.tuples(st.sampled_from([*FILES, "key"]), st.sampled_from(["1\n", "x\n"])), max_size=3)
"""Files that the first master has already."""


def due(plan: Plan) -> list[tuple[str, str, str]]:
    return [
        (c.item.node, c.item.primitive.step, title(c.item.primitive))
        for c in plan.pending
        if not isinstance(c.item.primitive, Await)
    ]


def commands(stages: Sequence[Stage], world: World) -> dict[str, list[str]]:
    """The words that each node's log has to have in the end; watchers may come more than once."""
    return {
        node.host_name: sorted(
            step.id
            for stage in stages
            if node in stage.on(world.cluster)
            for step in stage.chapter.steps(world.cluster, node)
            if step.id.startswith("w") and not getattr(step, "watches", ()) and not isinstance(step, Wait)
        )
        for node in world.cluster.nodes
    }


def once(stages: Sequence[Stage], world: World) -> dict[str, list[str]]:
    """What the logs say, without watchers."""
    wanted = commands(stages, world)
    return {
        node.host_name: sorted(word for word in world.machines[node.name].log() if word in wanted[node.host_name])
        for node in world.cluster.nodes
    }


@settings(max_examples=12)
@given(workflows(), before)
def test_plan_equals_apply(build: Callable[[World], tuple[Stage, ...]], found: list[tuple[str, str]]) -> None:
    """What the plan says is done, exactly; the second plan is empty; no secret is in plan or events."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), masters=3)
        stages = build(world)
        for name, content in found:
            (world["master-1"].root / name).write_text(content)
        plan = world.plan(*stages)
        events: list[Event] = []

        changed = world.apply(*stages, listener=events.append)

        done = [(e.node, e.step, e.title) for e in events if isinstance(e, StepDone) and e.result == "changed"]
        assert sorted(due(plan)) == sorted(done)
        assert len(done) == changed
        assert once(stages, world) == commands(stages, world)
        assert world.plan(*stages).pending == ()
        assert SECRET not in json.dumps(plan.to_data()) + "".join(map(EVENT.line, events)) + repr(plan)


def apply_and_die(world: World, stages: Sequence[Stage], marks: int) -> None:
    """A client process of its own that gets SIGKILL after so many events."""
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        with contextlib.suppress(BaseException):
            world.apply(*stages, listener=lambda event: os.write(writer, b".") and None)
        os._exit(0)
    os.close(writer)
    with os.fdopen(reader, "rb", buffering=0) as pipe:
        for _ in range(marks):
            if not pipe.read(1):
                break
        os.kill(child, signal.SIGKILL)
        os.waitpid(child, 0)


@settings(max_examples=10)
@given(workflows(), st.lists(st.integers(3, 40), min_size=1, max_size=3))
def test_a_killed_client_is_continued(build: Callable[[World], tuple[Stage, ...]], kills: list[int]) -> None:
    """SIGKILL of the client after any event, again and again; then it converges, and every command ran once."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), masters=3)
        stages = build(world)
        for marks in kills:
            apply_and_die(world, stages, marks)

        world.apply(*stages)

        assert once(stages, world) == commands(stages, world)
        assert world.plan(*stages).pending == ()


@settings(max_examples=10)
@given(workflows(), st.lists(st.tuples(st.integers(0, 12), st.booleans()), min_size=1, max_size=4, unique=True))
def test_a_killed_script_is_continued(
    build: Callable[[World], tuple[Stage, ...]], kills: list[tuple[int, bool]]
) -> None:
    """SIGKILL of the remote bash before or after its nth command; then it converges, and every command ran once."""
    with tempfile.TemporaryDirectory() as directory:
        world = World(Path(directory), masters=3)
        stages = build(world)
        for number, after in kills:
            # A word of the step's own text, so that the guard and the effect stay what they are.
            flag = f"{directory}/killed-{number}-{after}"
            arm(world, f"w{number}", flag, after)
        for _ in range(2 * len(kills) + 1):
            try:
                world.apply(*stages)
                break
            except Unreachable:
                continue

        assert once(stages, world) == commands(stages, world)
        assert world.plan(*stages).pending == ()


def arm(world: World, word: str, flag: str, after: bool) -> None:
    """Let the command of that name kill its script once, on each node."""
    for machine in world.machines.values():
        machine.arms[word] = (f"{flag}-{machine.root.name}", after)
