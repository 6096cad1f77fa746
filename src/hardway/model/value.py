"""JSON-like values that can stand in frozen data: mappings and tuples that nobody changes."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Any, TypeAlias

Value: TypeAlias = bool | int | float | str | tuple["Value", ...] | Mapping[str, "Value"] | None
Document: TypeAlias = Mapping[str, Value]


def freeze(value: Any) -> Value:
    """A read-only copy of what a YAML or JSON parser returned; dict becomes a read-only mapping, list a tuple."""
    if isinstance(value, Mapping):
        return MappingProxyType({str(key): freeze(item) for key, item in value.items()})
    if isinstance(value, Sequence) and not isinstance(value, str | bytes):
        return tuple(freeze(item) for item in value)
    if value is None or isinstance(value, bool | int | float | str):
        return value
    raise TypeError(f"not a JSON value: {type(value).__name__}")


def freeze_document(value: Mapping[str, Any]) -> Document:
    """`freeze` for a mapping, typed as one."""
    return MappingProxyType({str(key): freeze(item) for key, item in value.items()})


def thaw(value: Value) -> Any:
    """A plain copy made of dict and list, fit for a serialiser."""
    if isinstance(value, Mapping):
        return {key: thaw(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [thaw(item) for item in value]
    return value
