"""hardway lab: local nodes with real systemd and sshd."""

import os
import shlex
from pathlib import Path
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.epilog import epilog
from hardway.cli.options import File, Json, read
from hardway.errors import UsageError
from hardway.lab.lab import Lab, recorded
from hardway.lab.spec import from_cluster

app = typer.Typer(no_args_is_help=True, help="Nodes for trying: systemd-nspawn machines with sshd, on this machine.")

EXAMPLE = Path("examples/lab/cluster.yaml")
SOURCES = ("auto", "release", "go")
Name = Annotated[str, typer.Option("--name", help="Name of the lab; it is part of every name on the host")]


@app.command(epilog=epilog("lab up -f examples/lab/cluster.yaml", (2, 7)))
def up(
    file: File = EXAMPLE,
    name: Name = "lab",
    source: Annotated[
        str, typer.Option("--source", help="Kubernetes' binaries: auto, release, go, or a directory")
    ] = "auto",
    also: Annotated[
        list[str] | None,
        typer.Option(
            "--also", help="A further version of Kubernetes for the lab's mirror, to upgrade to; repeatable"
        ),
    ] = None,
    cloud_init: Annotated[
        Path | None,
        typer.Option(
            "--cloud-init", help="Directory of hardway render cloud-init: nodes boot with NODE/user-data", exists=True
        ),
    ] = None,
) -> None:
    """Build what is missing (once) and boot the nodes of the inventory."""
    spec = from_cluster(read(file, None), name, also or ())
    if spec.also and source not in SOURCES:
        raise UsageError(
            "a directory has the binaries of one version, and --also asks for more",
            hint=f"use --source {', '.join(SOURCES)}",
        )
    found = {node.host_name: cloud_init / node.host_name / "user-data" for node in spec.nodes} if cloud_init else {}
    seeds = {host_name: path.read_text() for host_name, path in found.items() if path.exists()}
    if cloud_init and not seeds:
        raise UsageError("there is no user-data of any node of the lab", str(cloud_init))
    Lab(spec).up(source, ui.say, seeds)
    ui.say(f"next: hardway apply -f {file}")


@app.command(epilog=epilog("lab down", (2, 7)))
def down(name: Name = "lab") -> None:
    """Remove the lab: machines, mounts, cgroups, bridge, state. The cache stays."""
    recorded(name).down()
    ui.say(f"lab `{name}` is gone")


@app.command(epilog=epilog("lab status --json", (2, 7)))
def status(name: Name = "lab", json: Json = False) -> None:
    """Show the nodes."""
    rows = recorded(name).status()
    if not rows:
        ui.say(f"lab `{name}` is not up")
    if json:
        ui.data(
            outputs.LAB.text([{"node": row.host_name, "address": row.address, "state": row.state} for row in rows])
        )
    else:
        ui.table(("NODE", "ADDRESS", "STATE"), [(row.host_name, row.address, row.state) for row in rows])


@app.command(epilog=epilog("lab shell master-1", (2, 7)))
def shell(node: str, name: Name = "lab") -> None:
    """Open a shell on a node (leave it with exit)."""
    argv = recorded(name).ssh_command(node)
    os.execvp(argv[0], [argv[0], "-t", *argv[1:]])


@app.command(
    name="exec",
    context_settings={"ignore_unknown_options": True},
    epilog=epilog("lab exec master-1 -- crictl ps", (2, 7)) + " Any other is the command's own.",
)
def execute(node: str, command: list[str], name: Name = "lab") -> None:
    """Run a command as root on a node."""
    argv = recorded(name).ssh_command(node, ["sudo", "-n", shlex.join(command)])
    os.execvp(argv[0], argv)
