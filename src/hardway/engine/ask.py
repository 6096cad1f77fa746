"""One script on some nodes, and what it prints: for verbs that ask a running cluster."""

import asyncio
from collections.abc import Mapping

from hardway.engine.run import at_once
from hardway.engine.script import PATH
from hardway.engine.transport import Connect, open_transport
from hardway.errors import REFUSED, HardwayError, Refused, StepFailed, Unreachable
from hardway.model import Cluster, Node


async def ask_node(node: Node, what: str, text: str, connect: Connect = open_transport) -> str:
    """Standard output of bash text that runs as root on a node.

    `what` says in the infinitive what it is for. StepFailed with what it wrote to standard error, Refused when it ends
    with the code for that, Unreachable.
    """
    transport = await connect(node)
    lines: list[str] = []
    try:
        frame = f"export LC_ALL=C HOME=/root PATH={PATH}\nset -euo pipefail\nmain() {{\n{text}}}\nmain </dev/null\n"
        result = await transport.run(frame, lines.append)
    finally:
        await transport.close()
    if result.exit_code == 0:
        return "".join(f"{line}\n" for line in lines)
    kind = Refused if result.exit_code == REFUSED else StepFailed
    said, _, hint = result.stderr.strip().rpartition("hint: ")
    raise kind(f"it was not possible to {what}", node.name, output=said or hint, hint=hint if said else "")


async def _first_that_answers(cluster: Cluster, what: str, text: str, connect: Connect) -> str:
    lost: list[Unreachable] = []
    for node in cluster.control_planes:
        try:
            return await ask_node(node, what, text, connect)
        except Unreachable as error:
            lost.append(error)
    if len(lost) == 1:
        raise lost[0]
    raise Unreachable(
        f"no master can be reached to {what}",
        output="\n".join(f"{error.where}: {error.what}" for error in lost),
        hint=lost[0].hint if lost else "the inventory has no control-plane node",
    )


def ask_master(cluster: Cluster, what: str, text: str, connect: Connect = open_transport) -> str:
    """What the text prints on the first master that can be reached; errors as `ask_node`."""
    return asyncio.run(_first_that_answers(cluster, what, text, connect))


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
