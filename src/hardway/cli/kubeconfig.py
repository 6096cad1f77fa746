"""hardway kubeconfig: the administrator's way in, brought here."""

from pathlib import Path
from typing import Annotated

import typer
import yaml

from hardway.cli import ui
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, connection, read
from hardway.engine.ask import ask_master
from hardway.errors import Refused, StepFailed
from hardway.steps.shell import quote

STDOUT = "-"


def kubeconfig(
    file: File = DEFAULT_FILE,
    output: Annotated[
        str, typer.Option("--output", "-o", help="File (mode 0600), or - for stdout [default: NAME.conf]")
    ] = "",
    super_admin: Annotated[
        bool, typer.Option("--super-admin", help="super-admin.conf of the first master, for emergencies")
    ] = False,
    server: Annotated[str, typer.Option("--server", help="Another URL of the API, as https://localhost:6443")] = "",
    force: Annotated[bool, typer.Option("--force", help="Overwrite a file with other content")] = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Fetch admin.conf from the first master that can be reached. It opens the whole cluster: keep it private.

    Exits 6 when the file exists with other content.
    """
    cluster = read(file, None)
    name = "super-admin" if super_admin else "admin"
    path = f"{cluster.paths.kubernetes}/{name}.conf"
    text = ask_master(cluster, f"read {path}", f"cat {quote(path)}\n", connection(ask_sudo_password))
    if server:
        text = _pointed_at(server, text, path)
    if output == STDOUT:
        ui.data(text)
        return
    target = Path(output or f"{cluster.name}.conf")
    if target.exists() and target.read_text() != text and not force:
        raise Refused(
            "it exists with other content", str(target), hint="--force overwrites it, --output names another"
        )
    # Private from its first byte on; moved into place, so that half of it is never there.
    beside = target.with_name(f".{target.name}.new")
    beside.touch(0o600)
    beside.chmod(0o600)
    beside.write_text(text)
    beside.rename(target)
    ui.say(f"written: {target}")
    ui.say(f"next: kubectl --kubeconfig {target} get nodes")


def _pointed_at(server: str, text: str, path: str) -> str:
    document = yaml.safe_load(text)
    try:
        for entry in document["clusters"]:
            entry["cluster"]["server"] = server
    except (TypeError, KeyError):
        raise StepFailed("it is no kubeconfig", path) from None
    return yaml.safe_dump(document, sort_keys=True)
