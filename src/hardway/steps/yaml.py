"""YAML text from values, the same text for the same value (keys in the order given or sorted)."""

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from hardway.model import Value, thaw


class _Dumper(yaml.SafeDumper):
    """Literal blocks for multi-line strings, indented sequences, no aliases."""

    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        return super().increase_indent(flow, False)


def _string(dumper: yaml.SafeDumper, text: str) -> yaml.ScalarNode:
    style = "|" if "\n" in text else None
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
