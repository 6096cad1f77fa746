"""Patch files beside cluster.yaml: read as kubeadm reads them on a node, and tried on every node's manifests."""

import json
import posixpath
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from math import isfinite
from pathlib import Path, PurePosixPath
from typing import Any

from hardway.chapters import kubelet_start, patchable
from hardway.config.attachments import text_of
from hardway.config.document import MAX_DEPTH, SourceDocument, parse_value
from hardway.config.problems import Problem
from hardway.config.sources import Sources
from hardway.errors import UsageError
from hardway.features import Features
from hardway.gotypes.structs import Path as Place
from hardway.model import Cluster, Node, Patch, Patches, freeze
from hardway.patches import names

SEPARATOR = "---"
NAMING = ("InitConfiguration", "JoinConfiguration")
"""The first master's document, and that of the others."""


@dataclass(frozen=True)
class Brought:
    """A file that goes to a directory of patches."""

    text: str
    shown: str
    """As the user has it."""
    place: Place
    """Where the Inventory brings it."""


def read(sources: Sources, folder: Path) -> Iterator[Problem]:
    """Puts the patches of each directory into `sources`; yields what cannot be read. Names are relative to `folder`."""
    about = sources.documents["Inventory"]
    brought: dict[str, dict[str, Brought]] = {}
    for directory, name in sources.inventory.patches.items():
        yield from _beside(about, folder, directory, name, brought.setdefault(posixpath.normpath(directory), {}))
    for directory in _named(sources):
        files = brought.get(directory, {})
        for target, name in sources.inventory.files.items():
            if PurePosixPath(directory) in PurePosixPath(target).parents:
                if target in files:
                    yield about.problem(
                        ("files", target), f"`{files[target].shown}` goes there, too", "keep one of them"
                    )
                files[target] = Brought(sources.files.get(target, ""), name, ("files", target))
        patches = []
        # In kubeadm's order: names of one directory by their bytes, what is in a directory at its place.
        for target, file in sorted(files.items(), key=lambda item: PurePosixPath(item[0]).parts):
            sources.patch_places[file.shown] = file.place
            for patch in _of_file(target, file, sources.features):
                if isinstance(patch, Patch):
                    patches.append(patch)
                else:
                    yield about.problem(file.place, f"`{file.shown}`: {patch}")
        contents = tuple((target, files[target].text) for target in sorted(files))
        sources.patches[directory] = Patches(directory, contents, tuple(patches))


def _beside(
    about: SourceDocument, folder: Path, directory: str, name: str, files: dict[str, Brought]
) -> Iterator[Problem]:
    """The patch files of a directory beside cluster.yaml and below it; others, such as a README, stay where they are."""
    place = ("patches", directory)
    if not (folder / name).is_dir():
        yield about.problem(place, f"`{name}` is no directory beside this file")
        return
    if folder.resolve().is_relative_to((folder / name).resolve()):
        yield about.problem(place, f"`{name}` holds this file itself", "give patches a directory of their own")
        return
    for path in sorted((folder / name).rglob("*")):
        if path.is_file() and path.suffix[1:] in names.EXTENSIONS:
            below = path.relative_to(folder / name).as_posix()
            text, reason = text_of(path)
            if reason:
                yield about.problem(place, f"`{posixpath.join(name, below)}` cannot be read: {reason}")
            files[posixpath.join(posixpath.normpath(directory), below)] = Brought(
                text, posixpath.join(name, below), place
            )


def _named(sources: Sources) -> dict[str, None]:
    """The directories that kubeadm's documents name."""
    named = [sources.patches_of(first=first) for first in (True, False)]
    return dict.fromkeys(directory for directory in named if directory)


