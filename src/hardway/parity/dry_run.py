"""What kubeadm's dry run prints of the API objects that it would make or change. Pure."""

import re
import textwrap
from dataclasses import dataclass
from typing import Any

from hardway.config.scalars import value_of

_WOULD = re.compile(
    r'^\[dryrun\] Would perform action (\w+) on resource "([^"]+)" in API group "[^"]+"\n', re.MULTILINE
)
_NAME = re.compile(r'\[dryrun\] Resource name:? "([^"]*)"')
_VALUE = re.compile(r"\[dryrun\] Attached (?:object|patch):\n((?:(?:[ \t].*|- .*|[A-Za-z]+:.*|)\n)+)")
_MARKED = re.compile(r"^\[mark-control-plane\] Marking the node \S+ .* the (labels:|taints) \[(.*)\]$", re.MULTILINE)
_SHOWS_NO_PATCH = re.compile(r'^\[dryrun\] Resource name "', re.MULTILINE)
READS = ("GET", "LIST", "WATCH")


@dataclass(frozen=True)
class Action:
    """One line of the dry run that would change the cluster."""

    verb: str
    resource: str
    name: str
    value: Any
    """The object, or the patch."""


def parse(output: str) -> list[Action]:
    """The changes in a dry run's output, in order (`app/util/apiclient/dryrun.go`).

    From 1.32 on it shows a made-up Node instead of a patch: what marks the master then stands in a line of its own, and
    of another patch the value is None.
    """
    found, last = [], 0
    starts = [*_WOULD.finditer(output)]
    ends = [match.start() for match in starts[1:]] + [len(output)]
    for match, end in zip(starts, ends, strict=True):
        text = output[match.end() : end]
        if match[1] in READS:
            continue
        name = _NAME.match(text)
        attached = _VALUE.search(text)
        value = (
            value_of(textwrap.dedent(attached[1].replace("\t", "", 1).replace("\n\t", "\n"))) if attached else None
        )
        if (match[1], match[2]) == ("PATCH", "nodes") and _SHOWS_NO_PATCH.search(output):
            # Since the change before, with questions in between.
            value = _marked(output[last : match.start()])
        found.append(Action(match[1], match[2], name[1] if name else "", value))
        last = match.start()
    return found


def _marked(text: str) -> dict[str, Any] | None:
    """The patch that marks a master, from the lines that tell of it."""
    said = dict(_MARKED.findall(text))
    if not said:
        return None
    taints = [word.rpartition(":") for word in said.get("taints", "").split()]
    return {
        "metadata": {"labels": dict.fromkeys(said["labels:"].split(), "")},
        "spec": {
            "taints": [
                {"key": pair.partition("=")[0], "value": pair.partition("=")[2], "effect": effect}
                for pair, _, effect in taints
            ]
        },
    }
