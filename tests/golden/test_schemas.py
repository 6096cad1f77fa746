"""docs/schemas is what programs may rely on; it is made from the shapes that the verbs fill."""

import json
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator
from reviewed import assert_as_reviewed

from hardway.cli.outputs import OUTPUTS

SCHEMAS = Path(__file__).resolve().parents[2] / "docs/schemas"


def test_the_published_schemas_are_current(request: pytest.FixtureRequest) -> None:
    """A schema in the documentation is the one of the code, and is one by its own standard."""
    made = {output.file: output.schema() for output in OUTPUTS}
    for schema in made.values():
        Draft202012Validator.check_schema(schema)

    rendered = {name: json.dumps(schema, indent=2) + "\n" for name, schema in made.items()}
    assert_as_reviewed(rendered, SCHEMAS, request)
