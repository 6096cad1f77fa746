"""The arithmetic of etcd's voters: may a member leave, may one come? Pure; the numbers are shown before anything is done.

More than half of the voters have to agree on every write, a change of members included (etcd's documentation:
runtime reconfiguration). A member that leaves or comes therefore never does so while another one is down.
"""

from collections.abc import Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Member:
    """One member of etcd, as the others see it."""

    id: str
    """Hexadecimal, as etcdctl prints and takes it."""
    name: str
    """Empty before its first start."""
    peer_url: str
    """Identifies the member."""
    learner: bool = False
    """Has no vote yet."""
    healthy: bool = True
    """It answered; of a learner nobody asks that."""


@dataclass(frozen=True)
class Verdict:
    """What the arithmetic says of a change."""

    text: str
    """One line for whoever has to decide."""
    refusal: str = ""
    """Why it must not be; empty when it may."""
    hint: str = ""


def quorum(voters: int) -> int:
    """How many of that many voters have to agree: more than half."""
    return voters // 2 + 1


def tolerance(voters: int) -> int:
    """How many of that many voters may be lost without standing still."""
    return voters - quorum(voters) if voters else 0


def leaves(members: Sequence[Member], peer_url: str) -> Verdict:
    """May the member with this peer URL leave? Refused: the last voter, a lost quorum, another member that is down."""
    voters = _voters(members)
    leaving = [member for member in members if member.peer_url == peer_url]
    if not leaving:
        return Verdict(f"{_state(len(voters))}; this node is no member")
    if leaving[0].learner:
        return Verdict(f"{_state(len(voters))}; this member is a learner without a vote")
    rest = [member for member in voters if member.peer_url != peer_url]
    text = f"{_state(len(voters))}; without this member: {_state(len(rest))}"
    if not rest:
        return Verdict(text, "it is the last member of etcd: the cluster's data would be gone")
    return _judged(text, voters, rest)


def comes(members: Sequence[Member], peer_url: str) -> Verdict:
    """May a member with this peer URL come? It comes as a learner and votes only once it has caught up."""
    voters = _voters(members)
    if mine := [member for member in voters if member.peer_url == peer_url]:
        text = f"{_state(len(voters))}; this node votes already"
        if mine[0].healthy:
            return Verdict(text)
        # As after `kubeadm reset` of a node whose Node object was deleted before: data and keys are gone, the vote is not.
        return Verdict(
            text,
            "its member of etcd does not answer, and nobody can join in its place",
            "mend the member; or, where the machine was made anew or reset: hardway reset --node removes it, then add",
        )
    text = f"{_state(len(voters))}; with this member: {_state(len(voters) + 1)}"
    return _judged(text, voters, voters)


def _judged(text: str, voters: Sequence[Member], others: Sequence[Member]) -> Verdict:
    """The change has to be agreed on by a quorum now, and afterwards all others have to be there."""
    up, needed = sum(member.healthy for member in voters), quorum(len(voters))
    if up < needed:
        return Verdict(
            text,
            f"etcd has lost its quorum: {up} of {len(voters)} voters answer, {needed} have to",
            "bring a member back, or restore a snapshot: a change of members needs the quorum, too",
        )
    down = [member.name or member.peer_url for member in others if not member.healthy]
    if down:
        return Verdict(
            text,
            f"etcd has another member that is down: {', '.join(down)}",
            "mend it or remove it first: every change of members needs all the others",
        )
    return Verdict(text)


def _voters(members: Sequence[Member]) -> list[Member]:
    return [member for member in members if not member.learner]


def _state(voters: int) -> str:
    if not voters:
        return "no voter"
    lost = tolerance(voters)
    spare = f"{lost} may fail" if lost else "none may fail"
    return f"{voters} voter{'s' if voters > 1 else ''}, quorum {quorum(voters)}, {spare}"
