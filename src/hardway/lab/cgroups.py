"""A cgroup of its own for each node, so that four kubelets do not fight over one kubepods.slice.

cgroup v1: one directory per controller, and nspawn's cgroup namespace makes it the node's root. cgroup v2 (untested
on the machine this was written on): nspawn gets one delegated directory.
"""

from pathlib import Path

from hardway.lab.process import await_condition

ROOT = Path("/sys/fs/cgroup")
PREFIX = "hardway-lab"


def hierarchies() -> list[Path]:
    """Mount points of all cgroup hierarchies of the host."""
    if (ROOT / "cgroup.controllers").exists():
        return [ROOT]
    lines = [line.split() for line in Path("/proc/self/mounts").read_text().splitlines()]
    return [Path(fields[1]) for fields in lines if fields[2] == "cgroup"]


def make(lab: str, node: str) -> list[Path]:
    """The cgroups into which the node's first process is put."""
    folders = []
    for top in hierarchies():
        folder = top / f"{PREFIX}-{lab}" / node
        for level in (folder.parent, folder):
            level.mkdir(exist_ok=True)
            for name in ("cpuset.cpus", "cpuset.mems"):
                # cpuset of v1 takes no process before both are filled in.
                if (level / name).exists() and (level.parent / name).exists():
                    (level / name).write_text((level.parent / name).read_text())
            if (level / "cgroup.clone_children").exists() and (level / "cpuset.cpus").exists():
                (level / "cgroup.clone_children").write_text("1")
        folders.append(folder)
    return folders


def remove(lab: str) -> None:
    """Remove the lab's cgroups; a directory is busy for a moment after its last process has ended."""
    for top in hierarchies():
        folder = top / f"{PREFIX}-{lab}"
        if folder.exists():
            await_condition(lambda folder=folder: _remove_tree(folder), 10)  # type: ignore[misc]


def _remove_tree(folder: Path) -> bool:
    for path in sorted(folder.rglob("*"), key=lambda p: len(p.parts), reverse=True):
        if path.is_dir():
            _remove(path)
    _remove(folder)
    return not folder.exists()


def _remove(folder: Path) -> None:
    try:
        folder.rmdir()
    except OSError:
        return  # busy: asked again by the caller
