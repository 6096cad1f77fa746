"""The lab's verbs: up, down, status, and the life of single nodes."""

import json
import os
import shutil
import socket
import sys
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path

from hardway.errors import LabError
from hardway.lab import cgroups, dns, mounts, network, ssh
from hardway.lab.apt import PACKAGES
from hardway.lab.binaries import ensure_binaries
from hardway.lab.command import run
from hardway.lab.images import clone_containerd, ensure_containerd_template
from hardway.lab.limits import raise_limits, restore_limits
from hardway.lab.machine import Machine
from hardway.lab.mirror import ensure_mirror
from hardway.lab.paths import Say, locked, state_dir
from hardway.lab.process import Process, await_condition, end, start
from hardway.lab.spec import LabNode, LabSpec, check_name, from_record
from hardway.lab.tls import mint_tls
from hardway.lab.tree import ensure_tree

SERVICES = {"dns": 53, "mirror": 443}
"""What runs on the host for the nodes, with the TCP port of the bridge's address that it answers on."""

SERVICE_LIMIT = 20.0


@dataclass(frozen=True)
class NodeStatus:
    """How a node of a lab is doing."""

    host_name: str
    address: str
    state: str
    """running, booting or off."""


class Lab:
    """A lab by name: its directory, and the processes that are recorded in it.

    Up and down may be killed at any moment: what is recorded is a help, and what counts is what the kernel knows
    (mounts below the lab's directory, processes in its cgroups, the bridge of its name).
    """

    def __init__(self, spec: LabSpec) -> None:
        self.spec = spec
        self.folder = state_dir(spec.name)

    @property
    def _record(self) -> Path:
        return self.folder / "processes.json"

    @property
    def _spec_record(self) -> Path:
        return self.folder / "spec.json"

    def processes(self) -> dict[str, Process]:
        """Recorded processes by name, dead ones included."""
        try:
            text = self._record.read_text()
        except FileNotFoundError:
            return {}
        return {name: Process(**value) for name, value in json.loads(text).items()}

    def _remember(self, found: dict[str, Process]) -> None:
        _replace(self._record, json.dumps({name: asdict(process) for name, process in found.items()}))

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """One at a time changes the lab; a second `up` waits for the first and then finds it up."""
        if os.geteuid() != 0:
            raise LabError("the lab needs root", hint="it mounts, makes a bridge and boots containers: use sudo")
        with locked(f"lab-{self.spec.name}"):
            yield

    def machine(self, host_name: str) -> Machine:
        """The node of that name; LabError when there is none."""
        for node in self.spec.nodes:
            if host_name in (node.host_name, node.name):
                return Machine(self.spec, node, self.folder)
        known = ", ".join(node.host_name for node in self.spec.nodes)
        raise LabError(f"the lab has no node `{host_name}`", hint=f"its nodes are: {known}")

    def is_prepared(self) -> bool:
        """It was brought up once to the end and what the nodes need of the host runs; nodes may be off."""
        found = self.processes()
        serving = all(name in found and found[name].alive for name in SERVICES)
        return serving and network.exists(self.spec.bridge) and self._spec_record.exists()

    def up(self, source: str, say: Say, seeds: Mapping[str, str] | None = None) -> None:
        """Bring the lab up and return when sshd of every node answers.

        One that is up stays as it is, and nodes of it that are off are powered on. What is left of a lab after a kill or
        a reboot of the host is cleaned away first. `seeds`: user-data for cloud-init, by the node's host name.
        """
        with self._locked():
            if self.is_prepared():
                if seeds:
                    raise LabError(
                        f"lab `{self.spec.name}` is up already, and user-data counts at a node's first boot only",
                        hint="hardway lab down, then up",
                    )
                self._power_on(say)
                return
            if self._is_left():
                say(f"cleaning up what is left of lab `{self.spec.name}`")
                self._down()
            self._make(source, say, seeds or {})

    def _power_on(self, say: Say) -> None:
        if from_record(json.loads(self._spec_record.read_text())) != self.spec:
            raise LabError(
                f"lab `{self.spec.name}` is up with other nodes, addresses or names",
                hint=f"take it down first (everything on its nodes is lost), or choose another name than `{self.spec.name}`",
            )
        found = self.processes()
        off = [n.host_name for n in self.spec.nodes if n.host_name not in found or not found[n.host_name].alive]
        say(f"powering on {', '.join(off)}" if off else f"lab `{self.spec.name}` is up already")
        self._boot([node.host_name for node in self.spec.nodes])

    def _make(self, source: str, say: Say, seeds: Mapping[str, str]) -> None:
        binaries = ensure_binaries(source, say, self.spec.kubernetes)
        say(f"Kubernetes {binaries.release.kubernetes}: {binaries.origin}")
        tree = ensure_tree(say)
        mirror_roots = [
            ensure_mirror(each, tree, PACKAGES, say)
            for each in (binaries, *(ensure_binaries(source, say, version) for version in self.spec.also))
        ]
        template = ensure_containerd_template(binaries, say)
        self.folder.mkdir(parents=True)
        self.folder.chmod(0o700)
        raise_limits(say)
        ssh.make(self.spec, self.folder / "ssh")
        tls = mint_tls(self.folder / "tls", [self.spec.mirror, self.spec.gateway])
        network.up(self.spec)
        corefile = dns.write(self.spec, self.folder / "dns")
        mirror: list[str | Path] = [sys.executable, "-m", "hardway.lab.mirror"]
        mirror += [word for root in mirror_roots for word in ("--root", root)]
        mirror += ["--listen", f"{self.spec.gateway}:443", "--cert", tls.certificate, "--key", tls.key]
        host = cgroups.make(self.spec.name, cgroups.HOST)
        self._remember(
            {
                "dns": start([binaries["coredns"], "-conf", corefile], self.folder / "dns.log", host),
                "mirror": start(mirror, self.folder / "mirror.log", host),
            }
        )
        (self.folder / "tree").symlink_to(tree)
        say(f"booting {len(self.spec.nodes)} nodes")

        def prepare(node: LabNode) -> None:
            machine = Machine(self.spec, node, self.folder)
            machine.prepare(tree, mirror_roots[0], seeds.get(node.host_name, ""))
            if node.is_kubernetes:
                clone_containerd(template, machine.folder / "containerd")

        with ThreadPoolExecutor(len(self.spec.nodes)) as pool:
            list(pool.map(prepare, self.spec.nodes))
        self._await_services()
        self._boot([node.host_name for node in self.spec.nodes])
        # Last: its presence says that the lab was made to the end.
        _replace(self._spec_record, json.dumps(asdict(self.spec)))

    def _await_services(self) -> None:
        found = self.processes()
        for name, port in SERVICES.items():
            process = found[name]

            def ready(port: int = port, process: Process = process) -> bool:
                return not process.alive or _accepts(self.spec.gateway, port)

            if not await_condition(ready, SERVICE_LIMIT) or not process.alive:
                log = (self.folder / f"{name}.log").read_text(errors="replace")
                raise LabError(f"the lab's {name} does not answer on port {port}", "lab", output=log[-2000:])

    def _boot(self, host_names: Sequence[str]) -> None:
        """Boot those of the nodes that are off, all at once, and wait until all of them answer."""
        found = self.processes()
        machines = [self.machine(name) for name in host_names]
        for machine in machines:
            running = found.get(machine.node.host_name)
            if running is None or not running.alive:
                found[machine.node.host_name] = machine.boot((self.folder / "tree").resolve())
                self._remember(found)
        with ThreadPoolExecutor(len(machines)) as pool:
            list(pool.map(lambda machine: machine.await_ready(found[machine.node.host_name]), machines))

    def _is_left(self) -> bool:
        name = self.spec.name
        groups = [top / f"{cgroups.PREFIX}-{name}" for top in cgroups.hierarchies()]
        return self.folder.exists() or network.exists(self.spec.bridge) or any(group.exists() for group in groups)

    def down(self) -> None:
        """Take everything of the lab away, from any state."""
        with self._locked():
            self._down()

    def _down(self) -> None:
        """Goes by what is on the host, not by the spec: the lab may have been made from another one."""
        name = self.spec.name
        found = self.processes()
        folders = self.folder / "nodes"
        host_names = sorted(folder.name for folder in folders.iterdir()) if folders.is_dir() else []
        machines = [Machine(self.spec, LabNode(host, host, "", False), self.folder) for host in host_names]

        def stop(machine: Machine) -> None:
            if (process := found.get(machine.node.host_name)) is not None and process.alive:
                machine.stop(process, hard=True)

        with ThreadPoolExecutor(max(len(machines), 1)) as pool:
            list(pool.map(stop, machines))
        for process in found.values():
            end(process)
        cgroups.kill(name)
        for machine in machines:
            machine.unmount()
        mounts.unmount_below(self.folder)
        network.down(name, self.spec.bridge)
        cgroups.remove(name)
        if self.folder.exists():
            shutil.rmtree(self.folder)
        restore_limits()

    def start_node(self, host_name: str) -> None:
        """Power a node on and wait until its sshd answers."""
        with self._locked():
            self._boot([host_name])

    def stop_node(self, host_name: str, *, hard: bool = False) -> None:
        """Power a node off; what it has on its disk stays."""
        with self._locked():
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


def recorded(name: str) -> Lab:
    """The lab of that name as it was brought up, without the file that it was made from.

    One of which too little is left to say what it was has no nodes; it can still be taken down.
    """
    check_name(name)
    record = state_dir(name) / "spec.json"
    if record.exists():
        return Lab(from_record(json.loads(record.read_text())))
    return Lab(LabSpec(name, "", 24, "", (), ()))


def _replace(target: Path, text: str) -> None:
    """Whole or not at all, whenever this process is killed."""
    beside = target.with_suffix(".new")
    beside.write_text(text)
    beside.rename(target)


def _accepts(address: str, port: int) -> bool:
    try:
        with socket.create_connection((address, port), timeout=1):
            return True
    except OSError:
        return False
