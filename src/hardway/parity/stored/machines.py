"""Machines that live side by side on this one: roots of their own (`renderers.sandbox`) on a network of their own.

The network is a bridge in a namespace that has no way out. Machines end with the process that made them, however that
ends, at the latest when their script has: each is the first process of a PID namespace and reads its scripts from a
pipe. Only a process that is killed (SIGKILL) leaves its directory below the temporary one behind.
"""

import os
import select
import signal
import subprocess
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from ipaddress import ip_address
from itertools import count
from pathlib import Path
from threading import Timer

from hardway.errors import HardwayError, StepFailed
from hardway.renderers import sandbox
from hardway.renderers.files import Tree, from_tar, to_tar
from hardway.renderers.sandbox import ALONE, ENVIRONMENT, LIMIT, ROOT, Machine
from hardway.steps.shell import body, for_each, quote

BRIDGE = "br0"
PREFIX = {4: 24, 6: 120}
"""Length of the network's prefix by IP version: addresses of its machines differ in the last byte only."""

_NETWORK = f"""\
set -eu
ip link set lo up
ip link add {BRIDGE} type bridge
ip link set {BRIDGE} up
echo ready
exec cat
"""
_ENTER = f"""\
{ROOT}\
echo ready
while read -r number; do
  code=0
  env -i {ENVIRONMENT} chroot "$root" /bin/bash /dev/fd/3 3<"$work/$number" </dev/null \\
    >"$work/$number.out" 2>"$work/$number.err" || code=$?
  printf '%s\n' "$code"
done
"""


@dataclass(frozen=True)
class Living:
    """One machine that is up."""

    name: str
    _work: Path
    _process: "subprocess.Popen[str]" = field(repr=False)
    _numbers: "count[int]" = field(default_factory=count, repr=False)

    def run(self, script: str, what: str, limit: float = LIMIT) -> bytes:
        """What bash text (`set -euo pipefail`, umask 022) prints; what it starts in the background lives on.

        StepFailed, with `what` as its place, when it ends with another code than 0 or not within the limit (s).
        """
        place = self._work / str(next(self._numbers))
        place.write_text(f"set -euo pipefail\numask 022\n{script}")
        timer = Timer(limit, self._process.kill)
        timer.start()
        try:
            code = _line(self._process, place.name)
        finally:
            timer.cancel()
            place.unlink()
        output, said = place.with_suffix(".out").read_bytes(), place.with_suffix(".err").read_text(errors="replace")
        if code != "0":
            why = f"a script ended with {code}" if code else f"a script did not end within {limit:g} s"
            lines = (said or output.decode(errors="replace")).splitlines()
            raise StepFailed(why, f"{self.name}: {what}", output="\n".join(lines[-40:]))
        return output

    def put(self, files: Tree) -> None:
        """Lay down files, with their modes."""
        if files:
            self.run(body(to_tar(files), "tar -x -p --same-owner -C /"), "lay down files")

    def tree(self, *folders: str, without: str = "") -> Tree:
        """What lies in those of the folders that are there; `without`: a name that is left out."""
        left_out = f"--exclude={quote(without)} " if without else ""
        data = self.run(
            "present=()\n"
            + for_each("folder", map(quote, folders), '[ ! -e "$folder" ] || present+=(".$folder")\n')
            + f'tar -c -C / {left_out}--files-from=/dev/null "${{present[@]}}"\n',
            "read its files",
        )
        return dict(sorted(from_tar(data)))


@dataclass(frozen=True)
class Network:
    """A bridge without a way out, and the machines on it."""

    _process: "subprocess.Popen[str]" = field(repr=False)
    _stack: ExitStack = field(repr=False)
    _ports: "count[int]" = field(default_factory=count, repr=False)

    def add(self, on: Machine, address: str, start: Tree) -> Living:
        """Bring up a machine that has the files of `start` and this address."""
        work, arguments = self._stack.enter_context(sandbox.laid_out(on, start, on.hostname))
        (work / "enter").write_text(_ENTER)
        process = self._stack.enter_context(_lives([*ALONE, "bash", "enter", *arguments], work))
        if _line(process) != "ready":
            raise HardwayError("a machine did not come up", on.hostname, output=(work / "said").read_text())
        # unshare itself is in the new network, the machine's first process is its child.
        self._stack.enter_context(_ends(_child(process.pid)))
        port = f"port{next(self._ports)}"
        self._ip("link", "add", port, "type", "veth", "peer", "name", "eth0", "netns", str(process.pid))
        self._ip("link", "set", port, "master", BRIDGE, "up")
        made = Living(on.hostname, work, process)
        # Who looks for the machine's address looks for the way out.
        version = ip_address(address).version
        # Nobody else can have the address: no wait until that is known (RFC 4862, duplicate address detection).
        at_once = " nodad" if version == 6 else ""
        own = f"ip addr add {address}/{PREFIX[version]} dev eth0{at_once}\nip link set eth0 up\n"
        made.run(f"ip link set lo up\n{own}ip -{version} route add default dev eth0\n", "network")
        return made

    def _ip(self, *argv: str) -> None:
        subprocess.run(["nsenter", f"--net=/proc/{self._process.pid}/ns/net", "ip", *argv], check=True)


@contextmanager
def network() -> Iterator[Network]:
    """A network for as long as the block lasts; its machines end with it. Needs root."""
    if os.geteuid() != 0:
        raise HardwayError("a network of its own can only be made by root", hint="run the command with sudo")
    with ExitStack() as stack:
        process = stack.enter_context(_lives(["unshare", "--net", "bash", "-c", _NETWORK]))
        if _line(process) != "ready":
            raise HardwayError(
                "a network of its own cannot be made here", hint="it needs the `ip` command (iproute2)"
            )
        yield Network(process, stack)


@contextmanager
def _lives(command: list[str], folder: Path | None = None) -> Iterator["subprocess.Popen[str]"]:
    """A process that talks over pipes, killed at the end of the block; its complaints go to `said` in its folder."""
    with ExitStack() as stack:
        said = stack.enter_context((folder / "said").open("w")) if folder else None
        pipe = subprocess.PIPE
        process = subprocess.Popen(command, cwd=folder, text=True, stdin=pipe, stdout=pipe, stderr=said)
        try:
            yield process
        finally:
            process.kill()
            process.wait()


def _child(pid: int) -> int:
    """The one child of a process."""
    (child,) = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return int(child)


@contextmanager
def _ends(first: int) -> Iterator[None]:
    """The first process of a PID namespace is killed at the end of the block, and all that runs with it is gone then.

    Waiting for unshare is not enough: when it is killed, the kernel kills its child, and that child's namespace after
    that. A first process ends when its namespace is empty, which its pidfd tells (pid_namespaces(7), pidfd_open(2)).
    """
    watched = os.pidfd_open(first)
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            signal.pidfd_send_signal(watched, signal.SIGKILL)
        select.select([watched], [], [])
        os.close(watched)


def _line(process: "subprocess.Popen[str]", asked: str = "") -> str:
    """The process's next line, after it was told something; empty when it has ended."""
    assert process.stdin is not None
    assert process.stdout is not None
    if asked:
        process.stdin.write(f"{asked}\n")
        process.stdin.flush()
    return process.stdout.readline().strip()
