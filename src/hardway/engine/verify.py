"""Ask every verification check of the chapters: `hardway check`."""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass

from hardway.chapters.readiness import READINESS
from hardway.engine import probe
from hardway.engine.plan import Plan
from hardway.engine.run import Session, at_once, converse
from hardway.errors import StepFailed
from hardway.model import Endpoint, Node
from hardway.operations.machines import Finding, compare
from hardway.steps import Check, Severity
from hardway.workflows.stage import Stage


@dataclass(frozen=True)
class Answer:
    """One check of one chapter on one node."""

    node: str
    chapter: str
    check: Check
    yes: bool
    reason: str

    @property
    def is_failure(self) -> bool:
        """A no that is more than a warning."""
        return not self.yes and self.check.severity is Severity.ERROR


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
    return server in (session.cluster.endpoint.url, Endpoint(node.address, node.bind_port).url)


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


async def verify(
    session: Session, stages: Sequence[Stage], early: frozenset[str] = frozenset()
) -> tuple[Answer, ...]:
    """All checks of the stages, one round trip per node; each check is asked once per node.

    Nodes named in `early` are asked what matters before anything is installed.
    """
    answers = await at_once(_one(session, stages, node, node.name in early) for node in session.nodes)
    if any(stage.chapter is READINESS for stage in stages):
        beside = [_answer(finding) for finding in compared(session, early)]
        for node, mine in zip(session.nodes, answers, strict=True):
            mine[:0] = [answer for answer in beside if answer.node == node.name]
    return tuple(answer for mine in answers for answer in mine)


def compared(session: Session, early: frozenset[str] = frozenset()) -> tuple[Finding, ...]:
    """What the machines are beside each other."""
    machines = [session.machines[node.name] for node in session.nodes]
    return compare(session.cluster, machines, early)


def _answer(finding: Finding) -> Answer:
    return Answer(finding.node, READINESS.name, finding.check, finding.yes, finding.reason)


def require_fit(session: Session, plan: Plan) -> tuple[Finding, ...]:
    """What the machines only warn of beside each other; StepFailed, before anything is changed, for what is an error."""
    found = [finding for finding in compared(session) if not finding.yes]
    wrong = [finding for finding in found if finding.check.severity is Severity.ERROR]
    if wrong and plan.pending:
        first = wrong[0]
        raise StepFailed(
            f"the machines do not fit together: {first.check.name}: {first.reason}",
            f"{first.node}: {READINESS.name}/{first.check.key}",
            output="\n".join(f"{it.node}: {it.check.name}: {it.reason}" for it in wrong[1:]),
            hint=f"{first.check.hint}; to go on anyway: ignorePreflightErrors: [{first.check.key}]",
        )
    return tuple(found)


async def _one(session: Session, stages: Sequence[Stage], node: Node, early: bool) -> list[Answer]:
    asked: dict[Check, str] = {}
    for stage in stages:
        if node in stage.on(session.cluster):
            questions = stage.chapter.before if early else stage.chapter.checks
            for check in questions(session.cluster, node):
                asked.setdefault(check, stage.chapter.name)
    if not asked:
        return []
    nonce = secrets.token_hex(8)
    # Side by side, because most of them wait for something that answers slowly.
    text = probe.ask_script(nonce, tuple(asked), max(4, 2 * node.facts.cpus))
    lines = await converse(session, node.name, nonce, text)
    said = probe.answers((), lines).checks
    return [
        Answer(node.name, chapter, check, said[number].yes, said[number].reason or _silent(said[number].code))
        for number, (check, chapter) in enumerate(asked.items())
    ]


def _silent(code: int) -> str:
    return "" if code == 0 else f"it gave no reason (exit code {code})"
