"""Two descriptions of the same things, compared. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass

from hardway.parity.values import Fields

ABSENT = "(absent)"


@dataclass(frozen=True)
class Difference:
    """One field of one item that the two sides do not have in common."""

    item: str
    """Path of a file, or kind, namespace and name of an API object."""
    field: str
    ours: str
    kubeadm: str

    def __str__(self) -> str:
        return f"{self.item}: {self.field}: ours {self.ours}, kubeadm's {self.kubeadm}"


def compare(ours: Mapping[str, Fields], kubeadm: Mapping[str, Fields]) -> tuple[Difference, ...]:
    """Every difference, by item and field; an item that one side lacks is one difference."""
    found = []
    for item in sorted(ours.keys() | kubeadm.keys()):
        if item not in ours or item not in kubeadm:
            sides = [("present" if item in side else ABSENT) for side in (ours, kubeadm)]
            found.append(Difference(item, "item", *sides))
            continue
        found += compare_fields(item, ours[item], kubeadm[item])
    return tuple(found)


def compare_fields(item: str, ours: Fields, kubeadm: Fields) -> list[Difference]:
    """The differences of one item."""
    return [
        Difference(item, field, ours.get(field, ABSENT), kubeadm.get(field, ABSENT))
        for field in sorted(ours.keys() | kubeadm.keys())
        if ours.get(field) != kubeadm.get(field)
    ]
