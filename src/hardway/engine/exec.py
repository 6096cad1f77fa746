"""Any command that takes a bash script on standard input: the system's own ssh, this machine, a namespace."""

import asyncio
import contextlib
import shlex
from collections.abc import Sequence
from pathlib import Path

from hardway.engine.transport import CONTINUE, LAUNCH, Lines, OnLine, Result
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

    def __init__(self, argv: Sequence[str], where: str) -> None:
        self._argv = tuple(argv)
        self._where = where

    async def run(self, script: str, on_line: OnLine) -> Result:
        try:
            process = await asyncio.create_subprocess_exec(
                *self._argv,
                stdin=asyncio.subprocess.PIPE,
                stdout=asyncio.subprocess.PIPE,
                stderr=asyncio.subprocess.PIPE,
                # Ctrl-C is for us alone: the script is to come to its next step boundary.
                start_new_session=True,
            )
        except OSError as failed:
            raise Unreachable(f"cannot start {self._argv[0]}: {failed.strerror}", self._where) from failed
        assert process.stdin
        assert process.stdout
        assert process.stderr
        lines = Lines(on_line)
        errors = asyncio.ensure_future(process.stderr.read())
        feed = asyncio.ensure_future(_feed(process.stdin, script.encode()))
        try:
            while data := await process.stdout.read(65536):
                lines.feed(data)
            lines.end()
            await feed
            stderr = (await errors).decode(errors="replace")
            code = await process.wait()
        finally:
            feed.cancel()
            errors.cancel()
            # Left behind by a cancellation: closed pipes tell the other side.
            process._transport.close()  # type: ignore[attr-defined]
        if code < 0 or (code == SSH_FAILED and self._argv[0] == "ssh"):
            raise Unreachable(
                _reason(stderr) if code > 0 else "the connection was cut",
                self._where,
                shlex.join(self._argv),
                stderr,
                _hint(stderr),
            )
        return Result(code, stderr)

    async def close(self) -> None:
        return None


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    # The other side may end before it has read everything; its exit code tells why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(data)
        await stdin.drain()
        stdin.close()
        await stdin.wait_closed()


def _reason(stderr: str) -> str:
    if "Host key verification failed" in stderr or "host key is known" in stderr:
        return "its host key is not trusted"
    if "Permission denied" in stderr:
        return "the login was refused"
    return "no connection"


def _hint(stderr: str) -> str:
    match _reason(stderr):
        case "its host key is not trusted":
            return "compare `ssh-keyscan HOST` with the machine's console, then add the key to known_hosts"
        case "the login was refused":
            return "which key and user does the node accept?"
        case _:
            return CONTINUE


def local(node: Node) -> Exec:
    """This machine."""
    return Exec(["sh", "-c", LAUNCH], node.name)


def openssh(node: Node) -> Exec:
    """The system's own ssh, for everything that ssh_config can say."""
    ssh = node.ssh
    argv = ["ssh", "-T", *(f"-o{name}={value}" for name, value in OPTIONS.items())]
    argv += ["-F", str(Path(ssh.config_file).expanduser())] if ssh.config_file else []
    argv += ["-p", str(ssh.port)] if ssh.port else []
    argv += ["-i", str(Path(ssh.identity_file).expanduser())] if ssh.identity_file else []
    argv += ["-l", ssh.user] if ssh.user else []
    # Quoted for the login shell, whichever it is.
    return Exec([*argv, "--", ssh.host or node.address, f"exec sh -c {shlex.quote(LAUNCH)}"], node.name)
