"""YAML as Go's sigs.k8s.io/yaml 1.3 writes it, byte for byte, so that a file of kubeadm's and ours are the same file.

Source: gopkg.in/yaml.v2 2.4.0 `encode.go` (style of strings), `resolve.go` (what a plain word means), `sorter.go`
(order of keys). PyYAML and it descend from one emitter; these three things are what they do not share.
"""

import calendar
import re
from collections.abc import Mapping
from functools import cmp_to_key
from typing import Any

import yaml

from hardway.model import Value, thaw

WIDTH = 80
"""Column after which Go folds a text at its next space."""

_WORDS = frozenset(
    variant
    for word in (
        "y",
        "n",
        "yes",
        "no",
        "true",
        "false",
        "on",
        "off",
        "null",
        ".nan",
        ".inf",
        "+.inf",
        "-.inf",
        "~",
        "",
    )
    for variant in (word, word.capitalize(), word.upper(), word.replace("nan", "NaN").replace("inf", "Inf"))
)
_NUMBER = re.compile(
    r"[-+]?(0[xX][0-9a-fA-F]+|0[oO][0-7]+|0[bB][01]+|(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?)"
)
_BASE_60 = re.compile(r"[-+]?[0-9][0-9_]*(:[0-5]?[0-9])+(\.[0-9_]*)?")
_CLOCK = r"(?:[01]?[0-9]|2[0-3]):[0-5]?[0-9]:[0-5]?[0-9](?:[.,][0-9]+)?"
_TIMESTAMP = re.compile(
    r"(?P<year>[0-9]{4})-(?P<month>[0-9]{1,2})-(?P<day>[0-9]{1,2})"
    rf"(?:[Tt]{_CLOCK}(?:Z|[-+][0-9]{{2}}:[0-9]{{2}})| {_CLOCK})?"
)


class _Dumper(yaml.SafeDumper):
    """Sequences at the indentation of their key, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else '"' if means_something_else(text) else None
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)
# Tags of YAML 1.1 that Go does not know or does not quote: a lone `=` or `<<`, a date that there is not.
_Dumper.yaml_implicit_resolvers = {
    first: [(tag, words) for tag, words in resolvers if not tag.endswith((":value", ":merge", ":timestamp"))]
    for first, resolvers in yaml.SafeDumper.yaml_implicit_resolvers.items()
}


def dump_go(value: Value | Mapping[str, Any], *, ordered: bool = True) -> str:
    """One document: keys in Go's order (or as given), strings quoted where a plain word would mean something else."""
    plain: Any = thaw(value)
    return yaml.dump(
        _ordered(plain) if ordered else plain,
        Dumper=_Dumper,
        sort_keys=False,
        default_flow_style=False,
        width=WIDTH,
        allow_unicode=True,
    )


def means_something_else(text: str) -> bool:
    """Unquoted it would be read as a number, a truth value, a time or nothing."""
    if text in _WORDS or _BASE_60.fullmatch(text):
        return True
    if text[0] == ".":
        return _NUMBER.fullmatch(text) is not None
    if text[0] not in "+-0123456789":
        return False
    return _is_time(text) or _NUMBER.fullmatch(text.replace("_", "")) is not None


def _is_time(text: str) -> bool:
    """yaml.v2 asks `time.Parse`, which knows how long months are."""
    found = _TIMESTAMP.fullmatch(text)
    if not found:
        return False
    # Go counts a year 0, which is a leap year, and Python begins with 1.
    year, month, day = int(found["year"]) or 4, int(found["month"]), int(found["day"])
    return 1 <= month <= 12 and 1 <= day <= calendar.monthrange(year, month)[1]


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _ordered(value[key]) for key in sorted(value, key=cmp_to_key(_compare))}
    if isinstance(value, list):
        return [_ordered(item) for item in value]
    return value


def _compare(one: str, other: str) -> int:
    """Letters after everything else, runs of digits by their number."""
    for place, (a, b) in enumerate(zip(one, other, strict=False)):
        if a == b:
            continue
        if a.isalpha() or b.isalpha():
            if a.isalpha() and b.isalpha():
                return -1 if a < b else 1
            return -1 if b.isalpha() else 1
        # A zero inside of a number is a digit like any other; at its front it makes the number longer.
        lead = "1" if "0" in (a, b) and one[:place].rstrip("0")[-1:].isdigit() and one[:place][-1:].isdigit() else "0"
        ours, theirs = _digits(one, place), _digits(other, place)
        left, right = (int(lead + ours), len(ours), a), (int(lead + theirs), len(theirs), b)
        return -1 if left < right else 1
    return len(one) - len(other)


def _digits(text: str, place: int) -> str:
    found = re.compile(r"\d*").match(text, place)
    return found.group() if found else ""
