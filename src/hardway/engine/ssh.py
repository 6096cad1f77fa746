"""Nodes over asyncssh: one connection per node, host keys always checked, ssh_config as ssh reads it."""

import asyncio
import contextlib
import shlex
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncssh

from hardway.engine.transport import CONTINUE, Lines, OnLine, Result, launched, receiving
from hardway.errors import Unreachable
from hardway.model import Node, Ssh

CONNECT_TIMEOUT = 15.0
KEEPALIVE = 5.0
"""Seconds; three unanswered ones mean that the link is lost."""
MOST_HOPS = 8

USER_CONFIG = Path("~/.ssh/config")
SYSTEM_CONFIG = Path("/etc/ssh/ssh_config")
USER_KNOWN_HOSTS = (Path("~/.ssh/known_hosts"), Path("~/.ssh/known_hosts2"))
SYSTEM_KNOWN_HOSTS = (Path("/etc/ssh/ssh_known_hosts"), Path("/etc/ssh/ssh_known_hosts2"))


class AsyncSsh:
    """One asyncssh connection, used for every script of a run."""

    def __init__(self, connection: asyncssh.SSHClientConnection, where: str, sudo_password: str = "") -> None:
        self._connection = connection
        self._where = where
        self._sudo_password = sudo_password

    async def run(self, script: str, on_line: OnLine) -> Result:
        # Quoted for the login shell, whichever it is.
        launch, fed = launched(script, self._sudo_password)
        command = f"exec sh -c {shlex.quote(launch)}"
        lines = Lines(on_line)
        try:
            async with self._connection.create_process(command, encoding=None) as process:
                errors = asyncio.ensure_future(process.stderr.read())
                try:
                    # The other side may end before it has read everything; its exit code tells why.
                    with contextlib.suppress(BrokenPipeError):
                        process.stdin.write(fed.encode())
                        process.stdin.write_eof()
                    while data := await process.stdout.read(65536):
                        lines.feed(data)
                    lines.end()
                    stderr = (await errors).decode(errors="replace")
                finally:
                    errors.cancel()
                await process.wait_closed()
                code = process.exit_status
        except (asyncssh.Error, OSError) as lost:
            raise Unreachable(f"the connection was lost: {lost}", self._where, hint=CONTINUE) from lost
        if code is None or code < 0:
            raise Unreachable("the connection was lost", self._where, hint=CONTINUE)
        return Result(code, stderr)

    async def send(self, line: str, data: Iterable[bytes]) -> Result:
        receive, head = receiving(line, self._sudo_password)
        try:
            async with self._connection.create_process(
                f"exec sh -c {shlex.quote(receive)}", encoding=None
            ) as process:
                with contextlib.suppress(BrokenPipeError):
                    process.stdin.write(head)
                    for piece in data:
                        process.stdin.write(piece)
                        await process.stdin.drain()
                    process.stdin.write_eof()
                stderr = (await process.stderr.read()).decode(errors="replace")
                await process.wait_closed()
                code = process.exit_status
        except (asyncssh.Error, OSError) as lost:
            raise Unreachable(f"the connection was lost: {lost}", self._where, hint=CONTINUE) from lost
        if code is None or code < 0:
            raise Unreachable("the connection was lost", self._where, hint=CONTINUE)
        return Result(code, stderr)

    async def close(self) -> None:
        self._connection.close()
        with contextlib.suppress(asyncssh.Error, OSError, TimeoutError):
            async with asyncio.timeout(2):
                await self._connection.wait_closed()


async def connect(node: Node, sudo_password: str = "") -> AsyncSsh:
    """Connect and log in; Unreachable tells what to do about it."""
    ssh = node.ssh
    host = ssh.host or node.address
    login = f"ssh {f'-F {ssh.config_file} ' if ssh.config_file else ''}{f'{ssh.user}@' if ssh.user else ''}{host}"
    config = [str(file) for file in config_files(ssh)]
    try:
        known = known_hosts(node.name, config, host, login)
        async with asyncio.timeout(2 * CONNECT_TIMEOUT):
            connection = await asyncssh.connect(
                host,
                config=config,
                known_hosts=known,
                keepalive_interval=KEEPALIVE,
                keepalive_count_max=3,
                connect_timeout=CONNECT_TIMEOUT,
                login_timeout=CONNECT_TIMEOUT,
                **_given(ssh),
            )
    except asyncssh.HostKeyNotVerifiable as unknown:
        raise Unreachable(
            f"its host key is not trusted: {unknown}",
            node.name,
            login,
            hint=f"hardway trust --node {node.host_name} shows its key, to be compared with the machine's console, and adds it",
        ) from unknown
    except asyncssh.PermissionDenied as denied:
        raise Unreachable(
            f"the login was refused: {denied}",
            node.name,
            login,
            hint="which user and key does the node accept? `ssh-add -l` lists the agent's keys",
        ) from denied
    except FileNotFoundError as missing:
        raise Unreachable(
            f"a file of its SSH settings is missing: {missing.filename or missing}",
            node.name,
            login,
            hint="ssh.configFile and ssh.identityFile of the Inventory name files of this machine",
        ) from missing
    except (asyncssh.Error, OSError, TimeoutError) as failed:
        raise Unreachable(
            f"no connection: {str(failed) or 'it does not answer in time'}",
            node.name,
            login,
            hint="is the machine up, and the address right?",
        ) from failed
    except ValueError as wrong:
        # Keys with a passphrase that no agent holds, options that asyncssh cannot read.
        raise Unreachable(
            f"the SSH settings cannot be used: {wrong}",
            node.name,
            login,
            hint="does plain ssh work? then `transport: openssh` in the inventory uses it",
        ) from wrong
    return AsyncSsh(connection, node.name, sudo_password)


