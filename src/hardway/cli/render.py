"""hardway render: the same steps as text."""

from collections.abc import Callable
from pathlib import Path
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.epilog import HERE, epilog
from hardway.cli.options import DEFAULT_FILE, File, Json, Nodes, Only, read
from hardway.errors import UsageError
from hardway.model import Cluster, Node
from hardway.model.dns import Record, hosts_line, records, zone_line
from hardway.model.ports import clients
from hardway.model.ports import ports as ports_of
from hardway.renderers import bash as bash_renderer
from hardway.renderers import cloud_init as cloud_init_renderer
from hardway.renderers.files import lay_out
from hardway.workflows.apply import APPLY
from hardway.workflows.first_boot import FIRST_BOOT

app = typer.Typer(
    no_args_is_help=True,
    help="Print the steps as bash or cloud-init, the records for DNS or /etc/hosts, and the table of ports.",
)


@app.command(epilog=epilog("render bash -f cluster.yaml -o site", HERE))
def bash(
    file: File = DEFAULT_FILE,
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory that is made for the scripts")] = Path(
        "hardway-bash"
    ),
) -> None:
    """Numbered scripts per node and chapter, with variables.env, to be read, typed or run."""
    cluster = read(file, None)
    if output.exists() and any(output.iterdir()):
        raise UsageError("the directory is not empty", str(output), hint="name another one with --output")
    for script in bash_renderer.render(cluster, APPLY):
        target = output / script.path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(script.text)
        target.chmod(script.mode)
    ui.say(f"written to {output}: begin with {output}/order.txt")


@app.command(
    name="cloud-init",
    epilog=epilog("render cloud-init --node worker-1 -o seed", HERE, c6="the directory is not empty")
    + " The files of seed/worker-1 are a NoCloud seed.",
)
def cloud_init(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    only: Only = None,
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Directory that is made for the nodes' files")
    ] = Path("hardway-cloud-init"),
) -> None:
    """User-data per node for the chapters that a machine can do by itself at its first boot; apply does the rest."""
    cluster = read(file, node)
    known = list(dict.fromkeys(stage.chapter.name for stage in FIRST_BOOT))
    if unknown := [name for name in only or () if name not in known]:
        raise UsageError(
            f"cloud-init has no chapter `{unknown[0]}`", hint=f"a machine can do by itself: {', '.join(known)}"
        )
    stages = [stage for stage in FIRST_BOOT if not only or stage.chapter.name in only]
    tree = cloud_init_renderer.render(cluster, stages, _selected(cluster, node))
    if not tree:
        raise UsageError("these nodes have nothing to do in these chapters", str(file))
    lay_out(tree, output)
    ui.say(f"written to {output}: {', '.join(path.removeprefix('/') for path in tree)}")
    if secret := [path for path in tree if path.endswith("/secret")]:
        ui.say(f"note: secrets are in {', '.join(output.name + path for path in secret)} only: a part of their own")


@app.command(epilog=epilog("render dns -f cluster.yaml >>zone.db", HERE))
def dns(file: File = DEFAULT_FILE, json: Json = False) -> None:
    """The A records of the cluster as lines of a zone file, with their TTL."""
    _records(file, json, zone_line)


@app.command(epilog=epilog("render hosts | sudo tee -a /etc/hosts", HERE))
def hosts(file: File = DEFAULT_FILE, json: Json = False) -> None:
    """The same records as lines of /etc/hosts, for machines without a DNS zone."""
    _records(file, json, hosts_line)


def _records(file: Path, json: bool, line: Callable[[Record], str]) -> None:
    found = records(read(file, None))
    if json:
        ui.data(outputs.RECORDS.text([{"name": it.name, "address": it.address, "ttl": it.ttl} for it in found]))
    else:
        ui.data("".join(f"{line(record)}\n" for record in found))


@app.command(epilog=epilog("render ports --node master-1 --json", HERE))
def ports(file: File = DEFAULT_FILE, node: Nodes = None, json: Json = False) -> None:
    """What listens where, and who must reach it: for firewalls. `hardway check --only ports` asks whether it is so."""
    cluster = read(file, node)
    rows = [(it, row) for it in _selected(cluster, node) for row in ports_of(cluster, it)]
    if json:
        ui.data(
            outputs.PORTS.text(
                [
                    {
                        "node": it.name,
                        "address": it.address,
                        "port": row.number,
                        "lastPort": row.last or row.number,
                        "protocol": row.protocol,
                        "component": row.component,
                        "purpose": row.purpose,
                        "localhost": row.is_local,
                        "from": [
                            {"node": other.name, "address": other.address} for other in clients(cluster, row, it)
                        ],
                        "fromOutside": row.outside,
                    }
                    for it, row in rows
                ]
            )
        )
        return
    ui.table(
        ("NODE", "PORT", "COMPONENT", "FROM", "PURPOSE"),
        [(it.host_name, f"{row}/{row.protocol}", row.component, row.reachable_from, row.purpose) for it, row in rows],
    )


def _selected(cluster: Cluster, names: list[str] | None) -> list[Node]:
    return [node for node in cluster.nodes if not names or node.name in names or node.host_name in names]
