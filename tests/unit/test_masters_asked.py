"""Which master is asked for the cluster: the first that answers for it, and not one that merely can be reached."""

import asyncio
import dataclasses
import subprocess
from pathlib import Path

import pytest

from engine_nodes import World
from hardway.chapters.leave import Drain
from hardway.engine import ask, script
from hardway.engine.ask import ask_master, has, serves
from hardway.engine.membership import departure
from hardway.errors import StepFailed, Unreachable

KUBECTL = """\
#!/bin/bash
case " $* " in
  *" --raw /readyz "*) if [ -e /run/hardway/ready ]; then echo ok; else echo 'connection refused' >&2; exit 1; fi ;;
esac
"""


@pytest.fixture
def world(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> World:
    """Three masters and a worker; the first master was reset, the API does not answer on the second."""
    world = World(tmp_path, masters=3, workers=1)
    paths = dataclasses.replace(world.cluster.paths, kubernetes="/run/hardway/etc")
    world.cluster = dataclasses.replace(world.cluster, paths=paths)
    for module in (ask, script):
        monkeypatch.setattr(module, "PATH", f"/run/hardway/bin:{script.PATH}")
    for name in ("master-1", "master-2", "master-3"):
        put(world[name].run / "bin/kubectl", KUBECTL).chmod(0o755)
    for name in ("master-2", "master-3"):
        put(world[name].run / "etc/admin.conf", "admin")
    put(world["master-3"].run / "ready", "")
    return world


def put(path: Path, text: str) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return path


def asked(world: World, text: str = "echo here; cat /run/hardway/etc/admin.conf; echo\n") -> str:
    return ask_master(world.cluster, "look", text, world.connect)


def test_the_first_that_answers_for_the_cluster_is_asked(world: World) -> None:
    """One without admin.conf, and one whose API is not ready, are passed over; what is asked runs on no other."""
    mark = "touch /run/hardway/asked\n"

    assert asked(world, f"{mark}echo here\n") == "here\n"
    assert [world[f"master-{n}"].run.joinpath("asked").exists() for n in (1, 2, 3)] == [False, False, True]


def test_the_question_costs_nothing(world: World) -> None:
    """It goes with what is asked: one connection and one script where the first master answers."""
    put(world["master-1"].run / "etc/admin.conf", "admin")
    put(world["master-1"].run / "ready", "")

    assert asked(world) == "here\nadmin\n"
    assert world.round_trips() == {"master-1": 1, "master-2": 0, "master-3": 0, "worker-1": 0}
    assert [world[f"master-{n}"].connections for n in (1, 2, 3)] == [1, 0, 0]


def test_nobody_answers(world: World) -> None:
    """Each master with its reason, and what to do."""
    (world["master-3"].run / "ready").unlink()
    with pytest.raises(Unreachable, match="no master can be asked to look") as lost:
        asked(world)

    names = [node.name for node in world.cluster.control_planes]
    why = "it was not possible to look"
    assert lost.value.output.splitlines() == [
        f"{names[0]}: {why}: there is no /run/hardway/etc/admin.conf",
        f"{names[1]}: {why}: the API is not ready: connection refused",
        f"{names[2]}: {why}: the API is not ready: connection refused",
    ]
    assert "hardway check" in lost.value.hint


def test_the_only_master_tells_its_own_reason(world: World) -> None:
    """With a command that shows more."""
    (first, second, *_) = world.cluster.nodes
    for node, words, hint in (
        (first, "there is no /run/hardway/etc/admin.conf", "hardway apply joins it again"),
        (second, "the API is not ready: connection refused", "get --raw /readyz"),
    ):
        world.cluster = dataclasses.replace(world.cluster, nodes=(node,))
        with pytest.raises(Unreachable) as lost:
            asked(world)
        assert (lost.value.where, lost.value.output.strip()) == (node.name, words)
        assert hint in lost.value.hint


def test_what_fails_on_a_master_that_answers_is_tried_on_no_other(world: World) -> None:
    """Otherwise a change could be made twice."""
    put(world["master-2"].run / "ready", "")
    with pytest.raises(StepFailed):
        asked(world, "exit 1\n")

    assert world.round_trips() == {"master-1": 1, "master-2": 1, "master-3": 0, "worker-1": 0}


def test_a_file_can_be_fetched_while_the_api_is_down(world: World) -> None:
    """Of the first master that has it."""
    path = "/run/hardway/etc/admin.conf"

    assert ask_master(world.cluster, "read", f"cat {path}\n", world.connect, needs=has(path)) == "admin\n"
    assert world.round_trips() == {"master-1": 1, "master-2": 1, "master-3": 0, "worker-1": 0}


def test_a_master_that_was_reset_helps_nobody_to_leave(world: World) -> None:
    """All masters are asked at once, over one connection each, and the helper goes on with its own."""
    worker = world.cluster.node("worker-1")

    async def look() -> set[str]:
        async with departure(world.cluster, worker.name, Drain(), reset=False, connect=world.connect) as movement:
            return {change.item.node for change in movement.plan.changes}

    assert asyncio.run(look()) == {world.cluster.node("master-3").name}
    # The question, the facts and the plan.
    assert world.round_trips() == {"master-1": 1, "master-2": 1, "master-3": 3, "worker-1": 0}
    assert [world[f"master-{n}"].connections for n in (1, 2, 3)] == [1, 1, 1]


def test_nobody_is_left_to_help(world: World) -> None:
    """Each with its reason."""
    (world["master-3"].run / "ready").unlink()

    async def look() -> None:
        async with departure(world.cluster, "worker-1", Drain(), reset=False, connect=world.connect):
            pass

    with pytest.raises(Unreachable, match="no other master answers") as lost:
        asyncio.run(look())
    assert lost.value.output.count("the API is not ready") == 2
    assert lost.value.output.count("there is no /run/hardway/etc/admin.conf") == 1


def test_the_questions_are_clean_bash(world: World, tmp_path: Path) -> None:
    """shellcheck finds nothing."""
    file = put(tmp_path / "asked.sh", serves(world.cluster))
    done = subprocess.run(["shellcheck", "-s", "bash", file], capture_output=True, text=True, check=False)

    assert done.stdout == ""
