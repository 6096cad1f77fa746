"""The live table: a sign for each chapter of each node, whatever the terminal."""

import io

from clusters import lab_cluster
from rich.console import Console

from hardway.cli import ui
from hardway.cli.board import Board
from hardway.engine.events import Failed, RunDone, StageDone, StageStarted, StepDone, StepStarted
from hardway.engine.plan import Change, Item, Plan, Status
from hardway.steps import Write
from hardway.workflows.apply import APPLY

DUE = {"a": ("sysctls", "certs", "network"), "b": ("sysctls", "network"), "c": ()}


def plan(due: dict[str, tuple[str, ...]], order: tuple[str, ...]) -> Plan:
    """Something to do in these chapters."""
    return Plan(
        tuple(
            Change(Item(node, chapter, Write("s", "/x", b""), order.index(chapter)), Status.CHANGE)
            for node, chapters in due.items()
            for chapter in chapters
        )
    )


def strips(board: Board) -> dict[str, str]:
    """Node to its signs."""
    return {row.node: board.strip(row) for row in board.rows}


def test_each_chapter_has_its_place() -> None:
    """A node without work in a chapter has a gap there; done, at work, to come and failed are told apart."""
    board = Board(DUE)
    board.expect(plan(DUE, ("sysctls", "network", "certs")))
    assert strips(board) == {"a": "...", "b": ".. ", "c": "   "}

    board.see(StageStarted("a", "sysctls"))
    board.see(StepStarted("a", "sysctls", "one", "set one"))
    board.see(StepDone("a", "sysctls", "one", "set one", "changed", 3))
    board.see(StageDone("a", "sysctls", 1, 1.0, 1.0))
    board.see(StageStarted("a", "network"))
    board.see(Failed("b", "sysctls", "one", "it broke"))
    assert strips(board) == {"a": "#>.", "b": "x. ", "c": "   "}
    assert [(row.chapter, row.step, row.changed) for row in board.rows] == [
        ("network", "", 1),
        ("sysctls", "it broke", 0),
        ("", "", 0),
    ]

    board.see(RunDone(1, 2.0))
    assert strips(board) == {"a": "###", "b": "## ", "c": "   "}


def test_a_large_cluster_fits_on_a_small_terminal() -> None:
    """Nine nodes with every chapter there is take 80 columns, and nothing of the signs is cut off."""
    order = tuple(dict.fromkeys(stage.chapter.name for stage in APPLY))
    due = {f"{node.host_name}-{n}": order for n in range(2) for node in lab_cluster().nodes[:4]}
    progress = ui.Progress(list(due))
    progress.expect(plan(due, order))
    for node in due:
        progress(StepStarted(node, max(order, key=len), "s", "something with a title that is long enough " * 3))
    drawn = io.StringIO()
    Console(file=drawn, width=80, color_system=None).print(progress.render())
    lines = drawn.getvalue().splitlines()

    assert max(map(len, lines)) <= 80
    assert sum("." * len(order) in line for line in lines) == len(due)
    assert sum(max(order, key=len) in line for line in lines) == len(due)
