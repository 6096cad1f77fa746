"""Machines for tests of the engine: real bash as root of a mount namespace, with a /run/hardway of their own."""

import asyncio
import dataclasses
import os
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path

from hardway.chapters.chapter import Chapter
from hardway.engine.apply import apply
from hardway.engine.events import Event, ignore
from hardway.engine.exec import Exec
from hardway.engine.plan import Plan
from hardway.engine.run import make_plan, open_session
from hardway.engine.schedule import Selection
from hardway.engine.transport import OnLine, Result, Transport
from hardway.model import Cluster, Endpoint, Node, Role
from hardway.steps import Check, Command, File, Step
from hardway.versions import DEFAULT, release
from hardway.workflows.stage import Stage

ENTER = (
    'mount -t tmpfs tmpfs /run && mkdir /run/hardway && mount --bind "$0" /run/hardway'
    " && exec bash -c 'source <(cat)'"
)


def argv(run: Path) -> list[str]:
    """A command that takes scripts as a node does, and keeps /run/hardway in that directory."""
    return ["unshare", "-m" if os.geteuid() == 0 else "-rm", "sh", "-c", ENTER, str(run)]


class Machine:
    """One node: a directory for its files, and a count of what was sent to it."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.run = root / "run"
        self.run.mkdir(parents=True)
        self.scripts: list[str] = []
        self.connections = 0
        self.arms: dict[str, tuple[str, bool]] = {}
        """Commands that kill their script: a file that says it has happened, and whether they do it afterwards."""

    def connect(self) -> Transport:
        self.connections += 1
        return _Counting(self, Exec(argv(self.run), str(self.root)))

    def log(self) -> list[str]:
        """What commands wrote into the node's log."""
        file = self.root / "log"
        return file.read_text().split() if file.exists() else []


class _Counting:
    def __init__(self, machine: Machine, inner: Transport) -> None:
        self._machine, self._inner = machine, inner

    async def run(self, script: str, on_line: OnLine) -> Result:
        self._machine.scripts.append(script)
        return await self._inner.run(script, on_line)

    async def send(self, line: str, data: Iterable[bytes]) -> Result:
        return await self._inner.send(line, data)

    async def close(self) -> None:
        await self._inner.close()


Steps = Callable[[Machine, Node], Iterable[Step]]


class World:
    """A cluster of such machines, and what a user does to it."""

    def __init__(self, root: Path, masters: int = 1, workers: int = 0) -> None:
        names = [f"master-{n + 1}" for n in range(masters)] + [f"worker-{n + 1}" for n in range(workers)]
        self.cluster = Cluster(
            "test",
            "example.com",
            release(DEFAULT),
            Endpoint("api.example.com"),
            tuple(
                Node(
                    f"{name}.example.com",
                    name,
                    "127.0.0.1",
                    frozenset({Role.CONTROL_PLANE if name.startswith("master") else Role.WORKER}),
                )
                for name in names
            ),
        )
        self.machines = {node.name: Machine(root / node.host_name) for node in self.cluster.nodes}

    def __getitem__(self, host_name: str) -> Machine:
        return self.machines[self.cluster.node(host_name).name]

    def chapter(
        self, name: str, steps: Steps, checks: Callable[[Machine, Node], Iterable[Check]] | None = None
    ) -> Chapter:
        """A chapter whose steps know the machine's directory."""
        return Chapter(
            name,
            name,
            (),
            steps=lambda cluster, node: iter(steps(self.machines[node.name], node)),
            checks=lambda cluster, node: iter(checks(self.machines[node.name], node) if checks else ()),
        )

    async def connect(self, node: Node) -> Transport:
        return self.machines[node.name].connect()

    async def _plan(self, stages: Sequence[Stage], nodes: Sequence[str], selection: Selection) -> Plan:
        async with open_session(self.cluster, nodes, connect=self.connect) as session:
            return await make_plan(session, stages, selection)

    def plan(self, *stages: Stage, nodes: Sequence[str] = (), selection: Selection | None = None) -> Plan:
        return asyncio.run(self._plan(stages, nodes, selection or Selection()))

    async def _apply(
        self, stages: Sequence[Stage], nodes: Sequence[str], selection: Selection, listener: Callable[[Event], None]
    ) -> int:
        async with open_session(self.cluster, nodes, connect=self.connect, listener=listener) as session:
            return await apply(session, await make_plan(session, stages, selection), stages, listener)

    def apply(
        self,
        *stages: Stage,
        nodes: Sequence[str] = (),
        selection: Selection | None = None,
        listener: Callable[[Event], None] = ignore,
    ) -> int:
        return asyncio.run(self._apply(stages, nodes, selection or Selection(), listener))

    def round_trips(self) -> dict[str, int]:
        """Scripts sent to each node since the last question."""
        counts = {node.host_name: len(self.machines[node.name].scripts) for node in self.cluster.nodes}
        for machine in self.machines.values():
            machine.scripts.clear()
        return counts


def note(machine: Machine, word: str, **more: object) -> Command:
    """A command that is not idempotent: it adds a word to the node's log, unless it is there."""
    command = Command(
        word,
        f"note {word}",
        f"echo {word} >>{machine.root}/log\n",
        Check(
            f"{word} to be noted", f"grep -qx {word} {machine.root}/log 2>/dev/null || {{ echo absent; exit 1; }}\n"
        ),
    )
    command = dataclasses.replace(command, **more)  # type: ignore[arg-type]
    if word in machine.arms:
        flag, after = machine.arms[word]
        kill = f"[ -e {flag} ] || {{ touch {flag}; kill -9 $$; sleep 0.05; }}\n"
        text = command.script + kill if after else kill + command.script
        command = dataclasses.replace(command, script=text)
    return command


def file(machine: Machine, name: str, content: str, **more: object) -> File:
    """A file in the node's directory."""
    return dataclasses.replace(File(f"file/{name}", f"{machine.root}/{name}", content), **more)  # type: ignore[arg-type]
