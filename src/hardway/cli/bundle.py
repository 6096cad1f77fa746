"""hardway bundle: everything that nodes download, as one thing that can be carried."""

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from hardway.bundle.create import create as collect
from hardway.bundle.opened import Opened, opened, verify
from hardway.bundle.use import Brought
from hardway.bundle.use import use as bring
from hardway.cli import outputs, ui
from hardway.cli.epilog import HERE, NODES, epilog
from hardway.cli.options import DEFAULT_FILE, AskSudoPassword, File, Json, Nodes, connection, read
from hardway.engine.run import open_session
from hardway.engine.transport import Connect
from hardway.model import Cluster

app = typer.Typer(
    no_args_is_help=True, help="Collect what the nodes download, and bring it to nodes without network."
)


@app.command(
    epilog=epilog("bundle create -f cluster.yaml -o cluster.tar", HERE, c1="not to be had")
    + " SSL_CERT_FILE and HTTPS_PROXY of this machine count."
)
def create(
    output: Annotated[Path, typer.Option("--output", "-o", help="Directory, or a file that ends with .tar")],
    file: File = DEFAULT_FILE,
    image: Annotated[
        list[str] | None, typer.Option("--image", help="One more image for all nodes; repeatable")
    ] = None,
    json: Json = False,
) -> None:
    """Download components, checksum files and images for the cluster, verified. Interrupted, the same command continues."""
    collect(read(file, None), output, ui.say, image or [])
    with opened(output) as bundle:
        size = sum(entry.size for entry in bundle.manifest.files.values())
        if json:
            ui.data(
                outputs.BUNDLE.text(
                    {
                        "path": str(output),
                        "digest": f"sha256:{bundle.digest}",
                        "files": len(bundle.manifest.files),
                        "bytes": size,
                    }
                )
            )
        else:
            ui.data(f"sha256:{bundle.digest}")
            ui.say(f"done: {len(bundle.manifest.files)} files, {size / 1e6:.0f} MB in {output}")
            ui.say(f"next: hardway bundle use {output} -f {file} --digest sha256:{bundle.digest}")


@app.command(
    epilog=epilog(
        "bundle use cluster.tar -f cluster.yaml", NODES, c3="a node has no room", c6="the bundle was changed"
    )
)
def use(
    bundle: Annotated[Path, typer.Argument(help="What hardway bundle create made")],
    file: File = DEFAULT_FILE,
    node: Nodes = None,
    digest: Annotated[
        str, typer.Option("--digest", help="What bundle create printed; another bundle is refused")
    ] = "",
    json: Json = False,
    ask_sudo_password: AskSudoPassword = False,
) -> None:
    """Verify a bundle and bring the nodes what they need of it. Then apply downloads nothing."""
    cluster = read(file, node)
    with opened(bundle) as content:
        verify(content, digest)
        rows = asyncio.run(_use(cluster, node or [], content, connection(ask_sudo_password)))
    if json:
        ui.data(
            outputs.DELIVERIES.text(
                [{"node": row.node, "files": row.files, "sent": row.sent, "bytes": row.size} for row in rows]
            )
        )
    else:
        ui.table(
            ("NODE", "FILES", "SENT", "MB"),
            [(r.node, str(r.files), str(r.sent), f"{r.size / 1e6:.0f}") for r in rows],
        )
        ui.say(f"next: hardway apply -f {file}")


async def _use(cluster: Cluster, nodes: list[str], content: Opened, connect: Connect) -> list[Brought]:
    async with open_session(cluster, nodes, connect=connect) as session:
        return await bring(session, content, ui.say)
