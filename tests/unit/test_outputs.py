"""What programs read: every verb that has data has a schema, and prints what it says."""

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest
import typer

from hardway.cli.app import app
from hardway.cli.outputs import OUTPUTS
from schemas import assert_follows_its_schema

LAB = Path(__file__).resolve().parents[2] / "examples/lab/cluster.yaml"


def commands() -> Iterator[tuple[str, click.Command]]:
    """Every command as it is typed: groups and the verbs in them."""
    pending = [("", typer.main.get_command(app))]
    while pending:
        name, command = pending.pop()
        pending.extend(
            (f"{name} {child}".strip(), inner) for child, inner in getattr(command, "commands", {}).items()
        )
        yield name, command


def verbs() -> dict[str, click.Command]:
    """What does something: commands without commands of their own."""
    return {name: command for name, command in commands() if not hasattr(command, "commands")}


def verbs_with(option: str) -> set[str]:
    """Commands that know an option, as they are typed."""
    return {name for name, command in commands() if any(option in parameter.opts for parameter in command.params)}


def test_help_ends_with_an_example_and_the_exit_codes() -> None:
    """Of every verb: what can be pasted, and what a script may meet."""
    wrong = [
        name
        for name, command in verbs().items()
        if not re.match(rf"Example: hardway {name}( .*)?  \|  Exit codes: 0 done", command.epilog or "")
    ]

    assert wrong == []


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
