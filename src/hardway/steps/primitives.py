"""The three words that every step is lowered to, and that renderers and the engine understand."""

from dataclasses import dataclass, field
from typing import TypeAlias

from hardway.steps.checks import Check


@dataclass(frozen=True)
class Write:
    """A file with exactly these bytes, mode and owner; its directory exists already."""

    step: str
    """Id of the step it comes from, e.g. `control-plane/scheduler`."""
    path: str
    content: bytes = field(repr=False)
    mode: int = 0o644
    owner: str = "root:root"
    secret: bool = False
    """The content is never shown: plans carry its hash only."""
    why: str = ""


@dataclass(frozen=True)
class Run:
    """A script that changes the node, due when its guard says no."""

    step: str
    title: str
    """What it does, in the imperative: `install conntrack and socat`."""
    script: str
    """bash, run with `set -euo pipefail`."""
    unless: Check
    """Says yes when there is nothing to do."""
    idempotent: bool = False
    """Typing it again does no harm, so the printed guide leaves the guard out."""
    watches: tuple[str, ...] = ()
    """Paths whose change by an earlier `Write` makes this run due (a unit restarts because its file changed)."""
    inputs: tuple[str, ...] = ()
    """Run inputs that the script reads from `shell.input_file(name)`."""
    why: str = ""


@dataclass(frozen=True)
class Await:
    """Wait until the check says yes; running out of time is an error."""

    step: str
    check: Check
    limit: float
    """Seconds."""
    interval: float = 0.2
    """Seconds between two questions."""


Primitive: TypeAlias = Write | Run | Await
