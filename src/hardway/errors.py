"""Errors that a person can act on.

    HardwayError                 exit 1   base: what happened, where, what to type next
    ├── UsageError               exit 2   wrong input: command line or cluster.yaml
    ├── StepFailed               exit 3   a command on a node failed or a wait ran out
    ├── Unreachable              exit 4   a node cannot be reached or its host key is not trusted
    ├── Locked                   exit 5   somebody else works on the node
    ├── Refused                  exit 6   carrying on would overwrite what must not be overwritten
    └── LabError                 exit 7   the local lab cannot be brought up

Every error has `what` (one sentence without full stop), `where` (node and step, or file and line),
`command` (can be pasted into a shell), `output` and `hint`; `render` puts them in that order.
"""

from dataclasses import dataclass
from typing import ClassVar

REFUSED = 106
"""Exit code of a script on a node that stops rather than overwrite what must not be overwritten: it becomes `Refused`.

Above curl's codes and apt's 100, below the shell's own from 126 on: no command that fails is taken for a refusal.
"""

SILENT = 107
"""Exit code of a script on a master that cannot answer for the cluster: it becomes `Unreachable`, and the next one is asked."""


@dataclass
class HardwayError(Exception):
    """Base of all errors that are shown to the user without a traceback."""

    what: str
    where: str = ""
    command: str = ""
    output: str = ""
    hint: str = ""

    exit_code: ClassVar[int] = 1

    def __str__(self) -> str:
        return self.render()

    def render(self) -> str:
        """The error as plain text: where, what, the command, its output, and a hint last."""
        lines = [f"error: {self.where}: {self.what}" if self.where else f"error: {self.what}"]
        if self.command:
            lines.append(f"  command: {self.command}")
        if self.output.strip():
            lines.extend(f"  | {line}" for line in self.output.rstrip().splitlines())
        if self.hint:
            lines.extend(["", f"hint: {self.hint}"])
        return "\n".join(lines)


class UsageError(HardwayError):
    """The command line or the configuration is wrong; nothing was touched."""

    exit_code = 2


class StepFailed(HardwayError):
    """A command on a node failed, or a wait ran out."""

    exit_code = 3


class Unreachable(HardwayError):
    """A node does not answer, refuses the login, or shows an unknown host key."""

    exit_code = 4


class Locked(HardwayError):
    """Another run holds the lock of the node."""

    exit_code = 5


class Refused(HardwayError):
    """The step would overwrite a CA, a service-account key, etcd data or the like."""

    exit_code = 6


class LabError(HardwayError):
    """The local lab cannot be built or brought up."""

    exit_code = 7
