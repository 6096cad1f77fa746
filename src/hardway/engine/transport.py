"""How a script reaches a node: what every transport can do, and which one a node asks for."""

import codecs
import shlex
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Protocol

from hardway.model import Node

MARK = "# the script begins"
_SCRIPT = "source <(cat)"
_ONE_LINE = 'IFS= read -r script && eval "$script"'


def _plain(take: str) -> str:
    """POSIX sh that lets bash, as root, take what comes on standard input."""
    return f'if [ "$(id -u)" = 0 ]; then exec bash -c {shlex.quote(take)}; fi; exec sudo -n -- bash -c {shlex.quote(take)}'


def _asking(take: str) -> str:
    """The same with sudo's password as the first line and MARK as the second."""
    skip = f"IFS= read -r line; [ \"$line\" = '{MARK}' ] || IFS= read -r line; {take}"
    return (
        f'if [ "$(id -u)" = 0 ]; then exec bash -c {shlex.quote(skip)}; fi; '
        f"exec sudo -S -k -p '' -- bash -c {shlex.quote(skip)}"
    )


LAUNCH = _plain(_SCRIPT)
"""POSIX sh that runs the bash script on its standard input as root. Bash would read a script from a pipe byte by
byte; `source` reads all of it first, and an upload that was cut short is not run at all."""
ASKING = _asking(_SCRIPT)
"""The same with a password. sudo reads its line byte by byte and leaves the rest; where nobody asked for the password
(root, NOPASSWD) bash throws it away. It is in no argument of any process."""

CONTINUE = "run the same command again: it continues where the node stands"


@dataclass(frozen=True)
class Result:
    """What a script left behind. Its output lines have been handed on already, as they came."""

    exit_code: int
    stderr: str


OnLine = Callable[[str], None]


class Transport(Protocol):
    """A way to run bash scripts as root on one node. The script travels over standard input, never in argv."""

    async def run(self, script: str, on_line: OnLine) -> Result:
        """Run the script and hand on each line of its standard output; Unreachable when the link is lost."""

    async def send(self, line: str, data: Iterable[bytes]) -> Result:
        """Run one line of bash as root with `data` on its standard input; Unreachable when the link is lost."""

    async def close(self) -> None:
        """End the connection. A script that still runs on the node ends at its next step boundary."""


def launched(script: str, sudo_password: str) -> tuple[str, str]:
    """The command for the login shell, and what it gets on standard input."""
    return (ASKING, f"{sudo_password}\n{MARK}\n{script}") if sudo_password else (LAUNCH, script)


def receiving(line: str, sudo_password: str) -> tuple[str, bytes]:
    """The same for one line of bash, whose own standard input is what is sent behind these bytes."""
    if sudo_password:
        return _asking(_ONE_LINE), f"{sudo_password}\n{MARK}\n{line}\n".encode()
    return _plain(_ONE_LINE), f"{line}\n".encode()


Connect = Callable[[Node], Awaitable[Transport]]


async def open_transport(node: Node, sudo_password: str = "") -> Transport:
    """Connect to a node as its inventory entry says; Unreachable with a cure when that fails."""
    # Imported here: half of the time that a command needs to start would go into a library it may not use.
    if node.ssh.transport == "local":
        from hardway.engine.exec import local

        return local(node, sudo_password)
    if node.ssh.transport == "openssh":
        from hardway.engine.exec import openssh

        return openssh(node, sudo_password)
    from hardway.engine.ssh import connect

    return await connect(node, sudo_password)


class Lines:
    """Cuts a stream of bytes into lines; one line may be longer than any buffer."""

    def __init__(self, on_line: OnLine) -> None:
        self._on_line = on_line
        self._decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
        self._parts: list[str] = []

    def feed(self, data: bytes) -> None:
        """Hand on every line that is complete now."""
        head, *rest = self._decoder.decode(data).split("\n")
        self._parts.append(head)
        for part in rest:
            self._on_line("".join(self._parts))
            self._parts = [part]

    def end(self) -> None:
        """Hand on what has no newline behind it."""
        if last := "".join(self._parts):
            self._on_line(last)
        self._parts = []
