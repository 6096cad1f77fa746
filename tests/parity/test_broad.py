"""`make parity N=...`: what it counts, what it asks again, and how it ends. The comparison itself is stood in for."""

import json
import re
from collections import Counter
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

import broad
import pytest
from configurations import Configuration
from minors import EVERY
from sides import example

from hardway.config import load
from hardway.errors import StepFailed

pytestmark = pytest.mark.parity

DIFFERS = 3
"""The seed that finds a difference where one is to be found."""


def equal(number: int, *, shrink: bool) -> tuple[Counter[str], str]:
    """Stands in for a piece without a difference."""
    return Counter(compared=20, fields=1000, refused=5), ""


def with_a_difference(number: int, *, shrink: bool) -> tuple[Counter[str], str]:
    """The same, but for one seed."""
    return (Counter(), f"seed {number}: it differs\n") if number == DIFFERS else equal(number, shrink=shrink)


def one_without_its_own(number: int, *, shrink: bool) -> tuple[Counter[str], str]:
    """Wherever keys are made anew nothing comes to be compared: all of it is refused."""
    return (Counter(refused=25), "") if broad.is_fresh(number) else equal(number, shrink=shrink)


@dataclass(frozen=True)
class Ended:
    """What a run has left."""

    code: int
    said: str
    asked: list[int]
    """The seeds, in their order."""


@dataclass(frozen=True)
class Runner:
    """Runs it as `make` does, with notes of its own."""

    cache: Path
    capture: pytest.CaptureFixture[str]
    patch: pytest.MonkeyPatch

    def __call__(self, *argv: str, piece: Callable[..., tuple[Counter[str], str]] = equal) -> Ended:
        """Run to the end."""
        self.patch.setenv("HARDWAY_CACHE", str(self.cache))
        self.patch.setattr(broad, "piece", piece)
        self.patch.setattr("sys.argv", ["broad.py", *argv])
        with pytest.raises(SystemExit) as ended:
            broad.main()
        said = self.capture.readouterr()
        return Ended(int(ended.value.code or 0), said.out, sorted(map(int, re.findall(r"seed (\d+), v1", said.err))))

    @property
    def notes(self) -> Path:
        """The one file that a run leaves."""
        (found,) = (self.cache / "parity").iterdir()
        return found


