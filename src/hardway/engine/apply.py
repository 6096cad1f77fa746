"""Carry out a plan: every node walks its own stages, and waits only for what the workflow says."""

import asyncio
import getpass
import os
import secrets
import socket
import string
import time
from collections.abc import Sequence
from dataclasses import dataclass, field

from hardway.engine import script
from hardway.engine.events import Listener, RunDone, StageDone, StageStarted, StepDone
from hardway.engine.plan import Change, Plan, Status, title
from hardway.engine.run import Session, check_end, gather
from hardway.errors import HardwayError, StepFailed
from hardway.model import Node
from hardway.steps import Await, Run, Write
from hardway.steps.shell import INPUTS, input_file
from hardway.workflows.inputs import find
from hardway.workflows.stage import Stage

TOKEN_ALPHABET = string.ascii_lowercase + string.digits


def mint(kind: str) -> str:
    """A new bootstrap token or certificate key."""
    if kind == "token":
        identifier, secret = ("".join(secrets.choice(TOKEN_ALPHABET) for _ in range(length)) for length in (6, 16))
        return f"{identifier}.{secret}"
    return secrets.token_hex(32)


@dataclass
class _State:
    """What one run knows while it goes on."""

    session: Session
    plan: Plan
    stages: tuple[Stage, ...]
    listener: Listener
    began: float = field(default_factory=time.monotonic)
    inputs: dict[str, str] = field(default_factory=dict)
    done: dict[tuple[str, str], asyncio.Event] = field(default_factory=dict)
    changed: int = 0
    failure: HardwayError | None = None
    stopped: asyncio.Event = field(default_factory=asyncio.Event)
    """Set by the first failure: scripts that run come to their end, nothing new is started."""

    def event(self, node: str, chapter: str) -> asyncio.Event:
        return self.done.setdefault((node, chapter), asyncio.Event())


async def apply(session: Session, plan: Plan, stages: Sequence[Stage], listener: Listener) -> int:
    """Carry out the plan and return the number of changes; StepFailed names node and step."""
    state = _State(session, plan, tuple(stages), listener)
    selected = {node.name for node in session.nodes}
    for stage in state.stages:
        for node in stage.on(session.cluster):
            if node.name not in selected or not plan.due(node.name, stage.chapter.name):
                state.event(node.name, stage.chapter.name).set()
    listed = {stage.chapter.name for stage in state.stages}
    for stage in state.stages:
        for after in stage.after:
            if after.chapter not in listed:
                for node in after.on(session.cluster):
                    state.event(node.name, after.chapter).set()
    await _find_inputs(state)
    await gather([asyncio.ensure_future(_guarded_walk(state, node)) for node in session.nodes])
    if state.failure:
        raise state.failure
    listener(RunDone(state.changed, time.monotonic() - state.began))
    return state.changed


def _needed(changes: Sequence[Change]) -> set[str]:
    return {
        name
        for change in changes
        if change.status is not Status.SAME and isinstance(change.item.primitive, Run)
        for name in change.item.primitive.inputs
    }


async def _find_inputs(state: _State) -> None:
    """Take up the values of an interrupted run, and mint what is missing."""
    needed = _needed(state.plan.changes)
    minted = [name for name in sorted(needed) if find(name).mint]
    first = state.session.cluster.first_control_plane.name
    if minted and first in state.session.transports:
        lines: list[str] = []
        ask = "".join(f'[ ! -s {input_file(n)} ] || echo {n} "$(cat {input_file(n)})"\n' for n in minted)
        await state.session.transports[first].run(f"main() {{\n{ask}}}\nmain </dev/null\n", lines.append)
        state.inputs |= dict(line.split(" ", 1) for line in lines if line.partition(" ")[0] in minted)
    for name in minted:
        state.inputs.setdefault(name, mint(find(name).mint))
    makers = {name: stage for stage in state.stages for name in stage.makes}
    for name in sorted(needed - set(minted)):
        # Made by a stage that has nothing to do in this run: it can be read at once.
        if name not in makers or state.event(first, makers[name].chapter.name).is_set():
            await _read_input(state, name)


async def _read_input(state: _State, name: str) -> None:
    first = state.session.cluster.first_control_plane.name
    lines: list[str] = []
    body = find(name).read
    result = await state.session.transports[first].run(f"main() {{\n{body}}}\nmain </dev/null\n", lines.append)
    if result.exit_code != 0 or not lines:
        raise StepFailed(f"`{name}` cannot be read", first, command=body.strip(), output=result.stderr)
    state.inputs[name] = lines[-1].strip()


def _blockers(state: _State, node: Node, stage: Stage) -> list[asyncio.Event]:
    """What a stage on a node still waits for."""
    cluster = state.session.cluster
    waits = [state.event(other.name, a.chapter) for a in stage.after for other in a.on(cluster) if other != node]
    waits += [
        state.event(cluster.first_control_plane.name, maker.chapter.name)
        for maker in state.stages
        for name in maker.makes
        if name in _needed(state.plan.due(node.name, stage.chapter.name)) and name not in state.inputs
    ]
    if stage.serial:
        order = stage.on(cluster)
        before = order[: order.index(node)] if node in order else ()
        waits += [state.event(other.name, stage.chapter.name) for other in before]
    return [event for event in waits if not event.is_set()]


