"""What would change, per node, chapter and step: a value, made by comparing answers with wishes. Pure."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Any

from typing_extensions import TypedDict

from hardway.engine.probe import Answer, Answers, FileState
from hardway.engine.schedule import Key, Unit, ordered
from hardway.engine.script import sha256
from hardway.errors import REFUSED, Refused
from hardway.model import Cluster
from hardway.steps import Await, Primitive, Run, Write, lower_all
from hardway.steps.shell import INPUTS, input_file, octal
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
    stage: int = 0
    """Place of the chapter in the workflow."""

    @property
    def key(self) -> Key:
        return (self.stage, self.node)


@dataclass(frozen=True)
class Change:
    """What the plan says of one item."""

    item: Item
    status: Status
    reason: str = ""
    diff: tuple[str, ...] = ()
    """Unified diff; for secrets only the hashes."""
    old: str = ""
    """State of the file before: hash, mode, owner. Empty where there is none, and for what is no file."""
    new: str = ""
    """State of the file afterwards; for a Run the hash of its script."""
    forced: bool = False
    """Due although its check may be content: a file that it watches changes."""
    refused: bool = False
    """Its check says that carrying on would overwrite what must not be overwritten."""

    @property
    def is_due(self) -> bool:
        return self.status is not Status.SAME


@dataclass(frozen=True)
class Plan:
    """All items of a run, node by node in their order, each with its status."""

    changes: tuple[Change, ...] = field(default=())
    units: tuple[Unit, ...] = field(default=(), repr=False)

    @property
    def pending(self) -> tuple[Change, ...]:
        """What is not the same."""
        return tuple(change for change in self.changes if change.is_due)

    def to_data(self) -> "PlanData":
        """The plan as JSON data: hashes instead of secrets, no file content but in diffs of plain files."""
        return {"version": 1, "changes": [as_data(change) for change in self.pending]}


class ChangeData(TypedDict):
    """A step that would do something."""

    node: str
    chapter: str
    step: str
    title: str
    status: Status
    reason: str
    diff: list[str]
    """Lines of a unified diff; none where the file is secret."""
    old: str
    """SHA-256 of what is there; empty where there is nothing, and for steps that are no files."""
    new: str
    """SHA-256 of what will be there."""


class PlanData(TypedDict):
    """What a run would do."""

    version: int
    """Of this format; `apply --plan` takes 1."""
    changes: list[ChangeData]


def as_data(change: Change) -> ChangeData:
    """One change as JSON data."""
    return {
        "node": change.item.node,
        "chapter": change.item.chapter,
        "step": change.item.primitive.step,
        "title": title(change.item.primitive),
        "status": change.status,
        "reason": change.reason,
        "diff": list(change.diff),
        "old": change.old,
        "new": change.new,
    }


IDENTITY = ("node", "chapter", "step", "title", "old", "new")


def _identity(change: Mapping[str, object]) -> tuple[str, ...]:
    return tuple(str(change.get(name, "")) for name in IDENTITY)


def agree(saved: Mapping[str, Any], fresh: Plan) -> None:
    """Refused when the nodes or the configuration are not what they were when the plan was saved."""
    if saved.get("version") != 1:
        raise Refused("the saved plan was written by another version", hint="make the plan again")
    before = [_identity(change) for change in saved.get("changes", ())]
    now = [_identity(as_data(change)) for change in fresh.pending]
    differing = [entry for entry in [*before, *now] if (entry in before) != (entry in now)]
    if differing:
        lines = dict.fromkeys(f"{node}: {step}: {what}" for node, _, step, what, _, _ in differing)
        raise Refused(
            "the nodes are not as they were when the plan was made",
            output="\n".join(lines),
            hint="make the plan again, and look at what is different",
        )


def permit(plan: Plan) -> None:
    """Refused, before anything is changed anywhere, when a check of the plan says that it must not be."""
    if refused := [change for change in plan.changes if change.refused]:
        raise Refused(
            f"this would {title(refused[0].item.primitive)}: {refused[0].reason}",
            f"{refused[0].item.node}: {refused[0].item.primitive.step}",
            output="\n".join(f"{change.item.node}: {change.reason}" for change in refused[1:]),
            hint="nothing was changed",
        )


def title(primitive: Primitive) -> str:
    """What a primitive does, in a few words."""
    match primitive:
        case Write():
            return f"write {primitive.path}"
        case Run():
            return primitive.title
        case Await():
            return f"wait for {primitive.check.name}"


def items(cluster: Cluster, stages: Sequence[Stage], units: Iterable[Unit]) -> tuple[Item, ...]:
    """All primitives of the units, node by node, each node's in their order."""
    found = [
        Item(unit.node, unit.chapter, primitive, unit.stage)
        for unit in units
        for primitive in lower_all(stages[unit.stage].chapter.steps(cluster, cluster.node(unit.node)))
    ]
    places = {node.name: place for place, node in enumerate(cluster.nodes)}
    return tuple(sorted(found, key=lambda item: places[item.node]))


def compare(
    units: Sequence[Unit], items: Sequence[Item], answers: Mapping[str, Answers], *, late: bool = False
) -> tuple[Change, ...]:
    """The changes of all items from the answers of their nodes.

    `late`: other nodes have changed already in this run, so every wait has to be asked again.
    """
    changes: list[Change] = []
    for node in dict.fromkeys(item.node for item in items):
        changes += _compare_node([item for item in items if item.node == node], answers[node])
    return _await_again(units, changes, late)