def _given(ssh: Ssh) -> dict[str, Any]:
    """What the inventory says; it overrides ssh_config."""
    given: dict[str, Any] = {}
    if ssh.port:
        given["port"] = ssh.port
    if ssh.user:
        given["username"] = ssh.user
    if ssh.identity_file:
        given["client_keys"] = [str(Path(ssh.identity_file).expanduser())]
    return given


def config_files(ssh: Ssh) -> tuple[Path, ...]:
    """The ssh_config files that ssh would read, first value wins; asyncssh alone stops after the user's."""
    if ssh.config_file:
        return (Path(ssh.config_file).expanduser(),)
    return tuple(_existing((USER_CONFIG, SYSTEM_CONFIG)))


def known_hosts(where: str, config: Sequence[str], host: str, login: str) -> list[str] | bytes:
    """The known_hosts files for a host; Unreachable when checking is switched off for it or for a jump host.

    asyncssh takes `UserKnownHostsFile none` for `trust everybody`; ssh itself trusts nobody then.
    """
    for hop in chain(config, host):
        if asyncssh.SSHClientConnectionOptions(config=list(config), host=hop.host).known_hosts is None:
            raise Unreachable(
                f"host key checking is switched off for {hop.host}",
                where,
                login,
                hint="name a file after UserKnownHostsFile in your ssh_config",
            )
    user, everybody = known_hosts_files(config, host)
    # Bytes are known_hosts itself: nobody is trusted. An empty list would mean asyncssh's default.
    return [str(file) for file in _existing((*user, *everybody))] or b""


def known_hosts_files(config: Sequence[str], host: str) -> tuple[tuple[Path, ...], tuple[Path, ...]]:
    """The user's and everybody's known_hosts files for a host, there or not; ssh adds keys to the first one."""
    settings = asyncssh.SSHClientConnectionOptions(config=list(config), host=host).config
    user, everybody = settings.get("UserKnownHostsFile"), settings.get("GlobalKnownHostsFile")
    return (
        _paths(user) if user else USER_KNOWN_HOSTS,
        _paths(everybody) if everybody is not None else SYSTEM_KNOWN_HOSTS,
    )


@dataclass(frozen=True)
class Hop:
    """One host on the way to a node."""

    host: str
    """As ssh_config knows it."""
    port: int = 0
    """0: ssh_config's."""
    through: str = ""
    """Jump hosts that stand before it in the same ProxyJump; its own ones are in ssh_config."""


def chain(config: Sequence[str], host: str, port: int = 0, through: str = "", hops: int = MOST_HOPS) -> Iterator[Hop]:
    """The host, and every jump host on the way to it, the nearest to the host first."""
    yield Hop(host, port, through)
    tunnel = asyncssh.SSHClientConnectionOptions(config=list(config), host=host).tunnel
    if isinstance(tunnel, str) and hops:
        listed = tunnel.split(",")
        for place in reversed(range(len(listed))):
            name, _, number = listed[place].rpartition("@")[2].rpartition(":")
            alias, at = (name, int(number)) if name and number.isdecimal() else (listed[place].rpartition("@")[2], 0)
            yield from chain(config, alias, at, ",".join(listed[:place]), hops - 1)


def _paths(names: Any) -> tuple[Path, ...]:
    return tuple(Path(str(name)) for name in names)


def _existing(files: Sequence[Path]) -> Iterator[Path]:
    """ssh passes over files that are not there, asyncssh does not."""
    for file in files:
        if (path := file.expanduser()).is_file():
            yield path
