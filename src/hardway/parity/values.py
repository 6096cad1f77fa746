"""Values as flat fields, so that a difference can be named: `spec.containers[etcd].image`."""

from collections.abc import Mapping, Sequence
from typing import Any

Fields = dict[str, str]
"""Name of a field to its value in words; secrets never appear in it."""


def flatten(value: Any, name: str = "") -> Fields:
    """Every leaf of a JSON-like value; items of a list are named by their `name` where each has one of its own."""
    if isinstance(value, Mapping) and value:
        fields: Fields = {}
        for key, item in value.items():
            fields |= flatten(item, f"{name}.{key}" if name else str(key))
        return fields
    if isinstance(value, Sequence) and not isinstance(value, str | bytes) and value:
        names = [item.get("name") if isinstance(item, Mapping) else None for item in value]
        named = all(isinstance(n, str) for n in names) and len(set(names)) == len(names)
        # kubeadm writes variables in the order of a Go map, which is another one each time.
        ordered = sorted(map(str, names)) if name.endswith(".env") else map(str, names)
        fields = {f"{name}.order": " ".join(ordered)} if named else {}
        for number, item in enumerate(value):
            fields |= flatten(item, f"{name}[{names[number] if named else number}]")
        return fields
    return {name: leaf(value)}


def leaf(value: Any) -> str:
    """A value in words that tell its type: `true`, `"true"`, `null`."""
    match value:
        case None:
            return "null"
        case bool():
            return "true" if value else "false"
        case str():
            return f'"{value}"'
        case _:
            return repr(value)


def prefixed(fields: Fields, prefix: str) -> Fields:
    """The fields as parts of something bigger."""
    return {f"{prefix}.{name}": value for name, value in fields.items()}
