"""Ask every verification check of the chapters: `hardway check`."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from hardway.engine.run import Session, ask, gather
from hardway.steps import Await, Check, Severity
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
    answers: dict[str, list[Answer]] = {}

    async def one(name: str) -> None:
        asked: list[tuple[str, Check]] = []
        for stage in stages:
            for node in stage.on(session.cluster):
                if node.name == name:
                    for check in stage.chapter.checks(session.cluster, node):
                        if all(check != other for _, other in asked):
                            asked.append((stage.chapter.name, check))
        lines = await ask(session, name, [Await("check", check, 0) for _, check in asked])
        found = {int(line.words[0]): line.words for line in lines if line.kind == "check"}
        answers[name] = [
            Answer(name, chapter, check, found[number][1] == "0", " ".join(found[number][2:]).strip())
            for number, (chapter, check) in enumerate(asked)
        ]

    await gather([asyncio.ensure_future(one(node.name)) for node in session.nodes])
    return tuple(answer for node in session.nodes for answer in answers[node.name])
