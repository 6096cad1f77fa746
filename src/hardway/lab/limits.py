"""Limits of the host's kernel that all nodes of all labs share because their root is the host's root.

systemd, containerd and above all the kubelet (cAdvisor) watch files. The kernel's default of 128 inotify instances per user
bears one cluster and breaks a second one: "inotify_init: too many open files". The limits are raised while a lab is up and
set back when the last one goes.
"""

import json
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.paths import Say, locked, state_dir

WANTED = {"fs/inotify/max_user_instances": 1024, "fs/inotify/max_user_watches": 524288}
SYSCTL = Path("/proc/sys")


def _record() -> Path:
    # Not a lab's directory: no lab's name has a dot.
    return state_dir(".limits.json")


def raise_limits(say: Say) -> None:
    """Raise what is too low, and remember what it was; LabError when the kernel does not let us."""
    with locked("limits"):
        record = _record()
        before: dict[str, int] = json.loads(record.read_text()) if record.exists() else {}
        for name, wanted in WANTED.items():
            file = SYSCTL / name
            value = int(file.read_text())
            if value >= wanted:
                continue
            before[name] = value
            record.parent.mkdir(parents=True, exist_ok=True)
            # Noted before it is done: one that is killed in between restores what never changed.
            record.write_text(json.dumps(before))
            say(
                f"raising {name.replace('/', '.')} of this machine from {value} to {wanted} until the last lab is down"
            )
            try:
                file.write_text(str(wanted))
            except OSError as error:
                raise LabError(f"{file} cannot be set: {error}", "lab limits") from error


def restore_limits() -> None:
    """Set back what was raised, when no lab is left; what somebody has changed since is left alone."""
    with locked("limits"):
        record = _record()
        if not record.exists() or any(path.is_dir() for path in record.parent.iterdir()):
            return
        for name, value in json.loads(record.read_text()).items():
            file = SYSCTL / name
            if int(file.read_text()) == WANTED.get(name):
                file.write_text(str(value))
        record.unlink()
