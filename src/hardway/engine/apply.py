"""Carry out a plan: every node walks its own stages, and waits only for what the workflow says."""

import asyncio
import getpass
import os
import secrets
import socket
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from hardway.engine import inputs, perform
from hardway.engine import plan as planning
from hardway.engine.events import Failed, Interrupted, Listener, RunDone
from hardway.engine.perform import Action, Part
from hardway.engine.plan import Change, Plan, Status
from hardway.engine.progress import Progress
from hardway.engine.run import Session, ask, at_once, converse, read_inputs
from hardway.engine.schedule import Key, Unit
from hardway.errors import HardwayError, StepFailed, Unreachable
from hardway.model import Node
from hardway.steps import Run, Write
from hardway.workflows.inputs import question, questions
from hardway.workflows.stage import Stage


class Board:
    """What has been finished, for those who wait for it."""

    def __init__(self) -> None:
        self.done: set[Key] = set()
        self.stopped = False
        """Set by the first failure: scripts that run come to their end, nothing new is started."""
        self._news = asyncio.Event()

    def finish(self, key: Key) -> None:
        self.done.add(key)
        self._tell()

    def stop(self) -> None:
        self.stopped = True
        self._tell()

    async def wait(self, keys: Iterable[Key]) -> bool:
        """Wait until all are finished; False when the run was stopped."""
        while not self.stopped and not self.done.issuperset(keys):
            await self._news.wait()
        return not self.stopped

    def _tell(self) -> None:
        self._news.set()
        self._news = asyncio.Event()


@dataclass
class _Run:
    """What one run knows while it goes on."""

    session: Session
    stages: tuple[Stage, ...]
    units: tuple[Unit, ...]
    changes: dict[Key, tuple[Change, ...]]
    listener: Listener
    board: Board = field(default_factory=Board)
    began: float = field(default_factory=time.monotonic)
    changed: int = 0
    retried: set[str] = field(default_factory=set)
    running: dict[str, Progress] = field(default_factory=dict)

    def due(self, unit: Unit) -> tuple[Change, ...]:
        """The changes of a unit that has something to do; of any other nothing."""
        changes = self.changes.get(unit.key, ())
        return changes if any(change.is_due for change in changes) else ()

    def waits(self, unit: Unit) -> frozenset[Key]:
        """What a unit waits for: the workflow says it, or run inputs have to be made first."""
        makers = {
            other.key
            for name in inputs.needed(self.due(unit))
            if name not in self.session.inputs
            for other in self.units
            if name in other.makes and other.key != unit.key
        }
        return unit.after | makers


async def apply(session: Session, plan: Plan, stages: Sequence[Stage], listener: Listener) -> int:
    """Carry out the plan of this session and return the number of changes.

    StepFailed and Refused name node and step, Unreachable a node that was lost twice. Cancelled, it tells what still runs.
    """
    grouped: dict[Key, list[Change]] = {}
    for change in plan.changes:
        grouped.setdefault(change.item.key, []).append(change)
    run = _Run(session, tuple(stages), plan.units, {key: tuple(mine) for key, mine in grouped.items()}, listener)
    planning.permit(plan)
    inputs.mint_missing(session, plan)
    try:
        await at_once(_guarded_walk(run, node) for node in session.nodes)
    except asyncio.CancelledError:
        listener(Interrupted(tuple((node, progress.step) for node, progress in run.running.items())))
        raise
    listener(RunDone(run.changed, time.monotonic() - run.began))
    return run.changed


async def _guarded_walk(run: _Run, node: Node) -> None:
    try:
        await _walk(run, node)
    except HardwayError as failure:
        run.board.stop()
        step = progress.step if (progress := run.running.get(node.name)) else ""
        chapter = progress.chapter if progress else ""
        run.listener(Failed(node.name, chapter, step, failure.what))
        raise