async def _guarded_walk(state: _State, node: Node) -> None:
    try:
        await _walk(state, node)
    except HardwayError as failure:
        state.failure = state.failure or failure
        state.stopped.set()


async def _wait(state: _State, event: asyncio.Event) -> None:
    """Wait for the event, or for the run to be stopped."""
    tasks = [asyncio.ensure_future(event.wait()), asyncio.ensure_future(state.stopped.wait())]
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()


async def _walk(state: _State, node: Node) -> None:
    """The stages of one node, in order; those that need not wait travel in one script."""
    mine = [
        stage
        for stage in state.stages
        if node in stage.on(state.session.cluster) and state.plan.due(node.name, stage.chapter.name)
    ]
    while mine:
        for event in _blockers(state, node, mine[0]):
            await _wait(state, event)
        if state.stopped.is_set():
            return
        batch = [mine.pop(0)]
        while mine and not _blockers(state, node, mine[0]):
            batch.append(mine.pop(0))
        for name in {n for stage in batch for n in _needed(state.plan.due(node.name, stage.chapter.name))}:
            if name not in state.inputs:
                await _read_input(state, name)
        await _carry_out(state, node, batch)


async def _carry_out(state: _State, node: Node, batch: Sequence[Stage]) -> None:
    changes = [change for stage in batch for change in state.plan.due(node.name, stage.chapter.name)]
    # A file that is as wanted is not sent again; questions are asked again, their answers may have changed.
    due = [c for c in changes if not (isinstance(c.item.primitive, Write) and c.status is Status.SAME)]
    inputs = {name: state.inputs[name] for name in sorted(_needed(changes))}
    nonce = secrets.token_hex(8)
    numbered = [(number, change.item.primitive) for number, change in enumerate(due)]
    progress = _Progress(state, node, [stage.chapter.name for stage in batch], due, nonce)
    holder = f"{getpass.getuser()}@{socket.gethostname()} (hardway {os.getpid()})"
    result = await state.session.transports[node.name].run(
        script.apply(nonce, holder, numbered, inputs), progress.on_line
    )
    progress.finish(result.exit_code, result.stderr)


class _Progress:
    """Follows the marks of one script, and lets waiting nodes go as soon as their chapter is done."""

    def __init__(self, state: _State, node: Node, chapters: list[str], due: list[Change], nonce: str) -> None:
        self._state, self._node, self._due, self._nonce = state, node, due, nonce
        self._waiting = list(chapters)
        self._left = {name: sum(change.item.chapter == name for change in due) for name in chapters}
        self._changed = dict.fromkeys(chapters, 0)
        self._lines: list[script.Line] = []
        self._since = time.monotonic()
        self._failure: StepFailed | None = None
        self._start()

    def _start(self) -> None:
        if self._waiting:
            self._since = time.monotonic()
            self._state.listener(StageStarted(self._node.name, self._waiting[0]))

    def on_line(self, text: str) -> None:
        line = script.parse(self._nonce, text)
        if line is None:
            return
        self._lines.append(line)
        if line.kind == "done":
            change = self._due[int(line.words[0])]
            self._step(change, line.words[1], int(line.words[2]))
        elif line.kind == "failed":
            self._failure = self._error(self._due[int(line.words[0])], line.words[1], script.decode(line.words[2]))

    def _step(self, change: Change, result: str, milliseconds: int) -> None:
        chapter = change.item.chapter
        if result == "changed":
            self._state.changed += 1
            self._changed[chapter] += 1
        primitive = change.item.primitive
        self._state.listener(
            StepDone(self._node.name, chapter, primitive.step, title(primitive), result, milliseconds)
        )
        self._left[chapter] -= 1
        if self._left[chapter] == 0:
            self._waiting.remove(chapter)
            now = time.monotonic()
            self._state.listener(
                StageDone(
                    self._node.name, chapter, self._changed[chapter], now - self._state.began, now - self._since
                )
            )
            self._state.event(self._node.name, chapter).set()
            self._start()

    def _error(self, change: Change, code: str, output: str) -> StepFailed:
        primitive = change.item.primitive
        where = f"{self._node.name}: {primitive.step}"
        if isinstance(primitive, Await):
            return StepFailed(
                f"gave up waiting for {primitive.check.name} after {primitive.limit:g} s",
                where,
                command=f"hardway check --node {self._node.host_name}",
                output=output,
                hint=primitive.check.hint or "look at the journal of the node: journalctl -e",
            )
        return StepFailed(
            f"could not {title(primitive)} (exit code {code})",
            where,
            command=f"hardway apply --only {change.item.chapter} --node {self._node.host_name}",
            output=output,
            hint=f"mend the cause and run the same command again; inputs of the run are in {INPUTS}"
            if isinstance(primitive, Run) and primitive.inputs
            else "mend the cause and run the same command again: it continues where it stopped",
        )

    def finish(self, code: int, stderr: str) -> None:
        """Raise what went wrong, if anything did."""
        if self._failure:
            raise self._failure
        check_end(self._node.name, self._lines, code, stderr)
