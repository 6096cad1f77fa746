"""What the nodes of a cluster download, and where each thing lies in a bundle. Pure.

A bundle is a directory, or the same as one tar file: `manifest.json`, `downloads/COMPONENT/...` as the component lies
below its repository, `images/*.tar` as OCI archives. On a node the same tree lies below /var/cache/hardway.
"""

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import PurePosixPath
from types import MappingProxyType
from typing import Any

from hardway.bundle.oci import Reference, reference
from hardway.chapters import patchable
from hardway.chapters.components import components
from hardway.config.inventory import API_VERSION
from hardway.errors import UsageError
from hardway.model import Cluster, Node
from hardway.model.images import images, named_in, on_workers

MANIFEST = "manifest.json"
KIND = "Bundle"
_SUM = re.compile("[0-9a-f]{64}")


@dataclass(frozen=True)
class Download:
    """One component for one architecture."""

    name: str
    url: str
    path: str
    sha256: str
    """Pinned in the inventory; empty: the checksum file counts, and is part of the bundle."""
    checksum_url: str = ""
    checksum_path: str = ""

    @property
    def paths(self) -> tuple[str, ...]:
        return (self.path, self.checksum_path) if self.checksum_path else (self.path,)


def downloads(cluster: Cluster, node: Node) -> tuple[Download, ...]:
    """What chapter 8 fetches on a node."""
    found = []
    for component in components(cluster, node):
        source = cluster.downloads[component.name]
        file, checksum = component.paths(source.version, node.facts.arch)
        home = f"downloads/{component.name}"
        beside = ("", "") if source.sha256 else (f"{source.repository}/{checksum}", f"{home}/{checksum}")
        found.append(
            Download(component.name, f"{source.repository}/{file}", f"{home}/{file}", source.sha256, *beside)
        )
    return tuple(found)


def image_path(name: Reference, arch: str) -> str:
    """Where an image's archive lies."""
    return f"images/{re.sub('[^A-Za-z0-9.-]', '_', str(name))}-{arch}.tar"


def images_of(cluster: Cluster, node: Node, extra: Iterable[str] = ()) -> tuple[Reference, ...]:
    """Images that a node may have to run; `extra` are what the user names on top."""
    if not node.is_kubernetes:
        return ()
    own = images(cluster) if node.is_control_plane else on_workers(cluster)
    return tuple(dict.fromkeys(reference(text) for text in (*own, *_after_patches(cluster, node), *extra)))


def _after_patches(cluster: Cluster, node: Node) -> Iterator[str]:
    """What runs in the end: a patch may name another image, or add a container."""
    for make in (*patchable.static_pods(cluster, node), *patchable.addons(cluster)):
        yield from named_in(make())


def needed(cluster: Cluster, node: Node, extra: Iterable[str] = ()) -> tuple[str, ...]:
    """Paths in the bundle of everything that a node gets."""
    files = [path for item in downloads(cluster, node) for path in item.paths] if node.is_kubernetes else []
    return (*files, *(image_path(name, node.facts.arch) for name in images_of(cluster, node, extra)))


@dataclass(frozen=True)
class Entry:
    """One file of a bundle."""

    sha256: str
    size: int
    source: str
    """URL, or the name of the image."""


@dataclass(frozen=True)
class Manifest:
    """What a bundle holds."""

    kubernetes: str
    files: Mapping[str, Entry] = field(default_factory=lambda: MappingProxyType({}))
    images: tuple[str, ...] = ()
    """Names that were asked for beyond those of the cluster."""

    def to_json(self) -> bytes:
        """manifest.json."""
        value = {
            "apiVersion": API_VERSION,
            "kind": KIND,
            "kubernetesVersion": self.kubernetes,
            "files": {path: asdict(self.files[path]) for path in sorted(self.files)},
            "images": list(self.images),
        }
        return json.dumps(value, indent=2).encode() + b"\n"


def parse(content: bytes, where: str) -> Manifest:
    """A manifest.json; UsageError when it is none."""
    try:
        value = json.loads(content)
        if value["apiVersion"] != API_VERSION or value["kind"] != KIND:
            raise ValueError("it has another kind or version")
        files = {str(path): _entry(str(path), entry) for path, entry in value["files"].items()}
        return Manifest(str(value["kubernetesVersion"]), MappingProxyType(files), tuple(map(str, value["images"])))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise UsageError(f"this is no bundle: {error}", where, hint="hardway bundle create makes one") from None


def _entry(path: str, value: Mapping[str, Any]) -> Entry:
    parts = PurePosixPath(path).parts
    if path.startswith("/") or ".." in parts or parts[0] not in ("downloads", "images") or "\n" in path:
        raise ValueError(f"`{path}` does not belong into a bundle")
    if not _SUM.fullmatch(value["sha256"]):
        raise ValueError(f"`{path}` has no SHA-256")
    return Entry(value["sha256"], int(value["size"]), str(value["source"]))
