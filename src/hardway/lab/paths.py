"""Where the lab keeps things: what is cached by version, and what belongs to one running lab."""

import fcntl
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

Say = Callable[[str], None]
"""Receives one line of progress."""


def cache_dir() -> Path:
    """Downloads, builds, images and node trees, each below a name that carries its version."""
    return Path(os.environ.get("HARDWAY_CACHE", "/var/cache/hardway"))


def state_dir(name: str) -> Path:
    """Everything of the lab `name`; gone after `down`."""
    return Path("/var/lib/hardway-lab") / name


@contextmanager
def locked(name: str) -> Iterator[None]:
    """Hold the cache's lock `name`, so that two labs that start together build a thing once.

    The kernel drops the lock when the process ends, however it ends.
    """
    folder = cache_dir() / "locks"
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / name).open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


@contextmanager
def fresh_dir(target: Path) -> Iterator[Path]:
    """An empty directory that takes the place of `target` when the block ends well, and is removed when it does not.

    A build that is killed so leaves at worst a `.new-…` directory, never a half-filled target; the next build removes it.
    Whoever shares the cache with others holds a lock around this.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    prefix = f".new-{target.name}-"
    for abandoned in target.parent.glob(f"{prefix}*"):
        shutil.rmtree(abandoned, ignore_errors=True)
    temporary = Path(tempfile.mkdtemp(prefix=prefix, dir=target.parent))
    try:
        content = temporary / target.name
        content.mkdir(mode=0o755)
        yield content
        if target.exists():
            target.rename(temporary / f"{target.name}.old")
        content.rename(target)
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def link_or_copy(source: Path, target: Path) -> None:
    """Put `source` at `target`: a hard link where both lie on one file system, a copy elsewhere."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        target.hardlink_to(source)
    except OSError:
        shutil.copy2(source, target)


def half(target: Path) -> Path:
    """Where the file grows. Of this process alone: a compiler orphaned by a kill may still be writing the last one's."""
    return target.with_name(f".{target.name}.{os.getpid()}.new")
