"""A tree of files as data: what lies below a root, with modes and owners."""

import io
import tarfile
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from hardway.errors import Refused


class Kind(StrEnum):
    """What an entry is."""

    FILE = "file"
    DIRECTORY = "directory"
    LINK = "link"


@dataclass(frozen=True)
class Entry:
    """One file or directory, or a symbolic link."""

    kind: Kind
    mode: int
    owner: str = "root:root"
    content: bytes = field(default=b"", repr=False)
    """Bytes of a file, target of a link."""


Tree = Mapping[str, Entry]
"""Absolute path to entry, sorted by path."""


def file(content: bytes | str, mode: int = 0o644) -> Entry:
    """A file of root."""
    return Entry(Kind.FILE, mode, content=content.encode() if isinstance(content, str) else content)


def below(tree: Tree, *folders: str) -> dict[str, Entry]:
    """The entries of some folders, the folders included."""
    return {path: entry for path, entry in tree.items() if any(_is_below(path, folder) for folder in folders)}


def _is_below(path: str, folder: str) -> bool:
    return path == folder or path.startswith(f"{folder.rstrip('/')}/")


def contents(tree: Tree) -> dict[str, bytes]:
    """The files alone, as their bytes."""
    return {path: entry.content for path, entry in tree.items() if entry.kind is Kind.FILE}


def from_tar(data: bytes, prefix: str = "") -> Iterator[tuple[str, Entry]]:
    """The files, directories and links of a tar archive, by path below the prefix."""
    with tarfile.open(fileobj=io.BytesIO(data)) as archive:
        for member in archive:
            path = prefix + "/" + member.name.removeprefix("./").strip("/")
            owner = f"{member.uname or member.uid}:{member.gname or member.gid}"
            mode = member.mode & 0o7777
            if path.rstrip("/") == prefix or member.name == ".":
                continue
            if member.isdir():
                yield path, Entry(Kind.DIRECTORY, mode, owner)
            elif member.issym():
                yield path, Entry(Kind.LINK, 0o777, owner, member.linkname.encode())
            elif member.isreg():
                stream = archive.extractfile(member)
                yield path, Entry(Kind.FILE, mode, owner, stream.read() if stream else b"")


def to_tar(tree: Tree) -> bytes:
    """A tar archive of the tree, parents before children, names relative to the root."""
    buffer = io.BytesIO()
    kinds = {Kind.FILE: tarfile.REGTYPE, Kind.DIRECTORY: tarfile.DIRTYPE, Kind.LINK: tarfile.SYMTYPE}
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for path in sorted(tree):
            entry = tree[path]
            member = tarfile.TarInfo(path.lstrip("/"))
            member.type, member.mode = kinds[entry.kind], entry.mode
            member.uname, _, member.gname = entry.owner.partition(":")
            if entry.kind is Kind.LINK:
                member.linkname = entry.content.decode()
                archive.addfile(member)
            else:
                member.size = len(entry.content)
                archive.addfile(member, io.BytesIO(entry.content))
    return buffer.getvalue()


def lay_out(tree: Tree, folder: Path) -> None:
    """Write the tree below an empty directory with its modes. Owners are left to the user who writes.

    Refused when something is there already: a tree holds keys that must not be mixed with others.
    """
    if folder.exists() and any(folder.iterdir()):
        raise Refused("the directory is not empty", str(folder), hint="name another one, or remove it")
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    directories = []
    for path in sorted(tree):
        entry, target = tree[path], folder / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        match entry.kind:
            case Kind.DIRECTORY:
                target.mkdir(exist_ok=True)
                directories.append((target, entry.mode))
            case Kind.LINK:
                target.symlink_to(entry.content.decode())
            case Kind.FILE:
                # Narrow before the first byte is in it.
                target.touch(mode=0o600)
                target.write_bytes(entry.content)
                target.chmod(entry.mode)
    for target, mode in reversed(directories):
        target.chmod(mode)
