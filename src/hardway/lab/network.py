"""The lab's bridge: one per lab, with the host's address on it. Nothing leads outside.

Nodes have the host for their default gateway, as kubeadm and kubelets want one. What they send there for others is refused,
also on hosts that forward: at once and audibly, since a service address that kube-proxy does not serve yet would otherwise
cost whoever asks it (CoreDNS) the 30 seconds of a dial that nobody answers.

Frames between nodes stay on the bridge. Yet where bridge netfilter is on (Docker turns it on) they pass the host's
FORWARD chain, whose policy may be DROP (Docker sets it); then one rule of the lab's own lets them through.
"""

import ipaddress
import shutil
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.command import run
from hardway.lab.spec import LabSpec

WHERE = "lab network"
PREFERENCE = 20000
"""Of the lab's routing rules: after the host's own addresses, before its routing tables."""


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
    version, network = 6 if ":" in spec.gateway else 4, _network(spec)
    for number, rule in (
        (PREFERENCE, ["from", network, "iif", spec.bridge, "unreachable"]),
        # With another source address (a pod's) the answer itself would lead outside.
        (PREFERENCE + 1, ["iif", spec.bridge, "blackhole"]),
    ):
        run(["ip", f"-{version}", "rule", "add", "preference", str(number), *rule], where=WHERE)
    # Only an interface that forwards says "unreachable"; it forwards nothing because of the rules.
    family = "ipv6" if version == 6 else "ipv4"
    Path(f"/proc/sys/net/{family}/conf/{spec.bridge}/forwarding").write_text("1")
    for command in _filters():
        if is_restrictive(run([command, "-w", "-S", "FORWARD"], where=WHERE)):
            run([command, "-w", "-I", "FORWARD", *_rule(spec.name, spec.bridge)], where=WHERE)


def down(lab: str, bridge: str) -> None:
    """Remove the bridge and its rules, if they are there."""
    for command in _filters():
        mark = _comment(lab)
        for line in run([command, "-w", "-S", "FORWARD"], where=WHERE).splitlines():
            if mark in line.split():
                run([command, "-w", "-D", "FORWARD", *_rule(lab, bridge)], where=WHERE)
    for version in (4, 6):
        for number in preferences(run(["ip", f"-{version}", "rule", "show"], where=WHERE), bridge):
            run(["ip", f"-{version}", "rule", "delete", "preference", number, "iif", bridge], where=WHERE)
    if exists(bridge):
        run(["ip", "link", "delete", bridge, "type", "bridge"], where=WHERE)


def is_restrictive(listing: str) -> bool:
    """`iptables -S FORWARD` says that it does more than accept everything."""
    return listing.split("\n")[0].strip() != "-P FORWARD ACCEPT" or "-A FORWARD" in listing


def preferences(listing: str, bridge: str) -> list[str]:
    """Numbers of the rules in `ip rule show` that are for packets from the bridge."""
    found = []
    for line in listing.splitlines():
        number, _, rule = line.partition(":")
        words = rule.split()
        if "iif" in words and words[words.index("iif") + 1] == bridge:
            found.append(number)
    return found


def _network(spec: LabSpec) -> str:
    return str(ipaddress.ip_network(f"{spec.gateway}/{spec.prefix}", strict=False))


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
