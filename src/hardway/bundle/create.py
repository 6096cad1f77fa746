"""Collect a bundle: everything that the nodes of a cluster would download, each file verified."""

import shutil
import tarfile
from collections.abc import Callable, Sequence
from pathlib import Path
from types import MappingProxyType

from hardway.bundle import fetch
from hardway.bundle.contents import MANIFEST, Download, Entry, Manifest, downloads, image_path, images_of
from hardway.errors import HardwayError, UsageError
from hardway.model import Cluster

Say = Callable[[str], None]


def create(cluster: Cluster, target: Path, say: Say, extra: Sequence[str] = ()) -> Manifest:
    """Write the bundle to a directory, or to one file where the name ends with `.tar`.

    An interrupted run is continued by the next one. `extra`: images beyond those of the cluster. UsageError when the
    target is something else; HardwayError when something cannot be had, does not fit its checksum or cannot be written.
    """
    try:
        return _create(cluster, target, say, extra)
    except OSError as error:
        raise HardwayError(f"the bundle cannot be written: {error.strerror or error}", str(target)) from None


def _create(cluster: Cluster, target: Path, say: Say, extra: Sequence[str]) -> Manifest:
    wanted = dict.fromkeys(
        (name, node.facts.arch) for node in cluster.kubernetes_nodes for name in images_of(cluster, node, extra)
    )
    is_file = target.suffix == ".tar"
    folder = target.with_name(f".{target.name}.partial") if is_file else target
    if target.is_dir() is is_file and target.exists():
        raise UsageError("it is there and is no bundle", str(target), hint="name another one with --output")
    if not is_file and target.is_dir() and any(target.iterdir()) and not _is_ours(target):
        raise UsageError("the directory is not empty and is no bundle", str(target), hint="name another one")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MANIFEST).unlink(missing_ok=True)
    files: dict[str, Entry] = {}
    for item in dict.fromkeys(one for node in cluster.kubernetes_nodes for one in downloads(cluster, node)):
        say(f"{item.name}: {item.url}")
        files |= _download(item, folder)
    registries = {registry.host: registry for registry in cluster.registries}
    for name, arch in wanted:
        say(f"image: {name} ({arch})")
        path = image_path(name, arch)
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        fetch.image(name, arch, registries, folder / path)
        files[path] = _entry(folder / path, str(name))
    manifest = Manifest(cluster.release.kubernetes, MappingProxyType(files), tuple(extra))
    (folder / MANIFEST).write_bytes(manifest.to_json())
    _remove_others(folder, manifest)
    if is_file:
        _pack(folder, manifest, target)
        shutil.rmtree(folder)
    return manifest


def _is_ours(folder: Path) -> bool:
    return {path.name for path in folder.iterdir()} <= {MANIFEST, "downloads", "images"}


def _download(item: Download, folder: Path) -> dict[str, Entry]:
    found: dict[str, Entry] = {}
    sha256 = item.sha256
    if item.checksum_path:
        text = fetch.small(item.checksum_url)
        place = folder / item.checksum_path
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_bytes(text)
        found[item.checksum_path] = _entry(place, item.checksum_url)
        sha256 = fetch.listed_sum(text.decode(errors="replace"), item.path.rsplit("/", 1)[1])
        if not sha256:
            raise HardwayError(
                f"its checksum file does not name {item.path.rsplit('/', 1)[1]}",
                item.checksum_url,
                hint=f"pin it with downloads.components.{item.name}.sha256",
            )
    fetch.file(item.url, folder / item.path, sha256)
    found[item.path] = _entry(folder / item.path, item.url)
    return found


def _entry(path: Path, source: str) -> Entry:
    return Entry(fetch.sum_of(path), path.stat().st_size, source)


def _remove_others(folder: Path, manifest: Manifest) -> None:
    """What an earlier run for another cluster.yaml has left."""
    for path in folder.rglob("*"):
        name = str(path.relative_to(folder))
        if path.is_file() and name != MANIFEST and name not in manifest.files:
            path.unlink()


def _pack(folder: Path, manifest: Manifest, target: Path) -> None:
    half = target.with_name(f".{target.name}.new")
    with tarfile.open(half, "w", format=tarfile.PAX_FORMAT) as archive:
        for name in (MANIFEST, *sorted(manifest.files)):
            archive.add(folder / name, name, filter=_plain)
    half.rename(target)


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.mode, info.mtime, info.uid, info.gid, info.uname, info.gname = 0o644, 0, 0, 0, "root", "root"
    return info
