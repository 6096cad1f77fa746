"""What an audit finds."""

import re
from dataclasses import dataclass, replace
from enum import StrEnum

from hardway.parity.compare import ABSENT


class Grade(StrEnum):
    """How bad it is."""

    ERROR = "error"
    """It does not work, will stop to, or is insecure."""
    WARNING = "warning"
    """It is not as kubeadm would make it."""
    NOTE = "note"
    """Somebody should know; nothing has to be done."""


@dataclass(frozen=True)
class Finding:
    """One thing that is not as it should be, and what mends it."""

    grade: Grade
    node: str
    """Full name of the node; `cluster` for an object of the API."""
    chapter: str
    item: str
    """Path of a file, kind, namespace and name of an object, or what else is meant."""
    field: str
    expected: str
    found: str
    cure: str = ""
    """Can be pasted: `hardway ...` where hardway runs, anything else as root on the node (on a master for `cluster`)."""


CLUSTER = "cluster"
"""Stands for the node where an item is an API object."""


_LOGIN = re.compile(r"(?<=//)[^/\s]+(?=@)")
_LOGIN_OF_PROXY = re.compile(r"(?<=//).+(?=@)|(?<=^\")(?!\w+://).+(?=@)")
_SECRET_VARIABLE = re.compile(r"\.env\[[^]]*(PASSW|SECRET|TOKEN|KEY|CREDENTIAL)[^]]*]\.value$", re.IGNORECASE)


def shown(finding: Finding) -> Finding:
    """The finding without logins of URLs (kubeadm copies the proxy variables of its shell) and secrets of environments.

    Here and not where values are read: they are compared as they are.
    """

    def hidden(value: str) -> str:
        if _SECRET_VARIABLE.search(finding.field) and value != ABSENT:
            return "(not shown)"
        login = _LOGIN_OF_PROXY if "proxy" in finding.field.lower() else _LOGIN
        return login.sub("***", value)

    return replace(finding, expected=hidden(finding.expected), found=hidden(finding.found))


def ordered(findings: list[Finding]) -> tuple[Finding, ...]:
    """The worst first, then by node and item."""
    grades = list(Grade)
    return tuple(sorted(findings, key=lambda f: (grades.index(f.grade), f.node, f.item, f.field)))