async def _walk(run: _Run, node: Node) -> None:
    """The stages of one node, in order; those that need not wait travel in one script."""
    left = [unit for unit in run.units if unit.node == node.name]
    while left:
        if not await run.board.wait(run.waits(left[0])):
            return
        batch: list[Unit] = []
        for unit in left:
            if not run.board.done.issuperset(run.waits(unit)):
                break
            batch.append(unit)
        if any(run.due(unit) for unit in batch):
            try:
                await _carry_out(run, node, batch)
            except Unreachable as lost:
                if node.name in run.retried:
                    raise
                run.retried.add(node.name)
                await _look_again(run, node, lost)
        else:
            for unit in batch:
                run.board.finish(unit.key)
        left = [unit for unit in left if unit.key not in run.board.done]


async def _carry_out(run: _Run, node: Node, batch: Sequence[Unit]) -> None:
    values = await _values(run, batch)
    actions, parts = _parts(run, batch)
    nonce = secrets.token_hex(8)
    text = perform.script(nonce, _holder(), parts, values)
    progress = Progress(run.session, run.listener, run.began, node, batch, actions, run.board.finish)
    run.running[node.name] = progress
    try:
        await converse(run.session, node.name, nonce, text, progress.on_mark)
    finally:
        run.changed += progress.changed
    if progress.failure:
        raise progress.failure
    del run.running[node.name]


def _parts(run: _Run, batch: Sequence[Unit]) -> tuple[dict[int, Change], list[Part]]:
    """What is sent: a file that is as wanted is not; a Run that is done already is asked again."""
    sent: dict[int, Change] = {}
    parts = []
    later = [change for unit in batch for change in run.due(unit)]
    for number, unit in enumerate(batch):
        actions = []
        for change in run.due(unit):
            later = later[1:]
            primitive = change.item.primitive
            if isinstance(primitive, Write) and not change.is_due:
                continue
            actions.append(Action(len(sent), primitive, _sure(change), _owes(primitive, later)))
            sent[len(sent)] = change
        parts.append(Part(number, tuple(actions), questions(run.session.cluster, unit.makes if actions else ())))
    return sent, parts


def _sure(change: Change) -> bool:
    """The guard was asked by the plan, and asking again would only cost time."""
    run = change.item.primitive
    if not isinstance(run, Run) or change.status is not Status.CHANGE:
        return False
    return run.idempotent or change.forced


def _owes(primitive: object, later: Sequence[Change]) -> tuple[Run, ...]:
    if not isinstance(primitive, Write):
        return ()
    forced = [change.item.primitive for change in later if change.forced]
    return tuple(run for run in forced if isinstance(run, Run) and planning.watches(run, primitive.path))


async def _values(run: _Run, batch: Sequence[Unit]) -> dict[str, str]:
    """The run inputs that these stages need on their node."""
    names = inputs.needed(change for unit in batch for change in run.due(unit))
    if missing := [name for name in names if name not in run.session.inputs]:
        await read_inputs(run.session, missing)
    for name in names:
        if name not in run.session.inputs:
            cluster = run.session.cluster
            command = question(cluster, name).strip()
            raise StepFailed(
                f"`{name}` cannot be read",
                cluster.first_control_plane.name,
                command=command,
                hint="its stage comes first",
            )
    return {name: run.session.inputs[name] for name in names}


async def _look_again(run: _Run, node: Node, lost: Unreachable) -> None:
    """Probe a node whose script was cut off, and plan the rest of its way anew."""
    await run.session.reconnect(node.name, lost.what)
    left = [unit for unit in run.units if unit.node == node.name and unit.key not in run.board.done]
    items = [change.item for unit in left for change in run.changes.get(unit.key, ())]
    answers = await ask(run.session, node, [item.primitive for item in items])
    alone = [Unit(unit.stage, unit.node, unit.chapter, makes=unit.makes) for unit in left]
    changes = planning.compare(alone, items, {node.name: answers}, late=True)
    for unit in left:
        run.changes[unit.key] = tuple(change for change in changes if change.item.key == unit.key)


def _holder() -> str:
    return f"{getpass.getuser()}@{socket.gethostname()}, hardway with pid {os.getpid()}"
