"""What a plain word of YAML means, by the rules of the parser that kubeadm uses (gopkg.in/yaml.v2 `resolve.go`).

PyYAML differs where people do not expect it: `1:30` is a number in base 60 there, `1e3` a text, `y` a text.
"""

import re
from collections.abc import Iterator
from typing import Any

from yaml import SafeLoader, load, load_all
from yaml.nodes import ScalarNode, SequenceNode

Scalar = bool | int | float | str | None

_WORDS: dict[str, Scalar] = {
    word: value
    for value, words in (
        (True, "y Y yes Yes YES true True TRUE on On ON"),
        (False, "n N no No NO false False FALSE off Off OFF"),
        (None, "~ null Null NULL"),
    )
    for word in words.split()
}
_WORDS[""] = None
_NO_NUMBERS = {
    word: float(word.replace(".", ""))
    for word in [".nan", ".NaN", ".NAN", ".inf", ".Inf", ".INF", "+.inf", "+.Inf", "+.INF", "-.inf", "-.Inf", "-.INF"]
}
_INTEGER = re.compile(r"([-+]?)(?:0[xX]([0-9a-fA-F]+)|0[bB]([01]+)|0[oO]?([0-7]+)|(0|[1-9][0-9]*))")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_LIMIT = 2**64
TAG = "tag:yaml.org,2002:"


def meaning(text: str) -> Scalar:
    """The value of an unquoted word."""
    if text in _WORDS:
        return _WORDS[text]
    if text in _NO_NUMBERS:
        return _NO_NUMBERS[text]
    if text[0] not in "+-.0123456789":
        return text
    plain = text.replace("_", "") if text[0] != "." else text
    number = _INTEGER.fullmatch(plain)
    if number:
        sign, *digits = number.groups()
        value, base = next((d, b) for d, b in zip(digits, (16, 2, 8, 10), strict=True) if d is not None)
        whole = int(f"{sign}{value}", base) if len(value) < 80 else _LIMIT
        if -_LIMIT // 2 <= whole < _LIMIT:
            return whole
    return float(plain) if _FLOAT.fullmatch(plain) else text


class Loader(SafeLoader):
    """PyYAML's parser with kubeadm's meaning of plain words, and without its dates and merges."""

    def resolve(self, kind: type[object], value: str, implicit: tuple[bool, bool]) -> str:
        """The tag of a node that bears none."""
        if kind is not ScalarNode:
            return TAG + ("seq" if kind is SequenceNode else "map")
        if not implicit[0]:
            return f"{TAG}str"
        return TAG + {bool: "bool", int: "int", float: "float", str: "str"}.get(type(meaning(value)), "null")


def scalar(node: ScalarNode) -> Scalar:
    """The value of a scalar, quoted or not."""
    if node.tag in _NOT_TEXT:
        return meaning(node.value)
    return str(node.value)


def _constructed(loader: Loader, node: ScalarNode) -> Scalar:
    return scalar(node)


_NOT_TEXT = (f"{TAG}bool", f"{TAG}int", f"{TAG}float", f"{TAG}null")
for _tag in _NOT_TEXT:
    Loader.add_constructor(_tag, _constructed)


def value_of(text: str | bytes) -> Any:
    """The value of YAML that a program has written; yaml.YAMLError where it is none."""
    return load(text, Loader)


def values_of(text: str | bytes) -> Iterator[Any]:
    """The same of several documents."""
    yield from load_all(text, Loader)
