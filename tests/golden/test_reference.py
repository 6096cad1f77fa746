"""docs/reference.md is the help of every verb, made from the code."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
REFERENCE = ROOT / "docs/reference.md"


def test_the_reference_is_current(request: pytest.FixtureRequest) -> None:
    """What a reader finds there is what --help says."""
    made = subprocess.run(
        [sys.executable, "-m", "typer", "hardway.cli.app", "utils", "docs", "--name", "hardway"],
        env={"PATH": os.environ["PATH"], "COLUMNS": "120", "LC_ALL": "C.UTF-8", "NO_COLOR": "1"},
        capture_output=True,
        text=True,
        check=True,
    ).stdout
    stored = REFERENCE.read_text() if REFERENCE.exists() else ""
    if request.config.getoption("--golden"):
        REFERENCE.write_text(made)

    assert stored == made, "make golden writes it anew"
