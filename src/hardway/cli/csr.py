"""hardway csr: kubelets that ask for a serving certificate, and who may have it."""

import time
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.epilog import NODES, epilog
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, connection, read
from hardway.engine.ask import ask_master
from hardway.engine.transport import Connect
from hardway.errors import Refused, StepFailed, Unreachable, UsageError
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


@app.command(name="list", epilog=epilog("csr list -f cluster.yaml", NODES))
def list_(file: File = DEFAULT_FILE, json: Json = False, ask_sudo_password: AskSudoPassword = False) -> None:
    """List the requests and say of each open one whether it agrees with the inventory."""
    found = _listed(read(file, None), connection(ask_sudo_password))
    if json:
        ui.data(
            outputs.REQUESTS.text(
                [
                    {"name": item.name, "user": item.user, "state": item.state, "objection": item.objection or None}
                    for item in found
                ]
            )
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


@app.command(epilog=epilog("csr approve --watch -f cluster.yaml", (*NODES, 6)))
def approve(
    names: Annotated[
        list[str] | None, typer.Argument(metavar="NAME...", help="Only these; all open ones by default")
    ] = None,
    file: File = DEFAULT_FILE,
    watch: Annotated[
        bool, typer.Option("--watch", help="Go on until interrupted, also while no master answers")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Each decision as one line of JSON on stdout")] = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Approve open requests that agree with the inventory. Exits 6 when a named one does not."""
    if names and watch:
        raise UsageError("--watch looks at all requests", hint="leave the names out")
    cluster = read(file, None)
    connect = connection(ask_sudo_password)
    if not watch:
        _approve(cluster, names or [], set(), connect, json)
        return
    told: set[str] = set()
    trouble = ""
    try:
        while True:
            try:
                _approve(cluster, [], told, connect, json)
                trouble = ""
            except (StepFailed, Unreachable) as error:
                if error.what != trouble:
                    ui.failure(error)
                trouble = error.what
            time.sleep(INTERVAL)
    except KeyboardInterrupt:
        ui.say("no longer watching")


def _approve(cluster: Cluster, names: list[str], told: set[str], connect: Connect, json: bool) -> None:
    """Decide once; `told` has the requests that were turned down before and are not told again."""
    by_name = {item.name: item for item in _listed(cluster, connect)}
    if unknown := [name for name in names if name not in by_name]:
        raise UsageError(f"there is no request `{unknown[0]}` for a serving certificate", hint="hardway csr list")
    wanted = [by_name[name] for name in names or by_name]
    if bad := [item for item in wanted if names and item.objection]:
        raise Refused(
            f"{bad[0].user}: {bad[0].objection}; nothing was approved",
            bad[0].name,
            hint="kubectl certificate deny refuses it for good",
        )
    fine = [item for item in wanted if item.can_be_approved]
    if fine:
        text = requests.approve(cluster, tuple(item.name for item in fine))
        ask_master(cluster, "approve requests", text, connect)
    for item in wanted:
        if item in fine:
            _tell(item, f"approved: {item.name} of {item.user}", json)
        elif item.objection and item.name not in told:
            told.add(item.name)
            _tell(item, f"not approved: {item.name} of {item.user}: {item.objection}", json)


def _tell(item: Request, line: str, json: bool) -> None:
    if json:
        ui.data(
            outputs.DECISION.line(
                {
                    "name": item.name,
                    "user": item.user,
                    "approved": not item.objection,
                    "objection": item.objection or None,
                }
            )
        )
    else:
        ui.say(line)
