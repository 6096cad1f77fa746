"""hardway node: machines that come to a running cluster, and machines that leave it."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hardway.chapters.leave import Drain
from hardway.cli import movement, ui
from hardway.cli.epilog import CHANGES, epilog
from hardway.cli.movement import Yes
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, connection, read
from hardway.engine.membership import arrival, departure
from hardway.errors import UsageError
from hardway.model import Cluster

app = typer.Typer(
    no_args_is_help=True,
    help="Add nodes to a running cluster, remove nodes from it.",
    epilog="Exit codes: 2 wrong input, 3 a step failed, 4 a node cannot be reached, 6 refused (etcd's quorum, first master).",
)

Names = Annotated[list[str], typer.Argument(metavar="NODE", help="Full or short names, as in the Inventory")]


@app.command(epilog=epilog("node add worker-2 master-3 -f cluster.yaml --yes", CHANGES))
def add(
    nodes: Names,
    file: File = DEFAULT_FILE,
    yes: Yes = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Join nodes that were added to the Inventory.

    On the new nodes every chapter is applied; on the others only what depends on who is there: balancer, routes,
    tokens, the certificates for joining masters. All nodes have to be reachable.
    """
    cluster = read(file, nodes)
    connect = connection(ask_sudo_password)

    async def work() -> movement.Result:
        async with arrival(cluster, nodes, connect) as found:
            for node in found.session.nodes:
                if node.name in _full(cluster, nodes):
                    ui.say(f"DNS record: {node.name} -> {node.address} (hardway render dns)")
            return await movement.carry_out(found, f"Add {', '.join(nodes)}?", yes)

    result = asyncio.run(work())
    movement.report(result, json)
    if not json and result.changed:
        ui.say(f"next: hardway check -f {file}")


@app.command(epilog=epilog("node remove worker-2 --reset -f cluster.yaml --yes", CHANGES))
def remove(
    nodes: Names,
    file: File = DEFAULT_FILE,
    reset: Annotated[bool, typer.Option("--reset", help="Also take back what join made of the machine")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="As kubectl drain: delete pods, too, that no controller makes anew")
    ] = False,
    force_unreachable: Annotated[
        bool, typer.Option("--force-unreachable", help="The machine is lost: do not wait for the end of its pods")
    ] = False,
    timeout: Annotated[int, typer.Option("--timeout", min=1, help="Seconds for the pods of a node to end")] = 120,
    yes: Yes = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Drain nodes, remove a master's member from etcd, delete the Node objects; one node after the other.

    The numbers of etcd's quorum are shown first. Refused: the last master, a lost quorum, another member that is down.
    """
    if reset and force_unreachable:
        raise UsageError("a machine that is lost cannot be reset", hint="leave out --reset or --force-unreachable")
    cluster = read(file, nodes)
    connect = connection(ask_sudo_password)
    how = Drain(timeout, force, force_unreachable)
    results = []
    for name in nodes:

        async def work(name: str = name) -> movement.Result:
            async with departure(cluster, name, how, reset=reset, connect=connect) as found:
                return await movement.carry_out(found, f"Remove {name}?", yes)

        results.append(asyncio.run(work()))
    movement.report(movement.Result.of(results), json)
    if not json:
        _tell_what_is_left(cluster, nodes, file, reset=reset or force_unreachable)


def _full(cluster: Cluster, names: list[str]) -> set[str]:
    return {cluster.node(name).name for name in names}


def _tell_what_is_left(cluster: Cluster, names: list[str], file: Path, *, reset: bool) -> None:
    gone = _full(cluster, names)
    ui.say(f"next: take {', '.join(names)} out of {file} (apply would add it again), then")
    ui.say(f"      hardway apply -f {file}   # balancer and routes of the others")
    if not reset:
        ui.say(
            f"      the machine still runs its kubelet: switch it off, or hardway reset --node {names[0]} -f {file}"
        )
    if cluster.network.kind != "bridge":
        return
    listed = cluster.kubernetes_nodes
    begin = min(number for number, node in enumerate(listed) if node.name in gone)
    for node in listed[begin:]:
        if node.name not in gone:
            ui.say(
                f"      before that: `podCIDR: {node.pod_cidr}` in the entry of {node.host_name} keeps its pod network"
            )
