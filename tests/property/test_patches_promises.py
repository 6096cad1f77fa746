"""Rules that hold for every patch: strategic merges, merge patches, and the order of merged lists."""

import copy
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from hardway.kinds import pods
from hardway.model import Node, Patch, Patches, Role, freeze, freeze_document, thaw
from hardway.patches.apply import patched
from hardway.patches.order import in_order
from hardway.patches.schema import Kind
from hardway.patches.strategic import merge
from hardway.versions import release

FEATURES = release("v1.30.4").features
POD = Kind("Pod", pods.types(FEATURES)["Pod"])
NAMES = st.sampled_from("abcdef")
UNIQUE = st.lists(NAMES, unique=True, max_size=5)
ENV = UNIQUE.flatmap(
    lambda names: st.tuples(*(st.fixed_dictionaries({"name": st.just(n), "value": NAMES}) for n in names)).map(list)
)
LABELS = st.dictionaries(NAMES, st.none() | NAMES, max_size=3)


def pod(env: list[dict[str, str]]) -> dict[str, Any]:
    """One container with these variables."""
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {"creationTimestamp": None, "name": "p", "labels": {"a": "1", "b": "2"}},
        "spec": {"containers": [{"name": "c", "env": env, "resources": {}}]},
        "status": {},
    }


def change(env: list[dict[str, Any]], labels: dict[str, Any] | None = None) -> dict[str, Any]:
    """A patch of variables and labels."""
    return {"metadata": {"labels": labels or {}}, "spec": {"containers": [{"name": "c", "env": env}]}}


def variables(found: dict[str, Any]) -> list[dict[str, str]]:
    """What came out."""
    listed: list[dict[str, str]] = found["spec"]["containers"][0]["env"]
    return listed


def merged(before: list[dict[str, str]], patch: dict[str, Any]) -> dict[str, Any]:
    """The pod of these variables, patched; neither side is touched."""
    sides = pod(before), patch
    kept = copy.deepcopy(sides)
    found = merge(*sides, POD)
    assert sides == kept
    return found


@given(ENV, ENV, LABELS)
def test_each_item_is_there_once_with_the_patch_s_word(
    before: list[dict[str, str]], more: list[dict[str, str]], labels: dict[str, Any]
) -> None:
    """Items of both sides, by their key; where both have one the patch counts."""
    found = variables(merged(before, change(more, labels)))

    assert {one["name"]: one["value"] for one in found} == {one["name"]: one["value"] for one in (*before, *more)}
    assert len(found) == len({one["name"] for one in (*before, *more)})


@given(ENV, ENV)
def test_the_order_of_each_side_is_kept(before: list[dict[str, str]], more: list[dict[str, str]]) -> None:
    """What the patch names stays in the patch's order, all others in their own."""
    names = [one["name"] for one in variables(merged(before, change(more)))]
    named = [one["name"] for one in more]

    assert [name for name in names if name in named] == named
    assert [name for name in names if name not in named] == [o["name"] for o in before if o["name"] not in named]


@given(ENV, ENV, LABELS)
def test_a_patch_twice_is_a_patch_once(
    before: list[dict[str, str]], more: list[dict[str, str]], labels: dict[str, Any]
) -> None:
    """Applied again it changes nothing."""
    once = merged(before, change(more, labels))

    assert merge(once, change(more, labels), POD) == once


@given(ENV, UNIQUE)
def test_deleted_items_go_and_no_others(before: list[dict[str, str]], gone: list[str]) -> None:
    """$patch: delete, whether the item is there or not."""
    found = variables(merged(before, change([{"name": name, "$patch": "delete"} for name in gone])))

    assert found == [one for one in before if one["name"] not in gone]


@given(ENV, ENV)
def test_a_replaced_list_is_the_patch_s(before: list[dict[str, str]], more: list[dict[str, str]]) -> None:
    """$patch: replace as an item of its own, wherever it stands."""
    assert variables(merged(before, change([*more, {"$patch": "replace"}]))) == more


@given(ENV)
def test_nothing_patches_nothing(before: list[dict[str, str]]) -> None:
    """An empty document, and one of nothing but comments."""
    assert merged(before, {}) == pod(before)
    assert merge(pod(before), None, POD) == pod(before)


@given(UNIQUE, UNIQUE)
def test_the_said_order_is_the_order(before: list[str], order: list[str]) -> None:
    """All items stay; those that are named come in the order that names them."""
    found = in_order(before, order, order, before, "")

    assert sorted(found) == sorted(before)
    assert [one for one in found if one in order] == [one for one in order if one in before]


@given(LABELS, st.dictionaries(NAMES, NAMES, max_size=3))
def test_merge_patches_are_those_of_the_rfc(patch: dict[str, Any], before: dict[str, str]) -> None:
    """RFC 7386: members that are nothing go, others are set, and the rest stays."""
    node = Node(
        "n.a",
        "n",
        "192.0.2.1",
        frozenset({Role.CONTROL_PLANE}),
        patches=Patches("/p", (), (Patch("etcd", "merge", freeze({"metadata": {"labels": patch}}), "f"),)),
    )
    value = pod([])
    value["metadata"]["labels"] = before
    found = thaw(patched(node, "etcd", freeze_document(value), FEATURES))["metadata"].get("labels", {})

    assert found == {
        **{name: text for name, text in before.items() if name not in patch},
        **{name: text for name, text in patch.items() if text is not None},
    }
