"""The YAML that API objects travel in, read by Go's parser as kubectl has it."""

import json
import subprocess

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from built import binaries
from hardway.steps import yaml

pytestmark = pytest.mark.parity

SIGNS = st.sampled_from("\n\n\n \t\r\x85\u2028\u2029\ufeff:#'\"|>-")
LIKE_NUMBERS = st.text("0123456789+-._eExXoOb:", min_size=1, max_size=6)
WORDS = st.sampled_from(
    "y Y n N yes No on OFF true null ~ = << .inf -.Inf .NaN 2001-12-14 0o14 1_000 1e3 0x_f".split()  # noqa: SIM905
)
TEXTS = st.one_of(st.text(st.one_of(st.characters(codec="utf-8"), SIGNS)), LIKE_NUMBERS, WORDS)


@settings(max_examples=8, deadline=None)
@given(st.lists(TEXTS, min_size=100, max_size=100))
def test_any_text_comes_through_kubectl(texts: list[str]) -> None:
    """What stands in an object is what kubectl makes of our YAML, whatever line breaks and signs are in it."""
    data = {f"key-{number}": text for number, text in enumerate(texts)}
    written = yaml.dump({"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "a"}, "data": data})
    kubectl = str(binaries()["kubectl"])
    read = subprocess.run(
        [kubectl, "annotate", "--local", "-f", "-", "-o", "json", "read=yes"],
        input=written.encode(),
        capture_output=True,
        check=False,
    )

    assert read.returncode == 0, read.stderr
    assert json.loads(read.stdout)["data"] == data
