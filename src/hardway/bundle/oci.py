"""Container images as files: names, and OCI archives as `ctr images import` and every registry tool read them.

Source: OCI image specification, image-layout.md, manifest.md; names as containerd normalises them.
"""

import hashlib
import io
import json
import re
import tarfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from hardway.errors import UsageError

INDEX = "application/vnd.oci.image.index.v1+json"
MANIFEST = "application/vnd.oci.image.manifest.v1+json"
CONFIG = "application/vnd.oci.image.config.v1+json"
LAYER = "application/vnd.oci.image.layer.v1.tar"
DOCKER_LIST = "application/vnd.docker.distribution.manifest.list.v2+json"
DOCKER_MANIFEST = "application/vnd.docker.distribution.manifest.v2+json"

Blob = Path | bytes

_HOST = re.compile(r"[A-Za-z0-9][A-Za-z0-9.-]*(?::[0-9]+)?")
_NAME = re.compile(
    r"(?P<name>[a-z0-9]+(?:(?:[._]|__|-+|/)[a-z0-9]+)*)"
    r"(?::(?P<tag>[A-Za-z0-9_][A-Za-z0-9_.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)


@dataclass(frozen=True)
class Reference:
    """An image's full name."""

    host: str
    name: str
    tag: str
    digest: str = ""

    @property
    def version(self) -> str:
        """What the registry is asked for: the digest where there is one."""
        return self.digest or self.tag

    def __str__(self) -> str:
        digest = f"@{self.digest}" if self.digest else ""
        return f"{self.host}/{self.name}{':' + self.tag if self.tag else ''}{digest}"


def reference(text: str) -> Reference:
    """The full name of what people write: `busybox` is docker.io/library/busybox:latest. UsageError for other words."""
    first, slash, rest = text.partition("/")
    is_host = slash and ("." in first or ":" in first or first == "localhost")
    host, path = (first, rest) if is_host else ("docker.io", text)
    found = _NAME.fullmatch(path)
    if found is None or not _HOST.fullmatch(host):
        raise UsageError(f"`{text}` is not the name of an image", hint="for example registry.k8s.io/pause:3.9")
    name = found["name"] if "/" in path or host != "docker.io" else f"library/{found['name']}"
    digest = found["digest"] or ""
    return Reference(host, name, found["tag"] or ("" if digest else "latest"), digest)


def write_archive(target: Path, name: Reference, manifest: bytes, media_type: str, blobs: Mapping[str, Blob]) -> None:
    """Write one image as an OCI archive; containerd takes its name from the annotation in the index.

    `blobs`: digest (`sha256:...`) to content, without the manifest. Same input, same bytes.
    """
    index = {
        "schemaVersion": 2,
        "mediaType": INDEX,
        "manifests": [
            {
                **descriptor(media_type, manifest),
                "annotations": {
                    "io.containerd.image.name": str(name),
                    "org.opencontainers.image.ref.name": name.version,
                },
            }
        ],
    }
    half = target.with_name(f".{target.name}.new")
    with tarfile.open(half, "w", format=tarfile.PAX_FORMAT) as archive:
        _add(archive, "oci-layout", to_json({"imageLayoutVersion": "1.0.0"}))
        _add(archive, "index.json", to_json(index))
        for name_of, blob in {digest(manifest): manifest, **blobs}.items():
            _add(archive, _path(name_of), blob)
    half.rename(target)


@dataclass
class Archive:
    """An OCI archive of one image, open for reading."""

    tar: tarfile.TarFile

    @property
    def described(self) -> dict[str, Any]:
        """The manifest's descriptor, annotations included."""
        (found,) = json.load(self._open("index.json"))["manifests"]
        return dict(found)

    @property
    def name(self) -> Reference:
        return reference(str(self.described["annotations"]["io.containerd.image.name"]))

    def blobs(self) -> dict[str, IO[bytes]]:
        """Digest to content of everything, the manifest included."""
        return {
            f"sha256:{path.rsplit('/', 1)[1]}": self._open(path)
            for path in self.tar.getnames()
            if path.startswith("blobs/sha256/")
        }

    def _open(self, path: str) -> IO[bytes]:
        content = self.tar.extractfile(path)
        assert content is not None, path
        return content


def digest(content: bytes) -> str:
    """The digest of some bytes."""
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


def descriptor(media_type: str, content: bytes) -> dict[str, Any]:
    """What points to a blob."""
    return {"mediaType": media_type, "digest": digest(content), "size": len(content)}


def to_json(value: Mapping[str, Any]) -> bytes:
    """JSON of which there is one text only."""
    return json.dumps(value, sort_keys=True, separators=(",", ":")).encode()


def _path(name: str) -> str:
    return f"blobs/{name.replace(':', '/', 1)}"


def _add(archive: tarfile.TarFile, path: str, content: Blob) -> None:
    info = tarfile.TarInfo(path)
    info.mode, info.uname, info.gname = 0o644, "root", "root"
    if isinstance(content, bytes):
        info.size = len(content)
        archive.addfile(info, io.BytesIO(content))
        return
    info.size = content.stat().st_size
    with content.open("rb") as file:
        archive.addfile(info, file)
