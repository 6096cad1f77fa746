"""The lab's verbs: up, down, status, and the life of single nodes."""

import json
import os
import shutil
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path

from hardway.errors import LabError
from hardway.lab import cgroups, dns, network, ssh
from hardway.lab.command import run
from hardway.lab.gobuild import ensure_binaries
from hardway.lab.images import clone_containerd, ensure_containerd_template
from hardway.lab.machine import Machine
from hardway.lab.mirror import ensure_mirror
from hardway.lab.paths import Say, state_dir
from hardway.lab.process import Process, end, identify, start
from hardway.lab.spec import MIRROR_PACKAGES, LabSpec
from hardway.lab.tls import mint_tls
from hardway.lab.tree import ensure_tree


@dataclass(frozen=True)
class NodeStatus:
    """How a node of a lab is doing."""

    host_name: str
    address: str
    state: str
    """running, booting or off."""


class Lab:
    """A lab by name: its directory, and the processes that are recorded in it."""

    def __init__(self, spec: LabSpec) -> None:
        self.spec = spec
        self.folder = state_dir(spec.name)

    @property
    def _record(self) -> Path:
        return self.folder / "processes.json"

    def processes(self) -> dict[str, Process]:
        """Recorded processes by name, dead ones included."""
        if not self._record.exists():
            return {}
        return {name: Process(**value) for name, value in json.loads(self._record.read_text()).items()}

    def _remember(self, found: dict[str, Process]) -> None:
        beside = self._record.with_suffix(".new")
        beside.write_text(json.dumps({name: asdict(process) for name, process in found.items()}))
        beside.rename(self._record)

    def machine(self, host_name: str) -> Machine:
        """The node of that name; LabError when there is none."""
        for node in self.spec.nodes:
            if host_name in (node.host_name, node.name):
                return Machine(self.spec, node, self.folder)
        known = ", ".join(node.host_name for node in self.spec.nodes)
        raise LabError(f"the lab has no node `{host_name}`", hint=f"its nodes are: {known}")

    def is_whole(self) -> bool:
        """Everything that was started runs."""
        found = self.processes()
        names = {"dns", "mirror", *(node.host_name for node in self.spec.nodes)}
        return network.exists(self.spec.bridge) and names <= found.keys() and all(p.alive for p in found.values())

    def up(self, source: str, say: Say) -> None:
        """Bring the lab up; one that is up already stays as it is, half a lab is cleaned away first."""
        if os.geteuid() != 0:
            raise LabError("the lab needs root", hint="it mounts, makes a bridge and boots containers: use sudo")
        if self.is_whole():
            say(f"lab `{self.spec.name}` is up already")
            return
        if self.folder.exists() or network.exists(self.spec.bridge):
            say(f"cleaning up what is left of lab `{self.spec.name}`")
            self.down()
        binaries = ensure_binaries(source, say)
        say(f"Kubernetes {binaries.release.kubernetes}: {binaries.origin}")
        tree = ensure_tree(say)
        mirror_root = ensure_mirror(binaries, tree, MIRROR_PACKAGES, say)
        template = ensure_containerd_template(binaries, say)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o700)
        ssh.make(self.spec, self.folder / "ssh")
        tls = mint_tls(self.folder / "tls", [self.spec.mirror, self.spec.gateway])
        network.up(self.spec)
        corefile = dns.write(self.spec, self.folder / "dns")
        mirror: list[str | Path] = [sys.executable, "-m", "hardway.lab.mirror", "--root", mirror_root]
        mirror += ["--listen", f"{self.spec.gateway}:443", "--cert", tls.certificate, "--key", tls.key]
        found = {
            "dns": start([binaries["coredns"], "-conf", corefile], self.folder / "dns.log"),
            "mirror": start(mirror, self.folder / "mirror.log"),
        }
        self._remember(found)
        (self.folder / "tree").symlink_to(tree)
        say(f"booting {len(self.spec.nodes)} nodes")

        def prepare(machine: Machine) -> None:
            machine.prepare(tree, mirror_root)
            if machine.node.is_kubernetes:
                (machine.folder / "containerd").rmdir()
                clone_containerd(template, machine.folder / "containerd")

        machines = [self.machine(node.host_name) for node in self.spec.nodes]
        with ThreadPoolExecutor(len(machines)) as pool:
            list(pool.map(prepare, machines))
            for machine in machines:
                found[machine.node.host_name] = machine.boot(tree)
                self._remember(found)
            list(pool.map(lambda machine: machine.await_ready(found[machine.node.host_name]), machines))

    def down(self) -> None:
        """Take everything of the lab away, from any state."""
        found = self.processes()
        machines = [self.machine(node.host_name) for node in self.spec.nodes]
        with ThreadPoolExecutor(max(len(machines), 1)) as pool:
            list(pool.map(lambda m: self._end_machine(m, found.get(m.node.host_name)), machines))
        for name in ("dns", "mirror"):
            if name in found:
                end(found[name])
        self._forget_strays()
        for machine in machines:
            machine.unmount()
        network.down(self.spec.bridge)
        cgroups.remove(self.spec.name)
        if self.folder.exists():
            shutil.rmtree(self.folder)

    def _end_machine(self, machine: Machine, process: Process | None) -> None:
        if process and process.alive:
            machine.stop(process, hard=True)

    def _forget_strays(self) -> None:
        """End what lives in the lab's cgroups still: containers whose nspawn was killed."""
        for top in cgroups.hierarchies():
            for procs in (top / f"{cgroups.PREFIX}-{self.spec.name}").rglob("cgroup.procs"):
                for pid in procs.read_text().split():
                    if (stray := identify(int(pid))) is not None:
                        end(stray, 1)

    def start_node(self, host_name: str) -> None:
        """Power a node on."""
        found = self.processes()
        machine = self.machine(host_name)
        running = found.get(machine.node.host_name)
        if running is None or not running.alive:
            found[machine.node.host_name] = machine.boot((self.folder / "tree").resolve())
            self._remember(found)
        machine.await_ready(found[machine.node.host_name])

    def stop_node(self, host_name: str, *, hard: bool = False) -> None:
        """Power a node off; what it has on its disk stays."""
        machine = self.machine(host_name)
        process = self.processes().get(machine.node.host_name)
        if process and process.alive:
            machine.stop(process, hard=hard)

    def status(self) -> tuple[NodeStatus, ...]:
        """State of every node."""
        found = self.processes()
        states = []
        for node in self.spec.nodes:
            process = found.get(node.host_name)
            alive = process is not None and process.alive
            answers = alive and self.machine(node.host_name).answers()
            states.append(
                NodeStatus(node.host_name, node.address, "running" if answers else "booting" if alive else "off")
            )
        return tuple(states)

    def ssh_command(self, host_name: str, argv: Sequence[str] = ()) -> list[str]:
        """The ssh command that reaches a node."""
        return ["ssh", "-F", str(self.folder / "ssh/config"), self.machine(host_name).node.address, *argv]

    def exec(self, host_name: str, script: str) -> str:
        """Run bash as root on a node and return its output; LabError when it fails."""
        return run(self.ssh_command(host_name, ["sudo", "-n", "bash"]), where=f"lab node {host_name}", stdin=script)
