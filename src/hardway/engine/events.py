"""What happens during a run, as data. Whoever shows it decides how."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True)
class StageStarted:
    """A chapter begins on a node."""

    node: str
    chapter: str


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
class RunDone:
    """The whole run has ended well."""

    changed: int
    seconds: float


Event: TypeAlias = StageStarted | StepDone | StageDone | RunDone
Listener: TypeAlias = Callable[[Event], None]
