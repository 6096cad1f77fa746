"""The texts that are sent: well-formed for every node of the example, clean, and without a secret where others look."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from engine_nodes import World, note
from hardway.config import load
from hardway.engine import perform, probe
from hardway.engine.perform import Action, Part
from hardway.engine.plan import Item, items
from hardway.engine.schedule import ordered, units
from hardway.engine.script import frame, parse
from hardway.model import Cluster
from hardway.steps import Check, Command, lower
from hardway.steps.shell import input_file
from hardway.workflows.apply import APPLY
from hardway.workflows.inputs import questions
from hardway.workflows.stage import Stage, first_control_plane

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    return load(ROOT / "examples" / "lab" / "cluster.yaml")


def by_node(cluster: Cluster) -> Iterator[tuple[str, list[Item]]]:
    everything = items(cluster, APPLY, units(cluster, APPLY, cluster.nodes))
    for node in cluster.nodes:
        yield node.name, [item for item in everything if item.node == node.name]


def test_every_script_of_the_example_is_bash(cluster: Cluster) -> None:
    """Probe and apply of each whole node parse; no step's text can break out of its own."""
    for node, mine in by_node(cluster):
        primitives = [item.primitive for item in mine]
        part = Part(
            0,
            tuple(Action(number, primitive) for number, primitive in enumerate(primitives)),
            questions(cluster, ("ca-pin",)),
        )
        for text in (
            probe.script("nonce", primitives, questions(cluster, ("certificate-key", "ca-pin"))),
            perform.script("nonce", "somebody", [part], {f"token/{node}": "value"}),
        ):
            done = subprocess.run(["bash", "-n"], input=text, text=True, capture_output=True, check=False)
            assert (node, done.stderr, done.returncode) == (node, "", 0)


def test_the_workflow_waits_for_nothing_that_waits_for_it(cluster: Cluster) -> None:
    """All stages of all nodes can be put into one order."""
    assert len(ordered(units(cluster, APPLY, cluster.nodes))) == sum(len(stage.on(cluster)) for stage in APPLY)


def test_the_frame_is_clean(cluster: Cluster) -> None:
    """shellcheck has nothing to say of our own shell text, without any step in it."""
    part = Part(0, (), questions(cluster, ("ca-pin",)))
    command = Command("a", "a", "true\n", Check("a", "false\n"))

    for text in (
        perform.script("nonce", "somebody", [part], {"certificate-key": "x"}),
        probe.script("nonce", lower(command), questions(cluster, ("ca-pin", "certificate-key"))),
        frame("nonce", ""),
    ):
        done = subprocess.run(
            # 2174: the directories above are there. The others: what this script happens not to need.
            ["shellcheck", "-s", "bash", "-e", "SC2034,SC2174,SC2317,SC2329", "-"],
            input=text,
            text=True,
            capture_output=True,
            check=False,
        )
        assert done.stdout == ""


def test_only_marked_lines_are_answers() -> None:
    """Login banners and other people's lines are passed over."""
    line = parse("n0nce", "n0nce check 3 1 a reason of words")

    assert line
    assert (line.kind, line.split(2)) == ("check", ("3", "1", "a reason of words"))
    assert parse("n0nce", "Welcome to Debian") is None
    assert parse("n0nce", "other check 3 1") is None


def test_no_secret_is_in_argv_or_environment(tmp_path: Path) -> None:
    """While a step runs that has a token, no process of the machine shows it."""
    world = World(tmp_path, workers=1)
    name = f"token/{world.cluster.node('worker-1').name}"
    look = (
        f"cat /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null | grep -aqFf {input_file(name)} && exit 7\ntrue\n"
    )
    chapter = world.chapter(
        "a", lambda m, n: [note(m, "look", script=look + f"echo look >>{m.root}/log\n", inputs=(name,))]
    )

    world.apply(Stage(chapter, first_control_plane))

    assert world["master-1"].log() == ["look"]
