"""Readiness of the components (article chapter 10, kubeadm phase `preflight`): kubeadm's questions, asked together.

The questions are in `preflight_table`. Those that are errors gate the node; all of them are lines of `hardway check`.
"""

from collections.abc import Iterator
from dataclasses import replace

from hardway.chapters import preflight_table
from hardway.chapters.chapter import Chapter
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.steps import Check, Command, Severity, Step
from hardway.steps.shell import quote


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    """The table; what ignorePreflightErrors names (in any case, or `all`) only warns."""
    for check in preflight_table.questions(cluster, node):
        yield graded(node, check)


def before(cluster: Cluster, node: Node) -> Iterator[Check]:
    """The same without what chapters 5-9 bring to the node."""
    brought = preflight_table.brought(cluster)
    for check in checks(cluster, node):
        if not check.key.startswith(brought):
            yield check


def graded(node: Node, check: Check) -> Check:
    """The check with the grade that it has for this node."""
    ignored = {name.lower() for name in node.registration.ignore_preflight_errors}
    if check.severity is Severity.ERROR and (check.key.lower() in ignored or "all" in ignored):
        return replace(check, severity=Severity.WARNING)
    return check


AVAILABLE = ("FileAvailable-", "DirAvailable-")
"""Questions whose no means that an earlier cluster's files would be overwritten."""


def script(cluster: Cluster, node: Node) -> str:
    """Asks everything that is an error, tells every no as kubeadm does, and ends with the worst no: REFUSED, 1 or 0."""
    lines = ["failed=0\n"]
    for check in checks(cluster, node):
        if check.severity is Severity.ERROR:
            told = f'  echo {quote(f"[ERROR {check.key}] {check.name}:")} "$reason"\n'
            hint = f"  echo {quote(f'hint: {check.hint}')}\n" if check.hint else ""
            code = (
                f"  failed={REFUSED}\n" if check.key.startswith(AVAILABLE) else '  [ "$failed" != 0 ] || failed=1\n'
            )
            lines.append(f'reason="$(\n{check.script.rstrip()}\n)" || {{\n{code}{told}{hint}}}\n')
    return "".join(lines) + '[ "$failed" = 0 ] || exit "$failed"\n'


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    text = script(cluster, node)
    yield Command(
        "preflight",
        "find the node fit for Kubernetes",
        text,
        Check("the node to be fit for Kubernetes", f"(\n{text}) || exit 1\n"),
        # It only asks; so its own text is its guard, and a node that is not fit stops with every line at once.
        idempotent=True,
        why="a node that is not fit is better refused before anything is on it",
    )


PREFLIGHT = Chapter(
    "preflight",
    "Readiness of the components",
    (10,),
    "preflight",
    "preflight",
    optional=True,
    steps=steps,
    checks=checks,
    before=before,
)
