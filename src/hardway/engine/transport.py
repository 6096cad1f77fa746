"""How a script reaches a node: asyncssh, the system's own ssh, or the local machine."""

import asyncio
import contextlib
import getpass
import os
import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import asyncssh

from hardway.errors import Unreachable
from hardway.model import Node

CONNECT_TIMEOUT = 15.0
KEEPALIVE = 5.0
"""Seconds; three unanswered keepalives mean that the link is lost."""

SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
SYSTEM_KNOWN_HOSTS = Path("/etc/ssh/ssh_known_hosts")


@dataclass(frozen=True)
class Result:
    """What a script left behind. Output lines have been handed on already as they came."""

    exit_code: int
    stderr: str


OnLine = Callable[[str], None]


class Transport(Protocol):
    """A way to run bash scripts as root on one node. The script travels over standard input, never in argv."""

    async def run(self, script: str, on_line: OnLine) -> Result:
        """Run the script and hand on each line of its standard output; Unreachable when the link is lost."""

    async def close(self) -> None:
        """End the connection."""


class Exec:
    """Any command that takes a bash script on standard input: `ssh HOST sudo -n bash`, `sudo -n bash`, `bash`."""

    def __init__(self, argv: Sequence[str], where: str) -> None:
        self._argv = tuple(argv)
        self._where = where

    async def run(self, script: str, on_line: OnLine) -> Result:
        process = await asyncio.create_subprocess_exec(
            *self._argv,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            limit=2**26,
        )
        assert process.stdin
        assert process.stdout
        assert process.stderr
        feed = asyncio.ensure_future(_feed(process.stdin, script.encode()))
        errors = asyncio.ensure_future(process.stderr.read())
        async for line in process.stdout:
            on_line(line.decode(errors="replace").rstrip("\n"))
        await feed
        code = await process.wait()
        stderr = (await errors).decode(errors="replace")
        if code == 255 and self._argv[0] == "ssh":
            raise Unreachable("the connection failed", self._where, shlex.join(self._argv), stderr)
        return Result(code, stderr)

    async def close(self) -> None:
        return None


async def _feed(stdin: asyncio.StreamWriter, data: bytes) -> None:
    # The other side may end before it has read everything; its exit code tells why.
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        stdin.write(data)
        await stdin.drain()
    stdin.close()


class AsyncSsh:
    """One asyncssh connection, used for every script of a run."""

    def __init__(self, connection: asyncssh.SSHClientConnection, command: str, where: str) -> None:
        self._connection = connection
        self._command = command
        self._where = where

    async def run(self, script: str, on_line: OnLine) -> Result:
        try:
            async with self._connection.create_process(self._command, errors="replace") as process:
                process.stdin.write(script)
                process.stdin.write_eof()
                errors = asyncio.ensure_future(process.stderr.read())
                async for line in process.stdout:
                    on_line(line.rstrip("\n"))
                await process.wait_closed()
                stderr = await errors
                code = process.exit_status
        except (asyncssh.Error, OSError) as lost:
            raise Unreachable(f"the connection was lost: {lost}", self._where, hint=_CONTINUE) from lost
        if code is None:
            raise Unreachable("the connection was lost", self._where, hint=_CONTINUE)
        return Result(code, str(stderr))

    async def close(self) -> None:
        self._connection.close()
        with contextlib.suppress(asyncssh.Error, OSError):
            await self._connection.wait_closed()


_CONTINUE = "run the same command again: it continues where the node stands"


async def open_transport(node: Node) -> Transport:
    """Connect to a node as its inventory entry says; Unreachable with a cure when that fails."""
    ssh = node.ssh
    if ssh.transport == "local":
        return Exec(["bash"] if os.geteuid() == 0 else ["sudo", "-n", "bash"], node.name)
    host = ssh.host or node.address
    if ssh.transport == "openssh":
        options = [f"-o{name}={value}" for name, value in (("BatchMode", "yes"), ("StrictHostKeyChecking", "yes"))]
        options += ["-F", str(Path(ssh.config_file).expanduser())] if ssh.config_file else []
        options += ["-p", str(ssh.port)] if ssh.port else []
        options += ["-i", str(Path(ssh.identity_file).expanduser())] if ssh.identity_file else []
        options += ["-l", ssh.user] if ssh.user else []
        return Exec(["ssh", *options, host, "sudo -n bash"], node.name)
    return await _connect(node, host)


def _config_files(node: Node) -> list[str]:
    """ssh_config files in the order in which ssh reads them; asyncssh alone would read only the user's."""
    if node.ssh.config_file:
        return [str(Path(node.ssh.config_file).expanduser())]
    return [str(file) for file in (Path("~/.ssh/config").expanduser(), SYSTEM_CONFIG) if file.is_file()]


async def _connect(node: Node, host: str) -> Transport:
    ssh = node.ssh
    overrides: dict[str, object] = {"keepalive_interval": KEEPALIVE, "connect_timeout": CONNECT_TIMEOUT}
    if ssh.port:
        overrides["port"] = ssh.port
    if ssh.user:
        overrides["username"] = ssh.user
    if ssh.identity_file:
        overrides["client_keys"] = [str(Path(ssh.identity_file).expanduser())]
    login = f"ssh {ssh.user + '@' if ssh.user else ''}{host}"
    try:
        resolved = asyncssh.SSHClientConnectionOptions(config=_config_files(node), host=host, **overrides)
        known = resolved.known_hosts
        if known is None:
            # asyncssh takes `UserKnownHostsFile none` for "check nothing".
            raise Unreachable("host key checking is off", node.name, login, hint="give the host a UserKnownHostsFile")
        if known == () and SYSTEM_KNOWN_HOSTS.is_file():
            user_file = Path("~/.ssh/known_hosts").expanduser()
            overrides["known_hosts"] = [str(f) for f in (user_file, SYSTEM_KNOWN_HOSTS) if f.is_file()]
        connection = await asyncssh.connect(host, config=_config_files(node), **overrides)
    except asyncssh.HostKeyNotVerifiable as unknown:
        raise Unreachable(
            f"its host key is not trusted: {unknown}",
            node.name,
            login,
            hint=f"compare `ssh-keyscan {host}` with the console of the machine, then add it to known_hosts",
        ) from unknown
    except asyncssh.PermissionDenied as denied:
        raise Unreachable(
            f"the login was refused: {denied}", node.name, login, hint="which key and user does the node accept?"
        ) from denied
    except (asyncssh.Error, OSError, TimeoutError) as failed:
        raise Unreachable(
            f"no connection: {str(failed) or type(failed).__name__}", node.name, login, hint="is the machine up?"
        ) from failed
    user = ssh.user or connection.get_extra_info("username") or getpass.getuser()
    return AsyncSsh(connection, "bash" if user == "root" else "sudo -n bash", node.name)
