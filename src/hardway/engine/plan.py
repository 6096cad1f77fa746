"""What would change, per node, chapter and step: a value, made by comparing answers with wishes."""

import difflib
import hashlib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from hardway.engine.script import Line, decode, sha256
from hardway.model import Cluster, Node
from hardway.steps import Await, Primitive, Run, Write, lower
from hardway.steps.shell import input_file, octal
from hardway.workflows.stage import Stage


class Status(StrEnum):
    """same: nothing to do; change: will be done; known-after: depends on what is done before it."""

    SAME = "same"
    CHANGE = "change"
    KNOWN_AFTER = "known-after"


@dataclass(frozen=True)
class Item:
    """One primitive of one chapter on one node."""

    node: str
    chapter: str
    primitive: Primitive


@dataclass(frozen=True)
class Change:
    """What the plan says of one item."""

    item: Item
    status: Status
    reason: str = ""
    diff: tuple[str, ...] = ()
    """Unified diff; for secrets only the hashes."""


@dataclass(frozen=True)
class Plan:
    """All items of a run in their order, each with its status."""

    changes: tuple[Change, ...] = field(default=())

    @property
    def pending(self) -> tuple[Change, ...]:
        """What is not the same."""
        return tuple(change for change in self.changes if change.status is not Status.SAME)

    def due(self, node: str, chapter: str) -> tuple[Change, ...]:
        """All items of a chapter on a node when at least one of them is due, else nothing."""
        mine = tuple(c for c in self.changes if (c.item.node, c.item.chapter) == (node, chapter))
        return mine if any(change.status is not Status.SAME for change in mine) else ()

    def to_data(self) -> dict[str, object]:
        """The plan for `--json`: hashes instead of secrets, no file content but in diffs of plain files."""
        return {
            "changes": [
                {
                    "node": change.item.node,
                    "chapter": change.item.chapter,
                    "step": change.item.primitive.step,
                    "title": title(change.item.primitive),
                    "status": str(change.status),
                    "reason": change.reason,
                    "diff": list(change.diff),
                }
                for change in self.pending
            ]
        }


def title(primitive: Primitive) -> str:
    """What a primitive does, in a few words."""
    match primitive:
        case Write():
            return f"write {primitive.path}"
        case Run():
            return primitive.title
        case Await():
            return f"wait for {primitive.check.name}"


def items(cluster: Cluster, stages: Iterable[Stage], nodes: Iterable[Node]) -> tuple[Item, ...]:
    """All primitives of the stages on these nodes, in order."""
    wanted = {node.name for node in nodes}
    return tuple(
        Item(node.name, stage.chapter.name, primitive)
        for stage in stages
        for node in stage.on(cluster)
        if node.name in wanted
        for step in stage.chapter.steps(cluster, node)
        for primitive in lower(step)
    )


def compare(mine: tuple[Item, ...], answers: Iterable[Line]) -> tuple[Change, ...]:
    """The changes of one node from the lines of its probe."""
    files: dict[int, tuple[str, str, str]] = {}
    contents: dict[int, str] = {}
    checks: dict[int, tuple[bool, str]] = {}
    for line in answers:
        if line.kind == "file":
            files[int(line.words[0])] = (line.words[1], line.words[2], line.words[3])
        elif line.kind == "content":
            contents[int(line.words[0])] = decode(line.words[1])
        elif line.kind == "check":
            checks[int(line.words[0])] = (line.words[1] == "0", " ".join(line.words[2:]).strip())
    changed: set[str] = set()
    result: list[Change] = []
    for number, item in enumerate(mine):
        primitive = item.primitive
        if isinstance(primitive, Write):
            change = _compare_write(item, primitive, files[number], contents.get(number))
            if change.status is not Status.SAME:
                changed.add(primitive.path)
        else:
            change = _compare_check(item, primitive, checks[number], changed)
            if change.status is not Status.SAME and isinstance(primitive, Run):
                # The engine lays these down for it, so whoever watches them has something to do.
                changed |= {input_file(name) for name in primitive.inputs}
        result.append(change)
    return tuple(result)


def _compare_write(item: Item, write: Write, found: tuple[str, str, str], old: str | None) -> Change:
    digest, mode, owner = found
    wanted = sha256(write.content)
    if (digest, mode, owner) == (wanted, f"{write.mode:o}", write.owner):
        return Change(item, Status.SAME)
    if digest == "-":
        reason = "is missing"
    elif digest != wanted:
        reason = "differs"
    else:
        reason = f"has mode {mode} and owner {owner}, wanted {octal(write.mode)} {write.owner}"
    if write.secret:
        diff: tuple[str, ...] = (f"-sha256:{digest}", f"+sha256:{wanted}") if digest != wanted else ()
    else:
        diff = tuple(
            difflib.unified_diff(
                (old or "").splitlines() if digest != wanted else [],
                write.content.decode(errors="replace").splitlines() if digest != wanted else [],
                write.path if digest != "-" else "/dev/null",
                write.path,
                lineterm="",
            )
        )
    return Change(item, Status.CHANGE, reason, diff)


def _compare_check(item: Item, primitive: Run | Await, answer: tuple[bool, str], changed: set[str]) -> Change:
    yes, reason = answer
    if isinstance(primitive, Run) and (touched := sorted(changed & set(primitive.watches))):
        return Change(item, Status.CHANGE, f"{', '.join(touched)} changes")
    if yes:
        return Change(item, Status.SAME)
    if isinstance(primitive, Await):
        return Change(item, Status.KNOWN_AFTER, reason)
    return Change(item, Status.CHANGE, reason)


def fingerprint(plan: Plan) -> Mapping[str, str]:
    """Old and new hash of each pending file, for a saved plan."""
    return {
        f"{change.item.node}:{change.item.primitive.path}": hashlib.sha256(change.item.primitive.content).hexdigest()
        for change in plan.pending
        if isinstance(change.item.primitive, Write)
    }
