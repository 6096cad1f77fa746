"""What tests of text for nodes find on this machine."""

import pytest

from hardway.lab.binaries import ensure_programs
from hardway.versions import DEFAULT


@pytest.fixture
def kubectl(monkeypatch: pytest.MonkeyPatch) -> None:
    """The real one is in PATH, as on a master."""
    program = ensure_programs(DEFAULT, ["kubectl"], lambda line: None)["kubectl"]
    monkeypatch.setenv("PATH", str(program.parent), prepend=":")
