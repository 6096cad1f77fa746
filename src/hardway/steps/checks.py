"""One yes-or-no question to one node, used everywhere a question is asked.

A Check guards a `Run`, is what an `Await` polls, is a line of preflight, closes a chapter as its
verification, and is a line of `hardway check`.
"""

from dataclasses import dataclass
from enum import StrEnum


class Severity(StrEnum):
    """What a no means where the check is a line of preflight or of `check`."""

    ERROR = "error"
    WARNING = "warning"


@dataclass(frozen=True)
class Check:
    """Shell text that exits 0 for yes and 1 for no and prints one line of reason for a no.

    A guard may exit with `errors.REFUSED` instead of 1: then nothing of the plan is carried out.
    """

    name: str
    """Completes the sentence `waiting for …`, e.g. `the API server to be ready`."""
    script: str
    """bash, run with `set -u`; must not change anything on the node."""
    hint: str = ""
    """What to type or to look at when the answer is no."""
    severity: Severity = Severity.ERROR
    key: str = ""
    """kubeadm's name of a preflight check (what ignorePreflightErrors lists), e.g. `NumCPU`."""


def all_of(name: str, *checks: Check, hint: str = "") -> Check:
    """Yes when every one of the checks says yes, asked in order."""
    return Check(name, "\n".join(f"( {check.script.rstrip()}\n) || exit 1" for check in checks), hint=hint)
