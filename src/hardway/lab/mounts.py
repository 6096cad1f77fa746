"""Mounts of the lab: found in the kernel's own list, never remembered."""

import re
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.command import run
from hardway.lab.process import await_condition

MOUNTS = Path("/proc/self/mounts")
BUSY_LIMIT = 10.0


def overlay(lower: Path, upper: Path, work: Path, target: Path, name: str) -> None:
    """Mount `lower` read-only below `upper` at `target`; LabError when the kernel refuses."""
    options = f"lowerdir={lower},upperdir={upper},workdir={work}"
    run(["mount", "-t", "overlay", "-o", options, name, target], where="lab mounts")


def below(folder: Path, text: str) -> list[Path]:
    """Mount points at or below `folder` in a list like /proc/self/mounts, last mounted first."""
    points = [Path(_unescape(line.split()[1])) for line in text.splitlines() if line.strip()]
    return [point for point in reversed(points) if point == folder or folder in point.parents]


def unmount_below(folder: Path) -> None:
    """Unmount all at or below `folder`; LabError when something stays busy."""
    last: list[LabError] = []

    def gone() -> bool:
        for point in below(folder, MOUNTS.read_text()):
            try:
                run(["umount", point], where="lab mounts", hint=f"fuser -vm {point}")
            except LabError as error:  # busy while the last process of a node still ends
                last[:] = [error]
        return not below(folder, MOUNTS.read_text())

    if not await_condition(gone, BUSY_LIMIT, 0.2):
        raise last[0]


def _unescape(word: str) -> str:
    """The kernel writes blanks and the like as three octal digits."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), word)
