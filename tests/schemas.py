"""The published schemas, for tests that have a verb's data at hand."""

import json
from collections.abc import Sequence
from pathlib import Path

from jsonschema import Draft202012Validator

from hardway.cli.outputs import DECISION, EVENT, OUTPUTS

SCHEMAS = Path(__file__).resolve().parents[1] / "docs/schemas"


def verb_of(argv: Sequence[str]) -> str:
    """The verb of a command line: `csr list` of `csr list --json -f FILE`."""
    given = " ".join(argv)
    names = [name for output in OUTPUTS for name in output.names]
    fitting = [
        name for name in names if given.startswith(name.partition(" --")[0]) and set(name.split()) <= set(argv)
    ]
    assert fitting, f"`{given}` gives --json and has no schema"
    return max(fitting, key=len)


def assert_follows_its_schema(argv: Sequence[str], text: str) -> str:
    """What the verb printed is what docs/schemas says; the verb's name."""
    verb = verb_of(argv)
    (output,) = [output for output in OUTPUTS if verb in output.names]
    validator = Draft202012Validator(json.loads((SCHEMAS / output.file).read_text()))
    for document in text.splitlines() if output in (DECISION, EVENT) else [text]:
        validator.validate(json.loads(document))
    return verb
