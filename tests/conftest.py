"""Options of the whole suite."""

import os
import signal

import pytest
from hypothesis import settings

# The same examples in every run: whoever changes one thing is not told of another. `make test-full` draws new ones.
settings.register_profile("steady", derandomize=True, deadline=None)
settings.register_profile("searching", deadline=None)
settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "steady"))


def pytest_configure() -> None:
    """Whoever ends a run, be it a time limit, ends it as Ctrl-C does: labs, roots with keys and processes are taken away."""
    signal.signal(signal.SIGTERM, signal.default_int_handler)


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--golden` writes golden files anew; a test that wrote something fails all the same, so that it is looked at."""
    parser.addoption("--golden", action="store_true", help="write the golden files anew")
