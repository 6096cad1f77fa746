"""YAML as Go writes it: the cases in which PyYAML and gopkg.in/yaml.v2 differ."""

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from hardway.steps.goyaml import dump_go

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53), 2**53)
    | st.text(st.characters(codec="ascii", min_codepoint=32, exclude_characters="=<")),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("abc10-./", min_size=1), inner, max_size=3),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("text", "written"),
    [
        ("", '""'),
        ("yes", '"yes"'),
        ("y", '"y"'),
        ("Null", '"Null"'),
        ("~", '"~"'),
        ("1", '"1"'),
        ("08", '"08"'),
        ("1e3", '"1e3"'),
        ("1_000", '"1_000"'),
        ("0x1F", '"0x1F"'),
        (".5", '".5"'),
        ("10:30", '"10:30"'),
        ("2026-11-23", '"2026-11-23"'),
        ("2026-11-23T10:00:00Z", '"2026-11-23T10:00:00Z"'),
        ("0s", "0s"),
        ("100Mi", "100Mi"),
        ("v1.30.4", "v1.30.4"),
        ("10.96.0.10", "10.96.0.10"),
        ("a: b", "'a: b'"),
        ("::", "'::'"),
        ("*", "'*'"),
        ("=", "="),
        ("unix:///run/x.sock", "unix:///run/x.sock"),
    ],
)
def test_strings_are_quoted_where_go_quotes(text: str, written: str) -> None:
    """Double quotes where the word would mean something else, single ones where YAML's grammar asks for them."""
    assert dump_go({"a": text}) == f"a: {written}\n"


def test_keys_stand_in_gos_order() -> None:
    """Numbers inside of keys count as numbers, and letters come after everything else."""
    keys = ["z10", "z9", "a", "a-b", "a.b", "ab", "B", "x01", "x1", "10", "9"]
    ordered = ["9", "10", "B", "a", "a-b", "a.b", "ab", "x1", "x01", "z9", "z10"]

    assert list(yaml.safe_load(dump_go(dict.fromkeys(keys, 0)))) == ordered


def test_long_texts_are_folded_and_long_words_are_not() -> None:
    """Go folds at the first space after column 80; flags without spaces stay on one line."""
    assert dump_go({"a": "word " * 20 + "end"}).count("\n") == 2
    assert dump_go({"a": "x" * 500}).count("\n") == 1


@given(st.dictionaries(st.text("abcXYZ019-./_", min_size=1), JSON, max_size=4))
def test_every_value_comes_back(value: dict[str, object]) -> None:
    """Whatever is written is read as the same value; PyYAML alone stumbles over a lone `=` or `<<`."""
    text = dump_go(value)

    assert yaml.safe_load(text) == value
    assert dump_go(yaml.safe_load(text)) == text
