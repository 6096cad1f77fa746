"""Go's structs as tables: what is wrong with a document, and what Go's marshaller makes of it.

A table has lines of a type and its fields, as in the `types.go` it comes from:

    int32: maxPods port        left out when it is zero
    *int64: podPidsLimit       left out when it is not given; a zero that was given stays
    str: bindAddress!          always written (no `omitempty`)
    {str}: evictionHard        map of texts; `[str]` is a list; a capital begins the name of another table

Structs and durations that are no pointers are always written: `omitempty` never leaves them out.
"""

import difflib
import struct as binary
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from math import isfinite
from typing import Any

from hardway.gotypes.durations import go_duration, nanoseconds
from hardway.gotypes.quantities import canonical

Path = tuple[str | int, ...]


@dataclass(frozen=True)
class Field:
    """One field of a struct."""

    type: str
    """`int32`, `{str}`, `[Taint]`, `Taint`; nesting is allowed."""
    pointer: bool
    always: bool


@dataclass(frozen=True)
class Struct:
    """A table, with the tables of the structs in it."""

    fields: Mapping[str, Field]
    inner: Mapping[str, "Struct"]


def struct(table: str, **inner: Struct) -> Struct:
    """A table from its text."""
    fields, kind = {}, ""
    for word in table.split():
        if word.endswith(":"):
            kind = word[:-1]
        else:
            fields[word.rstrip("!")] = Field(kind.lstrip("*"), kind.startswith("*"), word.endswith("!"))
    return Struct(fields, inner)


@dataclass(frozen=True)
class Scalar:
    """A type without parts."""

    zero: Any
    fits: Callable[[Any], bool]
    written: Callable[[Any], Any]
    example: str
    """What a person should have written."""
    empty: bool = True
    """The zero value counts as empty, so `omitempty` leaves it out."""


def _whole(low: int, high: int) -> Callable[[Any], bool]:
    return lambda value: _is_number(value) and float(value).is_integer() and low <= value <= high


def _is_number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool) and isfinite(value)


def _is_text(value: Any) -> bool:
    return isinstance(value, str)


def _float32(value: float) -> Any:
    """The shortest number that is the same in 32 bits."""
    wanted = binary.pack("f", value)
    return _float64(
        next(float(f"{value:.{n}g}") for n in range(1, 18) if binary.pack("f", float(f"{value:.{n}g}")) == wanted)
    )


def _float64(value: float) -> Any:
    return int(value) if float(value).is_integer() else value


def _either_duration(value: Any) -> Any:
    return go_duration(value) if isinstance(value, str) else int(value)


def _time(value: Any) -> str:
    """To the second and in UTC, as metav1.Time is written; empty when it is none."""
    try:
        return datetime.fromisoformat(value).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ") if "T" in value else ""
    except (TypeError, ValueError, OverflowError):
        return ""


_INT32 = _whole(-(2**31), 2**31 - 1)
_INT64 = _whole(-(2**63), 2**63 - 1)

SCALARS: Mapping[str, Scalar] = {
    "bool": Scalar(False, lambda value: isinstance(value, bool), bool, "true or false"),
    "str": Scalar("", _is_text, str, "text"),
    "int32": Scalar(0, _INT32, int, "a whole number"),
    "int64": Scalar(0, _INT64, int, "a whole number"),
    "uint32": Scalar(0, _whole(0, 2**32 - 1), int, "a whole number"),
    "float32": Scalar(0, lambda value: _is_number(value) and abs(value) < 2**127, _float32, "a number"),
    "float64": Scalar(0, _is_number, _float64, "a number"),
    "duration": Scalar(
        "0s",
        lambda value: _is_text(value) and nanoseconds(value) is not None,
        go_duration,
        "a duration, for example 1m30s",
        empty=False,
    ),
    # k8s.io/component-base logs: a bare number means nanoseconds and is written as one again.
    "duration_or_number": Scalar(
        0,
        lambda value: nanoseconds(value) is not None if isinstance(value, str) else _INT64(value),
        _either_duration,
        "a duration, for example 5s",
        empty=False,
    ),
    "time": Scalar("", lambda value: _time(value) != "", _time, "a time, for example 2024-08-14T00:00:00Z"),
    "int_or_str": Scalar(
        0,
        lambda value: _is_text(value) or _INT32(value),
        lambda value: value if _is_text(value) else int(value),
        "a whole number or text",
        empty=False,
    ),
    "quantity": Scalar(
        "0",
        lambda value: (_is_text(value) or _is_number(value)) and canonical(str(value)) is not None,
        lambda value: canonical(str(value)),
        "a quantity, for example 64Mi",
        empty=False,
    ),
}


