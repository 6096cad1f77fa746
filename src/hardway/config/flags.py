"""Flags in kubeadm's documents: a map of names to values in v1beta3, a list with repeats in v1beta4."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from pydantic import GetCoreSchemaHandler
from pydantic_core import CoreSchema, core_schema

from hardway.gotypes.structs import Path

MAP, LIST = "#map", "#list"
"""The two forms; pydantic puts them into the places that it reports."""


@dataclass(frozen=True)
class Flags:
    """Names without dashes, with values, in the order in which kubeadm keeps them: a map is sorted."""

    pairs: tuple[tuple[str, str], ...] = ()
    listed: bool = False

    def get(self, name: str) -> str | None:
        """Value of a flag, the last one where it stands several times."""
        return next((value for key, value in reversed(self.pairs) if key == name), None)

    def place(self, name: str) -> Path:
        """Where the flag stands below the field."""
        if not self.listed:
            return (name,)
        return (max(number for number, (key, _) in enumerate(self.pairs) if key == name), "value")

    def names(self) -> Iterator[tuple[Path, str]]:
        """Every name with its place below the field."""
        for number, (name, _) in enumerate(self.pairs):
            yield ((number, "name") if self.listed else (name,)), name

    @classmethod
    def __get_pydantic_core_schema__(cls, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        text = core_schema.str_schema()
        value = core_schema.no_info_before_validator_function(lambda given: "" if given is None else given, text)
        field = core_schema.typed_dict_field(value, required=False)
        item = core_schema.typed_dict_schema({"name": field, "value": field}, extra_behavior="forbid")
        forms: dict[Any, CoreSchema] = {
            MAP: core_schema.dict_schema(text, value),
            LIST: core_schema.list_schema(item),
        }
        union = core_schema.tagged_union_schema(forms, lambda given: LIST if isinstance(given, list) else MAP)
        return core_schema.no_info_after_validator_function(cls._of, union)

    @classmethod
    def _of(cls, given: dict[str, str] | list[dict[str, str]]) -> "Flags":
        if isinstance(given, dict):
            return cls(tuple(sorted(given.items())))
        return cls(tuple((item.get("name", ""), item.get("value", "")) for item in given), listed=True)
