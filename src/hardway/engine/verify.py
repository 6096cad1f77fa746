"""Ask every verification check of the chapters: `hardway check`."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from hardway.engine import probe
from hardway.engine.run import Session, at_once, converse
from hardway.model import Node
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


async def verify(session: Session, stages: Sequence[Stage]) -> tuple[Answer, ...]:
    """All checks of the stages, one round trip per node; each check is asked once per node."""
    return tuple(
        answer for mine in await at_once(_one(session, stages, node) for node in session.nodes) for answer in mine
    )


async def _one(session: Session, stages: Sequence[Stage], node: Node) -> list[Answer]:
    asked: dict[Check, str] = {}
    for stage in stages:
        if node in stage.on(session.cluster):
            for check in stage.chapter.checks(session.cluster, node):
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
