"""One cluster for all acid tests, brought up from nothing while everything is watched for secrets."""

import re
import subprocess
import sys
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from e2e.harness import Harness, booted, is_root, write_cluster


@dataclass
class Watch:
    """What was seen while the cluster came up."""

    argv: set[str] = field(default_factory=set)
    """Command lines of all processes on this machine, those in the nodes included."""
    output: str = ""
    secrets: list[str] = field(default_factory=list)
    """What the run minted."""


def watch_argv(seen: set[str], stop: threading.Event) -> None:
    """Collect command lines until told to stop."""
    while not stop.wait(0.02):
        for entry in Path("/proc").iterdir():
            if entry.name.isdigit():
                try:
                    seen.add((entry / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace"))
                except (FileNotFoundError, ProcessLookupError):
                    continue


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """First all tests of the shared cluster, and among them last the one that takes it away: one lab at a time."""
    items.sort(
        key=lambda item: (
            "fresh" not in getattr(item, "fixturenames", ()),
            item.name == "test_lab_leaves_nothing_behind",
        )
    )


@pytest.fixture(scope="session")
def fresh(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A lab with booted nodes and nothing on them; gone afterwards."""
    assert is_root(), "the lab needs root"
    with booted(write_cluster(tmp_path_factory.mktemp("lab"), "test", "10.31.0"), "test") as it:
        yield it


@pytest.fixture(scope="session")
def watched(fresh: Harness, tmp_path_factory: pytest.TempPathFactory) -> tuple[Harness, Watch]:
    """The cluster, applied once, and what was seen meanwhile."""
    seen, stop = Watch(), threading.Event()
    notes = tmp_path_factory.mktemp("secrets") / "minted"
    watcher = threading.Thread(target=watch_argv, args=(seen.argv, stop))
    watcher.start()
    try:
        recorded = Path(__file__).with_name("recorded.py")
        done = subprocess.run(
            [sys.executable, str(recorded), str(notes), "0", "apply", "--json", "-f", str(fresh.file)],
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
    finally:
        stop.set()
        watcher.join()
    assert done.returncode == 0, done.stdout + done.stderr + fresh.diagnosis()
    seen.output = done.stdout + done.stderr
    seen.secrets = notes.read_text().split()
    assert len(seen.secrets) == 4, "three tokens and a certificate key"
    assert all(re.fullmatch(r"[a-z0-9]{6}\.[a-z0-9]{16}|[0-9a-f]{64}", value) for value in seen.secrets)
    return fresh, seen


@pytest.fixture(scope="session")
def cluster(watched: tuple[Harness, Watch]) -> Harness:
    """The cluster, applied once."""
    return watched[0]
