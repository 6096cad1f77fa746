"""hardway trust: host keys, shown and added to known_hosts."""

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from hardway.cli import outputs, ui
from hardway.cli.movement import Yes, confirm
from hardway.cli.options import DEFAULT_FILE, File, Json, Nodes, read

if TYPE_CHECKING:
    from hardway.engine.trust import HostKey


def trust(
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    fingerprint: Annotated[
        list[str] | None,
        typer.Option(
            "--fingerprint", metavar="SHA256:...", help="Add this key without asking, and no other; repeatable"
        ),
    ] = None,
    yes: Yes = False,
    json: Json = False,
) -> None:
    """Show the host keys of the nodes and their jump hosts, and add new ones to known_hosts after confirmation.

    Compare the fingerprints with what the machines' own consoles say. A key that has changed is refused (exit 6).
    """
    # Imported here: half of the time that a command needs to start would go into asyncssh.
    from hardway.engine import trust as engine

    cluster = read(file, node)
    wanted = {cluster.node(name).name for name in node or ()}
    shown: list[engine.HostKey] = []
    added = 0
    for level in engine.levels([n for n in cluster.nodes if not wanted or n.name in wanted]):
        keys = asyncio.run(engine.scan(level))
        shown += keys
        engine.refuse_changed(keys)
        new = engine.pick(keys, fingerprint or ())
        if not json:
            _show(keys)
        if new:
            confirm(
                f"Add {len(new)} keys to {', '.join(dict.fromkeys(key.file for key in new))}?",
                yes or bool(fingerprint),
            )
            engine.add(new)
            added += len(new)
    if json:
        ui.data(
            outputs.TRUST.text(
                {
                    "added": added,
                    "keys": [
                        {
                            "node": key.target.node,
                            "jumpHost": key.target.is_jump_host,
                            "host": key.pattern,
                            "type": key.algorithm,
                            "fingerprint": key.fingerprint,
                            "state": str(key.trust),
                            "file": key.file,
                        }
                        for key in shown
                    ],
                }
            )
        )
    else:
        ui.say(f"added {added} keys" if added else "all hosts are known")


def _show(keys: "Sequence[HostKey]") -> None:
    ui.table(
        ("NODE", "HOST", "TYPE", "FINGERPRINT", "STATE"),
        [
            (
                f"jump host to {key.target.node}" if key.target.is_jump_host else key.target.node,
                key.pattern,
                key.algorithm,
                key.fingerprint,
                str(key.trust),
            )
            for key in keys
        ],
    )