UNKNOWN = "unknown field"
"""Begins the message about a field that Go's decoder passes over where it is not asked to be strict."""


def wrong(table: Struct, value: Mapping[str, Any], path: Path = ()) -> Iterator[tuple[Path, str, str]]:
    """Place, message and hint of everything that does not fit."""
    for name, item in value.items():
        field = table.fields.get(name)
        if field is None:
            yield (*path, name), f"{UNKNOWN} `{name}`", did_you_mean(name, table.fields)
        elif item is None and field.type == "duration" and not field.pointer:
            yield (*path, name), "must be a duration, not nothing", "leave the field out"
        elif item is not None:
            yield from _wrong_item(table, field.type, item, (*path, name))


def _wrong_item(table: Struct, kind: str, value: Any, path: Path) -> Iterator[tuple[Path, str, str]]:
    shape = {"[": (list, "a list"), "{": (dict, "a map of names to values")}.get(kind[0], (dict, "a map of fields"))
    if kind in SCALARS:
        if not SCALARS[kind].fits(value):
            yield path, f"must be {SCALARS[kind].example}, not `{_shown(value)}`", _quote_it(kind, value)
    elif not isinstance(value, shape[0]):
        yield path, f"must be {shape[1]}, not `{_shown(value)}`", ""
    elif kind[0] in "[{":
        for key, item in enumerate(value) if isinstance(value, list) else value.items():
            if item is not None:
                yield from _wrong_item(table, kind[1:-1], item, (*path, key))
    else:
        yield from wrong(table.inner[kind], value, path)


def _shown(value: Any) -> str:
    """As YAML has it, and short."""
    if isinstance(value, list | dict):
        return "a list" if isinstance(value, list) else "a map"
    return str(value).lower() if isinstance(value, bool) else str(value)[:60]


def _quote_it(kind: str, value: Any) -> str:
    return "write it in quotes" if kind == "str" and not isinstance(value, list | dict) else ""


def marshal(table: Struct, value: Mapping[str, Any]) -> dict[str, Any]:
    """What Go writes for a value that fits; nothing given is the zero value."""
    written: dict[str, Any] = {}
    for name, field in table.fields.items():
        item = value.get(name)
        if item is None and field.pointer:
            if field.always:
                written[name] = None
            continue
        result = _marshal_item(table, field.type, item)
        if field.always or field.pointer or not _is_empty(field.type, result):
            written[name] = result
    return written


def _marshal_item(table: Struct, kind: str, value: Any) -> Any:
    if kind in SCALARS:
        return SCALARS[kind].zero if value is None else SCALARS[kind].written(value)
    if kind[0] not in "[{":
        return marshal(table.inner[kind], value or {})
    if value is None:
        return None
    if isinstance(value, list):
        return [_marshal_item(table, kind[1:-1], item) for item in value]
    return {key: _marshal_item(table, kind[1:-1], item) for key, item in value.items()}


def _is_empty(kind: str, written: Any) -> bool:
    if kind in SCALARS:
        return SCALARS[kind].empty and written == SCALARS[kind].zero
    return kind[0] in "[{" and not written


def did_you_mean(word: str, names: Any) -> str:
    """A hint, where one of the names is close."""
    close = difflib.get_close_matches(word, list(names), n=1)
    return f"did you mean `{close[0]}`?" if close else ""
