"""TOML text of nested tables, as containerd reads it."""

import json
from collections.abc import Iterator, Mapping

from hardway.model import Value


def dump(tables: Mapping[str, Value]) -> str:
    """A document: plain values first, then each table under its header. TOML has no null: such a key is left out."""
    return "\n".join(_table(tables, ())).strip() + "\n"


def _table(table: Mapping[str, Value], path: tuple[str, ...]) -> Iterator[str]:
    table = {key: value for key, value in table.items() if value is not None}
    values = {key: value for key, value in table.items() if not isinstance(value, Mapping)}
    if path and (values or not table):
        yield f"[{'.'.join(_key(part) for part in path)}]"
    for key, value in values.items():
        yield f"{_key(key)} = {_inline(value)}"
    if values or (path and not table):
        yield ""
    for key, below in table.items():
        if isinstance(below, Mapping):
            yield from _table(below, (*path, key))


def _key(key: str) -> str:
    bare = key.replace("_", "").replace("-", "")
    return key if bare.isascii() and bare.isalnum() else _string(key)


def _inline(value: Value) -> str:
    """A value behind an equals sign, or within a list."""
    if isinstance(value, tuple):
        return f"[{', '.join(_inline(item) for item in value if item is not None)}]"
    if isinstance(value, Mapping):
        pairs = (f"{_key(key)} = {_inline(item)}" for key, item in value.items() if item is not None)
        return f"{{{', '.join(pairs)}}}"
    if isinstance(value, str):
        return _string(value)
    if isinstance(value, float):
        # repr writes inf, nan and 1e+20 as TOML does.
        return repr(value)
    return json.dumps(value)


def _string(text: str) -> str:
    """JSON's escapes are TOML's, but for DEL (must be escaped) and pairs of surrogates (must not be used)."""
    return json.dumps(text, ensure_ascii=False).replace("\x7f", "\\u007f")
