"""The images as a registry: static files in the layout of its API (`/v2/HOST/NAME/manifests/TAG`, `.../blobs/DIGEST`).

Any HTTPS server can serve them that gives manifests their media type; containerd reaches them through certs.d with
`override_path`. Source: OCI distribution specification, pulling manifests and blobs.
"""

import shutil
import tarfile
from collections.abc import Sequence
from pathlib import Path

from hardway.bundle.oci import Archive
from hardway.lab.paths import Say, fresh_dir

MANIFESTS = "manifests"


def ensure_registry(archives: Sequence[Path], target: Path, say: Say) -> Path:
    """Lay the archives out below `target`, once."""
    if not target.exists():
        say("laying out the images as a registry")
        with fresh_dir(target) as folder:
            for path in archives:
                lay_out(path, folder)
    return target


def lay_out(path: Path, root: Path) -> None:
    """One archive: each blob by its digest, the manifest by digest and tag."""
    with tarfile.open(path) as tar:
        archive = Archive(tar)
        home = root / archive.name.host / archive.name.name
        manifest = str(archive.described["digest"])
        for folder in (MANIFESTS, "blobs"):
            (home / folder).mkdir(parents=True, exist_ok=True)
        for digest, content in archive.blobs().items():
            target = home / (MANIFESTS if digest == manifest else "blobs") / digest
            with content, target.open("wb") as file:
                shutil.copyfileobj(content, file, 1 << 20)
        (home / MANIFESTS / archive.name.version).symlink_to(manifest)
