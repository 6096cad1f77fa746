"""Follows the marks of one script, turns them into events, and lets waiting nodes go as soon as they may."""

import time
from collections.abc import Callable, Mapping, Sequence

from hardway.chapters.by_kubeadm import step_id
from hardway.engine import script
from hardway.engine.events import Listener, StageDone, StageStarted, StepDone, StepStarted, StepWaiting
from hardway.engine.plan import Change, title
from hardway.engine.run import Session
from hardway.engine.schedule import Key, Unit
from hardway.errors import REFUSED, HardwayError, Refused, StepFailed
from hardway.model import Node
from hardway.steps import Await, Run
from hardway.steps.shell import INPUTS
from hardway.workflows.apply import APPLY


class Progress:
    """One script on its way. `on_mark` is called with every line of its answer."""

    def __init__(
        self,
        session: Session,
        listener: Listener,
        began: float,
        node: Node,
        units: Sequence[Unit],
        sent: Mapping[int, Change],
        finish: Callable[[Key], None],
    ) -> None:
        self._session, self._listener, self._began = session, listener, began
        self._node, self._units, self._sent, self._finish = node, units, sent, finish
        self._since = time.monotonic()
        self._changed_before = 0
        self._announced = ""
        self.changed = 0
        self.chapter = units[0].chapter
        self.step = ""
        self.failure: HardwayError | None = None

    def on_mark(self, line: script.Line) -> None:
        """Take one line of the script's answer."""
        match line.kind:
            case "start":
                self._start(self._sent[int(line.rest)])
            case "waiting":
                _, reason = line.split(1)
                self._listener(StepWaiting(self._node.name, self.chapter, self.step, self._session.redact(reason)))
            case "done":
                number, result, milliseconds = line.words
                self._done(self._sent[int(number)], result, int(milliseconds))
            case "failed":
                number, code, _, output = line.words
                text = self._session.redact(script.decode(output))
                self.failure = failure(self._node, self._sent[int(number)], code, text)
            case "input":
                name, value = line.split(1)
                self._session.inputs[name] = value.strip()
            case "stage":
                self._stage(self._units[int(line.rest)])

    def _start(self, change: Change) -> None:
        item = change.item
        self.chapter, self.step = item.chapter, item.primitive.step
        if self._announced != item.chapter:
            self._announced = item.chapter
            self._since = time.monotonic()
            self._listener(StageStarted(self._node.name, item.chapter))
        self._listener(StepStarted(self._node.name, item.chapter, self.step, title(item.primitive)))

    def _done(self, change: Change, result: str, milliseconds: int) -> None:
        self.changed += result == "changed"
        item = change.item
        self._listener(
            StepDone(self._node.name, item.chapter, item.primitive.step, title(item.primitive), result, milliseconds)
        )

    def _stage(self, unit: Unit) -> None:
        if self._announced == unit.chapter:
            now = time.monotonic()
            count, self._changed_before = self.changed - self._changed_before, self.changed
            self._listener(StageDone(self._node.name, unit.chapter, count, now - self._began, now - self._since))
            self._announced = ""
        self._finish(unit.key)


def failure(node: Node, change: Change, code: str, output: str) -> HardwayError:
    """What is said of a step that failed."""
    primitive = change.item.primitive
    where = f"{node.name}: {primitive.step}"
    known = any(stage.chapter.name == change.item.chapter for stage in APPLY)
    again = f"hardway apply --only {change.item.chapter} --node {node.host_name}" if known else ""
    if again and primitive.step == step_id(change.item.chapter):
        again += f" --by kubeadm={change.item.chapter}"
    if isinstance(primitive, Await):
        return StepFailed(
            f"gave up waiting for {primitive.check.name} after {primitive.limit:g} s",
            where,
            command=again,
            output=output,
            hint=primitive.check.hint or "look at the journal of the node: journalctl -e",
        )
    if isinstance(primitive, Run) and code == str(REFUSED):
        said, _, hint = output.partition("hint: ")
        return Refused(
            f"refuses to {title(primitive)}",
            where,
            output=said,
            hint=hint.strip()
            or "nothing was overwritten: look at what is there, and move it away if nobody needs it",
        )
    hint = "mend the cause and run the same command again: it continues where it stopped"
    if isinstance(primitive, Run) and primitive.inputs:
        hint += f"; inputs of the run are in {INPUTS}"
    return StepFailed(
        f"could not {title(primitive)} (exit code {code})",
        where,
        command=again,
        output=output,
        hint=hint,
    )
