"""Which stage of which node waits for which: the graph behind a list of stages. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from graphlib import CycleError, TopologicalSorter
from typing import TypeAlias

from hardway.errors import UsageError
from hardway.model import Cluster, Node
from hardway.workflows.stage import Stage

Key: TypeAlias = tuple[int, str]
"""Place of the stage in the workflow, and name of the node."""


@dataclass(frozen=True)
class Unit:
    """One stage on one node."""

    stage: int
    node: str
    chapter: str
    after: frozenset[Key] = frozenset()
    """What has to be finished on other nodes. A node's own units follow each other in any case."""
    makes: tuple[str, ...] = ()

    @property
    def key(self) -> Key:
        return (self.stage, self.node)


@dataclass(frozen=True)
class Selection:
    """The chapters that are meant: a range in each node's own order, or some chapters; all by default."""

    first: str = ""
    last: str = ""
    only: tuple[str, ...] = ()
    whole: tuple[str, ...] = ()
    """Nodes for which `only` does not count: all their chapters are meant."""


def units(
    cluster: Cluster, stages: Sequence[Stage], nodes: Iterable[Node], selection: Selection | None = None
) -> tuple[Unit, ...]:
    """All selected stages on these nodes, in the workflow's order; UsageError for chapters that are not there."""
    wanted = {node.name for node in nodes}
    placed = [
        (number, stage, tuple(node.name for node in stage.on(cluster) if node.name in wanted))
        for number, stage in enumerate(stages)
    ]
    keys = {(number, name) for number, _, names in placed for name in names}
    keys &= _selected(stages, keys, selection or Selection())
    result = []
    for number, stage, names in placed:
        mine = [name for name in names if (number, name) in keys]
        for position, name in enumerate(mine):
            after = {
                (other, waited.name)
                for wait in stage.after
                for other, candidate in enumerate(stages)
                if candidate.chapter.name == wait.chapter
                for waited in wait.on(cluster)
                if waited.name != name
            }
            if stage.serial and position:
                after.add((number, mine[position - 1]))
            result.append(Unit(number, name, stage.chapter.name, frozenset(after & keys), stage.makes))
    return tuple(result)


def known(stages: Sequence[Stage], selection: Selection) -> Selection:
    """The selection, if the workflow has all its chapters; else UsageError, which names those that it has."""
    names = dict.fromkeys(stage.chapter.name for stage in stages)
    for name in (selection.first, selection.last, *selection.only):
        if name and name not in names:
            raise UsageError(f"there is no chapter `{name}`", hint=f"the chapters are: {', '.join(names)}")
    return selection


def _selected(stages: Sequence[Stage], keys: set[Key], selection: Selection) -> set[Key]:
    names = [stage.chapter.name for stage in stages]
    known(stages, selection)
    if selection.only:
        return {(number, node) for number, node in keys if names[number] in selection.only or node in selection.whole}
    kept = set()
    for number, node in keys:
        # A chapter that stands in several workflows is meant where this node has it.
        begin = _places(names, keys, node, selection.first)
        end = _places(names, keys, node, selection.last)
        if (not begin or number >= min(begin)) and (not end or number <= max(end)):
            kept.add((number, node))
    return kept


def _places(names: Sequence[str], keys: set[Key], node: str, chapter: str) -> list[int]:
    every = [number for number, name in enumerate(names) if name == chapter]
    return [number for number in every if (number, node) in keys] or every


def ordered(everything: Iterable[Unit]) -> tuple[Unit, ...]:
    """The units so that each follows what it waits for; UsageError for a workflow that waits for itself."""
    listed = {unit.key: unit for unit in everything}
    graph: TopologicalSorter[Key] = TopologicalSorter()
    previous: dict[str, Key] = {}
    for key, unit in listed.items():
        before = {previous[unit.node]} if unit.node in previous else set()
        graph.add(key, *unit.after, *before)
        previous[unit.node] = key
    try:
        return tuple(listed[key] for key in graph.static_order())
    except CycleError as cycle:
        circle = " -> ".join(f"{listed[key].chapter} on {key[1]}" for key in cycle.args[1])
        raise UsageError("the workflow waits for itself", output=circle) from cycle
