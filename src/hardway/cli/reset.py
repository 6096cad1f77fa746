"""hardway reset: take back what init or join made of machines."""

import asyncio
from typing import Annotated

import typer

from hardway.chapters.reset import left as left_behind
from hardway.cli import movement, ui
from hardway.cli.movement import Yes
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, Nodes, connection, read
from hardway.engine.membership import demolition, departure
from hardway.errors import Refused, StepFailed, Unreachable


def reset(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    force: Annotated[
        bool, typer.Option("--force", help="Also when the rest of the cluster cannot be asked, or would be lost")
    ] = False,
    yes: Yes = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Do what `kubeadm reset` does: remove the member of etcd, the pods, the keys and the data; delete the Node object.

    Without --node all nodes are reset: the whole cluster and its data are gone. Packages, binaries and settings of
    the system stay, so `hardway apply` joins the machine again. Exits 6 where etcd's quorum would be lost.
    """
    cluster = read(file, node)
    connect = connection(ask_sudo_password)
    names = [cluster.node(name).name for name in node] if node else [n.name for n in cluster.kubernetes_nodes]
    left = [master.name for master in cluster.control_planes if master.name not in names]

    async def alone(listed: list[str]) -> movement.Result:
        async with demolition(cluster, listed, connect) as found:
            return await movement.carry_out(found, f"Reset {', '.join(listed)}? What is there is lost.", yes)

    async def one(name: str) -> movement.Result:
        async with departure(cluster, name, None, reset=True, connect=connect) as found:
            return await movement.carry_out(found, f"Reset {name}? What is there is lost.", yes)

    if not left:
        ui.say("no master is left: this is the end of the cluster and of its data")
        results = [asyncio.run(alone(names))]
    else:
        results = []
        for name in names:
            try:
                results.append(asyncio.run(one(name)))
            except (Refused, Unreachable, StepFailed) as error:
                if not force:
                    raise
                ui.say(f"{name}: {error.what}; reset all the same, the cluster does not know of it")
                results.append(asyncio.run(alone([name])))
    movement.report(movement.Result.of(results), json)
    if not json:
        for line in left_behind(cluster):
            ui.say(f"left: {line}")
