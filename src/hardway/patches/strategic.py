"""Strategic merge: a patch of the shape of what it patches, whose lists are merged by the key that their type names.

Source: apimachinery `pkg/util/strategicpatch/patch.go` (StrategicMergePatch). Types without a place in `MERGED`, such as
KubeletConfiguration, have lists that are replaced as a whole.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import Any

from hardway.kinds.pods import MERGED
from hardway.patches.order import in_order
from hardway.patches.schema import Kind, Unfit

DIRECTIVE, RETAIN = "$patch", "$retainKeys"
DELETE, ORDER = "$deleteFromPrimitiveList/", "$setElementOrder/"

Map = dict[str, Any]


def merge(original: Mapping[str, Any], patch: Any, kind: Kind) -> Map:
    """The patched document; Unfit where the patch does not fit. Neither argument is changed."""
    if patch is None:
        return deepcopy(dict(original))
    if not isinstance(patch, dict):
        raise Unfit("it is no map of fields")
    return _merge_maps(deepcopy(dict(original)), deepcopy(patch), kind)


def _merge_maps(original: Map, patch: Map, kind: Kind) -> Map:
    if DIRECTIVE in patch:
        match patch.pop(DIRECTIVE):
            case "replace":
                return patch
            case "delete":
                return {}
            case other:
                raise Unfit(f"{DIRECTIVE} of a map can be replace or delete, not `{other}`")
    if RETAIN in patch:
        original = _retained(original, patch, patch.pop(RETAIN))
    for name in [name for name in patch if name.startswith(ORDER)]:
        _merge_in_order(original, patch, name.removeprefix(ORDER), patch.pop(name), kind)
    for name, value in patch.items():
        deletes = name.startswith(DELETE)
        key = name.removeprefix(DELETE)
        if deletes and key in patch:
            raise Unfit(f"`{key}` is set and cut by one patch: which comes first is left to chance")
        if value is None:
            original.pop(key, None)
        elif key in original and _shape(original[key]) == _shape(value) == "map":
            original[key] = _merge_maps(original[key], value, kind.of_map(key))
        elif key in original and _shape(original[key]) == _shape(value) == "list":
            original[key] = _merge_field(original[key], value, kind, key, deletes=deletes)
        elif not deletes:
            _put(original, key, value)
    return original


def _put(original: Map, key: str, value: Any) -> None:
    """A value that meets none of its shape takes the place, without what was meant for one."""
    kept = _without_directives(without_nothing(value))
    if kept is _NOTHING:
        original.pop(key, None)
    else:
        original[key] = kept


_NOTHING = object()


def without_nothing(value: Any) -> Any:
    """A value whose maps have no members that are nothing."""
    if isinstance(value, dict):
        return {key: without_nothing(item) for key, item in value.items() if item is not None}
    return [without_nothing(item) for item in value] if isinstance(value, list) else value


def _without_directives(value: Any) -> Any:
    if isinstance(value, dict):
        if DIRECTIVE in value:
            return _NOTHING
        found = {key: _without_directives(item) for key, item in value.items()}
        return {key: item for key, item in found.items() if item is not _NOTHING}
    if isinstance(value, list):
        return [kept for item in value if (kept := _without_directives(item)) is not _NOTHING]
    return value


def _shape(value: Any) -> str:
    return "map" if isinstance(value, dict) else "list" if isinstance(value, list) else "scalar"


def _retained(original: Map, patch: Map, keys: Any) -> Map:
    """$retainKeys: only these stay, and the patch may set no others."""
    if not isinstance(keys, list):
        raise Unfit(f"{RETAIN} is no list")
    for name, value in patch.items():
        if value is not None and name not in keys and not name.startswith((DELETE, ORDER)):
            raise Unfit(f"`{name}` is set, but {RETAIN} does not name it")
    return {name: value for name, value in original.items() if name in keys}


def _merge_field(original: list[Any], patch: list[Any], kind: Kind, name: str, *, deletes: bool = False) -> list[Any]:
    items = kind.of_items(name)
    key = MERGED.get(f"{kind.name}.{name}")
    if key is None and not deletes:
        return patch
    return _merge_lists(original, patch, items, key or "", deletes=deletes)


def _merge_lists(original: list[Any], patch: list[Any], kind: Kind, key: str, *, deletes: bool) -> list[Any]:
    if not original and not patch:
        return original
    if not _same_type([*original, *patch]):
        if deletes:
            return [item for item in original if item not in patch]
        merged = list(dict.fromkeys([*original, *patch]))
        return in_order(merged, patch, patch, original, "")
    if not key:
        raise Unfit(f"lists of {kind.name} cannot be merged")
    original, patch = _special(original, patch, key)
    merged = list(original)
    for item in patch:
        value = _key(item, key)
        place = next((number for number, one in enumerate(merged) if one.get(key) == value and key in one), None)
        if place is None:
            merged.append(item)
        else:
            merged[place] = _merge_maps(merged[place], deepcopy(item), kind)
    for item in (*merged, *original):
        _key(item, key)
    return in_order(merged, patch, patch, original, key)


def _same_type(items: Sequence[Any]) -> bool:
    """True for a list of maps, False for a list of something simple; Unfit for a mixture."""
    types = {type(item) for item in items}
    if len(types) > 1 or types & {list, type(None)}:
        raise Unfit("the items of a list are of several types, or lists themselves, or nothing")
    return types == {dict}


def _key(item: Map, key: str) -> Any:
    if key not in item:
        raise Unfit(f"an item has no `{key}`, by which the list is merged")
    return item[key]


def _special(original: list[Map], patch: list[Map], key: str) -> tuple[list[Map], list[Map]]:
    """Items that only say what happens to the list."""
    plain, replaces = [], False
    for item in patch:
        match item.get(DIRECTIVE) if DIRECTIVE in item else _NOTHING:
            case "delete":
                value = _key(item, key)
                original = [one for one in original if key not in one or one[key] != value]
            case "replace":
                replaces = True
            case other if other is _NOTHING:
                plain.append(item)
            case other:
                raise Unfit(f"{DIRECTIVE} of an item can be delete or replace, not `{other}`")
    return (plain, []) if replaces else (original, plain)


def _merge_in_order(original: Map, patch: Map, name: str, order: Any, kind: Kind) -> None:
    """$setElementOrder: the items that it names come in its order; the list is merged here, and not again."""
    if not isinstance(order, list):
        raise Unfit(f"{ORDER}{name} is no list")
    there, wanted = original.get(name), patch.get(name)
    for value in (there, wanted):
        if value is not None and not isinstance(value, list):
            raise Unfit(f"`{name}` is no list")
    items = kind.of_items(name)
    key = MERGED.get(f"{kind.name}.{name}", "")
    if order and wanted:
        _same_order([item for item in wanted if not (isinstance(item, dict) and DIRECTIVE in item)], order, key)
    if there is None and wanted is None:
        return
    patch.pop(name, None)
    before = there or []
    if there is None:
        merged = _without_directives(wanted)
    elif wanted is None:
        merged = there
    else:
        before = _remembered(there, wanted, key)
        merged = _merge_field(there, wanted, kind, name)
    if not there and not wanted:
        raise Unfit(f"`{name}` is empty, and {ORDER}{name} has nothing to order")
    if _same_type([*(there or []), *(wanted or [])]) and not key:
        raise Unfit(f"lists of {items.name} have no order of their own")
    for item in (*merged, *order, *(there or [])) if key else ():
        _key(item, key)
    original[name] = in_order(merged, order, order, before, key)


def _remembered(there: list[Any], wanted: list[Any], key: str) -> list[Any]:
    """What Go takes for the list as it was: new items have moved into the places of as many that were deleted."""
    if not key or not all(isinstance(item, dict) for item in wanted):
        return there
    gone = [item.get(key) for item in wanted if item.get(DIRECTIVE) == "delete"]
    kept = [item for item in there if item.get(key) not in gone]
    names = [item.get(key) for item in kept]
    new = [item for item in wanted if DIRECTIVE not in item and item.get(key) not in names]
    return [*kept, *new[: len(there) - len(kept)]]


def _same_order(wanted: list[Any], order: list[Any], key: str) -> None:
    """The patch's items have to be among the ordered ones, in that order."""
    names = [_key(item, key) if key else item for item in wanted]
    rest = iter([_key(item, key) if key else item for item in order])
    if not all(any(name == one for one in rest) for name in names):
        raise Unfit(f"the items are not in the order that {ORDER} gives them")
