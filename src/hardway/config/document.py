"""YAML documents that remember where each value stands."""

from collections.abc import Collection
from dataclasses import dataclass, replace
from typing import Any

import yaml

from hardway.config.problems import Problem
from hardway.config.scalars import Loader, scalar

Path = tuple[str | int, ...]
MAX_BYTES = 4 * 1024 * 1024
MAX_DEPTH = 60
MAX_VALUES = 100_000
"""Anchors can make a short text endless."""


@dataclass(frozen=True)
class Mark:
    """Place of a value: line from 1, column from 0, width in characters."""

    line: int
    column: int
    width: int


@dataclass(frozen=True)
class SourceDocument:
    """One YAML document: its value and the place of everything in it."""

    value: dict[str, Any]
    marks: dict[Path, Mark]
    kind: str
    api_version: str

    def problem(self, path: Path, message: str, hint: str = "") -> Problem:
        """A problem at a place of this document, or at the nearest place above it that exists."""
        known = path
        while known not in self.marks and known:
            known = known[:-1]
        mark = self.marks.get(known, Mark(1, 0, 1))
        return Problem(message, self.label(path), mark.line, mark.column, mark.width, hint)

    def without(self, paths: Collection[Path]) -> "SourceDocument":
        """The document without the values at these places."""
        return replace(self, value=_without(self.value, frozenset(paths), ()))

    def label(self, path: Path) -> str:
        """The place as people write it, e.g. `Inventory.nodes[2].address`."""
        text = self.kind
        for part in path:
            text += f"[{part}]" if isinstance(part, int) else f".{part}"
        return text


def _without(value: Any, paths: frozenset[Path], here: Path) -> Any:
    if isinstance(value, dict):
        return {key: _without(v, paths, (*here, key)) for key, v in value.items() if (*here, key) not in paths}
    if isinstance(value, list):
        return [_without(v, paths, (*here, n)) for n, v in enumerate(value) if (*here, n) not in paths]
    return value


def parse(text: str) -> tuple[list[SourceDocument], list[Problem]]:
    """All documents of a file, and what keeps the others from being read."""
    problems: list[Problem] = []
    documents: list[SourceDocument] = []
    try:
        nodes = list(yaml.compose_all(text, Loader=Loader))
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line, column = (mark.line + 1, mark.column) if mark else (0, 0)
        return [], [Problem(f"not YAML: {error.problem or error.context}", line=line, column=column)]
    except (yaml.YAMLError, RecursionError) as error:
        return [], [Problem(f"not YAML: {str(error).splitlines()[0] if str(error) else 'nested too deeply'}")]
    for node in nodes:
        if node is None:
            continue
        marks: dict[Path, Mark] = {}
        try:
            value = _build(node, (), marks, problems, 0)
        except (ValueError, yaml.YAMLError, RecursionError) as error:
            problems.append(Problem(f"not readable: {error}", line=node.start_mark.line + 1))
            continue
        if value is None:
            continue
        place = Problem("", line=node.start_mark.line + 1, column=node.start_mark.column)
        if not isinstance(value, dict):
            problems.append(Problem("a document must be a mapping with apiVersion and kind", line=place.line))
            continue
        kind, api = value.get("kind"), value.get("apiVersion")
        if not isinstance(kind, str) or not isinstance(api, str):
            problems.append(Problem("a document needs `apiVersion` and `kind`", line=place.line, column=place.column))
            continue
        documents.append(SourceDocument(value, marks, kind, api))
    return documents, problems


def parse_value(text: str) -> tuple[Any, list[Problem]]:
    """The value of a text with one document of any shape, or what keeps it from being read."""
    problems: list[Problem] = []
    try:
        node = yaml.compose(text, Loader=Loader)
        return (None if node is None else _build(node, (), {}, problems, 0)), problems
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        return None, [Problem(f"not YAML: {error.problem or error.context}", line=mark.line + 1 if mark else 0)]
    except RecursionError:
        return None, [Problem("nested too deeply")]
    except (ValueError, yaml.YAMLError) as error:
        return None, [Problem(f"not readable: {' '.join(str(error).split())}")]


def _build(node: yaml.Node, path: Path, marks: dict[Path, Mark], problems: list[Problem], depth: int) -> Any:
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if len(marks) > MAX_VALUES:
        raise ValueError("has too many values")
    start, end = node.start_mark, node.end_mark
    width = end.column - start.column if end.line == start.line else 1
    marks.setdefault(path, Mark(start.line + 1, start.column, width))
    if isinstance(node, yaml.SequenceNode):
        return [_build(item, (*path, number), marks, problems, depth + 1) for number, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return scalar(node)
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            raise ValueError("a key must be a word")
        key, place = _key(key_node), key_node.start_mark
        here = (*path, key)
        if key in result or key == "<<":
            message = f"`{key}` stands twice" if key in result else "merges (`<<`) are not read: write the fields out"
            problems.append(Problem(message, line=place.line + 1, column=place.column, width=len(key_node.value)))
        if not isinstance(value_node, yaml.ScalarNode):
            marks[here] = Mark(place.line + 1, place.column, len(key_node.value))
        result[key] = _build(value_node, here, marks, problems, depth + 1)
    return result


def _key(node: yaml.ScalarNode) -> str:
    """kubeadm turns truth values that are keys into words."""
    value = scalar(node)
    return str(value).lower() if isinstance(value, bool) else str(node.value)
