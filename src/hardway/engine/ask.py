"""One script on some nodes, and what it prints: for verbs that ask a running cluster."""

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Mapping
from typing import TypeVar

from hardway.chapters.kubectl import kubectl
from hardway.engine.run import at_once
from hardway.engine.script import PATH
from hardway.engine.transport import Connect, Transport, open_transport
from hardway.errors import REFUSED, SILENT, HardwayError, Refused, StepFailed, Unreachable
from hardway.model import Cluster, Node
from hardway.steps.shell import quote

T = TypeVar("T")
LIMIT = 10
"""Seconds for the API to say that it is ready."""
ELSEWHERE = (
    "a master is asked that can be reached, has admin.conf and gets an answer from the API; hardway check tells more"
)


async def ask_node(node: Node, what: str, text: str, connect: Connect = open_transport) -> str:
    """Standard output of bash text that runs as root on a node.

    `what` says in the infinitive what it is for. StepFailed with what it wrote to standard error, Refused or Unreachable
    when it ends with the code for that.
    """
    transport = await connect(node)
    try:
        return await ask_through(transport, node, what, text)
    finally:
        await transport.close()


async def ask_through(transport: Transport, node: Node, what: str, text: str) -> str:
    """`ask_node` over a connection that stays."""
    lines: list[str] = []
    frame = f"export LC_ALL=C HOME=/root PATH={PATH}\nset -euo pipefail\nmain() {{\n{text}}}\nmain </dev/null\n"
    result = await transport.run(frame, lines.append)
    if result.exit_code == 0:
        return "".join(f"{line}\n" for line in lines)
    kind = {REFUSED: Refused, SILENT: Unreachable}.get(result.exit_code, StepFailed)
    said, _, hint = result.stderr.strip().rpartition("hint: ")
    raise kind(f"it was not possible to {what}", node.name, output=said or hint, hint=hint if said else "")


def serves(cluster: Cluster) -> str:
    """bash that ends the script with SILENT where a master does not answer for the cluster, such as one that was reset."""
    conf = f"{cluster.paths.kubernetes}/admin.conf"
    ready = f"{kubectl(cluster)} --request-timeout={LIMIT}s get --raw /readyz"
    hint = quote(f"hint: on a master with {conf}: {ready}")
    return (
        has(conf) + f'said="$({ready} 2>&1)" || {{\n'
        "  printf 'the API is not ready: %s\\n' \"${said##*$'\\n'}\" >&2\n"
        f"  echo {hint} >&2\n  exit {SILENT}\n}}\n"
    )


def has(path: str) -> str:
    """bash that ends the script with SILENT where a master has no such file."""
    lacks = quote(f"there is no {path}")
    hint = "hint: was this master reset? hardway apply joins it again"
    return f"[ -s {quote(path)} ] || {{\n  echo {lacks} >&2\n  echo {quote(hint)} >&2\n  exit {SILENT}\n}}\n"


async def first_that_answers(
    masters: Iterable[Node],
    ask: Callable[[Node], Awaitable[T]],
    nobody: str,
    hint: str,
    passed_over: type[HardwayError] = Unreachable,
) -> T:
    """What the first of the masters answers that does not end in an error of this kind, asked one after the other.

    The error of the only one, or Unreachable that says `nobody` and why.
    """
    lost: list[HardwayError] = []
    for node in masters:
        try:
            return await ask(node)
        except passed_over as error:
            lost.append(error)
    if len(lost) == 1:
        raise lost[0]
    raise Unreachable(nobody, output=told(lost), hint=hint)


def told(lost: Iterable[HardwayError]) -> str:
    """A line for each master that did not answer."""
    return "\n".join(": ".join((error.where, error.what, *error.output.splitlines()[:1])) for error in lost)


def ask_master(
    cluster: Cluster, what: str, text: str, connect: Connect = open_transport, *, needs: str | None = None
) -> str:
    """What the text prints on the first master that answers for the cluster; errors as `ask_node`.

    `needs`: bash that asks for something else than `serves`, and ends alike; it goes in one script with the text.
    """
    whole = (serves(cluster) if needs is None else needs) + text

    def ask(node: Node) -> Awaitable[str]:
        return ask_node(node, what, whole, connect)

    return asyncio.run(
        first_that_answers(cluster.control_planes, ask, f"no master can be asked to {what}", ELSEWHERE)
    )


def ask_nodes(texts: Mapping[Node, str], what: str, connect: Connect = open_transport) -> dict[str, str]:
    """What each node's text prints, by the node's name; all are asked at once."""

    async def everybody() -> list[str]:
        return await at_once(ask_node(node, what, text, connect) for node, text in texts.items())

    try:
        answers = asyncio.run(everybody())
    except HardwayError as error:
        error.what = error.what if error.where else f"{error.what}: nobody could be asked to {what}"
        raise
    return {node.name: answer for node, answer in zip(texts, answers, strict=True)}
