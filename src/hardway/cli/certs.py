"""hardway certs: when certificates end, and new ones in their place."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from hardway.chapters.renew import Request, restarted
from hardway.cli import movement, outputs, ui
from hardway.cli.epilog import CHANGES, NODES, epilog
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, Nodes, connection, read
from hardway.engine.ask import ask_nodes
from hardway.engine.certificates import Certificate
from hardway.engine.certificates import read as parse
from hardway.engine.certificates import requests as asked
from hardway.engine.run import make_plan, open_session
from hardway.engine.transport import Connect
from hardway.errors import UsageError
from hardway.model import Cluster, Node
from hardway.operations import expiration, tokens
from hardway.workflows.renew import renew as renewal

app = typer.Typer(no_args_is_help=True, help="Certificates of the masters; kubelets renew their own.")

SOON = 30
ALL = "all"
FORMAT = "%b %d, %Y %H:%M UTC"
"""As kubeadm prints times."""


def _masters(cluster: Cluster, names: list[str] | None) -> tuple[Node, ...]:
    chosen = tuple(cluster.node(name) for name in names) if names else cluster.control_planes
    for node in chosen:
        if not node.is_control_plane:
            raise UsageError(
                f"`{node.host_name}` is no master and has no such certificates", hint="its kubelet renews its own"
            )
    return chosen


def _stored(cluster: Cluster, nodes: tuple[Node, ...], connect: Connect) -> list[Certificate]:
    answers = ask_nodes({node: expiration.reading(cluster, node) for node in nodes}, "read the certificates", connect)
    return [parse(stored) for node in nodes for stored in expiration.read(node.name, answers[node.name])]


@app.command(
    name="check-expiration",
    epilog=epilog("certs check-expiration --exit-code -f cluster.yaml", NODES, c10="one ends soon"),
)
def check_expiration(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    days: Annotated[int, typer.Option("--days", help="What --exit-code calls soon")] = SOON,
    exit_code: Annotated[bool, typer.Option("--exit-code", help="Exit 10 when one ends soon or is missing")] = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Show kubeadm's table for all masters: when each certificate ends, and which CA signs it."""
    cluster = read(file, node)
    found = _stored(cluster, _masters(cluster, node), connection(ask_sudo_password))
    now = datetime.now(UTC)
    if json:
        ui.data(outputs.EXPIRATION.text([_as_data(item, now) for item in found]))
    else:
        _show(found, now)
    spared = expiration.spared(cluster)
    asked_for = [item for item in found if item.stored.pem or item.stored.name not in spared]
    late = [item for item in asked_for if item.expires is None or item.expires - now < timedelta(days=days)]
    if exit_code and late:
        raise typer.Exit(10)


def _show(found: list[Certificate], now: datetime) -> None:
    ends = {id(item): (end(item), left(item, now)) for item in found}
    signed = [item for item in found if item.stored.authority]
    ui.table(
        ("NODE", "CERTIFICATE", "EXPIRES", "RESIDUAL TIME", "CERTIFICATE AUTHORITY", "EXTERNALLY MANAGED"),
        [
            (_short(item), item.stored.name, *ends[id(item)], item.stored.authority, _yes(item.stored.external))
            for item in signed
        ],
    )
    ui.data("")
    ui.table(
        ("NODE", "CERTIFICATE AUTHORITY", "EXPIRES", "RESIDUAL TIME", "EXTERNALLY MANAGED"),
        [
            (_short(item), item.stored.name, *ends[id(item)], _yes(item.stored.external))
            for item in found
            if not item.stored.authority
        ],
    )


def _short(item: Certificate) -> str:
    return item.stored.node.split(".")[0]


def end(item: Certificate) -> str:
    """The end of a certificate in kubeadm's form."""
    return item.expires.strftime(FORMAT) if item.expires else "!MISSING!"


def left(item: Certificate, now: datetime) -> str:
    """What is left of a certificate's life in kubeadm's form."""
    return tokens.short_duration(item.expires - now) if item.expires else ""


def _yes(value: bool) -> str:
    return "yes" if value else "no"


def _as_data(item: Certificate, now: datetime) -> outputs.CertificateEnd:
    return {
        "node": item.stored.node,
        "name": item.stored.name,
        "authority": item.stored.authority or None,
        "expires": tokens.utc(item.expires) if item.expires else None,
        "residualSeconds": int((item.expires - now).total_seconds()) if item.expires else None,
        "externallyManaged": item.stored.external,
    }


@app.command(epilog=epilog("certs renew all --dry-run -f cluster.yaml", CHANGES))
def renew(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As check-expiration lists them, or all")],
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done")] = False,
    force: Annotated[
        bool, typer.Option("--force", help="All masters at once, well or not: after certificates have ended")
    ] = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Renew certificates with new keys, one master at a time, and restart the static pods that read them.

    Subject, names and usages stay as they are in the certificate. A master is touched only while etcd and its API
    server are well, and the next one only when all its pods are well again. CAs are never renewed; kubelets renew
    their own. Exits 6 where a CA's key is not on the node, before anything is done.
    """
    cluster = read(file, node)
    masters = _masters(cluster, node)
    wanted = _known(cluster, masters, names)
    connect = connection(ask_sudo_password)
    found = _stored(cluster, masters, connect)
    requests = {node.name: asked(cluster, node, wanted, found) for node in masters}
    spared = expiration.spared(cluster)
    for item in found:
        if item.parsed is None and item.stored.name in wanted:
            cure = "nothing to renew" if item.stored.name in spared else "hardway apply makes it"
            ui.say(f"{_short(item)}: {item.stored.name} is missing: {cure}")
    result = asyncio.run(_renew(cluster, requests, connect, force, dry_run, json))
    if dry_run:
        return
    movement.report(result, json)
    if not json and result.changed:
        ui.say("the certificates of kubelets were left alone: kubelets renew them")
        ui.say(f"next: hardway certs check-expiration -f {file}; copies of admin.conf: hardway kubeconfig --force")


def _known(cluster: Cluster, masters: tuple[Node, ...], names: list[str]) -> frozenset[str]:
    known = list(dict.fromkeys(name for master in masters for name, _ in expiration.renewable(cluster, master)))
    for name in names:
        if name != ALL and name not in known:
            raise UsageError(f"there is no certificate `{name}` to renew", hint=f"all, or: {', '.join(known)}")
    return frozenset(known if ALL in names else names)


async def _renew(
    cluster: Cluster,
    requests: dict[str, tuple[Request, ...]],
    connect: Connect,
    force: bool,
    dry_run: bool,
    json: bool,
) -> movement.Result:
    stages = renewal(requests, force=force)
    async with open_session(cluster, list(requests), connect=connect) as session:
        plan = await make_plan(session, stages)
        if dry_run and json:
            ui.data(outputs.PLAN.text(plan.to_data()))
            return movement.Result()
        for name, mine in requests.items():
            pods = restarted(request.name for request in mine)
            after = f"; restart {', '.join(pods)}" if pods else ""
            if mine:
                ui.say(f"{cluster.node(name).host_name}: renew {', '.join(item.name for item in mine)}{after}")
        return movement.Result() if dry_run else await movement.perform(session, plan, stages)
