"""hardway check: is it so?"""

import asyncio

import typer

from hardway.cli import ui
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, Nodes, Only, connection, read, select
from hardway.engine.run import open_session
from hardway.engine.transport import Connect
from hardway.engine.verify import Answer, verify
from hardway.model import Cluster
from hardway.workflows.apply import APPLY
from hardway.workflows.stage import Stage


async def _check(
    cluster: Cluster, stages: tuple[Stage, ...], nodes: list[str], connect: Connect
) -> tuple[Answer, ...]:
    async with open_session(cluster, nodes, connect=connect) as session:
        return await verify(session, stages)


def check(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    only: Only = None,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Ask every check of every chapter. Changes nothing. Exits 3 when a check says no."""
    cluster = read(file, node)
    select(only=only)
    stages = tuple(stage for stage in APPLY if not only or stage.chapter.name in only)
    answers = asyncio.run(_check(cluster, stages, node or [], connection(ask_sudo_password)))
    if json:
        ui.as_json(
            [
                {
                    "node": answer.node,
                    "chapter": answer.chapter,
                    "check": answer.check.name,
                    "key": answer.check.key,
                    "severity": str(answer.check.severity),
                    "yes": answer.yes,
                    "reason": answer.reason,
                    "hint": answer.check.hint,
                }
                for answer in answers
            ]
        )
    else:
        ui.answers(answers)
    if any(answer.is_failure for answer in answers):
        raise typer.Exit(3)
