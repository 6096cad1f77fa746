"""Options that several verbs share, and the way from a cluster.yaml to the stages that are meant."""

import getpass
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from hardway.cli import ui
from hardway.config import advice, load_with_text
from hardway.engine.schedule import Selection, known
from hardway.engine.transport import Connect, open_transport
from hardway.errors import UsageError
from hardway.gotypes.durations import nanoseconds
from hardway.model import Cluster
from hardway.workflows.apply import APPLY
from hardway.workflows.by import carried_out, chosen
from hardway.workflows.stage import Stage

File = Annotated[Path, typer.Option("--file", "-f", help="kubeadm's documents and the Inventory")]
Nodes = Annotated[list[str] | None, typer.Option("--node", help="Only this node (full or short name); repeatable")]
From = Annotated[str, typer.Option("--from", help="Begin with this chapter")]
Until = Annotated[str, typer.Option("--until", help="End with this chapter")]
Only = Annotated[list[str] | None, typer.Option("--only", help="Only this chapter; repeatable")]
Json = Annotated[bool, typer.Option("--json", help="Data for programs on stdout")]

By = Annotated[
    str,
    typer.Option(
        "--by",
        metavar="kubeadm=CHAPTER[@NODE],...",
        help="Let kubeadm's phases carry out these chapters (all: every one)",
    ),
]

AskSudoPassword = Annotated[
    bool,
    typer.Option("--ask-sudo-password", help="Ask for the password of sudo on the nodes (elsewhere read a line)"),
]

DEFAULT_FILE = Path("cluster.yaml")


def read(file: Path, nodes: Sequence[str] | None) -> Cluster:
    """The cluster of a file; UsageError for a node that it does not have."""
    cluster, _ = with_text(file)
    for name in nodes or ():
        try:
            cluster.node(name)
        except KeyError:
            names = ", ".join(node.host_name for node in cluster.nodes)
            raise UsageError(f"there is no node `{name}`", str(file), hint=f"the nodes are: {names}") from None
    return cluster


def with_text(file: Path) -> tuple[Cluster, str]:
    """The cluster of a file, and what the file says."""
    cluster, text = load_with_text(file)
    for line in advice(cluster):
        ui.say(f"note: {line}")
    return cluster, text


def duration(text: str, option: str) -> timedelta:
    """A duration as Go writes it (`2h`, `1h30m`, `0`); UsageError for anything else, and for one below zero."""
    length = nanoseconds(text)
    if length is None or length < 0:
        raise UsageError(f"`{text}` is no duration", option, hint="write it as 90m, 2h or 24h0m0s")
    return timedelta(microseconds=length // 1000)


def connection(ask: bool) -> Connect:
    """How nodes are reached; asks for sudo's password without showing it, or reads a line where there is no terminal."""
    if not ask:
        return open_transport
    terminal = sys.stdin.isatty()
    password = getpass.getpass("sudo password: ", sys.stderr) if terminal else sys.stdin.readline().rstrip("\n")
    if not password:
        raise UsageError("the password of sudo is empty")
    return partial(open_transport, sudo_password=password)


def select(first: str = "", last: str = "", only: Sequence[str] | None = None) -> Selection:
    """The chapters that are meant; UsageError for an unknown one, before any node is asked."""
    return known(APPLY, Selection(first, last, tuple(only or ())))


def stages(cluster: Cluster, by: str) -> tuple[Stage, ...]:
    """The stages of apply, some of them carried out by kubeadm; UsageError for what cannot be."""
    return carried_out(APPLY, chosen(APPLY, cluster, by)) if by else APPLY
