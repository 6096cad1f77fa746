"""Any command that takes a bash script on standard input: the system's own ssh, this machine, a namespace."""

import asyncio
import contextlib
import shlex
import subprocess
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hardway.engine.transport import CONTINUE, Lines, OnLine, Result, launched, receiving
from hardway.errors import Unreachable
from hardway.model import Node

SSH_FAILED = 255
"""ssh's exit code for its own failures; our scripts never end with it."""

OPTIONS = {
    "BatchMode": "yes",
    "StrictHostKeyChecking": "yes",
    "ConnectTimeout": "15",
    "ServerAliveInterval": "5",
    "ServerAliveCountMax": "3",
}


class Exec:
    """A transport made of a command line; `nsenter … bash -c 'source <(cat)'` is one, too."""

    def __init__(self, argv: Sequence[str], where: str, prefix: str = "", receive: Sequence[str] = ()) -> None:
        """`prefix` stands before every script on standard input; it is a secret. `receive`: the command for `send`."""
        self._argv = tuple(argv)
        self._receive = tuple(receive)
        self._where = where
        self._prefix = prefix
        self._is_ssh = self._argv[0] == "ssh"

    async def run(self, script: str, on_line: OnLine) -> Result:
        try:
            process = subprocess.Popen(
                self._argv,
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                # Ctrl-C is for us alone: the script is to come to its next step boundary.
                start_new_session=True,
            )
        except OSError as failed:
            raise Unreachable(f"cannot start {self._argv[0]}: {failed.strerror}", self._where) from failed
        assert process.stdin
        assert process.stdout
        assert process.stderr
        lines = Lines(on_line)
        output, errors = await _Pipe.open(process.stdout), await _Pipe.open(process.stderr)
        feed = asyncio.ensure_future(asyncio.to_thread(_feed, process.stdin, (self._prefix + script).encode()))
        try:
            while data := await output.reader.read(65536):
                lines.feed(data)
            lines.end()
            stderr = (await errors.reader.read()).decode(errors="replace")
            await feed
            code = await asyncio.to_thread(process.wait)
        except asyncio.CancelledError:
            # A script on this machine notices the closed pipes between two steps; ssh would not tell the other side.
            if self._is_ssh:
                process.terminate()
            raise
        finally:
            output.transport.close()
            errors.transport.close()
        if code < 0 or (code == SSH_FAILED and self._is_ssh):
            raise Unreachable(
                _reason(stderr) if code > 0 else "the connection was cut",
                self._where,
                shlex.join(self._argv),
                stderr,
                _hint(stderr),
            )
        return Result(code, stderr)

    async def send(self, line: str, data: Iterable[bytes]) -> Result:
        assert self._receive, "a transport for scripts only"
        return await asyncio.to_thread(self._send, f"{self._prefix}{line}\n".encode(), data)

    def _send(self, head: bytes, data: Iterable[bytes]) -> Result:
        # Standard error in a file: nobody reads it while the data goes out.
        with tempfile.TemporaryFile() as errors:
            process = subprocess.Popen(
                self._receive, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=errors, start_new_session=True
            )
            assert process.stdin
            with contextlib.suppress(BrokenPipeError), process.stdin as stdin:
                stdin.write(head)
                for piece in data:
                    stdin.write(piece)
            code = process.wait()
            errors.seek(0)
            stderr = errors.read().decode(errors="replace")
        if code < 0 or (code == SSH_FAILED and self._is_ssh):
            raise Unreachable(_reason(stderr), self._where, shlex.join(self._receive), stderr, _hint(stderr))
        return Result(code, stderr)

    async def close(self) -> None:
        return None


@dataclass
class _Pipe:
    reader: asyncio.StreamReader
    transport: asyncio.ReadTransport

    @staticmethod
    async def open(pipe: IO[bytes]) -> "_Pipe":
        reader = asyncio.StreamReader()
        protocol = asyncio.StreamReaderProtocol(reader)
        transport, _ = await asyncio.get_running_loop().connect_read_pipe(lambda: protocol, pipe)
        return _Pipe(reader, transport)


def _feed(stdin: IO[bytes], data: bytes) -> None:
    # The other side may end before it has read everything; its exit code tells why.
    with contextlib.suppress(BrokenPipeError), stdin:
        stdin.write(data)


def _reason(stderr: str) -> str:
    if "Host key verification failed" in stderr or "host key is known" in stderr:
        return "its host key is not trusted"
    if "Permission denied" in stderr:
        return "the login was refused"
    return "no connection"


def _hint(stderr: str) -> str:
    match _reason(stderr):
        case "its host key is not trusted":
            return "hardway trust shows its key, to be compared with the machine's console, and adds it"
        case "the login was refused":
            return "which key and user does the node accept?"
        case _:
            return CONTINUE


def local(node: Node, sudo_password: str = "") -> Exec:
    """This machine."""
    command, prefix = launched("", sudo_password)
    receive, _ = receiving("", sudo_password)
    return Exec(["sh", "-c", command], node.name, prefix, ["sh", "-c", receive])


def openssh(node: Node, sudo_password: str = "") -> Exec:
    """The system's own ssh, for everything that ssh_config can say."""
    command, prefix = launched("", sudo_password)
    ssh = node.ssh
    argv = ["ssh", "-T", *(f"-o{name}={value}" for name, value in OPTIONS.items())]
    argv += ["-F", str(Path(ssh.config_file).expanduser())] if ssh.config_file else []
    argv += ["-p", str(ssh.port)] if ssh.port else []
    argv += ["-i", str(Path(ssh.identity_file).expanduser())] if ssh.identity_file else []
    argv += ["-l", ssh.user] if ssh.user else []
    argv += ["--", ssh.host or node.address]
    # Quoted for the login shell, whichever it is.
    launch, receive = (f"exec sh -c {shlex.quote(text)}" for text in (command, receiving("", sudo_password)[0]))
    return Exec([*argv, launch], node.name, prefix, [*argv, receive])
