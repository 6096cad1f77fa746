"""Connections to the nodes of a cluster, and the round trips that plan, apply and check share."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import TypeVar

from hardway.engine import facts as facts_module
from hardway.engine import plan as planning
from hardway.engine import probe, schedule, script
from hardway.engine.events import Listener, LockWaiting, NodeConnected, NodeLost, ignore
from hardway.engine.plan import Plan
from hardway.engine.schedule import Selection
from hardway.engine.transport import Connect, Transport, open_transport
from hardway.errors import HardwayError, Locked, Refused, StepFailed, Unreachable
from hardway.model import Cluster, Facts, Node
from hardway.model.machine import Machine
from hardway.steps import Primitive, Run
from hardway.workflows.inputs import find, given, questions
from hardway.workflows.stage import Stage

T = TypeVar("T")


@dataclass
class Session:
    """A cluster whose nodes are connected and whose facts are known."""

    cluster: Cluster
    nodes: tuple[Node, ...]
    """The selected nodes, in the order of the inventory."""
    transports: dict[str, Transport]
    connect: Connect = open_transport
    listener: Listener = ignore
    inputs: dict[str, str] = field(default_factory=dict, repr=False)
    """Values of run inputs that were found, minted or read."""
    machines: dict[str, Machine] = field(default_factory=dict)
    """What was found of the selected nodes when the session began."""

    def redact(self, text: str) -> str:
        """The text without secret run inputs."""
        for name, value in self.inputs.items():
            if find(name).secret:
                for part in (value, value.partition(".")[2]):
                    text = text.replace(part, "***") if part else text
        return text

    async def transport(self, name: str) -> Transport:
        """The connection to a node, made when there is none (any more)."""
        if name not in self.transports:
            self.transports[name] = await self.connect(self.cluster.node(name))
        return self.transports[name]

    async def reconnect(self, name: str, reason: str) -> None:
        """Give the connection up and make a new one."""
        self.listener(NodeLost(name, reason))
        if old := self.transports.pop(name, None):
            await old.close()
        await self.transport(name)


async def at_once(work: Iterable[Awaitable[T]]) -> list[T]:
    """All of them side by side, to the end; what failed is raised as one error afterwards."""
    results = await asyncio.gather(*work, return_exceptions=True)
    failures = [result for result in results if isinstance(result, BaseException)]
    for failure in failures:
        if not isinstance(failure, HardwayError):
            raise failure
    known = [failure for failure in failures if isinstance(failure, HardwayError)]
    if len(known) == 1:
        raise known[0]
    if known:
        first = known[0]
        raise type(first)(
            f"{len(known)} nodes failed",
            output="\n".join(
                line
                for error in known
                for line in (f"{error.where}: {error.what}", *(f"  {said}" for said in error.output.splitlines()))
            ),
            command=first.command,
            hint=first.hint,
        )
    return [result for result in results if not isinstance(result, BaseException)]


@asynccontextmanager
async def open_session(
    cluster: Cluster,
    selected: Sequence[str] = (),
    *,
    connect: Connect = open_transport,
    listener: Listener = ignore,
) -> AsyncIterator[Session]:
    """Connect to the selected nodes (all by default) at once and probe their facts."""
    nodes = tuple(n for n in cluster.nodes if not selected or n.name in selected or n.host_name in selected)
    session = Session(cluster, nodes, {}, connect, listener, dict(given(cluster)))
    found: dict[str, Facts] = {}

    async def begin(node: Node) -> None:
        since = time.monotonic()
        transport = await session.transport(node.name)
        lines: list[str] = []
        times = [time.monotonic()]

        def on_line(line: str) -> None:
            lines.append(line)
            times.append(time.monotonic())

        result = await transport.run(facts_module.SCRIPT, on_line)
        if result.exit_code != 0:
            raise Unreachable(
                "scripts cannot be run as root",
                node.name,
                command="sudo -- bash",
                output=result.stderr,
                hint="the login needs bash and sudo; where sudo asks for a password: --ask-sudo-password",
            )
        said = facts_module.collect(lines)
        found[node.name] = facts_module.parse(node, said)
        heard = next(number for number, line in enumerate(lines, 1) if line.startswith("fact clock "))
        session.machines[node.name] = facts_module.machine(node.name, said, times[0], times[heard])
        listener(NodeConnected(node.name, time.monotonic() - since))

    try:
        await at_once(begin(node) for node in nodes)
        session.cluster = facts_module.with_facts(cluster, found)
        session.nodes = tuple(n for n in session.cluster.nodes if n.name in found)
        yield session
    finally:
        await asyncio.gather(*(transport.close() for transport in session.transports.values()))


async def converse(
    session: Session, node: str, nonce: str, text: str, on_mark: Callable[[script.Line], None] = lambda line: None
) -> list[script.Line]:
    """Send one script and collect the lines of its answer. Locked, StepFailed, or Unreachable when it was cut off."""
    lines: list[script.Line] = []

    def on_line(raw: str) -> None:
        if (line := script.parse(nonce, raw)) is not None:
            lines.append(line)
            if line.kind == "waiting-lock":
                session.listener(LockWaiting(node, line.rest))
            on_mark(line)

    result = await (await session.transport(node)).run(text, on_line)
    last = lines[-1].kind if lines else ""
    if last == "locked":
        raise Locked(
            f"somebody else works on this node: {lines[-1].rest or 'it is not known who'}",
            node,
            command=f"fuser -v {script.RUN}/lock",
            hint="wait until it has ended, and run the same command again",
        )
    if not lines:
        raise StepFailed(f"the script did not start (exit code {result.exit_code})", node, output=result.stderr)
    if last not in ("end", "failed"):
        raise Unreachable("the script was cut off", node, output=result.stderr, hint="run the same command again")
    return lines


async def ask(
    session: Session, node: Node, primitives: Sequence[Primitive], inputs: Sequence[str] = ()
) -> probe.Answers:
    """One round trip that asks for the state of all primitives; after a lost link once more."""

    async def once() -> probe.Answers:
        nonce = secrets.token_hex(8)
        text = probe.script(nonce, primitives, questions(session.cluster, inputs), max(4, 2 * node.facts.cpus))
        return probe.answers(primitives, await converse(session, node.name, nonce, text))

    try:
        found = await once()
    except Unreachable as lost:
        await session.reconnect(node.name, lost.what)
        found = await once()
    session.inputs.update(found.inputs)
    return found


def named(primitives: Iterable[Primitive]) -> tuple[str, ...]:
    """Run inputs that the primitives name."""
    return tuple(dict.fromkeys(name for item in primitives if isinstance(item, Run) for name in item.inputs))


async def make_plan(session: Session, stages: Sequence[Stage], selection: Selection | None = None) -> Plan:
    """Probe all nodes at once, one round trip each, and compare."""
    units = schedule.units(session.cluster, stages, session.nodes, selection)
    everything = planning.items(session.cluster, stages, units)
    wanted = tuple(name for name in named(item.primitive for item in everything) if name not in session.inputs)
    first = session.cluster.control_planes[:1]
    answers: dict[str, probe.Answers] = {}

    async def one(node: Node) -> None:
        mine = [item.primitive for item in everything if item.node == node.name]
        if mine:
            answers[node.name] = await ask(session, node, mine, wanted if node in first else ())

    await at_once(one(node) for node in session.nodes)
    plan = Plan(planning.compare(units, everything, answers), units)
    _refuse_a_second_cluster(session, plan)
    lacking = set(named(change.item.primitive for change in plan.pending)) - set(session.inputs)
    if lacking and first and first[0] not in session.nodes:
        await read_inputs(session, sorted(lacking))
    return plan


def _refuse_a_second_cluster(session: Session, plan: Plan) -> None:
    """A first master without a CA would make one; not while others belong to a cluster that has another."""
    first = session.cluster.control_planes[:1]
    if not first or first[0] not in session.nodes or "ca" in session.inputs:
        return
    belong = dict.fromkeys(
        change.item.node
        for change in plan.changes
        if not change.is_due and isinstance(run := change.item.primitive, Run) and "ca" in run.inputs
    )
    if belong:
        raise Refused(
            f"it has no CA and would begin a new cluster, while others belong to one: {', '.join(belong)}",
            first[0].name,
            hint="list another master first in the Inventory, and this one joins; or reset the others, too",
        )


async def read_inputs(session: Session, names: Sequence[str]) -> None:
    """Look on the first control-plane node for run inputs; what is not there stays unknown."""
    nonce = secrets.token_hex(8)
    node = session.cluster.first_control_plane.name
    for line in await converse(session, node, nonce, probe.read_script(nonce, questions(session.cluster, names))):
        if line.kind == "input":
            name, value = line.split(1)
            session.inputs[name] = value.strip()
