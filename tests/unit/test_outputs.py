"""What programs read: every verb that has data has a schema, and prints what it says."""

import subprocess
import sys
from pathlib import Path

import pytest
import typer

from hardway.cli.app import app
from hardway.cli.outputs import OUTPUTS
from schemas import assert_follows_its_schema

LAB = Path(__file__).resolve().parents[2] / "examples/lab/cluster.yaml"


def verbs_with(option: str) -> set[str]:
    """Verbs that know an option, as they are typed."""
    found = set()
    root = typer.main.get_command(app)
    pending = [("", root)]
    while pending:
        name, command = pending.pop()
        for child, inner in getattr(command, "commands", {}).items():
            pending.append((f"{name} {child}".strip(), inner))
        if any(option in parameter.opts for parameter in command.params):
            found.add(name)
    return found


def test_every_verb_with_data_has_a_schema() -> None:
    """--json and the schemas go together, in both directions."""
    assert {name.partition(" --")[0] for output in OUTPUTS for name in output.names} == verbs_with("--json")


@pytest.mark.parametrize(
    "verb", ["chapters", "versions", "versions --skew", "render dns", "render hosts", "render ports"]
)
def test_verbs_that_ask_no_node(verb: str) -> None:
    """What they print follows the published schema."""
    argv = [*verb.split(), "--json", *(["-f", str(LAB)] if verb.startswith("render") else [])]
    done = subprocess.run([sys.executable, "-m", "hardway.cli", *argv], capture_output=True, text=True, check=True)

    assert assert_follows_its_schema(argv, done.stdout) == verb
