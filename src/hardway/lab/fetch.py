"""Release files: fetched, compared with their checksums, and put into place."""

import hashlib
import shutil
import tarfile
import tempfile
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from pathlib import Path

from hardway.errors import LabError
from hardway.lab.paths import half
from hardway.lab.sources import ReleaseFile, expected_digest

Fetch = Callable[[str, Path], None]
"""Writes what a URL holds into a file; LabError when it cannot."""


def download(url: str, target: Path) -> None:
    """Fetch the URL into the file; LabError when the site does not give it."""
    try:
        with urllib.request.urlopen(url, timeout=60) as answer, target.open("wb") as file:
            shutil.copyfileobj(answer, file, 1 << 20)
    except (urllib.error.URLError, OSError) as error:
        raise LabError(
            f"cannot download: {error}", url, command=f"curl -fsSL {url}", hint="use `--binaries go` to build instead"
        ) from error


def install(file: ReleaseFile, paths: Mapping[str, Path], fetch: Fetch) -> None:
    """Its members into their paths; LabError, and none of them, when the SHA-256 is not the site's."""
    with tempfile.TemporaryDirectory(prefix="hardway-") as folder:
        fetched = Path(folder) / file.file_name
        checksum = Path(folder) / "checksum"
        fetch(file.checksum_url, checksum)
        fetch(file.url, fetched)
        expected, found = expected_digest(file, checksum.read_text()), _sha256(fetched)
        if found != expected:
            raise LabError(
                f"SHA-256 is {found}, expected {expected}", file.url, hint="the download is damaged or forged"
            )
        if not file.is_archive:
            for name in file.members:
                _place(fetched, paths[name])
            return
        with tarfile.open(fetched) as archive:
            for name, member in file.members.items():
                content = archive.extractfile(member)
                if content is None:
                    raise LabError(f"`{member}` is no file in the archive", file.url)
                unpacked = Path(folder) / name
                with unpacked.open("wb") as output:
                    shutil.copyfileobj(content, output)
                _place(unpacked, paths[name])


def _place(source: Path, target: Path) -> None:
    """Copy beside the target first (another file system may lie between), then rename."""
    target.parent.mkdir(parents=True, exist_ok=True)
    growing = half(target)
    shutil.copyfile(source, growing)
    growing.chmod(0o755)
    growing.rename(target)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
