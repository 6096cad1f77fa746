"""hardway schema: what `--json` gives, for programs that read it."""

import json
from typing import Annotated

import typer

from hardway.cli import outputs, ui
from hardway.errors import UsageError


def schema(
    verb: Annotated[list[str] | None, typer.Argument(metavar="[VERB]", help="As it is typed, e.g. csr list")] = None,
) -> None:
    """Print the JSON Schema of a verb's --json, or list the verbs that have one."""
    if not verb:
        ui.table(("VERB", "SCHEMA"), [(name, output.file) for output in outputs.OUTPUTS for name in output.names])
        return
    name = " ".join(verb)
    output = outputs.of(name)
    if output is None:
        known = ", ".join(name for output in outputs.OUTPUTS for name in output.names)
        raise UsageError(f"`{name}` is no verb with --json", hint=f"those that have it: {known}")
    ui.data(json.dumps(output.schema(), indent=2))
