"""Is it worth beginning? What is asked before a run changes anything anywhere, as kubeadm's preflight does."""

from collections.abc import Sequence
from dataclasses import replace

from hardway.chapters.preflight import AVAILABLE
from hardway.chapters.preflight_table import servers
from hardway.chapters.readiness import READINESS
from hardway.engine.plan import Plan
from hardway.engine.run import Session
from hardway.engine.verify import Answer, compared, verify
from hardway.errors import Refused, StepFailed
from hardway.model import Node
from hardway.steps import Check
from hardway.workflows.stage import Stage


def outside(session: Session) -> frozenset[str]:
    """Names of the nodes that do not belong to the cluster yet; of a balancer, because none of the others does."""
    kubelets = [node for node in session.nodes if node.is_kubernetes]
    missing = {node.name for node in kubelets if not _is_member(session, node)}
    if kubelets and len(missing) == len(kubelets):
        return frozenset(node.name for node in session.nodes)
    return frozenset(missing)


def _is_member(session: Session, node: Node) -> bool:
    """Its kubelet's kubeconfig leads to the cluster's endpoint, or to the API server beside it."""
    server = session.machines[node.name].server
    return server in servers(session.cluster, node)


MEMBERSHIP = Check(
    "the node to belong to the cluster", "", "hardway apply; hardway check --preflight asks no more than this"
)


def not_members(session: Session) -> tuple[Answer, ...]:
    """One no for each node that should run a kubelet of this cluster and does not."""
    found = []
    for node in session.nodes:
        if node.is_kubernetes and not _is_member(session, node):
            server = session.machines[node.name].server
            reason = f"it belongs to {server}" if server else "it is still to be installed"
            found.append(Answer(node.name, READINESS.name, MEMBERSHIP, False, reason))
    return tuple(found)


async def doubts(session: Session, plan: Plan, stages: Sequence[Stage]) -> tuple[Answer, ...]:
    """Every no, errors and warnings, that somebody should know before this plan is carried out.

    Machines are compared; empty ones that are to be installed from the first chapter on are asked what preflight asks,
    as far as chapters 5-9 do not bring it. That is one round trip, and none when all have joined.
    """
    found = list(compared(session))
    whole = {unit.node for unit in plan.units if unit.chapter == READINESS.name}
    empty = tuple(node for node in session.nodes if node.name in outside(session) & whole)
    if empty and plan.pending:
        # Names and addresses are waited for by the chapter itself.
        rest = [stage for stage in stages if stage.chapter is not READINESS]
        found += await verify(replace(session, nodes=empty), rest, frozenset(node.name for node in empty))
    return tuple(answer for answer in found if not answer.yes)


async def require_fit(session: Session, plan: Plan, stages: Sequence[Stage]) -> tuple[Answer, ...]:
    """The doubts that are no more than warnings; StepFailed or Refused, before anything is changed, for an error.

    Where nothing is to be changed, errors are only told, too.
    """
    found = await doubts(session, plan, stages)
    wrong = [answer for answer in found if answer.is_failure]
    if wrong and plan.pending:
        first = wrong[0]
        in_the_way = any(answer.check.key.startswith(AVAILABLE) for answer in wrong)
        raise (Refused if in_the_way else StepFailed)(
            f"{first.check.name}: {first.reason}",
            f"{first.node}: {first.chapter}/{first.check.key}",
            output="\n".join(f"{it.node}: {it.check.key}: {it.check.name}: {it.reason}" for it in wrong[1:]),
            hint=f"{first.check.hint}; hardway check --preflight tells all with their cures, and nothing was changed;"
            f" to go on anyway: ignorePreflightErrors: [{', '.join(dict.fromkeys(it.check.key for it in wrong))}]",
        )
    return found
