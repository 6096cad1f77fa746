"""hardway apply: make it so."""

import asyncio

from hardway.cli import ui
from hardway.cli.options import DEFAULT_FILE, File, From, Json, Nodes, Only, Until, read, select
from hardway.engine.apply import apply as carry_out
from hardway.engine.events import Event, StageDone
from hardway.engine.run import make_plan, open_session
from hardway.model import Cluster
from hardway.workflows.stage import Stage


async def _apply(cluster: Cluster, stages: tuple[Stage, ...], nodes: list[str]) -> tuple[int, list[StageDone]]:
    finished: list[StageDone] = []
    async with open_session(cluster, nodes) as session:
        value = await make_plan(session, stages)
        with ui.Progress([n.name for n in session.nodes]) as progress:

            def listener(event: Event) -> None:
                progress(event)
                if isinstance(event, StageDone):
                    finished.append(event)

            return await carry_out(session, value, stages, listener), finished


def apply(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    from_: From = "",
    until: Until = "",
    only: Only = None,
    json: Json = False,
) -> None:
    """Bring the nodes to what cluster.yaml says. Interrupted, the same command continues."""
    cluster = read(file, node)
    changed, finished = asyncio.run(_apply(cluster, select(from_, until, only), node or []))
    if json:
        ui.as_json(
            {
                "changed": changed,
                "stages": [
                    {
                        "node": stage.node,
                        "chapter": stage.chapter,
                        "changed": stage.changed,
                        "finishedAt": round(stage.seconds, 3),
                        "seconds": round(stage.took, 3),
                    }
                    for stage in finished
                ],
            }
        )
        return
    if changed == 0:
        ui.say("nothing to change")
        return
    ui.say(f"done: {changed} changes")
    first = cluster.first_control_plane
    ui.say(f"next: hardway check -f {file}")
    ui.say(f"      on {first.name}: kubectl --kubeconfig {cluster.paths.kubernetes}/admin.conf get nodes")
