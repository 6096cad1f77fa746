"""Golden files: what is rendered is what somebody has read."""

from collections.abc import Mapping
from pathlib import Path

import pytest


def assert_as_reviewed(rendered: Mapping[str, str], folder: Path, request: pytest.FixtureRequest) -> None:
    """The files below the folder are these; with --golden they are written anew, and the test fails once."""
    stored = {str(file.relative_to(folder)): file.read_text() for file in folder.rglob("*") if file.is_file()}
    if request.config.getoption("--golden"):
        for path in stored.keys() - rendered.keys():
            (folder / path).unlink()
        for path, text in rendered.items():
            (folder / path).parent.mkdir(parents=True, exist_ok=True)
            (folder / path).write_text(text)

    hint = "make golden writes them anew; read the difference before you commit it"
    assert sorted(stored) == sorted(rendered), hint
    differing = [path for path, text in rendered.items() if stored[path] != text]
    assert differing == [], hint
