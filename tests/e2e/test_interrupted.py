"""Promise 7: killed at step boundaries, the same command ends well when it is run again."""

import random
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from e2e.harness import Harness, booted, eventually, say, write_cluster

pytestmark = pytest.mark.lab

KILLS = 10
COUNTED = 220
"""Changes until the last kill. A whole cluster takes about 350, but nodes go on for a while when nobody listens."""
NODES = {"master-1", "master-2", "master-3", "worker-1"}


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Harness]:
    """Booted nodes with nothing on them."""
    with booted(write_cluster(tmp_path, "kill", "10.32.0"), "kill") as it:
        yield it


def test_killed_ten_times(nodes: Harness, tmp_path: Path) -> None:
    """SIGKILL at ten random step boundaries; then one run ends well, and nothing is left to change."""
    seed = random.randrange(2**32)
    say(f"seed {seed}")
    chance = random.Random(seed)
    recorded = Path(__file__).with_name("recorded.py")
    argv = [sys.executable, str(recorded), str(tmp_path / "minted")]
    tail = ["apply", "--json", "-f", str(nodes.file)]
    boundaries = [0, *sorted(chance.sample(range(1, COUNTED), KILLS))]
    for number in range(KILLS):
        steps = boundaries[number + 1] - boundaries[number]
        done = subprocess.run([*argv, str(steps), *tail], capture_output=True, text=True, check=False, timeout=600)
        say(f"run {number + 1}: killed after {steps} steps: {done.returncode}")
        assert done.returncode == -9, f"seed {seed}: {done.stdout}{done.stderr}"
    done = subprocess.run([*argv, "0", *tail], capture_output=True, text=True, check=False, timeout=600)

    assert done.returncode == 0, f"seed {seed}: {done.stdout}{done.stderr}{nodes.diagnosis()}"
    eventually(lambda: nodes.ready_nodes() == NODES, 60, "all nodes to be Ready")
    nodes.settle()
    assert nodes.voters() == {"master-1", "master-2", "master-3"}
    nodes.assert_nothing_to_do()
