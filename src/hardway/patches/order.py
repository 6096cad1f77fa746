"""Order of a merged list: what the patch names keeps the patch's order, the rest its own, and both are woven together.

Source: apimachinery `pkg/util/strategicpatch/patch.go` (normalizeElementOrder, mergeSortedSlice).
"""

from collections.abc import Sequence
from typing import Any


def in_order(
    merged: Sequence[Any], named: Sequence[Any], order: Sequence[Any], before: Sequence[Any], key: str
) -> list[Any]:
    """The merged items: those that are `named` in `order`, the others as they were `before`.

    `key`: what maps are known by; empty for items that are known by themselves.
    """
    names = [_name(item, key) for item in named]
    ours = [item for item in merged if _name(item, key) in names]
    others = [item for item in merged if _name(item, key) not in names]
    return _woven(_sorted(others, before, key), _sorted(ours, order, key), before, key)


def _name(item: Any, key: str) -> Any:
    return item.get(key) if isinstance(item, dict) else item


def _place(items: Sequence[Any], item: Any, key: str) -> int:
    """Where an item of that name stands; -1: nowhere."""
    name = _name(item, key)
    return next((number for number, one in enumerate(items) if _name(one, key) == name), -1)


def _sorted(items: list[Any], order: Sequence[Any], key: str) -> list[Any]:
    """By their places in the order, as Go's stable sort does it: one that has no place goes before its neighbour."""
    result: list[Any] = []
    for item in items:
        at = len(result)
        while at and _is_before(item, result[at - 1], order, key):
            at -= 1
        result.insert(at, item)
    return result


def _is_before(item: Any, other: Any, order: Sequence[Any], key: str) -> bool:
    one, two = _place(order, item, key), _place(order, other, key)
    return one < 0 or two < 0 or one < two


def _woven(others: list[Any], ours: list[Any], before: Sequence[Any], key: str) -> list[Any]:
    """An item that was there goes before the first of the patch's that came after it; what is new goes first."""
    result = []
    while others and ours:
        one, two = _place(before, others[0], key), _place(before, ours[0], key)
        result.append(others.pop(0) if 0 <= one < two else ours.pop(0))
    return [*result, *others, *ours]
