"""The printed bash is read by people: a change of it is a change that somebody has looked at."""

import subprocess
from pathlib import Path

import pytest
from reviewed import assert_as_reviewed

from hardway.config import load, loads
from hardway.renderers import bash
from hardway.workflows.apply import APPLY

ROOT = Path(__file__).resolve().parents[2]
EXAMPLES = ("lab", "my-first-cluster")
SHOWN = ("master-1", "master-2", "worker-1", "lb-1")
"""master-3 differs from master-2 by names and addresses only."""


def site(example: str) -> dict[str, str]:
    """Path to text of the rendered site."""
    cluster = load(ROOT / "examples" / example / "cluster.yaml")
    return {script.path: script.text for script in bash.render(cluster, APPLY)}


def test_lab_site_is_as_reviewed(request: pytest.FixtureRequest) -> None:
    """The scripts of the lab's cluster equal the golden files."""
    folder = Path(__file__).parent / "bash-lab"
    rendered = {
        path: text for path, text in site("lab").items() if path.split("/")[0] in (*SHOWN, "inputs.sh", "order.txt")
    }
    assert_as_reviewed(rendered, folder, request)


def external_etcd_site(folder: Path) -> dict[str, str]:
    """The lab's cluster on an etcd that somebody else runs; the Inventory brings a part of its files."""
    (folder / "ca.crt").write_text("-----BEGIN CERTIFICATE-----\n")
    text = (ROOT / "examples/lab/cluster.yaml").read_text()
    text = text.replace("networking:\n", f"{EXTERNAL}networking:\n")
    text = text.replace("\nnodes:\n", "\nfiles: {/etc/etcd/ca.pem: ca.crt}\nnodes:\n")
    cluster = loads(text, folder=folder)
    return {script.path: script.text for script in bash.render(cluster, APPLY)}


EXTERNAL = """\
etcd:
  external:
    endpoints: ["https://10.30.0.5:2379", "https://[fd30::6]:2379"]
    caFile: /etc/etcd/ca.pem
    certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt
    keyFile: /etc/kubernetes/pki/apiserver-etcd-client.key
"""
DIFFER = ("1/08-preflight", "1/11-control-plane", "1/15-upload-certs", "2/11-download-certs")
"""Scripts of the masters."""


def test_the_site_for_an_external_etcd_is_as_reviewed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    """The scripts of two masters that differ from those with stacked etcd."""
    rendered = {
        path: text
        for path, text in external_etcd_site(tmp_path).items()
        if path in ("order.txt", *(f"master-{name}.sh" for name in DIFFER))
    }
    assert_as_reviewed(rendered, Path(__file__).parent / "bash-external-etcd", request)


@pytest.mark.parametrize("example", [*EXAMPLES, "external etcd"])
def test_scripts_are_clean(example: str, tmp_path: Path) -> None:
    """shellcheck has nothing to say about any rendered script."""
    files = []
    for path, text in (site(example) if example in EXAMPLES else external_etcd_site(tmp_path)).items():
        if path.endswith(".sh"):
            file = tmp_path / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text)
            files.append(str(file))
    done = subprocess.run(["shellcheck", "-s", "bash", *files], capture_output=True, text=True, check=False)

    assert len(files) > 50
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("example", EXAMPLES)
def test_variables_in_the_articles_names(example: str) -> None:
    """Every node has variables.env with the article's names."""
    text = site(example)["master-1/variables.env"]
    names = [line.split("=")[0].removeprefix("export ") for line in text.splitlines() if line.startswith("export ")]

    assert names == [
        "HOST_NAME",
        "CLUSTER_NAME",
        "BASE_DOMAIN",
        "CLUSTER_DOMAIN",
        "FULL_HOST_NAME",
        "MACHINE_LOCAL_ADDRESS",
        "INTERNAL_API",
        "CLUSTER_API_ENDPOINT",
        "KUBE_API_SERVER",
    ]


def test_nothing_runs_before_its_inputs_are_there() -> None:
    """A script that reads a run input stops with a word about it when it is missing."""
    readers = {path: text for path, text in site("lab").items() if "\n# Reads: " in text}

    assert len(readers) > 5
    assert [path for path, text in readers.items() if '(see inputs.sh)" >&2; exit 1' not in text] == []
