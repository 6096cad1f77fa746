"""The arithmetic of etcd's voters, for every size of cluster and every pattern of members that are down."""

from hypothesis import given
from hypothesis import strategies as st

from hardway.model.quorum import Member, comes, leaves, quorum, tolerance


def url(number: int) -> str:
    return f"https://10.0.0.{number}:2380"


def cluster(up: list[bool], learners: int = 0) -> tuple[Member, ...]:
    """Voters that are up or down, and learners after them."""
    voters = [Member(f"{n:x}", f"master-{n}", url(n), healthy=alive) for n, alive in enumerate(up)]
    return (*voters, *(Member("f", "", url(100 + n), learner=True, healthy=False) for n in range(learners)))


ups = st.lists(st.booleans(), min_size=1, max_size=9)


@given(st.integers(1, 99))
def test_a_quorum_is_more_than_half_and_no_more(voters: int) -> None:
    """Two quorums always meet, and one voter less is no quorum."""
    assert 2 * quorum(voters) > voters >= 2 * (quorum(voters) - 1)
    assert quorum(voters) + tolerance(voters) == voters


@given(ups, st.data())
def test_whoever_may_leave_leaves_a_quorum_behind(up: list[bool], data: st.DataObject) -> None:
    """Allowed exactly when a quorum agrees now, and somebody is left, and all who are left are up."""
    place = data.draw(st.integers(0, len(up) - 1))
    rest = [alive for number, alive in enumerate(up) if number != place]
    allowed = leaves(cluster(up, data.draw(st.integers(0, 1))), url(place)).refusal == ""

    assert allowed == (bool(rest) and sum(up) >= quorum(len(up)) and all(rest))
    if allowed:
        assert sum(rest) >= quorum(len(rest))


@given(ups)
def test_whoever_comes_meets_a_healthy_cluster(up: list[bool]) -> None:
    """With a member down the one that comes could cost the quorum."""
    assert (comes(cluster(up), url(50)).refusal == "") == all(up)


@given(ups)
def test_who_is_no_voter_costs_nothing(up: list[bool]) -> None:
    """A stranger and a learner may leave whatever state the others are in."""
    assert leaves(cluster(up), url(50)).refusal == ""
    assert leaves(cluster(up, 1), url(100)).refusal == ""


@given(ups)
def test_a_voter_that_comes_again_is_no_change_while_it_answers(up: list[bool]) -> None:
    """One that is silent may have lost its data, and the vote is still counted: nobody takes its place."""
    assert (comes(cluster(up), url(0)).refusal == "") == up[0]


def test_the_numbers_are_told() -> None:
    """The line that is shown before anybody is asked."""
    assert leaves(cluster([True] * 3), url(2)).text == (
        "3 voters, quorum 2, 1 may fail; without this member: 2 voters, quorum 2, none may fail"
    )
    assert comes(cluster([True] * 2), url(50)).text == (
        "2 voters, quorum 2, none may fail; with this member: 3 voters, quorum 2, 1 may fail"
    )
    alone = leaves(cluster([True]), url(0))
    assert alone.text == "1 voter, quorum 1, none may fail; without this member: no voter"
    assert alone.refusal == "it is the last member of etcd: the cluster's data would be gone"
    down = leaves(cluster([True, False, True]), url(0))
    assert down.refusal == "etcd has another member that is down: master-1"
    lost = leaves(cluster([True, False]), url(1))
    assert lost.refusal == "etcd has lost its quorum: 1 of 2 voters answer, 2 have to"
