"""hardway kubeconfig: the administrator's way in, brought here."""

import tempfile
from pathlib import Path
from typing import Annotated
from urllib.parse import urlsplit

import typer
import yaml

from hardway.cli import ui
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, connection, read
from hardway.engine.ask import ask_master, has
from hardway.errors import Refused, StepFailed, UsageError
from hardway.steps.shell import quote

STDOUT = "-"


def kubeconfig(
    file: File = DEFAULT_FILE,
    output: Annotated[
        str, typer.Option("--output", "-o", help="File (mode 0600), or - for stdout (default: NAME.conf)")
    ] = "",
    super_admin: Annotated[
        bool, typer.Option("--super-admin", help="super-admin.conf of the first master, for emergencies")
    ] = False,
    server: Annotated[str, typer.Option("--server", help="Another URL of the API, as https://localhost:6443")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file with other content")] = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Fetch admin.conf from the first master that has it. It opens the whole cluster: keep it private.

    Exits 6 when the file exists with other content.
    """
    if server:
        _check(server)
    cluster = read(file, None)
    name = "super-admin" if super_admin else "admin"
    path = f"{cluster.paths.kubernetes}/{name}.conf"
    # Of masters that have it: whether the API is up does not matter here.
    connect = connection(ask_sudo_password)
    text = ask_master(cluster, f"read {path}", f"cat {quote(path)}\n", connect, needs=has(path))
    if server:
        text = _pointed_at(server, text, path)
    if output == STDOUT:
        ui.data(text)
        return
    target = Path(output or f"{cluster.name}.conf")
    _place(target, text, force)
    ui.say(f"written: {target}")
    ui.say(f"next: kubectl --kubeconfig {target} get nodes")


def _place(target: Path, text: str, force: bool) -> None:
    """Write the file for its owner alone, whole or not at all."""
    try:
        if target.exists() and target.read_bytes() != text.encode() and not force:
            raise Refused(
                "it exists with other content", str(target), hint="--force overwrites it, --output names another"
            )
        # Where it is a link, what it leads to is written.
        real = target.resolve()
        with tempfile.NamedTemporaryFile("w", dir=real.parent, prefix=f".{real.name}.", delete=False) as beside:
            beside.write(text)
        try:
            Path(beside.name).replace(real)
        except OSError:
            Path(beside.name).unlink()
            raise
    except OSError as error:
        raise UsageError(f"it cannot be written: {error.strerror}", str(target)) from None


def _check(server: str) -> None:
    try:
        parts = urlsplit(server)
        fine = parts.scheme == "https" and bool(parts.hostname) and (parts.port or 443) > 0
    except ValueError:
        fine = False
    if not fine:
        raise UsageError(f"`{server}` is no URL of an API server", "--server", hint="as https://localhost:6443")


def _pointed_at(server: str, text: str, path: str) -> str:
    document = yaml.safe_load(text)
    try:
        for entry in document["clusters"]:
            entry["cluster"]["server"] = server
    except (TypeError, KeyError):
        raise StepFailed("it is no kubeconfig", path) from None
    return yaml.safe_dump(document, sort_keys=True)
