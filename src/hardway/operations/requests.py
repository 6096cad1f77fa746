"""Certificate signing requests of kubelets, with a verdict (article chapter 13, tab Kubelet Server).

The verdict is that of chapter `approve-serving`: only what agrees with the inventory may be approved.
"""

from dataclasses import dataclass

from hardway.chapters.approve_serving import judging
from hardway.chapters.kubectl import kubectl
from hardway.model import Cluster
from hardway.steps.shell import words


@dataclass(frozen=True)
class Request:
    """One request for signer kubernetes.io/kubelet-serving."""

    name: str
    user: str
    """`system:node:NAME` for a kubelet."""
    state: str
    """`Pending`, or the conditions that the API holds: `Approved`, `Denied`, `Failed`."""
    objection: str
    """Why it must not be approved; empty when nothing speaks against it, or it was decided before."""

    @property
    def can_be_approved(self) -> bool:
        return self.state == "Pending" and not self.objection


def listing(cluster: Cluster) -> str:
    """bash that prints a line for each request: name, user, conditions, objection."""
    return judging(cluster)


def listed(answer: str) -> tuple[Request, ...]:
    """The requests of such a listing."""
    rows = (line.split("\t") for line in answer.splitlines())
    return tuple(Request(name, user, state or "Pending", objection) for name, user, state, objection in rows)


def approve(cluster: Cluster, names: tuple[str, ...]) -> str:
    """bash that approves the named requests."""
    return f"{kubectl(cluster)} certificate approve {words(names)} >/dev/null\n"
