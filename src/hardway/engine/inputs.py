"""Values that exist only at run time: taken up from an interrupted run, minted, or read."""

import secrets
import string
from collections.abc import Iterable

from hardway.engine.plan import Change, Plan
from hardway.engine.run import Session, named
from hardway.errors import UsageError
from hardway.workflows.inputs import find

TOKEN_ALPHABET = string.ascii_lowercase + string.digits
"""kubeadm's pattern is [a-z0-9]{6}.[a-z0-9]{16}."""


def mint(kind: str) -> str:
    """A new bootstrap token or certificate key."""
    if kind == "token":
        identifier, secret = ("".join(secrets.choice(TOKEN_ALPHABET) for _ in range(length)) for length in (6, 16))
        return f"{identifier}.{secret}"
    return secrets.token_hex(32)


def needed(changes: Iterable[Change]) -> tuple[str, ...]:
    """The run inputs that due primitives name."""
    return named(change.item.primitive for change in changes if change.is_due)


def mint_missing(session: Session, plan: Plan) -> None:
    """Mint what nobody holds yet; UsageError where the plan leaves out who makes it known to the cluster."""
    first = session.cluster.first_control_plane.name if session.cluster.control_planes else ""
    announced = needed(change for change in plan.pending if change.item.node == first)
    for change in plan.pending:
        for name in needed([change]):
            if not find(name).mint or name in session.inputs:
                continue
            if name not in announced:
                raise UsageError(
                    f"`{name}` is not there, and nothing in this plan makes it",
                    f"{change.item.node}: {change.item.primitive.step}",
                    hint=f"{first} makes it: select that node and its chapters, too. If {change.item.node} was reset or"
                    " wiped, the cluster still takes it for alive, and makes nothing for it: wait until its condition Ready"
                    " is Unknown (about 50 s after its kubelet has stopped), or"
                    f" kubectl delete node {change.item.node}; then run this again",
                )
            session.inputs[name] = mint(find(name).mint)
