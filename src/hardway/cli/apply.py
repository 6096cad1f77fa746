"""hardway apply: make it so."""

import asyncio
import json as json_module
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any

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
from hardway.engine.apply import apply as carry_out
from hardway.engine.events import Event, StageDone
from hardway.engine.fitness import require_fit
from hardway.engine.plan import agree
from hardway.engine.run import make_plan, open_session
from hardway.engine.schedule import Selection
from hardway.engine.transport import Connect
from hardway.errors import UsageError
from hardway.model import Cluster
from hardway.workflows.stage import Stage


async def _apply(
    cluster: Cluster,
    workflow: Sequence[Stage],
    selection: Selection,
    nodes: list[str],
    saved: dict[str, Any] | None,
    events: bool,
    connect: Connect,
) -> tuple[int, list[StageDone]]:
    with ui.Progress([node.name for node in cluster.nodes]) as progress:

        def listener(event: Event) -> None:
            progress(event)
            if events:
                ui.data(outputs.EVENT.line(event))

        async with open_session(cluster, nodes, connect=connect, listener=listener) as session:
            value = await make_plan(session, workflow, selection)
            if saved is not None:
                agree(saved, value)
            ui.notes(await require_fit(session, value, workflow))
            progress.expect(value)
            return await carry_out(session, value, workflow, listener), progress.finished


def _saved(file: Path) -> dict[str, Any]:
    try:
        value = json_module.loads(file.read_text())
    except (OSError, ValueError) as error:
        raise UsageError(f"the plan cannot be read: {error}", str(file)) from None
    if not isinstance(value, dict):
        raise UsageError("this is no plan", str(file), hint="hardway plan --out FILE writes one")
    return value


def apply(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    from_: From = "",
    until: Until = "",
    only: Only = None,
    by: By = "",
    json: Json = False,
    plan: Annotated[Path | None, typer.Option("--plan", help="Carry out this saved plan, or refuse")] = None,
    events: Annotated[
        bool, typer.Option("--events", help="What happens, as it happens: a line of JSON each on stdout")
    ] = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Bring the nodes to what cluster.yaml says. Interrupted, the same command continues."""
    if events and json:
        raise UsageError("--events and --json exclude each other", hint="the last event says what --json sums up")
    cluster = read(file, node)
    saved = _saved(plan) if plan else None
    workflow, selection = stages(cluster, by), select(from_, until, only)
    changed, finished = asyncio.run(
        _apply(cluster, workflow, selection, node or [], saved, events, connection(ask_sudo_password))
    )
    if json:
        ui.data(outputs.DONE.text({"changed": changed, "stages": [stage_data(stage) for stage in finished]}))
        return
    if changed == 0:
        ui.say("nothing to change")
        return
    first = cluster.first_control_plane
    ui.say(f"done: {changed} changes")
    ui.say(f"next: hardway check -f {file}")
    ui.say(f"      on {first.name}: kubectl --kubeconfig {cluster.paths.kubernetes}/admin.conf get nodes")


def stage_data(stage: StageDone) -> outputs.Stage:
    """A finished stage for `--json`."""
    return {
        "node": stage.node,
        "chapter": stage.chapter,
        "changed": stage.changed,
        "finishedAt": round(stage.seconds, 3),
        "seconds": round(stage.took, 3),
    }
