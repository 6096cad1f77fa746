"""A bundle that was brought: opened, and compared with its manifest before anything of it is used."""

import hashlib
import tarfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hardway.bundle.contents import MANIFEST, Manifest, parse
from hardway.bundle.fetch import PIECE
from hardway.errors import Refused, UsageError

AGAIN = "take it from where it was made once more, or make it anew with hardway bundle create"


@dataclass(frozen=True)
class Opened:
    """A bundle open for reading."""

    path: Path
    tar: tarfile.TarFile | None
    manifest: Manifest
    digest: str
    """SHA-256 of the manifest: one number for the whole bundle."""

    @contextmanager
    def open(self, name: str) -> Iterator[IO[bytes]]:
        """One of its files; Refused when it is not there."""
        content = _content(self.path, self.tar, name)
        if content is None:
            raise Refused(f"the bundle lacks {name}", str(self.path), hint=AGAIN)
        with content:
            yield content


def _content(path: Path, tar: tarfile.TarFile | None, name: str) -> IO[bytes] | None:
    if tar is None:
        file = path / name
        # A link could lead anywhere.
        return file.open("rb") if file.is_file() and not file.is_symlink() else None
    try:
        member = tar.getmember(name)
    except KeyError:
        return None
    return tar.extractfile(member) if member.isfile() else None


@contextmanager
def opened(path: Path) -> Iterator[Opened]:
    """Open a bundle, directory or file; UsageError when it is none."""
    tar = None
    try:
        if not path.is_dir():
            tar = tarfile.open(path, "r:")  # noqa: SIM115
        content = _content(path, tar, MANIFEST)
        if content is None:
            raise UsageError(f"this is no bundle: it has no {MANIFEST}", str(path))
        with content:
            text = content.read()
        yield Opened(path, tar, parse(text, str(path)), hashlib.sha256(text).hexdigest())
    except tarfile.TarError as error:
        raise UsageError(f"this is no bundle: {error}", str(path), hint="hardway bundle create makes one") from None
    except OSError as error:
        raise UsageError(f"the bundle cannot be read: {error.strerror or error}", str(path)) from None
    finally:
        if tar is not None:
            tar.close()


def verify(bundle: Opened, digest: str = "") -> None:
    """Every file is what the manifest says; Refused otherwise. `digest`: what the manifest's own SHA-256 must be."""
    where = str(bundle.path)
    if digest and digest.removeprefix("sha256:") != bundle.digest:
        raise Refused(f"the bundle is sha256:{bundle.digest}, not {digest}", where, hint=AGAIN)
    wrong = []
    for name, entry in bundle.manifest.files.items():
        found = hashlib.sha256()
        with bundle.open(name) as content:
            while piece := content.read(PIECE):
                found.update(piece)
        if found.hexdigest() != entry.sha256:
            wrong.append(name)
    if wrong:
        raise Refused(
            f"{len(wrong)} of the bundle's files are not what its manifest says",
            where,
            output="\n".join(wrong),
            hint=AGAIN,
        )
