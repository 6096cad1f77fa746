"""What happens during a run, as data. Whoever shows it decides how."""

import re
from collections.abc import Callable
from dataclasses import asdict, dataclass
from typing import Any, TypeAlias


@dataclass(frozen=True)
class NodeConnected:
    """The node answers and its facts are known."""

    node: str
    seconds: float


@dataclass(frozen=True)
class LockWaiting:
    """Another script holds the node's lock; it is waited for, within limits."""

    node: str
    holder: str


@dataclass(frozen=True)
class NodeLost:
    """The link to the node broke, or its script was killed: it is probed again and the run goes on."""

    node: str
    reason: str


@dataclass(frozen=True)
class StageStarted:
    """A chapter begins on a node."""

    node: str
    chapter: str


@dataclass(frozen=True)
class StepStarted:
    """One primitive begins."""

    node: str
    chapter: str
    step: str
    title: str


@dataclass(frozen=True)
class StepWaiting:
    """A wait goes on, at most once a second; `reason` is what the check said last."""

    node: str
    chapter: str
    step: str
    reason: str


@dataclass(frozen=True)
class StepDone:
    """One primitive is done: `ok` (nothing to do) or `changed`."""

    node: str
    chapter: str
    step: str
    title: str
    result: str
    milliseconds: int


@dataclass(frozen=True)
class StageDone:
    """A chapter has ended on a node; `seconds` counts from the start of the run."""

    node: str
    chapter: str
    changed: int
    seconds: float
    took: float


@dataclass(frozen=True)
class Failed:
    """A step failed. Scripts that run elsewhere come to their end, nothing new is started."""

    node: str
    chapter: str
    step: str
    what: str


@dataclass(frozen=True)
class Interrupted:
    """The run was stopped from outside. What is named here ends on its node by itself, or has just ended."""

    running: tuple[tuple[str, str], ...]
    """Node and step."""


@dataclass(frozen=True)
class RunDone:
    """The whole run has ended well."""

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


def as_data(event: Event) -> dict[str, Any]:
    """The event for `--json`: its name, as in `step-done`, and its fields."""
    name = re.sub(r"(?<!^)(?=[A-Z])", "-", type(event).__name__).lower()
    return {"event": name, **asdict(event)}
