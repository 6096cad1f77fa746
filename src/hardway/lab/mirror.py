"""The release sites as the lab's nodes see them: their files under their own names, served over HTTPS from this machine.

A node runs the article's download scripts unchanged; only its /etc/hosts and its trusted CAs are the lab's.
Run as `python -m hardway.lab.mirror --root DIR --listen ADDRESS:443 --cert FILE --key FILE`. Below DIR lies one directory
for each site, chosen by the Host header; a Host that is no site is served from DIR itself (the apt repository: /debian/,
the registry: /v2/). Of several DIRs, one for each release, the first that has a file gives it.
"""

import argparse
import gzip
import hashlib
import json
import os
import shutil
import ssl
import sys
import tarfile
from collections.abc import Sequence
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from socket import socket
from typing import Any
from urllib.parse import urlsplit

from hardway.lab.apt import build_repo
from hardway.lab.images import ensure_images
from hardway.lab.paths import Say, cache_dir, fresh_dir, link_or_copy, locked
from hardway.lab.registry import MANIFESTS, ensure_registry
from hardway.lab.sources import Binaries, ReleaseFile, checksum_text, release_files

SITES = ("dl.k8s.io", "github.com")
"""Host names that nodes must resolve to the mirror."""

HANDSHAKE_SECONDS = 30.0


def ensure_mirror(binaries: Binaries, tree: Path, packages: Sequence[str], say: Say) -> Path:
    """The directory to serve, made once: the release sites, below `debian` the packages that `tree` lacks, below `v2`
    the images as a registry.

    Source of the layout: `sources.release_files`. crictl answers 404: it cannot be built from modules.
    """
    root = cache_dir() / "mirror" / f"{binaries.key}-{tree.name}"
    archives = ensure_images(binaries, say)
    with locked("mirror"):
        build_mirror_tree(binaries, root, say)
        build_repo(tree, root / "debian", packages, say)
        registry = ensure_registry(archives, archives[0].parents[1] / "registry", say)
        if not (root / "v2").is_symlink():
            (root / "v2").symlink_to(registry)
    return root


def build_mirror_tree(binaries: Binaries, target: Path, say: Say) -> None:
    """Lay out the sites' own paths below `target`, archives and checksum files in each site's own form."""
    for site in SITES:
        if (target / site).exists():
            continue
        say(f"laying out {site}")
        with fresh_dir(target / site) as folder:
            files = [file for file in release_files(binaries.release) if urlsplit(file.url).hostname == site]
            for file in files:
                published = folder / urlsplit(file.url).path.lstrip("/")
                _publish(file, binaries, published)
                with published.open("rb") as content:
                    digest = hashlib.file_digest(content, "sha256").hexdigest()
                checksum = folder / urlsplit(file.checksum_url).path.lstrip("/")
                checksum.write_text(checksum_text(file, digest))


def _publish(file: ReleaseFile, binaries: Binaries, published: Path) -> None:
    published.parent.mkdir(parents=True, exist_ok=True)
    if not file.is_archive:
        (name,) = file.members
        link_or_copy(binaries[name], published)
        return
    # Level 1: packing is half of the time that the mirror takes to build, and the network is this machine.
    with (
        gzip.GzipFile(published, "wb", compresslevel=1, mtime=0) as packed,
        tarfile.open(fileobj=packed, mode="w") as archive,
    ):
        for name, member in file.members.items():
            archive.add(binaries[name], member, filter=_released)


def _released(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mode, info.mtime, info.uid, info.gid, info.uname, info.gname = 0o755, 0, 0, 0, "root", "root"
    return info


class Handler(SimpleHTTPRequestHandler):
    """Serves files below the directory of the requested host."""

    protocol_version = "HTTP/1.1"  # one TLS handshake for many files

    def translate_path(self, path: str) -> str:
        """Path of the file; the base class keeps it below the directory."""
        host = self.headers.get("Host", "").rsplit(":", 1)[0]
        server = self.server
        assert isinstance(server, MirrorServer)
        found = ""
        for root in server.roots:
            self.directory = str(root / host if host in server.sites else root)
            found = super().translate_path(path)
            if Path(found).exists():
                break
        return found

    def guess_type(self, path: str | os.PathLike[str]) -> str:
        """A registry says what a manifest is; clients believe it."""
        file = Path(path)
        if file.parent.name == MANIFESTS:
            return str(json.loads(file.read_bytes())["mediaType"])
        return super().guess_type(path)

    def copyfile(self, source: Any, outputfile: Any) -> None:
        """In large pieces: a node fetches 300 MB."""
        shutil.copyfileobj(source, outputfile, 1 << 20)


class MirrorServer(ThreadingHTTPServer):
    """HTTPS server with a thread for each connection."""

    daemon_threads = True

    def __init__(self, address: tuple[str, int], roots: Sequence[Path], context: ssl.SSLContext) -> None:
        self.roots = roots
        self.sites = frozenset(folder.name for root in roots for folder in root.iterdir() if folder.is_dir())
        self.context = context
        super().__init__(address, Handler)

    def finish_request(self, request: Any, client_address: Any) -> None:
        """Shake hands in the connection's own thread, so that one that stays silent holds up nobody."""
        assert isinstance(request, socket)
        request.settimeout(HANDSHAKE_SECONDS)
        with self.context.wrap_socket(request, server_side=True) as secured:
            Handler(secured, client_address, self)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """One line: a client that hangs up is no reason for a traceback."""
        print(f"{client_address}: {sys.exception()}", file=sys.stderr)


def serve(roots: Sequence[Path], address: str, port: int, certificate: Path, key: Path) -> None:
    """Serve until the process is ended."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    with MirrorServer((address, port), roots, context) as server:
        server.serve_forever()


def main(argv: Sequence[str] | None = None) -> None:
    """Entry point of `python -m hardway.lab.mirror`."""
    parser = argparse.ArgumentParser(prog="python -m hardway.lab.mirror", description=__doc__)
    parser.add_argument(
        "--root", type=Path, required=True, action="append", help="directory with one directory for each site"
    )
    parser.add_argument("--listen", required=True, metavar="ADDRESS:PORT")
    parser.add_argument("--cert", type=Path, required=True)
    parser.add_argument("--key", type=Path, required=True)
    options = parser.parse_args(argv)
    address, port = str(options.listen).rsplit(":", 1)
    serve(options.root, address, int(port), options.cert, options.key)


if __name__ == "__main__":
    main()
