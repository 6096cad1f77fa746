"""Connections to the nodes of a cluster, and the round trips that plan, apply and check share."""

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hardway.engine import facts as facts_module
from hardway.engine import script
from hardway.engine.plan import Item, Plan, compare, items
from hardway.engine.transport import Transport, open_transport
from hardway.errors import HardwayError, Locked, StepFailed
from hardway.model import Cluster, Facts, Node
from hardway.steps import Primitive
from hardway.workflows.stage import Stage


@dataclass(frozen=True)
class Session:
    """A cluster whose nodes are connected and whose facts are known."""

    cluster: Cluster
    nodes: tuple[Node, ...]
    """The selected nodes, in the order of the inventory."""
    transports: dict[str, Transport]


async def gather(tasks: Iterable[asyncio.Task[object]]) -> None:
    """Wait for all; the first failure cancels the others and is raised."""
    running = list(tasks)
    try:
        await asyncio.gather(*running)
    except BaseException:
        for task in running:
            task.cancel()
        await asyncio.gather(*running, return_exceptions=True)
        raise


@asynccontextmanager
async def open_session(cluster: Cluster, selected: Sequence[str] = ()) -> AsyncIterator[Session]:
    """Connect to the selected nodes (all by default) at once and probe their facts."""
    nodes = tuple(n for n in cluster.nodes if not selected or n.name in selected or n.host_name in selected)
    transports: dict[str, Transport] = {}
    found: dict[str, Facts] = {}

    async def connect(node: Node) -> None:
        transports[node.name] = transport = await open_transport(node)
        lines: list[str] = []
        result = await transport.run(facts_module.SCRIPT, lines.append)
        if result.exit_code != 0:
            raise HardwayError(
                "scripts cannot be run as root",
                node.name,
                command="sudo -n bash",
                output=result.stderr,
                hint="the login needs sudo without password",
            )
        found[node.name] = facts_module.parse(node.name, lines)

    try:
        await gather([asyncio.ensure_future(connect(node)) for node in nodes])
        full = facts_module.with_facts(cluster, found)
        yield Session(full, tuple(n for n in full.nodes if n.name in found), transports)
    finally:
        await asyncio.gather(*(transport.close() for transport in transports.values()))


async def ask(session: Session, node: str, primitives: Sequence[Primitive]) -> list[script.Line]:
    """One round trip that asks for the state of all primitives."""
    nonce = secrets.token_hex(8)
    lines: list[script.Line] = []

    def on_line(text: str) -> None:
        if (line := script.parse(nonce, text)) is not None:
            lines.append(line)

    result = await session.transports[node].run(script.probe(nonce, primitives), on_line)
    check_end(node, lines, result.exit_code, result.stderr)
    return lines


def check_end(node: str, lines: Sequence[script.Line], code: int, stderr: str) -> None:
    """Raise unless the script reached its end mark."""
    last = lines[-1] if lines else None
    if last and last.kind == "locked":
        raise Locked(
            "somebody else works on this node",
            node,
            output=script.decode(last.words[0]) if last.words else "",
            hint="wait for it, or end that process on the node",
        )
    if last is None or last.kind != "end":
        raise StepFailed(f"the script ended early with exit code {code}", node, output=stderr)


async def make_plan(session: Session, stages: Sequence[Stage]) -> Plan:
    """Probe all nodes at once, one round trip each, and compare."""
    everything = items(session.cluster, stages, session.nodes)
    by_node: dict[str, tuple[Item, ...]] = {
        node.name: tuple(item for item in everything if item.node == node.name) for node in session.nodes
    }
    answers: dict[str, list[script.Line]] = {}

    async def probe(node: str) -> None:
        answers[node] = await ask(session, node, [item.primitive for item in by_node[node]])

    await gather([asyncio.ensure_future(probe(node)) for node in by_node])
    return Plan(tuple(change for node in by_node for change in compare(by_node[node], answers[node])))
