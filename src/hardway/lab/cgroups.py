"""A cgroup of its own for each node, so that four kubelets do not fight over one kubepods.slice.

cgroup v1: one directory per controller, and nspawn's cgroup namespace makes it the node's root; so too in the v2 hierarchy
that has no controllers and stands beside them in the hybrid layout, by which systemd follows and kills its units.
Only v2 (untested: the machine this was written on has v1): one directory, into which the controllers are delegated.

The cgroups are also what tells the lab's processes from all others when the record of them is lost or late.
"""

import contextlib
import signal
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.process import await_condition, identify, send

ROOT = Path("/sys/fs/cgroup")
PREFIX = "hardway-lab"
HOST = "@host"
"""Instead of a node's name: what the lab runs on the host itself. No node can have this name."""

END_LIMIT = 20.0


def hierarchies() -> list[Path]:
    """Mount points of all cgroup hierarchies of the host."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in lines if fields[2] in ("cgroup", "cgroup2")]


def make(lab: str, node: str) -> list[Path]:
    """The cgroups into which the node's first process is put."""
    folders = []
    for top in hierarchies():
        folder = top / f"{PREFIX}-{lab}" / node
        for level in (folder.parent, folder):
            level.mkdir(exist_ok=True)
            _delegate(level.parent)
            for name in ("cpuset.cpus", "cpuset.mems"):
                # cpuset of v1 takes no process before both are filled in.
                if (level / name).exists() and (level.parent / name).exists():
                    (level / name).write_text((level.parent / name).read_text())
            if (level / "cgroup.clone_children").exists() and (level / "cpuset.cpus").exists():
                (level / "cgroup.clone_children").write_text("1")
        folders.append(folder)
    return folders


def _delegate(parent: Path) -> None:
    """Let the children of a v2 cgroup use every controller that it has itself."""
    wanted, given = parent / "cgroup.controllers", parent / "cgroup.subtree_control"
    if wanted.exists() and given.exists():
        missing = set(wanted.read_text().split()) - set(given.read_text().split())
        if missing:
            given.write_text(" ".join(f"+{name}" for name in sorted(missing)))


def kill(lab: str, node: str = "") -> None:
    """Kill whatever lives in the cgroups of a node, or of the whole lab; LabError when something cannot be killed."""

    def empty() -> bool:
        found = members(lab, node)
        for pid in found:
            if (process := identify(pid)) is not None:
                send(process, signal.SIGKILL)
        return not found

    if not await_condition(empty, END_LIMIT):
        raise LabError(
            f"processes {members(lab, node)} do not end, not even by SIGKILL",
            f"lab {lab}",
            hint="see /proc/PID/stack of them: they wait for something in the kernel",
        )


def members(lab: str, node: str = "") -> list[int]:
    """PIDs of the processes in the cgroups of a node, or of the whole lab."""
    found: set[int] = set()
    for top in hierarchies():
        for folder in _folders(top / f"{PREFIX}-{lab}" / node):
            # A cgroup may go away between listing and reading.
            with contextlib.suppress(OSError):
                found.update(int(pid) for pid in (folder / "cgroup.procs").read_text().split())
    return sorted(found - {0})


def remove(lab: str, node: str = "") -> None:
    """Remove the cgroups of a node, or of the whole lab; a directory is busy for a moment after its last process has ended.

    A machine that boots finds no cgroups of its former life: cAdvisor looks for three seconds after each one that it
    cannot explain, and until it has seen them all the kubelet starts no pod.
    """
    for top in hierarchies():
        folder = top / f"{PREFIX}-{lab}" / node
        if not await_condition(lambda folder=folder: _remove_tree(folder), END_LIMIT):  # type: ignore[misc]
            raise LabError(f"`{folder}` stays busy", f"lab {lab}", hint=f"see {folder}/**/cgroup.procs")


def _folders(top: Path) -> list[Path]:
    """The directory and all below it, deepest last."""
    if not top.is_dir():
        return []
    found = [top]
    with contextlib.suppress(OSError):
        for child in top.iterdir():
            if child.is_dir():
                found += _folders(child)
    return found


def _remove_tree(top: Path) -> bool:
    for folder in reversed(_folders(top)):
        with contextlib.suppress(OSError):  # busy: asked again by the caller
            folder.rmdir()
    return not top.exists()
