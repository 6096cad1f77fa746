"""hardway token: bootstrap tokens, as `kubeadm token` has them."""

from datetime import UTC, datetime
from typing import Annotated

import typer

from hardway.chapters.objects import BOOTSTRAPPERS
from hardway.cli import outputs, ui
from hardway.cli.epilog import NODES, epilog
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, connection, duration, read
from hardway.engine.ask import ask_master
from hardway.engine.inputs import mint
from hardway.engine.transport import Connect
from hardway.errors import UsageError
from hardway.model import Cluster
from hardway.operations import joining, tokens
from hardway.operations.tokens import Token

app = typer.Typer(
    no_args_is_help=True,
    help="Bootstrap tokens: what a machine joins with. `hardway apply` makes and deletes its own.",
)

Ttl = Annotated[str, typer.Option("--ttl", help="Life of the token, as 2h or 90m; 0 for one without end")]
DAY = "24h0m0s"


@app.command(epilog=epilog("token create --ttl 2h --print-join-command -f cluster.yaml", NODES))
def create(
    token: Annotated[
        str, typer.Argument(help="[a-z0-9]{6}.[a-z0-9]{16}; better leave it out: a command line can be seen")
    ] = "",
    file: File = DEFAULT_FILE,
    ttl: Ttl = DAY,
    usages: Annotated[str, typer.Option("--usages", help="signing,authentication, or one of them")] = "",
    groups: Annotated[list[str] | None, typer.Option("--groups", help="Extra groups; repeatable")] = None,
    description: Annotated[str, typer.Option("--description", help="What it is for, for people")] = "",
    print_join_command: Annotated[
        bool, typer.Option("--print-join-command", help="Print the kubeadm command that joins with it")
    ] = False,
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Create a token and print it."""
    made = new_token(token, ttl, usages, groups, description)
    cluster = read(file, None)
    pin = store(cluster, made, connection(ask_sudo_password))
    if print_join_command:
        ui.data(joining.join_command(cluster, made.text, pin))
    elif json:
        ui.data(outputs.TOKEN.text(_as_data(made)))
    else:
        ui.data(made.text)


def new_token(text: str, ttl: str, usages: str = "", groups: list[str] | None = None, description: str = "") -> Token:
    """The token that is asked for; UsageError for what the API server would not take."""
    if text and not tokens.is_token(text):
        raise UsageError("this is no bootstrap token", hint="the form is [a-z0-9]{6}.[a-z0-9]{16}")
    wanted = tuple(filter(None, usages.split(","))) or tokens.USAGES
    if unknown := sorted(set(wanted) - set(tokens.USAGES)):
        raise UsageError(f"a token has no usage `{unknown[0]}`", hint=f"the usages are {', '.join(tokens.USAGES)}")
    for group in groups or ():
        if not tokens.is_group(group):
            raise UsageError(
                f"`{group}` cannot be a group of a token", hint="groups begin with system:bootstrappers:"
            )
    if groups and "authentication" not in wanted:
        raise UsageError("a token has groups only where --usages includes authentication", "--groups")
    life = duration(ttl, "--ttl")
    identifier, _, secret = (text or mint("token")).partition(".")
    ends = datetime.now(UTC) + life if life else None
    given = tuple(groups or (BOOTSTRAPPERS,)) if "authentication" in wanted else ()
    return Token(identifier, secret, ends, wanted, given, description)


def store(cluster: Cluster, token: Token, connect: Connect) -> str:
    """Create the token in the cluster; the pin of the cluster's CA."""
    text = tokens.create(cluster, token) + joining.pin(cluster)
    return ask_master(cluster, f"create the token {token.identifier}", text, connect).strip()


@app.command(name="list", epilog=epilog("token list --json -f cluster.yaml", NODES))
def list_(file: File = DEFAULT_FILE, json: Json = False, ask_sudo_password: AskSudoPassword = False) -> None:
    """List the tokens with their secrets, as kubeadm does: whoever sees the list can join machines."""
    cluster = read(file, None)
    found = tokens.listed(
        ask_master(cluster, "list the tokens", tokens.listing(cluster), connection(ask_sudo_password))
    )
    if json:
        ui.data(outputs.TOKENS.text([_as_data(token) for token in found]))
        return
    now = datetime.now(UTC)
    ui.table(
        ("TOKEN", "TTL", "EXPIRES", "USAGES", "DESCRIPTION", "EXTRA GROUPS"),
        [
            (
                token.text,
                tokens.remaining(token.expires, now),
                tokens.utc(token.expires) if token.expires else "<never>",
                ",".join(token.usages) or "<none>",
                token.description or "<none>",
                ",".join(token.groups) or "<none>",
            )
            for token in found
        ],
    )


@app.command(epilog=epilog("token delete abcdef -f cluster.yaml", NODES))
def delete(
    names: Annotated[list[str], typer.Argument(metavar="TOKEN-ID...", help="Ids (or whole tokens)")],
    file: File = DEFAULT_FILE,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Delete tokens by their ids."""
    identifiers = tuple(tokens.identifier(name) for name in names)
    if "" in identifiers:
        raise UsageError("this is neither a token nor its id", hint="the id is the part before the dot: [a-z0-9]{6}")
    cluster = read(file, None)
    ask_master(
        cluster,
        f"delete {', '.join(identifiers)}",
        tokens.delete(cluster, identifiers),
        connection(ask_sudo_password),
    )
    for name in identifiers:
        ui.say(f"deleted: {name}")


def _as_data(token: Token) -> outputs.BootstrapToken:
    return {
        "token": token.text,
        "expires": tokens.utc(token.expires) if token.expires else None,
        "usages": list(token.usages),
        "groups": list(token.groups),
        "description": token.description,
    }
