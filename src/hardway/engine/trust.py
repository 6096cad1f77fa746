"""First contact: the host keys of nodes and jump hosts, fetched without logging in, and known_hosts.

The way is the one that scripts take (ssh_config, jump hosts, HostKeyAlias, UserKnownHostsFile), so what is added here is
what is believed there. The transport `openssh` reads the same files. A jump host is logged in to, so its key is settled
before anything behind it is asked.
"""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

import asyncssh

from hardway.engine.run import at_once
from hardway.engine.ssh import CONNECT_TIMEOUT, Hop, chain, config_files, known_hosts, known_hosts_files
from hardway.errors import Refused, Unreachable
from hardway.model import Node

ALGORITHMS = {
    "ssh-ed25519": "ssh-ed25519",
    "ecdsa": "ecdsa-sha2-nistp256,ecdsa-sha2-nistp384,ecdsa-sha2-nistp521",
    "ssh-rsa": "rsa-sha2-512,rsa-sha2-256",
}
"""One question per kind of key: a server shows the first one that both sides know."""


NO_SUCH_KEY = (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, ConnectionResetError)
"""How a server says that it has no key of a kind: it hangs up."""


class Trust(StrEnum):
    """What known_hosts says of a key."""

    KNOWN = "known"
    NEW = "new"
    CHANGED = "changed"


@dataclass(frozen=True)
class Target:
    """A host whose keys are asked for."""

    node: str
    """Full name of the node it is, or to which it leads."""
    hop: Hop
    config: tuple[str, ...] = ()
    is_jump_host: bool = False


@dataclass(frozen=True)
class HostKey:
    """One key that a host has shown."""

    target: Target
    pattern: str
    """What known_hosts calls the host."""
    algorithm: str
    fingerprint: str
    """SHA256:… as ssh-keygen prints it."""
    trust: Trust
    line: str
    file: str
    """known_hosts file that ssh would add it to."""


def levels(nodes: Sequence[Node]) -> tuple[tuple[Target, ...], ...]:
    """All hosts, those first that lead to others; each once. Nodes that are this machine have no key."""
    found: list[dict[Hop, Target]] = []
    for node in nodes:
        if node.ssh.transport == "local":
            continue
        config = tuple(str(file) for file in config_files(node.ssh))
        way = list(chain(config, node.ssh.host or node.address, node.ssh.port))
        for depth, hop in enumerate(reversed(way)):
            while len(found) <= depth:
                found.append({})
            found[depth].setdefault(hop, Target(node.name, hop, config, is_jump_host=hop != way[0]))
    return tuple(tuple(level.values()) for level in found)


async def scan(targets: Sequence[Target]) -> tuple[HostKey, ...]:
    """The keys of these hosts, all at once; Unreachable where one does not answer."""
    return tuple(key for keys in await at_once(_scan(target) for target in targets) for key in keys)


async def _scan(target: Target) -> list[HostKey]:
    hop, config = target.hop, list(target.config)
    known = known_hosts(target.node, config, hop.host, f"ssh {hop.host}")
    given: dict[str, Any] = {"config": config}
    given |= {"port": hop.port} if hop.port else {}
    options = asyncssh.SSHClientConnectionOptions(host=hop.host, **given)
    given |= {"tunnel": hop.through} if hop.through else {}
    shown: list[asyncssh.SSHKey] = []
    refused = ""
    for algorithms in ALGORITHMS.values():
        try:
            async with asyncio.timeout(CONNECT_TIMEOUT):
                key = await asyncssh.get_server_host_key(
                    hop.host, server_host_key_algs=algorithms.split(","), **given
                )
        except NO_SUCH_KEY as error:
            refused = str(error)
        except (asyncssh.Error, OSError, TimeoutError) as failed:
            raise _silent(target, str(failed) or "it does not answer in time") from failed
        else:
            shown += [key] if key else []
    if not shown:
        raise _silent(target, refused)
    name, port = options.host_key_alias or options.host, None if options.port == 22 else options.port
    trusted, _, revoked, *_ = asyncssh.match_known_hosts(known, name, "", port)
    user, _ = known_hosts_files(config, hop.host)
    # An alias stands without a port, as OpenSSH has it.
    pattern = f"[{name}]:{port}" if port and not options.host_key_alias else name
    return [
        HostKey(
            target,
            pattern,
            key.get_algorithm(),
            key.get_fingerprint(),
            _judge(key, shown, trusted, revoked),
            f"{pattern} {' '.join(key.export_public_key().decode().split()[:2])}",
            str(user[0].expanduser()),
        )
        for key in shown
    ]


