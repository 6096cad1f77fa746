"""What a patch is held against: a type of Go's, and the types of its fields."""

from dataclasses import dataclass

from hardway.gotypes.structs import Struct


class Unfit(ValueError):
    """The patch cannot be applied; the text says why."""


@dataclass(frozen=True)
class Kind:
    """A type of Go's: its name, and its fields where it is a struct."""

    name: str
    table: Struct | None

    def of_map(self, field: str) -> "Kind":
        """Type of a field that holds a map."""
        return self._kind(self._type(field))

    def of_items(self, field: str) -> "Kind":
        """Type of the items of a field that holds a list."""
        text = self._type(field)
        if not text.startswith("["):
            raise Unfit(f"`{field}` of {self.name} is no list")
        return self._kind(text[1:-1])

    def _type(self, field: str) -> str:
        if self.table is None:
            raise Unfit(f"`{field}` lies in a map without fields of its own ({self.name})")
        if field not in self.table.fields:
            raise Unfit(f"{self.name} has no field `{field}`")
        return self.table.fields[field].type

    def _kind(self, text: str) -> "Kind":
        assert self.table is not None
        return Kind(text, self.table.inner.get(text))
