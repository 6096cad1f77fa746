"""YAML text from values, the same text for the same value (keys in the order given or sorted)."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from hardway.model import Value, thaw
from hardway.steps.goyaml import means_something_else


class _Dumper(yaml.SafeDumper):
    """Literal blocks for multi-line strings where every reader agrees on them, indented sequences, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


OTHER_BREAKS = frozenset("\r\x85\u2028\u2029\ufeff")
"""What one YAML reader takes for the end of a line or a mark of order, and another for a character."""


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    # Go and YAML 1.1 read more words and numbers than PyYAML does.
    style = '"' if means_something_else(text) else None
    if OTHER_BREAKS.intersection(text) or text.endswith("\n\n") or (text and not text.strip("\n")):
        # With empty lines at its end a literal block is ended by `...`, which cannot be indented.
        style = '"'
    elif "\n" in text:
        style = "|"
    return dumper.represent_scalar("tag:yaml.org,2002:str", text, style=style)


_Dumper.add_representer(str, _string)


def dump(value: Value | Mapping[str, Any], *, sort_keys: bool = False) -> str:
    """One YAML document."""
    plain: Any = thaw(value)
    return yaml.dump(
        plain, Dumper=_Dumper, sort_keys=sort_keys, default_flow_style=False, width=4096, allow_unicode=True
    )


def dump_all(values: Iterable[Value | Mapping[str, Any]], *, sort_keys: bool = False) -> str:
    """Several YAML documents, divided by `---`."""
    return "---\n".join(dump(value, sort_keys=sort_keys) for value in values)
