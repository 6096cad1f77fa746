"""Make a container image of one layer, as an OCI archive.

Static binaries need no base image and no image builder. Same input, same bytes: the image id does not change on a rebuild.
Source: OCI image specification, config.md.
"""

import hashlib
import io
import tarfile
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from hardway.bundle import oci
from hardway.bundle.oci import CONFIG, LAYER, MANIFEST, Blob, descriptor, digest, reference, to_json

SEARCH_PATH = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

NET_BIND_SERVICE = b"\x01\x00\x00\x02\x00\x04" + bytes(14)
"""security.capability of `setcap cap_net_bind_service=+ep`: VFS_CAP_REVISION_2 with the effective bit, permitted 1 << 10."""


@dataclass(frozen=True)
class Entry:
    """One file, directory or symbolic link of a layer; `path` has no leading slash. Owner is root."""

    path: str
    content: Path | bytes | None = None
    """Of a file: where it is, or its bytes."""
    mode: int = 0o755
    link: str = ""
    """Target, when the entry is a symbolic link."""
    capability: bytes = b""


@dataclass(frozen=True)
class Image:
    """An image as `docker build` would make it from one COPY."""

    reference: str
    entries: tuple[Entry, ...]
    base: Path | None = None
    """A directory whose files come first."""
    entrypoint: tuple[str, ...] = ()
    command: tuple[str, ...] = ()
    user: str = ""

    @property
    def file_name(self) -> str:
        """Of its archive: the last part of the name, without the tag."""
        return self.reference.rsplit("/", 1)[-1].split(":")[0] + ".tar"


def write_archive(image: Image, target: Path) -> None:
    """Write the image as an OCI archive; containerd takes its name from the annotation in the index."""
    with tempfile.NamedTemporaryFile(dir=target.parent, prefix=".layer-") as layer:
        _write_layer(image, layer)
        layer.flush()
        layer.seek(0)
        layer_digest = hashlib.file_digest(layer, "sha256").hexdigest()
        layer_size = layer.seek(0, io.SEEK_END)
        config = to_json(
            {
                "architecture": "amd64",
                "os": "linux",
                "config": {
                    "Env": [f"PATH={SEARCH_PATH}"],
                    **({"Entrypoint": list(image.entrypoint)} if image.entrypoint else {}),
                    **({"Cmd": list(image.command)} if image.command else {}),
                    **({"User": image.user} if image.user else {}),
                },
                "rootfs": {"type": "layers", "diff_ids": [f"sha256:{layer_digest}"]},
            }
        )
        manifest = to_json(
            {
                "schemaVersion": 2,
                "mediaType": MANIFEST,
                "config": descriptor(CONFIG, config),
                "layers": [{"mediaType": LAYER, "digest": f"sha256:{layer_digest}", "size": layer_size}],
            }
        )
        blobs: dict[str, Blob] = {digest(config): config, f"sha256:{layer_digest}": Path(layer.name)}
        oci.write_archive(target, reference(image.reference), manifest, MANIFEST, blobs)


def _write_layer(image: Image, output: IO[bytes]) -> None:
    with tarfile.open(fileobj=output, mode="w", format=tarfile.PAX_FORMAT) as layer:
        known: set[str] = set()
        if image.base is not None:
            for path in sorted(image.base.rglob("*")):
                name = str(path.relative_to(image.base))
                known.add(name)
                layer.add(path, name, recursive=False, filter=_timeless)
        for entry in image.entries:
            for parent in _parents(entry.path):
                if parent not in known:
                    known.add(parent)
                    layer.addfile(_directory(parent, 0o755))
            known.add(entry.path)
            _write_entry(layer, entry)


def _write_entry(layer: tarfile.TarFile, entry: Entry) -> None:
    if entry.link:
        info = _info(entry.path, 0o777, 0)
        info.type, info.linkname = tarfile.SYMTYPE, entry.link
        layer.addfile(info)
        return
    match entry.content:
        case None:
            layer.addfile(_directory(entry.path, entry.mode))
        case bytes() as content:
            layer.addfile(_info(entry.path, entry.mode, len(content)), io.BytesIO(content))
        case path:
            info = _info(entry.path, entry.mode, path.stat().st_size)
            if entry.capability:
                info.pax_headers = {"SCHILY.xattr.security.capability": entry.capability.decode("ascii")}
            with path.open("rb") as file:
                layer.addfile(info, file)


def _parents(path: str) -> Iterator[str]:
    """Directories above the path, outermost first."""
    parts = path.split("/")[:-1]
    for length in range(1, len(parts) + 1):
        yield "/".join(parts[:length])


def _info(name: str, mode: int, size: int) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.mode, info.size, info.uname, info.gname = mode, size, "root", "root"
    return info


def _directory(name: str, mode: int) -> tarfile.TarInfo:
    info = _info(name, mode, 0)
    info.type = tarfile.DIRTYPE
    return info


def _timeless(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mtime = 0
    return info
