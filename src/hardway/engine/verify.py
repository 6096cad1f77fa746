"""Ask every verification check of the chapters: `hardway check`."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from hardway.chapters.readiness import READINESS
from hardway.engine import probe
from hardway.engine.run import Session, at_once, converse
from hardway.model import Node
from hardway.operations.machines import compare
from hardway.steps import Check, Severity
from hardway.workflows.stage import Stage


@dataclass(frozen=True)
class Answer:
    """One check of one chapter on one node."""

    node: str
    chapter: str
    check: Check
    yes: bool
    reason: str

    @property
    def is_failure(self) -> bool:
        """A no that is more than a warning."""
        return not self.yes and self.check.severity is Severity.ERROR


async def verify(
    session: Session, stages: Sequence[Stage], early: frozenset[str] = frozenset()
) -> tuple[Answer, ...]:
    """All checks of the stages, one round trip per node; each check is asked once per node.

    Nodes named in `early` are asked what matters before anything is installed.
    """
    answers = await at_once(_one(session, stages, node, node.name in early) for node in session.nodes)
    if any(stage.chapter is READINESS for stage in stages):
        beside = compared(session, early)
        for node, mine in zip(session.nodes, answers, strict=True):
            mine[:0] = [answer for answer in beside if answer.node == node.name]
    return tuple(answer for mine in answers for answer in mine)


def compared(session: Session, early: frozenset[str] = frozenset()) -> tuple[Answer, ...]:
    """What the machines are beside each other."""
    machines = [session.machines[node.name] for node in session.nodes]
    return tuple(
        Answer(finding.node, READINESS.name, finding.check, finding.yes, finding.reason)
        for finding in compare(session.cluster, machines, early)
    )


async def _one(session: Session, stages: Sequence[Stage], node: Node, early: bool) -> list[Answer]:
    asked: dict[Check, str] = {}
    for stage in stages:
        if node in stage.on(session.cluster):
            questions = stage.chapter.before if early else stage.chapter.checks
            for check in questions(session.cluster, node):
                asked.setdefault(check, stage.chapter.name)
    if not asked:
        return []
    nonce = secrets.token_hex(8)
    # Side by side, because most of them wait for something that answers slowly.
    text = probe.ask_script(nonce, tuple(asked), max(4, 2 * node.facts.cpus))
    lines = await converse(session, node.name, nonce, text)
    said = probe.answers((), lines).checks
    return [
        Answer(node.name, chapter, check, said[number].yes, said[number].reason or _silent(said[number].code))
        for number, (check, chapter) in enumerate(asked.items())
    ]


def _silent(code: int) -> str:
    return "" if code == 0 else f"it gave no reason (exit code {code})"
