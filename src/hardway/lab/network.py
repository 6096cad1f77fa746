"""The lab's bridge: one per lab, with the host's address on it. Nothing leads outside."""

from pathlib import Path

from hardway.lab.command import run
from hardway.lab.spec import LabSpec


def exists(bridge: str) -> bool:
    """The bridge is there."""
    return Path(f"/sys/class/net/{bridge}/bridge").is_dir()


def up(spec: LabSpec) -> None:
    """Make the bridge."""
    where = "lab network"
    run(["ip", "link", "add", spec.bridge, "type", "bridge"], where=where)
    run(["ip", "address", "add", f"{spec.gateway}/{spec.prefix}", "dev", spec.bridge], where=where)
    run(["ip", "link", "set", spec.bridge, "up"], where=where)


def down(bridge: str) -> None:
    """Remove the bridge, if it is there."""
    if exists(bridge):
        run(["ip", "link", "delete", bridge, "type", "bridge"], where="lab network")
