"""hardway new: a first cluster.yaml."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from hardway.cli import ui
from hardway.config import InvalidConfiguration, advice, loads
from hardway.config.skeleton import Answers, skeleton
from hardway.errors import Refused, UsageError
from hardway.versions import DEFAULT

STDOUT = "-"
Machines = list[str] | None


def new(
    output: Annotated[str, typer.Argument(metavar="FILE", help="File to write, or - for stdout")] = "cluster.yaml",
    name: Annotated[str, typer.Option("--name", help="Name of the cluster; part of the machines' names")] = "",
    domain: Annotated[str, typer.Option("--domain", help="Domain below which the machines are named")] = "",
    master: Annotated[
        Machines, typer.Option("--master", metavar="NAME=ADDRESS", help="Repeatable; the first makes the CAs")
    ] = None,
    worker: Annotated[Machines, typer.Option("--worker", metavar="NAME=ADDRESS", help="Repeatable")] = None,
    balancer: Annotated[
        Machines, typer.Option("--balancer", metavar="NAME=ADDRESS", help="Machine for haproxy; repeatable")
    ] = None,
    kubernetes: Annotated[
        str, typer.Option("--kubernetes-version", help="One that `hardway versions` lists")
    ] = DEFAULT,
    ssh_user: Annotated[str, typer.Option("--ssh-user", help="Login on the machines (default: as ssh has it)")] = "",
    network: Annotated[str, typer.Option("--network", help="bridge, or none for your own")] = "bridge",
    services: Annotated[str, typer.Option("--service-subnet", help="Network of Services")] = "10.96.0.0/16",
    pods: Annotated[str, typer.Option("--pod-cidr", help="Network of pods (network bridge)")] = "10.244.0.0/16",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file that is there")] = False,
) -> None:
    """Write a commented cluster.yaml. Asks for what the flags leave out, where there is a terminal.

    What is written can be planned at once: answers that make no valid file are refused with what is wrong with them.
    """
    target = Path(output)
    if output != STDOUT and target.exists() and not force:
        raise Refused("it is there already", output, hint="--force overwrites it; or name another file")
    answers = Answers(
        name or _ask("--name", "Name of the cluster", "my-first-cluster"),
        domain or _ask("--domain", "Domain of the machines", "example.com"),
        _machines(master or [], "--master", "Masters, as master-1=ADDRESS, with spaces between"),
        _machines(worker or [], "--worker", "Workers (may be none)", needed=False),
        _machines(balancer or [], "--balancer", "Machines for the balancer (may be none)", needed=False),
        kubernetes,
        ssh_user,
        network,
        services,
        pods,
    )
    text = skeleton(answers)
    try:
        cluster = loads(text, file="these answers")
    except InvalidConfiguration as wrong:
        listed = "\n".join(f"{problem.path}: {problem.message}" for problem in wrong.problems)
        raise UsageError(
            "no cluster can be made of these answers", output=listed, hint="hardway new --help"
        ) from None
    if output == STDOUT:
        ui.data(text)
        return
    target.write_text(text)
    ui.say(f"written: {target}")
    for line in advice(cluster):
        ui.say(f"note: {line}")
    ui.say(f"next: hardway trust -f {target}     # host keys")
    ui.say(f"      hardway plan -f {target}")


def _ask(option: str, question: str, default: str = "", *, needed: bool = True) -> str:
    """An answer from the terminal; where there is none, UsageError for what must be known."""
    if not sys.stdin.isatty():
        if needed:
            raise UsageError(f"{option} is missing", hint="without a terminal nobody can be asked")
        return ""
    answer: str = typer.prompt(question, default=default, err=True, show_default=bool(default))
    return answer.strip()


def _machines(given: list[str], option: str, question: str, *, needed: bool = True) -> dict[str, str]:
    """Short names to addresses."""
    found: dict[str, str] = {}
    for word in given or _ask(option, question, needed=needed).split():
        name, equals, where = word.partition("=")
        if not name or not equals or not where:
            raise UsageError(f"`{word}` is no machine", option, hint="write it as master-1=192.0.2.11")
        if name in found:
            raise UsageError(f"`{name}` stands twice", option)
        found[name] = where
    return found
