"""TOML text of nested tables, as containerd reads it."""

import json
from collections.abc import Iterator, Mapping

from hardway.model import Value


def dump(tables: Mapping[str, Value]) -> str:
    """A document: plain values first, then each table under its header."""
    return "\n".join(_table(tables, ())).strip() + "\n"


def _table(table: Mapping[str, Value], path: tuple[str, ...]) -> Iterator[str]:
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if path and (values or not table):
        yield f"[{'.'.join(_key(part) for part in path)}]"
    for key, value in values.items():
        yield f"{_key(key)} = {_scalar(value)}"
    if values or (path and not table):
        yield ""
    for key, below in table.items():
        if isinstance(below, Mapping):
            yield from _table(below, (*path, key))


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else json.dumps(key)


def _scalar(value: Value) -> str:
    if isinstance(value, tuple):
        return f"[{', '.join(_scalar(item) for item in value)}]"
    # JSON's strings, booleans and numbers are TOML's.
    return json.dumps(value)
