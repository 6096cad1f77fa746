"""Options of the whole suite."""

import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--golden` writes golden files anew; a test that wrote something fails all the same, so that it is looked at."""
    parser.addoption("--golden", action="store_true", help="write the golden files anew")
