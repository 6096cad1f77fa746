"""Where the lab keeps things: what is cached by version, and what belongs to one running lab."""

import os
from collections.abc import Callable
from pathlib import Path

Say = Callable[[str], None]
"""Receives one line of progress."""


def cache_dir() -> Path:
    """Downloads, builds, images and node trees, each below a name that carries its version."""
    return Path(os.environ.get("HARDWAY_CACHE", "/var/cache/hardway"))


def state_dir(name: str) -> Path:
    """Everything of the lab `name`; gone after `down`."""
    return Path("/var/lib/hardway-lab") / name
