"""hardway plan: what would change."""

import asyncio
import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.options import (
    DEFAULT_FILE,
    AskSudoPassword,
    By,
    File,
    From,
    Json,
    Nodes,
    Only,
    Until,
    connection,
    read,
    select,
    stages,
)
from hardway.engine.fitness import doubts
from hardway.engine.plan import Plan
from hardway.engine.run import make_plan, open_session
from hardway.engine.schedule import Selection
from hardway.engine.transport import Connect
from hardway.model import Cluster
from hardway.workflows.stage import Stage


async def _plan(
    cluster: Cluster, workflow: Sequence[Stage], selection: Selection, nodes: list[str], connect: Connect
) -> Plan:
    async with open_session(cluster, nodes, connect=connect) as session:
        value = await make_plan(session, workflow, selection)
        ui.notes(await doubts(session, value, workflow))
        return value


def plan(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    from_: From = "",
    until: Until = "",
    only: Only = None,
    by: By = "",
    json: Json = False,
    out: Annotated[
        Path | None, typer.Option("--out", help="Save the plan (hashes, no secrets) for apply --plan")
    ] = None,
    diff: Annotated[bool, typer.Option("--diff", help="Show the differences of files")] = False,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 10 when something would change")] = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Show per node and chapter what `apply` would change. Changes nothing."""
    cluster = read(file, node)
    workflow, selection = stages(cluster, by), select(from_, until, only)
    value = asyncio.run(_plan(cluster, workflow, selection, node or [], connection(ask_sudo_password)))
    if json:
        ui.data(outputs.PLAN.text(value.to_data()))
    else:
        ui.plan(value, diffs=diff)
    if out:
        out.write_text(json_module.dumps(value.to_data(), indent=2) + "\n")
    if exit_code and value.pending:
        raise typer.Exit(10)
