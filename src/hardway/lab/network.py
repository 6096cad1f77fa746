"""The lab's bridge: one per lab, with the host's address on it. Nothing leads outside.

Frames between nodes stay on the bridge. Yet where bridge netfilter is on (Docker turns it on) they pass the host's
FORWARD chain, whose policy may be DROP (Docker sets it); then one rule of the lab's own lets them through.
"""

import shutil
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.command import run
from hardway.lab.spec import LabSpec

WHERE = "lab network"


def exists(bridge: str) -> bool:
    """The bridge is there."""
    return Path(f"/sys/class/net/{bridge}/bridge").is_dir()


def up(spec: LabSpec) -> None:
    """Make the bridge; LabError when another interface has an address in the lab's network."""
    taken = run(["ip", "-o", "address", "show", "to", f"{spec.gateway}/{spec.prefix}"], where=WHERE).split()
    if taken:
        raise LabError(
            f"{taken[3]} of interface `{taken[1]}` is in the network of lab `{spec.name}`",
            WHERE,
            hint="another lab may be up on the same network: take it down, or give this one other addresses",
        )
    run(["ip", "link", "add", spec.bridge, "type", "bridge"], where=WHERE)
    run(["ip", "address", "add", f"{spec.gateway}/{spec.prefix}", "dev", spec.bridge], where=WHERE)
    run(["ip", "link", "set", spec.bridge, "up"], where=WHERE)
    for command in _filters():
        if is_restrictive(run([command, "-w", "-S", "FORWARD"], where=WHERE)):
            run([command, "-w", "-I", "FORWARD", *_rule(spec.name, spec.bridge)], where=WHERE)


def down(lab: str, bridge: str) -> None:
    """Remove the bridge and its rule, if they are there."""
    for command in _filters():
        mark = _comment(lab)
        for line in run([command, "-w", "-S", "FORWARD"], where=WHERE).splitlines():
            if mark in line.split():
                run([command, "-w", "-D", "FORWARD", *_rule(lab, bridge)], where=WHERE)
    if exists(bridge):
        run(["ip", "link", "delete", bridge, "type", "bridge"], where=WHERE)


def is_restrictive(listing: str) -> bool:
    """`iptables -S FORWARD` says that it does more than accept everything."""
    return listing.split("\n")[0].strip() != "-P FORWARD ACCEPT" or "-A FORWARD" in listing


def _filters() -> list[str]:
    """The commands whose FORWARD chain sees frames of bridges."""
    found = []
    for command, switch in (("iptables", "bridge-nf-call-iptables"), ("ip6tables", "bridge-nf-call-ip6tables")):
        file = Path("/proc/sys/net/bridge") / switch
        if file.exists() and file.read_text().strip() == "1" and shutil.which(command):
            found.append(command)
    return found


def _comment(lab: str) -> str:
    return f"hardway-lab-{lab}"


def _rule(lab: str, bridge: str) -> list[str]:
    return ["-i", bridge, "-o", bridge, "-m", "comment", "--comment", _comment(lab), "-j", "ACCEPT"]