def _silent(target: Target, reason: str) -> Unreachable:
    return Unreachable(
        f"it shows no host key: {reason}",
        target.node,
        f"ssh-keyscan {target.hop.host}",
        hint="is the machine up, and the address right? Does the login to its jump host work?",
    )


def _judge(
    key: asyncssh.SSHKey,
    shown: Sequence[asyncssh.SSHKey],
    trusted: Sequence[asyncssh.SSHKey],
    revoked: Sequence[asyncssh.SSHKey],
) -> Trust:
    """A host that is known has to show a key that is known; then its other kinds of keys are news, and no more."""
    if key in revoked:
        return Trust.CHANGED
    if key in trusted:
        return Trust.KNOWN
    kinds = {other.get_algorithm() for other in trusted}
    if trusted and (key.get_algorithm() in kinds or not any(other in trusted for other in shown)):
        return Trust.CHANGED
    return Trust.NEW


def refuse_changed(keys: Sequence[HostKey]) -> None:
    """Refused when a host shows another key than the one that is known: it was made anew, or it is somebody else."""
    changed = [key for key in keys if key.trust is Trust.CHANGED]
    if changed:
        lines = dict.fromkeys(f"ssh-keygen -R {_quoted(key.pattern)} -f {key.file}" for key in changed)
        raise Refused(
            "THE HOST KEY HAS CHANGED: somebody may be listening in, or the machine was made anew",
            ", ".join(dict.fromkeys(key.target.node for key in changed)),
            command="\n           ".join(lines),
            output="\n".join(f"{key.pattern} shows {key.algorithm} {key.fingerprint}" for key in changed),
            hint="only if the machine's own console shows this fingerprint: run the command above, then trust it again",
        )


def pick(keys: Sequence[HostKey], fingerprints: Sequence[str] = ()) -> tuple[HostKey, ...]:
    """The new keys; where fingerprints are given those alone, and Refused for a new host that shows none of them."""
    new = tuple(key for key in keys if key.trust is Trust.NEW)
    if not fingerprints:
        return new
    chosen = tuple(key for key in new if key.fingerprint in fingerprints)
    settled = {key.target for key in keys if key.trust is Trust.KNOWN} | {key.target for key in chosen}
    if strange := [key for key in new if key.target not in settled]:
        raise Refused(
            "it shows none of the fingerprints that were given",
            ", ".join(dict.fromkeys(key.target.node for key in strange)),
            output="\n".join(f"{key.pattern} shows {key.algorithm} {key.fingerprint}" for key in strange),
            hint="is it the right machine? `ssh-keygen -l -f /etc/ssh/ssh_host_ed25519_key.pub` on its console tells its own",
        )
    return chosen


def add(keys: Sequence[HostKey]) -> None:
    """Append the keys to their known_hosts files, which are made (0600) where they are missing."""
    for file in dict.fromkeys(key.file for key in keys):
        path = Path(file)
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        text = "".join(f"{key.line}\n" for key in keys if key.file == file)
        path.touch(0o600)
        old = path.read_bytes()
        with path.open("a") as out:
            out.write(f"\n{text}" if old and not old.endswith(b"\n") else text)


def _quoted(pattern: str) -> str:
    return f"'{pattern}'" if pattern.startswith("[") else pattern
