"""However a run ends: a sentence for people, an exit code for programs, never a traceback."""

import subprocess
import sys

import pytest

INTERRUPTED = """
import sys
class AtOnce:
    def find_spec(self, name, path=None, target=None):
        if name == "hardway.cli.app":
            raise KeyboardInterrupt
sys.meta_path.insert(0, AtOnce())
from hardway.cli.main import main
main()
"""


@pytest.mark.parametrize("argv", [["chapters"], ["versions", "--json"], ["schema", "check"]])
def test_a_full_disk(argv: list[str]) -> None:
    """Output that cannot be written is an error with its reason."""
    with open("/dev/full", "w") as full:  # noqa: PTH123
        done = subprocess.run(
            [sys.executable, "-m", "hardway.cli", *argv], stdout=full, stderr=subprocess.PIPE, text=True, check=False
        )

    assert (done.returncode, "No space left on device" in done.stderr) == (1, True)
    assert "Traceback" not in done.stderr


def test_a_reader_that_has_seen_enough() -> None:
    """`hardway ... | head -1` says nothing on stderr."""
    command = f"set -o pipefail; {sys.executable} -m hardway.cli schema apply | head -n 1"
    done = subprocess.run(["bash", "-c", command], capture_output=True, text=True, check=False)

    assert (done.stdout, done.stderr) == ("{\n", "")


def test_ctrl_c_while_it_starts() -> None:
    """Even before the verbs are read an interruption is no traceback."""
    done = subprocess.run([sys.executable, "-c", INTERRUPTED], capture_output=True, text=True, check=False)

    assert (done.returncode, done.stdout) == (130, "")
    assert done.stderr == "interrupted: run the same command again, it continues where the nodes stand\n"
