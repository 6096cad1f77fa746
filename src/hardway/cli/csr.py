"""hardway csr: kubelets that ask for a serving certificate, and who may have it."""

import time
from typing import Annotated

import typer

from hardway.cli import ui
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, connection, read
from hardway.engine.ask import ask_master
from hardway.engine.transport import Connect
from hardway.errors import Refused, UsageError
from hardway.model import Cluster
from hardway.operations import requests
from hardway.operations.requests import Request

app = typer.Typer(
    no_args_is_help=True,
    help="Requests of kubelets for serving certificates. Without approval logs and exec fail when one ends.",
    epilog="Approved is only what agrees with the inventory in name, requester, names and addresses.",
)

INTERVAL = 5
"""Seconds between two looks with --watch."""


def _listed(cluster: Cluster, connect: Connect) -> tuple[Request, ...]:
    return requests.listed(ask_master(cluster, "list the requests", requests.listing(cluster), connect))


@app.command(name="list", epilog="Example: hardway csr list -f cluster.yaml")
def list_(file: File = DEFAULT_FILE, json: Json = False, ask_sudo_password: AskSudoPassword = False) -> None:
    """List the requests and say of each open one whether it agrees with the inventory."""
    found = _listed(read(file, None), connection(ask_sudo_password))
    if json:
        ui.as_json(
            [
                {"name": item.name, "user": item.user, "state": item.state, "objection": item.objection or None}
                for item in found
            ]
        )
        return
    ui.table(
        ("NAME", "REQUESTER", "STATE", "VERDICT"),
        [(item.name, item.user, item.state, _verdict(item)) for item in found],
    )


def _verdict(item: Request) -> str:
    if item.can_be_approved:
        return "agrees with the inventory"
    return item.objection or "-"


@app.command(epilog="Example: hardway csr approve --watch -f cluster.yaml")
def approve(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Only these; all open ones by default")
    ] = None,
    file: File = DEFAULT_FILE,
    watch: Annotated[bool, typer.Option("--watch", help="Go on until interrupted")] = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Approve open requests that agree with the inventory. Exits 6 when a named one does not."""
    cluster = read(file, None)
    connect = connection(ask_sudo_password)
    told: set[str] = set()
    while True:
        found = _listed(cluster, connect)
        _approve(cluster, found, names or [], told, connect)
        if not watch:
            return
        time.sleep(INTERVAL)


def _approve(
    cluster: Cluster, found: tuple[Request, ...], names: list[str], told: set[str], connect: Connect
) -> None:
    by_name = {item.name: item for item in found}
    if unknown := [name for name in names if name not in by_name]:
        raise UsageError(f"there is no request `{unknown[0]}` for a serving certificate", hint="hardway csr list")
    wanted = [by_name[name] for name in names] if names else list(found)
    for item in wanted:
        if item.objection and item.name not in told:
            told.add(item.name)
            if names:
                raise Refused(
                    f"{item.user}: {item.objection}", item.name, hint="kubectl certificate deny refuses it for good"
                )
            ui.say(f"not approved: {item.name} of {item.user}: {item.objection}")
    fine = tuple(item.name for item in wanted if item.can_be_approved)
    if fine:
        ask_master(cluster, "approve requests", requests.approve(cluster, fine), connect)
    for name in fine:
        ui.say(f"approved: {name} of {by_name[name].user}")
