"""hardway certs: when certificates end, and new ones in their place."""

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Annotated

import typer

from hardway.cli import ui
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, Nodes, connection, read
from hardway.engine.ask import ask_node, ask_nodes
from hardway.engine.certificates import Certificate, as_it_is
from hardway.engine.certificates import read as parse
from hardway.engine.transport import Connect
from hardway.errors import Refused, UsageError
from hardway.model import Cluster, Node
from hardway.operations import expiration, renewal, tokens
from hardway.pki.kubeconfigs import KubeconfigSpec, client_certificate

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


@app.command(name="check-expiration", epilog="Example: hardway certs check-expiration --exit-code -f cluster.yaml")
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
        ui.as_json([_as_data(item, now) for item in found])
    else:
        _show(found, now)
    late = [item for item in found if item.expires is None or item.expires - now < timedelta(days=days)]
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


def _as_data(item: Certificate, now: datetime) -> dict[str, object]:
    return {
        "node": item.stored.node,
        "name": item.stored.name,
        "authority": item.stored.authority or None,
        "expires": tokens.utc(item.expires) if item.expires else None,
        "residualSeconds": int((item.expires - now).total_seconds()) if item.expires else None,
        "externallyManaged": item.stored.external,
    }


@app.command(epilog="Example: hardway certs renew all --dry-run -f cluster.yaml")
def renew(
    names: Annotated[list[str], typer.Argument(metavar="NAME...", help="As check-expiration lists them, or all")],
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only say what would be done")] = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Renew certificates with new keys, one master at a time, and restart the static pods that read them.

    Subject, names and usages stay as they are in the certificate. A master is touched only while its etcd and its API
    server are well, and the next one only when they are well again. CAs are never renewed. Exits 6 where a CA's key
    is not on the node.
    """
    cluster = read(file, node)
    masters = _masters(cluster, node)
    connect = connection(ask_sudo_password)
    _known(cluster, masters, names)
    found = {(item.stored.node, item.stored.name): item for item in _stored(cluster, masters, connect)}
    for master in masters:
        _renew(cluster, master, names, found, None if dry_run else connect)
    if dry_run:
        return
    ui.say("next: hardway certs check-expiration; whoever has a copy of admin.conf needs a new one before it ends")


def _known(cluster: Cluster, masters: tuple[Node, ...], names: list[str]) -> None:
    known = list(dict.fromkeys(name for master in masters for name, _ in expiration.renewable(cluster, master)))
    for name in names:
        if name != ALL and name not in known:
            raise UsageError(f"there is no certificate `{name}` to renew", hint=f"all, or: {', '.join(known)}")


def _renew(
    cluster: Cluster,
    master: Node,
    names: list[str],
    found: dict[tuple[str, str], Certificate],
    connect: Connect | None,
) -> None:
    """Renew on one master, or only say so where there is no way to connect."""
    requests = []
    for name, spec in expiration.renewable(cluster, master):
        item = found[master.name, name]
        if ALL not in names and name not in names:
            continue
        if item.parsed is None:
            ui.say(f"{master.host_name}: {name} is missing: hardway apply makes it")
            continue
        if item.stored.external:
            raise Refused(
                f"{name} is signed by {item.stored.authority}, whose key is not here",
                master.name,
                hint="an external CA renews it: put the new certificate there",
            )
        request = client_certificate(spec) if isinstance(spec, KubeconfigSpec) else spec
        requests.append((name, spec, as_it_is(request, item.parsed)))
    renewed = [name for name, _, _ in requests]
    pods = renewal.restarted(renewed)
    after = f", then restart {', '.join(pods)}" if pods else ""
    if not renewed:
        return
    ui.say(f"{master.host_name}: {'would renew' if connect is None else 'renew'} {', '.join(renewed)}{after}")
    if connect is None:
        return
    text = renewal.script(cluster, master, requests)
    asyncio.run(ask_node(master, f"renew {', '.join(renewed)}", text, connect))
