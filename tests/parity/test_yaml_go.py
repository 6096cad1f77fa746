"""The YAML that API objects travel in, read by Go's parser as kubectl has it."""

import json
import subprocess
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from built import binaries, real_kubeadm
from hardway.steps import yaml
from hardway.steps.goyaml import dump_go

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


DAYS = st.sampled_from(
    ["2024-02-29", "2023-02-29", "2024-02-30", "2024-04-31", "2024-1-1", "0000-02-29", "2024-13-01", "2024-00-10"]
)
CLOCKS = st.sampled_from(
    ["05:07:09", "5:7:9", "24:00:00", "23:60:00", "23:59:60", "05:07", "05:07:09.5", "05:07:09,25"]
)
ZONES = st.sampled_from(["Z", "", "z", "+05:00", "-25:61", "+5:00", " +01:00"])
TIMES = st.one_of(DAYS, st.tuples(DAYS, st.sampled_from("Tt "), CLOCKS, ZONES).map("".join))


@settings(max_examples=1, deadline=None)
@given(times=st.lists(TIMES | LIKE_NUMBERS | WORDS, min_size=200, max_size=200))
def test_a_word_is_quoted_where_kubeadm_quotes_it(tmp_path_factory: pytest.TempPathFactory, times: list[str]) -> None:
    """Days that there are not, and what is nearly a time, are plain words."""
    flags = {f"flag-{number:03}": text for number, text in enumerate(times)}
    api = {"apiVersion": "kubeadm.k8s.io/v1beta3"}
    documents = [
        {**api, "kind": "ClusterConfiguration", "kubernetesVersion": "v1.30.4", "apiServer": {"extraArgs": flags}},
        {
            **api,
            "kind": "InitConfiguration",
            "localAPIEndpoint": {"advertiseAddress": "10.0.0.1"},
            "nodeRegistration": {"criSocket": "unix:///run/containerd/containerd.sock"},
        },
    ]
    file: Path = tmp_path_factory.mktemp("words") / "kubeadm.yaml"
    file.write_text("\n---\n".join(map(json.dumps, documents)))
    argv = [str(real_kubeadm()), "config", "migrate", "--old-config", str(file)]
    said = subprocess.run(argv, capture_output=True, text=True, check=True).stdout

    assert [line.strip() for line in said.splitlines() if "flag-" in line] == dump_go(flags).splitlines()
