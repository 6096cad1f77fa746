"""hardway join-command: what to type on another machine, as kubeadm prints it."""

from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, connection, read
from hardway.cli.token import DAY, Ttl, new_token, store
from hardway.engine.ask import ask_master
from hardway.engine.inputs import mint
from hardway.operations import joining, tokens


def join_command(
    file: File = DEFAULT_FILE,
    control_plane: Annotated[
        bool, typer.Option("--control-plane", help="For another master: uploads the CAs, encrypted, for two hours")
    ] = False,
    ttl: Ttl = DAY,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Print the kubeadm command that joins another machine, with a fresh token and the pin of the CA.

    The line holds secrets; `hardway node add` needs none of them.
    """
    token = new_token("", ttl)
    cluster = read(file, None)
    connect = connection(ask_sudo_password)
    key = ""
    if control_plane:
        key = mint("certificate-key")
        text = joining.upload_certificates(cluster, key)
        ask_master(cluster, "upload the CAs for joining masters", text, connect)
    pin = store(cluster, token, connect)
    command = joining.join_command(cluster, token.text, pin, key)
    if json:
        ui.data(
            outputs.JOIN_COMMAND.text(
                {"command": command, "expires": tokens.utc(token.expires) if token.expires else None}
            )
        )
    else:
        ui.data(command)
        for hint in joining.left_open(cluster):
            ui.say(hint)