@pytest.fixture
def run(tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Each test's own."""
    return Runner(tmp_path, capsys, monkeypatch)


def test_it_goes_on_where_it_was(run: Runner) -> None:
    """What was equal is not asked again, unless somebody wants it; a run ends as soon as there is enough."""
    first, more = run("100", "--jobs", "1"), run("150", "--jobs", "1")
    enough, again = run("150", "--jobs", "1"), run("100", "--jobs", "1", "--again")

    assert [one.asked for one in (first, more, enough, again)] == [[0, 1, 2, 3, 4], [5, 6, 7], [], [0, 1, 2, 3, 4]]
    assert [one.code for one in (first, more, enough, again)] == [0, 0, 0, 0]


def test_a_difference_is_told_and_asked_again(run: Runner) -> None:
    """The run goes on to its number and fails; the seed is asked anew by every later run until it is equal."""
    first = run("100", "--jobs", "2", piece=with_a_difference)
    again = run("100", "--jobs", "2", piece=with_a_difference)
    mended, after = run("100", "--jobs", "2"), run("100", "--jobs", "2")

    assert [one.code for one in (first, again, mended, after)] == [1, 1, 0, 0]
    for one in (first, again):
        assert "seed 3: it differs\n" in one.said
        assert "\n1 seeds differ\n" in one.said
    assert "\n0 seeds differ\n" in mended.said
    assert set(first.asked) >= {0, 1, 2, 3, 4, 5}
    assert [one.asked for one in (again, mended, after)] == [[DIFFERS], [DIFFERS], []]


def test_what_differs_only_once_is_told_as_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """A machine that did not keep up ends no run."""
    asked: list[Configuration] = []

    def once(given: Configuration, version: str, *, fresh: bool) -> None:
        asked.append(given)
        if len(asked) == 1:
            raise StepFailed("a script did not end within 300 s", "kubeadm init")

    monkeypatch.setattr(broad, "beside_kubeadm", once)
    counted, told = broad.piece(3)

    assert counted == Counter()
    assert told.startswith(
        f"seed 3, kubeadm {broad.version_of(3)}: not the same when asked again: one side does not get"
    )
    assert "did not end within 300 s" in told


def test_who_is_killed_leaves_notes_that_can_be_read(run: Runner, monkeypatch: pytest.MonkeyPatch) -> None:
    """A kill while notes are written loses the last piece only."""
    run("20", "--jobs", "1")
    notes, whole = run.notes, run.notes.read_text()
    write = Path.write_text

    def half(self: Path, text: str) -> int:
        write(self, text[: len(text) // 2])
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "write_text", half)
        with pytest.raises(KeyboardInterrupt):
            broad.keep({"0": {"compared": 1}, "1": {"compared": 2}}, notes)

    assert notes.read_text() == whole
    assert run("40", "--jobs", "1").asked == [1]


def row(table: str, name: str) -> Mapping[str, int]:
    """Numbers of a line."""
    (line,) = (line for line in table.splitlines() if line.startswith(f"{name} "))
    return dict(zip(("compared", "fresh", "fields", "refused"), map(int, line.split()[1:]), strict=True))


def test_the_table_counts_those_with_a_pki_of_their_own(run: Runner) -> None:
    """Of each version and of all, also from notes that say nothing of it: the number of a piece tells."""
    first, last = EVERY[0], EVERY[-1]
    notes = {str(number): {"compared": 20, "fields": 1000} for number in range(2 * len(EVERY))}
    notes["0"] |= {"refused": 5}
    run("20", "--jobs", "1")
    run.notes.write_text(json.dumps(notes))
    said = run(str(40 * len(EVERY))).said

    assert row(said, first) == {"compared": 40, "fresh": 20, "fields": 2000, "refused": 5}
    assert row(said, last) == {"compared": 40, "fresh": 20, "fields": 2000, "refused": 0}
    assert row(said, "all") == {
        "compared": 40 * len(EVERY),
        "fresh": 20 * len(EVERY),
        "fields": 2000 * len(EVERY),
        "refused": 5,
    }


def test_what_was_compared_is_counted_for_each_version(run: Runner) -> None:
    """A thing that one minor never met shows as 0 of that minor, though others met it."""
    run("20", "--jobs", "1")
    run.notes.write_text(json.dumps({"0": {"compared": 20, "with RSA-4096": 2}, "1": {"compared": 20}}))
    said = run("20", "--jobs", "1").said
    head, counted = (
        next(line for line in said.splitlines() if line.startswith(word)) for word in ("compared ", "with ")
    )

    assert head.split() == ["compared", *(version.rpartition(".")[0] for version in EVERY), "all"]
    assert counted.split() == ["with", "RSA-4096", "2", *"0" * (len(EVERY) - 1), "2"]


def test_things_are_told_from_the_cluster() -> None:
    """The lab's example: three masters with RSA keys, and nothing out of the way."""
    assert broad.things(load(example("lab"))) == ["with RSA-2048", "with joined etcd"]


def test_too_few_with_a_pki_of_their_own_are_a_failure(run: Runner) -> None:
    """A tenth of what is asked for: else it is said, and the run has failed, though nothing differs."""
    ended = run("40", "--jobs", "1", piece=one_without_its_own)

    assert ended.code == 1
    assert "only 0 had a PKI of their own, and 4 should\n" in ended.said
    assert "0 seeds differ\n" in ended.said


def test_pieces_take_turns() -> None:
    """Each minor has one piece in ten with keys of its own and one in four that is spoilt, and the two never meet.

    So those that are refused are not those that keys were made for.
    """
    turns = range(0, broad.FRESH * broad.SPOILT * len(EVERY))
    fresh = [number for number in turns if broad.is_fresh(number)]

    assert Counter(map(broad.version_of, fresh)) == dict.fromkeys(EVERY, broad.SPOILT)
    assert not [number for number in fresh if broad.turn_of(number) % broad.SPOILT == broad.SPOILT - 1]
