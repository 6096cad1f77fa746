"""Nodes that come to a running cluster, and nodes that leave it: what is asked first, and what may not be."""

from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass

from hardway.chapters.etcd import peer_url
from hardway.chapters.leave import Drain
from hardway.engine.ask import ask_through, serves, told
from hardway.engine.fitness import require_fit
from hardway.engine.members import members
from hardway.engine.plan import Plan
from hardway.engine.run import Session, at_once, make_plan, open_session
from hardway.engine.schedule import Selection
from hardway.engine.transport import Connect, Transport, open_transport
from hardway.errors import HardwayError, Refused, Unreachable, UsageError
from hardway.model import Cluster, Node
from hardway.model.quorum import Member, Verdict, comes, leaves
from hardway.workflows.add import ELSEWHERE
from hardway.workflows.apply import APPLY
from hardway.workflows.leave import clean, remove, take_back
from hardway.workflows.stage import Stage


@dataclass(frozen=True)
class Movement:
    """A change of the cluster's nodes that was looked at and may be carried out, by `engine.apply`."""

    session: Session
    stages: tuple[Stage, ...]
    plan: Plan
    verdicts: tuple[tuple[str, Verdict], ...] = ()
    """What the arithmetic of etcd says, by node."""


@asynccontextmanager
async def arrival(
    cluster: Cluster, names: Sequence[str], connect: Connect = open_transport
) -> AsyncIterator[Movement]:
    """Nodes of the inventory that have not joined yet. UsageError, or Refused where etcd or the cluster forbids it."""
    coming = _nodes(cluster, names)
    first = cluster.first_control_plane
    if first in coming:
        raise Refused(
            "it is the first master of the Inventory, which begins a cluster and does not join one",
            first.name,
            hint="list a master that runs before it",
        )
    async with open_session(cluster, connect=connect) as session:
        selection = Selection(only=ELSEWHERE, whole=tuple(node.name for node in coming))
        plan = await make_plan(session, APPLY, selection)
        if "ca" not in session.inputs:
            raise Refused(
                "there is no cluster here yet", first.name, hint="hardway apply begins it, all nodes at once"
            )
        await require_fit(session, plan, APPLY)
        verdicts: list[tuple[str, Verdict]] = []
        masters = [node for node in coming if cluster.runs_member(node)]
        now = await members(session, first) if masters else ()
        for node in masters:
            verdicts.append((node.name, comes(now, peer_url(node))))
            _refuse(*verdicts[-1])
            # The next one meets this one as a voter.
            now = (
                *(member for member in now if member.peer_url != peer_url(node)),
                Member("", node.name, peer_url(node)),
            )
        yield Movement(session, APPLY, plan, tuple(verdicts))


@asynccontextmanager
async def departure(
    cluster: Cluster, name: str, how: Drain | None, *, reset: bool, connect: Connect = open_transport
) -> AsyncIterator[Movement]:
    """One node leaves a cluster that goes on. Without `how` it is not drained. Refused, UsageError or Unreachable."""
    (leaving,) = _nodes(cluster, [name])
    masters = tuple(node for node in cluster.control_planes if node != leaving)
    if not masters:
        raise Refused(
            "it is the only master: without it there is no cluster",
            leaving.name,
            hint="hardway reset, without --node, takes the whole cluster down",
        )
    _refuse_the_endpoint(cluster, leaving)
    helper, transport = await _helper(cluster, masters, connect)
    opened = {helper.name: transport}

    async def once(node: Node) -> Transport:
        return opened.pop(node.name, None) or await connect(node)

    async with open_session(cluster, [helper.name, *([leaving.name] if reset else [])], connect=once) as session:
        verdicts: tuple[tuple[str, Verdict], ...] = ()
        if cluster.runs_member(leaving):
            verdicts = ((leaving.name, leaves(await members(session, helper), peer_url(leaving))),)
            _refuse(*verdicts[0])
        stages = remove(leaving, helper, how, reset=reset) if how else take_back(leaving, helper, reset=reset)
        yield Movement(session, stages, await make_plan(session, stages), verdicts)


@asynccontextmanager
async def demolition(
    cluster: Cluster, names: Sequence[str], connect: Connect = open_transport
) -> AsyncIterator[Movement]:
    """These machines are returned, and nobody in the cluster is asked."""
    leaving = _nodes(cluster, names)
    stages = tuple(stage for node in leaving for stage in clean(node))
    async with open_session(cluster, [node.name for node in leaving], connect=connect) as session:
        yield Movement(session, stages, await make_plan(session, stages))


def _nodes(cluster: Cluster, names: Iterable[str]) -> tuple[Node, ...]:
    nodes = tuple(cluster.node(name) for name in dict.fromkeys(names))
    for node in nodes:
        if not node.is_kubernetes:
            raise UsageError("it runs no kubelet: it is no node of the cluster", node.name)
    return nodes


def _refuse(name: str, verdict: Verdict) -> None:
    if verdict.refusal:
        raise Refused(verdict.refusal, name, output=verdict.text, hint=verdict.hint)


def _refuse_the_endpoint(cluster: Cluster, leaving: Node) -> None:
    """Nobody may lose what the whole cluster stands on."""
    if cluster.balancer.address == leaving.address:
        raise Refused(
            f"{cluster.endpoint.host} leads to this machine: without it nobody reaches the API",
            leaving.name,
            hint="let loadBalancer.address of the Inventory and the DNS record lead to another one first, then apply",
        )
    if leaving == cluster.first_control_plane:
        raise Refused(
            "it is the first master of the Inventory, from which the others take what they need",
            leaving.name,
            hint="list another master before it and apply; then it can go",
        )


async def _helper(cluster: Cluster, masters: Sequence[Node], connect: Connect) -> tuple[Node, Transport]:
    """The first of these masters that answers for the cluster, and the connection over which it did."""
    lost: list[HardwayError] = []

    async def opened(node: Node) -> Transport | None:
        transport: Transport | None = None
        try:
            transport = await connect(node)
            await ask_through(transport, node, "ask the API", serves(cluster))
        except HardwayError as error:
            lost.append(error)
            if transport:
                await transport.close()
            return None
        return transport

    answers = await at_once(opened(node) for node in masters)
    found = [(node, transport) for node, transport in zip(masters, answers, strict=True) if transport]
    for _, transport in found[1:]:
        await transport.close()
    if not found:
        raise Unreachable("no other master answers", output=told(lost), hint=lost[0].hint)
    return found[0]
