"""The real cloud-init, from the lab's node tree, in a root of its own: nothing of it is installed on this machine."""

import json
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from hardway.lab.tree import ensure_tree
from hardway.model import Node
from hardway.renderers import sandbox
from hardway.renderers.files import Entry, Kind, Tree, file

SEED = "/var/lib/cloud/seed/nocloud"

PARENTS = ("/var/lib/cloud", "/var/lib/cloud/seed")

IMAGE = """\
datasource_list: [NoCloud]
network: {config: disabled}
cloud_init_modules: [write-files]
cloud_config_modules: [runcmd]
cloud_final_modules: [write-files-deferred, scripts-user]
output: {all: ">>/var/log/cloud-init-output.log"}
system_info: {distro: debian, paths: {cloud_dir: /var/lib/cloud/, templates_dir: /etc/cloud/templates/}}
"""
"""What an image's cloud.cfg says. Only the modules that user-data of ours uses: the others would look for disks."""

BOOT = """\
export PYTHONDONTWRITEBYTECODE=1 RECORD=1
cloud-init init --local
cloud-init init || true
cloud-init modules --mode=config || true
cloud-init modules --mode=final || true
"""
"""The four services; systemd starts each whether or not those before it have failed."""

CALLS = "/var/calls"
RECORDED = ("systemctl", "apt-get", "modprobe", "sysctl")
"""Commands that reach beyond files: they are written down, with their words, and succeed."""

PRESENT = ("/etc/modules-load.d", "/etc/sysctl.d", "/etc/default")
"""Directories that every system has."""

OWN = ("/var/lib/cloud", "/etc/cloud", "/var/log", "/var/lib/dhcp", "/var/cache")
"""What cloud-init itself leaves."""


@cache
def node_tree() -> Path:
    """The lab's Debian tree, which has cloud-init as servers' images have it; it is built where it is missing."""
    return ensure_tree(lambda line: print(line, file=sys.stderr, flush=True))


def machine(node: Node) -> sandbox.Machine:
    """A machine of the node tree."""
    return sandbox.Machine(node.name, PRESENT, system=node_tree())


def recorders(failing: str = "") -> dict[str, Entry]:
    """Files that stand in for what cannot run here; one of the recorded commands may fail."""

    def recorder(name: str) -> Entry:
        end = "exit 3" if name == failing else "exit 0"
        return file(f'#!/bin/sh\n[ -z "${{RECORD-}}" ] || echo "{name} $*" >>{CALLS}\n{end}\n', 0o755)

    found = {f"/usr/local/sbin/{name}": recorder(name) for name in RECORDED}
    # There is no bus; the chapter then names the machine by hand.
    known = {"/var/lib": Entry(Kind.DIRECTORY, 0o755), CALLS: file("")}
    return {**known, **found, "/usr/local/sbin/hostnamectl": file("#!/bin/sh\nexit 1\n", 0o755)}


@dataclass(frozen=True)
class Booted:
    """A machine after its first boot."""

    outcome: sandbox.Outcome
    errors: tuple[str, ...]
    """What cloud-init itself says went wrong."""

    @property
    def log(self) -> list[str]:
        """Lines of cloud-init-output.log."""
        return self.outcome.tree["/var/log/cloud-init-output.log"].content.decode().splitlines()


def boot(node: Node, user_data: bytes, start: Tree, more: str = "") -> Booted:
    """A first boot with this user-data on a machine with these files; `more` is bash that runs afterwards."""
    seed = {
        **{path: Entry(Kind.DIRECTORY, 0o755) for path in ("/etc/cloud", *PARENTS, SEED)},
        "/etc/cloud/cloud.cfg": file(IMAGE),
        f"{SEED}/user-data": file(user_data, 0o600),
        f"{SEED}/meta-data": file(f"instance-id: {node.name}\n"),
    }
    done = sandbox.run(machine(node), BOOT + more, {**seed, **start}, what="cloud-init")
    result = json.loads(done.tree["/var/lib/cloud/data/result.json"].content)
    return Booted(done, tuple(result["v1"]["errors"]))


def multi_part(node: Node, parts: Iterable[bytes]) -> bytes:
    """The parts as one user-data, made by cloud-init's own tool as docs/cloud-init.md says."""
    start = {f"/part-{number}": file(part) for number, part in enumerate(parts)}
    words = " ".join(f"-a {path}:cloud-config" for path in start)
    done = sandbox.run(machine(node), f"cloud-init devel make-mime {words} >/made\n", start, what="make-mime")
    return done.tree["/made"].content


def left(outcome: sandbox.Outcome) -> dict[str, Entry]:
    """What the run left, without what cloud-init keeps for itself."""
    return {
        path: entry
        for path, entry in outcome.tree.items()
        if not any(path == own or path.startswith(f"{own}/") for own in OWN)
    }
