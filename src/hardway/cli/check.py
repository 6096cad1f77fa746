"""hardway check: is it so?"""

import asyncio
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, Nodes, Only, connection, read, select
from hardway.engine.fitness import not_members, outside
from hardway.engine.run import open_session
from hardway.engine.transport import Connect
from hardway.engine.verify import Answer, verify
from hardway.model import Cluster
from hardway.workflows.apply import APPLY
from hardway.workflows.stage import Stage


async def _check(
    cluster: Cluster, stages: tuple[Stage, ...], nodes: list[str], when: bool | None, connect: Connect
) -> tuple[Answer, ...]:
    """`when`: all nodes are asked as before an installation (True), as after it (False), or as they stand (None)."""
    async with open_session(cluster, nodes, connect=connect) as session:
        every = frozenset(node.name for node in session.nodes)
        early = outside(session) if when is None else every if when else frozenset()
        if when is None and early:
            some = "no node" if early == every else ", ".join(sorted(early))
            belongs = "belongs to the cluster yet" if early == every else "not yet in the cluster"
            ui.say(f"note: {some} {belongs}: asked what matters before an installation")
        missing = not_members(session) if when is None else ()
        return (*missing, *await verify(session, stages, early))


Preflight = Annotated[
    bool, typer.Option("--preflight", help="Ask what matters before anything is installed, as kubeadm's preflight")
]


def check(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    only: Only = None,
    preflight: Preflight = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Ask every check of every chapter. Changes nothing. Exits 3 when a check says no.

    A node that is not in the cluster yet is asked what matters before an installation, and is a no by itself
    (not with --preflight). With --only a chapter's checks are asked wherever the node stands.
    """
    cluster = read(file, node)
    chosen = select(only=only).only
    stages = tuple(stage for stage in APPLY if not chosen or stage.chapter.name in chosen)
    when = True if preflight else False if only else None
    answers = asyncio.run(_check(cluster, stages, node or [], when, connection(ask_sudo_password)))
    if json:
        ui.data(
            outputs.CHECK.text(
                [
                    {
                        "node": answer.node,
                        "chapter": answer.chapter,
                        "check": answer.check.name,
                        "key": answer.check.key,
                        "severity": answer.check.severity,
                        "yes": answer.yes,
                        "reason": answer.reason,
                        "hint": answer.check.hint,
                    }
                    for answer in answers
                ]
            )
        )
    else:
        ui.answers(answers)
    if any(answer.is_failure for answer in answers):
        raise typer.Exit(3)
