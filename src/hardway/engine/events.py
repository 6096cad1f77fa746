"""What happens during a run, as data. Whoever shows it decides how; `event` tells programs which one it is."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Literal, TypeAlias


@dataclass(frozen=True)
class NodeConnected:
    """The node answers and its facts are known."""

    event: Literal["node-connected"] = field(default="node-connected", init=False, repr=False)
    node: str
    seconds: float


@dataclass(frozen=True)
class LockWaiting:
    """Another script holds the node's lock; it is waited for, within limits."""

    event: Literal["lock-waiting"] = field(default="lock-waiting", init=False, repr=False)
    node: str
    holder: str


@dataclass(frozen=True)
class NodeLost:
    """The link to the node broke, or its script was killed: it is probed again and the run goes on."""

    event: Literal["node-lost"] = field(default="node-lost", init=False, repr=False)
    node: str
    reason: str


@dataclass(frozen=True)
class StageStarted:
    """A chapter begins on a node."""

    event: Literal["stage-started"] = field(default="stage-started", init=False, repr=False)
    node: str
    chapter: str


@dataclass(frozen=True)
class StepStarted:
    """One primitive begins."""

    event: Literal["step-started"] = field(default="step-started", init=False, repr=False)
    node: str
    chapter: str
    step: str
    title: str


@dataclass(frozen=True)
class StepWaiting:
    """A wait goes on, at most once a second; `reason` is what the check said last."""

    event: Literal["step-waiting"] = field(default="step-waiting", init=False, repr=False)
    node: str
    chapter: str
    step: str
    reason: str


@dataclass(frozen=True)
class StepDone:
    """One primitive is done: `ok` (nothing to do) or `changed`."""

    event: Literal["step-done"] = field(default="step-done", init=False, repr=False)
    node: str
    chapter: str
    step: str
    title: str
    result: str
    milliseconds: int


@dataclass(frozen=True)
class StageDone:
    """A chapter has ended on a node; `seconds` counts from the start of the run."""

    event: Literal["stage-done"] = field(default="stage-done", init=False, repr=False)
    node: str
    chapter: str
    changed: int
    seconds: float
    took: float


@dataclass(frozen=True)
class Failed:
    """A step failed. Scripts that run elsewhere come to their end, nothing new is started."""

    event: Literal["failed"] = field(default="failed", init=False, repr=False)
    node: str
    chapter: str
    step: str
    what: str


@dataclass(frozen=True)
class Interrupted:
    """The run was stopped from outside. What is named here ends on its node by itself, or has just ended."""

    event: Literal["interrupted"] = field(default="interrupted", init=False, repr=False)
    running: tuple[tuple[str, str], ...]
    """Node and step."""


@dataclass(frozen=True)
class RunDone:
    """The whole run has ended well."""

    event: Literal["run-done"] = field(default="run-done", init=False, repr=False)
    changed: int
    seconds: float


Event: TypeAlias = (
    NodeConnected
    | LockWaiting
    | NodeLost
    | StageStarted
    | StepStarted
    | StepWaiting
    | StepDone
    | StageDone
    | Failed
    | Interrupted
    | RunDone
)
Listener: TypeAlias = Callable[[Event], None]


def ignore(event: Event) -> None:
    """For who does not listen."""