def given(sources: Sources) -> Iterator[Problem]:
    """A directory that kubeadm's documents name has to come from somewhere, and what is brought has to be named."""
    inventory, named = sources.inventory, _named(sources)
    brought = {posixpath.normpath(directory): directory for directory in inventory.patches}
    # A document that could not be read may name it.
    unread = any(kind in sources.documents and kind not in sources.parsed for kind in NAMING)
    for directory in () if unread else brought.keys() - named.keys():
        yield sources.documents["Inventory"].problem(
            ("patches", brought[directory]),
            f"neither InitConfiguration nor JoinConfiguration has `{directory}` as its patches.directory",
            "write it there, or remove it here",
        )
    for kind, first in zip(NAMING, (True, False), strict=True):
        directory = sources.patches_of(first=first)
        if not directory:
            continue
        about = sources.documents[kind]
        if not directory.startswith("/"):
            yield about.problem(("patches", "directory"), f"`{directory}` is not an absolute path")
        elif directory not in brought and not any(
            PurePosixPath(directory) in PurePosixPath(path).parents for path in inventory.files
        ):
            yield about.problem(
                ("patches", "directory"),
                f"nothing brings patches to `{directory}`",
                f"patches: {{{directory}: DIRECTORY}} in the Inventory, with a directory beside this file",
            )


def _of_file(target: str, file: Brought, features: Features) -> Iterator[Patch | str]:
    """The patches of a file, or what is wrong with it."""
    name = names.parse(posixpath.basename(target), features.patch_targets)
    if name.wrong:
        yield name.wrong
    for line, chunk in _split(file.text) if name.target else ():
        if line < 0:
            yield f"line {-line}: behind --- stands something else than a comment"
            continue
        value, reason = _value(chunk, line)
        yield reason or Patch(name.target, name.kind, freeze(value), file.shown)


def _split(text: str) -> Iterator[tuple[int, str]]:
    """Documents with their first line (from 1); negative: the line of a separator that is none.

    apimachinery `pkg/util/yaml`, YAMLReader.
    """
    lines = [line.rstrip("\r") for line in text.split("\n")]
    breaks = [number for number, line in enumerate(lines) if line.startswith(SEPARATOR)]
    for number in breaks:
        rest = lines[number].removeprefix(SEPARATOR).strip()
        if rest and not rest.startswith("#"):
            yield -(number + 1), ""
    for start, end in pairwise([-1, *breaks, len(lines)]):
        chunk = "\n".join(lines[start + 1 : end])
        if chunk.strip():
            yield start + 2, chunk


def _value(text: str, line: int) -> tuple[Any, str]:
    """What a document says, or why it says nothing. JSON may be indented by tabs, which YAML does not allow."""
    problems: list[Problem] = []
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        value, problems = parse_value(text)
    if problems:
        where = f"line {problems[0].line + line - 1}: " if problems[0].line else ""
        return None, f"{where}{problems[0].message}"
    try:
        return _plain(value), ""
    except ValueError as reason:
        return None, str(reason)


def _plain(value: Any, depth: int = 0) -> Any:
    """As JSON has it on its way through Go: a whole number is one, however it was written."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if isinstance(value, dict):
        return {key: _plain(item, depth + 1) for key, item in value.items()}
    if isinstance(value, list):
        return [_plain(item, depth + 1) for item in value]
    if isinstance(value, float):
        if not isfinite(value):
            raise ValueError(f"`{value}` is no number of JSON")
        return int(value) if value.is_integer() and abs(value) < 1e21 else value
    return value


def unfit(sources: Sources, cluster: Cluster) -> Iterator[Problem]:
    """Patches that cannot be applied to what they change, each told once."""
    about = sources.documents["Inventory"]
    told: set[tuple[str, str]] = set()
    for node in cluster.kubernetes_nodes if sources.patches else ():
        for make in _made(cluster, node):
            try:
                make()
            except UsageError as error:
                shown = error.where.removeprefix(f"{node.name}: ")
                if (shown, error.what) not in told:
                    told.add((shown, error.what))
                    yield about.problem(sources.patch_places[shown], f"`{shown}`: {error.what}")


def _made(cluster: Cluster, node: Node) -> Iterator[Callable[[], object]]:
    """Everything that a node's patches change."""
    yield partial(kubelet_start.written_configuration, cluster, node)
    yield from patchable.static_pods(cluster, node)
    if node == cluster.first_control_plane:
        yield from patchable.addons(cluster)