def _compare_node(mine: Sequence[Item], answers: Answers) -> Iterable[Change]:
    """Everything but what other nodes have to do with it."""
    last = {item.primitive.path: item.primitive for item in mine if isinstance(item.primitive, Write)}
    settled = {path for path, write in last.items() if _is_same(write, answers.files.get(path, FileState()))}
    changed: set[str] = set()
    earlier = False
    for number, item in enumerate(mine):
        match item.primitive:
            case Write() as write if write.path in settled:
                # Where a file is written twice the last one decides; it stands already.
                change = Change(item, Status.SAME)
            case Write() as write:
                change = _compare_write(item, write, answers.files.get(write.path, FileState()))
                if change.is_due:
                    changed.add(write.path)
            case Run() as run:
                change = _compare_run(item, run, answers.checks[number], changed, earlier)
                if change.is_due:
                    # The engine lays these down for it, so whoever watches them may have something to do.
                    changed |= {input_file(name) for name in run.inputs}
            case Await():
                answer = answers.checks[number]
                change = Change(item, Status.SAME if answer.yes else Status.CHANGE, answer.reason)
        earlier = earlier or change.is_due
        yield change


def _is_same(write: Write, found: FileState) -> bool:
    wanted = (sha256(write.content), f"{write.mode:o}", write.owner)
    return found.kind.startswith("regular") and (found.sha256, found.mode, found.owner) == wanted


def _compare_write(item: Item, write: Write, found: FileState) -> Change:
    wanted = sha256(write.content)
    new = f"sha256:{wanted} {octal(write.mode)} {write.owner}"
    if _is_same(write, found):
        return Change(item, Status.SAME, new=new)
    if not found.kind:
        old, reason = "", "is missing"
    elif not found.sha256:
        old, reason = found.kind, f"is a {found.kind}"
    else:
        old = f"sha256:{found.sha256} {octal(int(found.mode, 8))} {found.owner}"
        if found.sha256 != wanted:
            reason = "differs"
        else:
            reason = f"has mode {octal(int(found.mode, 8))} and owner {found.owner}, wanted {octal(write.mode)} {write.owner}"
    return Change(item, Status.CHANGE, reason, _diff(write, found, old, new), old, new)


def _diff(write: Write, found: FileState, old: str, new: str) -> tuple[str, ...]:
    if found.sha256 == sha256(write.content):
        return ()
    if write.secret or b"\0" in write.content or (found.sha256 and found.content is None):
        return (f"-{old}", f"+{new}")
    return tuple(
        difflib.unified_diff(
            (found.content or "").splitlines(),
            write.content.decode(errors="replace").splitlines(),
            write.path if found.sha256 else "/dev/null",
            write.path,
            lineterm="",
        )
    )


def _compare_run(item: Item, run: Run, answer: Answer, changed: set[str], earlier: bool) -> Change:
    script = f"sha256:{sha256(run.script.encode())}"
    touched = sorted(path for path in changed if watches(run, path))
    files = [path for path in touched if not path.startswith(INPUTS)]
    if answer.code == REFUSED:
        return Change(item, Status.CHANGE, answer.reason, new=script, refused=True)
    if files:
        return Change(item, Status.CHANGE, f"{', '.join(files)} changes", new=script, forced=True)
    if answer.owed:
        reason = "a file changed, and an interrupted run did not come to this"
        return Change(item, Status.CHANGE, reason, new=script, forced=True)
    if answer.yes and touched:
        return Change(item, Status.KNOWN_AFTER, "inputs of this run are laid down", new=script)
    if answer.yes:
        return Change(item, Status.SAME, new=script)
    if answer.code != 1 and earlier:
        # Not a no: it cannot tell yet, a command or a file that it asks comes with an earlier step.
        return Change(item, Status.KNOWN_AFTER, answer.reason, new=script)
    return Change(item, Status.CHANGE, answer.reason, new=script)


def watches(run: Run, path: str) -> bool:
    """The path is what the Run watches, or lies below it."""
    return any(path == watched or path.startswith(watched.rstrip("/") + "/") for watched in run.watches)


def _await_again(units: Sequence[Unit], changes: Sequence[Change], late: bool) -> tuple[Change, ...]:
    """Waits behind a change, on this node or on one that was waited for, are asked again."""
    due = {change.item.key for change in changes if change.is_due and not isinstance(change.item.primitive, Await)}
    touched: set[Key] = set()
    previous: dict[str, Key] = {}
    for unit in ordered(units):
        before = {*unit.after, *([previous[unit.node]] if unit.node in previous else [])}
        if late or any(key in touched or key in due for key in before):
            touched.add(unit.key)
        previous[unit.node] = unit.key
    within: set[Key] = set()
    result = []
    for change in changes:
        key = change.item.key
        if not isinstance(change.item.primitive, Await):
            if change.is_due:
                within.add(key)
        elif key in touched or key in within:
            change = replace(
                change, status=Status.KNOWN_AFTER, reason=change.reason or "asked after what is before it"
            )
        result.append(change)
    return tuple(result)
