"""How far each node is: a row per node, a sign per chapter. No terminal here; `ui` draws it."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hardway.engine.events import (
    Event,
    Failed,
    NodeLost,
    RunDone,
    StageDone,
    StageStarted,
    StepDone,
    StepStarted,
    StepWaiting,
)
from hardway.engine.plan import Plan

NOTHING, WAITS, RUNS, DONE, FAILED = " ", ".", ">", "#", "x"
LEGEND = f"{DONE} done  {RUNS} at work  {WAITS} still to come  {FAILED} failed"


@dataclass
class Row:
    """One node."""

    node: str
    chapter: str = ""
    step: str = ""
    changed: int = 0
    signs: dict[str, str] = field(default_factory=dict)
    """Chapter to sign, for the chapters that have something to do here."""


class Board:
    """All nodes of a run. It is told the plan as soon as there is one, and every event."""

    def __init__(self, nodes: Iterable[str]) -> None:
        self._rows = {node: Row(node) for node in nodes}
        self._chapters: tuple[str, ...] = ()

    def expect(self, plan: Plan) -> None:
        """What is going to be done."""
        items = sorted((change.item for change in plan.pending), key=lambda item: item.stage)
        self._chapters = tuple(dict.fromkeys(item.chapter for item in items))
        for item in items:
            self._rows.setdefault(item.node, Row(item.node)).signs[item.chapter] = WAITS

    def see(self, event: Event) -> None:
        """What has happened."""
        match event:
            case StageStarted():
                self._now(event.node, event.chapter, "").signs[event.chapter] = RUNS
            case StepStarted():
                self._now(event.node, event.chapter, event.title)
            case StepWaiting():
                self._now(event.node, event.chapter, f"waiting: {event.reason}")
            case StepDone():
                self._rows[event.node].changed += event.result == "changed"
            case StageDone():
                self._now(event.node, event.chapter, "done").signs[event.chapter] = DONE
            case Failed():
                self._now(event.node, event.chapter, event.what).signs[event.chapter] = FAILED
            case NodeLost():
                self._rows[event.node].step = f"connecting again: {event.reason}"
            case RunDone():
                for row in self._rows.values():
                    row.signs = dict.fromkeys(row.signs, DONE)
            case _:
                pass

    def _now(self, node: str, chapter: str, step: str) -> Row:
        row = self._rows[node]
        row.chapter, row.step = chapter, step
        return row

    @property
    def rows(self) -> Sequence[Row]:
        """In the order of the inventory."""
        return tuple(self._rows.values())

    def strip(self, row: Row) -> str:
        """The node's signs; all nodes have the same chapter at the same place."""
        return "".join(row.signs.get(chapter, NOTHING) for chapter in self._chapters)
