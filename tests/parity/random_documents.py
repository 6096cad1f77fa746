"""Documents made from the tables that say which fields there are: random ones, and ones with every field."""

from collections.abc import Callable
from typing import Any

from hypothesis import strategies as st

from hardway.gotypes.structs import Field, Struct

WORDS = st.sampled_from(
    [
        "",
        "a",
        "yes",
        "0777",
        "1e3",
        "1:30",
        "null",
        "two words",
        "x=y,z",
        "~",
        "'",
        '"quoted"',
        "#",
        "a: b",
        "0.5",
        "é",
    ]
)
WHOLE = st.sampled_from([0, 1, -1, 5, 250, 65536, 2**31 - 1])
DURATIONS = st.sampled_from(
    [
        "0",
        "0s",
        "5s",
        "90s",
        "1h",
        "1h30m",
        "1.5h",
        "100ms",
        "1500ms",
        "250us",
        "-1m",
        "1m0.5s",
        "7ns",
        "720h0m0s",
        "+3s",
    ]
)
QUANTITIES = st.sampled_from(
    [
        "0",
        "1",
        "1Gi",
        "1024Mi",
        "1000Mi",
        "100M",
        "1500M",
        "0.5",
        "1.5Gi",
        "1e3",
        "12E6",
        "500m",
        "0.1m",
        "1000",
        "0.5Ki",
        7,
    ]
)
SCALARS: dict[str, st.SearchStrategy[Any]] = {
    "bool": st.booleans(),
    "str": WORDS,
    "int32": WHOLE,
    "int64": WHOLE | st.just(2**40),
    "uint32": st.sampled_from([0, 3, 2**32 - 1]),
    "float32": st.sampled_from([0, 1, 5.0, 0.1, 2.5, 1e3, 12.345678, -0.25]),
    "float64": st.sampled_from([0, 1, 0.8, 2.5, 0.123456789]),
    "duration": DURATIONS,
    "duration_or_number": DURATIONS | st.sampled_from([0, 5, 5_000_000_000]),
    "quantity": QUANTITIES,
    "time": st.sampled_from(["2024-08-14T00:00:00Z", "2024-08-14T03:30:00+02:00"]),
    "int_or_str": WHOLE | WORDS,
}
KEYS = st.sampled_from(["a", "B", "memory.available", "x-y", "yes", "z10", "z9"])


def value(table: Struct, kind: str) -> st.SearchStrategy[Any]:
    """A value of a type."""
    if kind in SCALARS:
        return SCALARS[kind]
    if kind[0] == "[":
        return st.lists(value(table, kind[1:-1]), max_size=2)
    if kind[0] == "{":
        return st.dictionaries(KEYS, value(table, kind[1:-1]), max_size=2)
    return document(table.inner[kind])


def document(table: Struct) -> st.SearchStrategy[dict[str, Any]]:
    """A document with some of its fields, now and then one that says nothing."""

    def optional(field: Field) -> st.SearchStrategy[Any]:
        some = value(table, field.type)
        nothing_is_refused = field.type in ("duration", "duration_or_number") and not field.pointer
        return some if nothing_is_refused else some | st.none()

    fields = {name: optional(field) for name, field in table.fields.items() if name not in ("apiVersion", "kind")}
    return st.lists(st.sampled_from(sorted(fields)), max_size=8, unique=True).flatmap(
        lambda chosen: st.fixed_dictionaries({name: fields[name] for name in chosen})
    )


def every_field(table: Struct, scalar: Callable[[str], Any]) -> dict[str, Any]:
    """A document with each field of each type below it; lists and maps have one item."""

    def item(kind: str) -> Any:
        if kind in SCALARS:
            return scalar(kind)
        if kind[0] == "[":
            return [item(kind[1:-1])]
        if kind[0] == "{":
            return {"a": item(kind[1:-1])}
        return every_field(table.inner[kind], scalar)

    return {name: item(field.type) for name, field in table.fields.items()}
