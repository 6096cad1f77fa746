"""Processes of the lab, told apart from others that got the same PID later."""

import contextlib
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from hardway.errors import LabError


@dataclass(frozen=True)
class Process:
    """A process by PID and start time (clock ticks since boot, field 22 of /proc/PID/stat)."""

    pid: int
    started: int

    @property
    def alive(self) -> bool:
        """The very process runs still (a zombie does not)."""
        stat = _stat(self.pid)
        return stat is not None and int(stat[19]) == self.started and stat[0] != "Z"


def _stat(pid: int) -> list[str] | None:
    try:
        # The command name in parentheses may hold blanks; the fields after it are plain.
        return Path(f"/proc/{pid}/stat").read_text().rpartition(") ")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return None


def identify(pid: int) -> Process | None:
    """The process that has this PID now."""
    stat = _stat(pid)
    return Process(pid, int(stat[19])) if stat else None


def inits_below(process: Process) -> list[Process]:
    """The first processes of the PID namespaces that the process or its descendants have made."""
    found = []
    for child in _children(process):
        found += [child] if _namespace(child) != _namespace(process) else inits_below(child)
    return found


def _children(process: Process) -> list[Process]:
    try:
        listed = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    except (FileNotFoundError, ProcessLookupError):
        return []
    return [child for pid in listed if (child := identify(int(pid)))]


def _namespace(process: Process) -> str:
    # Of one that has just ended nothing can be read any more: it is nobody's init.
    with contextlib.suppress(OSError):
        return str(Path(f"/proc/{process.pid}/ns/pid").readlink())
    return ""


def start(
    argv: Sequence[str | Path], log: Path, cgroups: Sequence[Path] = (), env: Mapping[str, str] | None = None
) -> Process:
    """Start a process of its own session, in the given cgroups, with its output in a log file.

    It is in its cgroups before it runs anything: whoever is killed between the start and the note of it can be cleaned up.
    """

    def enter() -> None:
        for folder in cgroups:
            (folder / "cgroup.procs").write_text(str(os.getpid()))

    with log.open("ab") as output:
        child = subprocess.Popen(
            [str(word) for word in argv],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            start_new_session=True,
            env={**os.environ, **env} if env else None,
            preexec_fn=enter if cgroups else None,
        )
    found = identify(child.pid)
    if found is None:
        raise LabError(f"`{argv[0]}` ended at once", "lab", output=log.read_text()[-2000:])
    return found


def send(process: Process, number: int) -> None:
    """Signal the process, unless it is gone."""
    if process.alive:
        try:
            os.kill(process.pid, number)
        except ProcessLookupError:
            return


def await_end(process: Process, seconds: float) -> bool:
    """Wait until the process has ended."""
    return await_condition(lambda: _reap(process), seconds)


def _reap(process: Process) -> bool:
    # It is somebody else's child when the lab was started by an earlier command.
    with contextlib.suppress(ChildProcessError):
        os.waitpid(process.pid, os.WNOHANG)
    return not process.alive


def end(process: Process, seconds: float = 5) -> None:
    """End the process, politely first."""
    send(process, signal.SIGTERM)
    if not await_end(process, seconds):
        send(process, signal.SIGKILL)
        await_end(process, seconds)


def await_condition(condition: Callable[[], bool], seconds: float, interval: float = 0.05) -> bool:
    """Ask until the answer is yes; no when the time runs out."""
    deadline = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > deadline:
            return False
        time.sleep(interval)
    return True
