"""Bring a bundle to the nodes: what they need of it, verified here and there, below /var/cache/hardway."""

import tarfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from hardway.bundle.contents import image_path, images_of, needed
from hardway.bundle.fetch import PIECE
from hardway.bundle.opened import Opened, opened
from hardway.chapters.bundled_images import LIST
from hardway.chapters.components import BROUGHT
from hardway.engine.run import Session, at_once
from hardway.errors import StepFailed, UsageError
from hardway.model import Cluster, Node
from hardway.steps.shell import heredoc, quote, words

INCOMING = f"{BROUGHT}/incoming"
RECEIVE = (
    f"set -euo pipefail; umask 022; rm -rf {INCOMING}; mkdir -p {INCOMING};"
    f" tar -x --no-same-owner --no-same-permissions -C {INCOMING}"
)


@dataclass(frozen=True)
class Brought:
    """What was sent to a node."""

    node: str
    files: int
    """Of the bundle, that the node needs."""
    sent: int
    """Of these, that it did not have."""
    size: int
    """Bytes that were sent."""


def lacking(bundle: Opened, cluster: Cluster) -> tuple[str, ...]:
    """Files that nodes of the cluster need and the bundle does not hold."""
    wanted = [path for node in cluster.kubernetes_nodes for path in needed(cluster, node, bundle.manifest.images)]
    return tuple(path for path in dict.fromkeys(wanted) if path not in bundle.manifest.files)


async def use(session: Session, bundle: Opened, say: Callable[[str], None]) -> list[Brought]:
    """Send each connected Kubernetes node what it needs and does not have; `verify` comes first.

    UsageError when the bundle was made for another cluster.yaml or architecture.
    """
    nodes = [node for node in session.nodes if node.is_kubernetes]
    if missing := lacking(bundle, session.cluster):
        raise UsageError(
            f"the bundle lacks {len(missing)} files that the nodes need",
            str(bundle.path),
            output="\n".join(missing),
            hint="make it anew with this cluster.yaml: hardway bundle create",
        )
    return await at_once(_bring(session, bundle, node, say) for node in nodes)


async def _bring(session: Session, bundle: Opened, node: Node, say: Callable[[str], None]) -> Brought:
    wanted = needed(session.cluster, node, bundle.manifest.images)
    sums = {path: bundle.manifest.files[path].sha256 for path in wanted}
    transport = await session.transport(node.name)
    lines: list[str] = []
    asked = await transport.run(
        f"cd {BROUGHT} 2>/dev/null || exit 0\nsha256sum -- {words(wanted)} 2>/dev/null || true\n", lines.append
    )
    _done(asked.exit_code, asked.stderr, node)
    have = {path: found for found, _, path in (line.partition("  ") for line in lines)}
    new = [path for path in wanted if have.get(path) != sums[path]]
    size = sum(bundle.manifest.files[path].size for path in new)
    if new:
        say(f"{node.name}: sending {len(new)} files, {size / 1e6:.0f} MB")
        sent = await transport.send(RECEIVE, _tar(bundle, new))
        _done(sent.exit_code, sent.stderr, node)
    laid = await transport.run(_lay_down(new, sums, _image_list(session.cluster, node, bundle)), lines.append)
    _done(laid.exit_code, laid.stderr, node)
    return Brought(node.name, len(wanted), len(new), size)


def _image_list(cluster: Cluster, node: Node, bundle: Opened) -> str:
    rows = (
        (name, image_path(name, node.facts.arch).removeprefix("images/"))
        for name in images_of(cluster, node, bundle.manifest.images)
    )
    return "".join(f"{name} {path}\n" for name, path in rows)


def _lay_down(new: Sequence[str], sums: dict[str, str], images: str) -> str:
    """Moves what fits into place; nothing of it when one file does not."""
    lines = ["set -euo pipefail", "umask 022"]
    if new:
        lines += [
            f"cd {INCOMING}",
            heredoc("sha256sum --quiet --strict -c -", "".join(f"{sums[path]}  {path}\n" for path in new)).rstrip(),
            *(
                f"mkdir -p {quote(f'{BROUGHT}/{path}'.rsplit('/', 1)[0])}; mv -f {quote(path)} {quote(f'{BROUGHT}/{path}')}"
                for path in new
            ),
            f"cd /; rm -rf {INCOMING}",
        ]
    lines += [f"mkdir -p {BROUGHT}/images", heredoc(f"install -m 0644 /dev/stdin {LIST}", images)]
    return "\n".join(lines) + "\n"


def _done(code: int, stderr: str, node: Node) -> None:
    if code != 0:
        raise StepFailed(
            "the bundle could not be laid down", node.name, output=stderr, hint=f"is there room in {BROUGHT}?"
        )


def _tar(bundle: Opened, paths: Sequence[str]) -> Iterator[bytes]:
    """The files as a tar, piece by piece. The bundle is opened again: several nodes may read side by side."""
    with opened(bundle.path) as own:
        for path in paths:
            info = tarfile.TarInfo(path)
            info.mode, info.size = 0o644, bundle.manifest.files[path].size
            yield info.tobuf(tarfile.PAX_FORMAT)
            sent = 0
            with own.open(path) as content:
                while piece := content.read(PIECE):
                    sent += len(piece)
                    yield piece
            yield bytes(-sent % tarfile.BLOCKSIZE)
        yield bytes(2 * tarfile.BLOCKSIZE)
