"""`hardway parity`: what it says of wrong input, and that it reads cluster.yaml once."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from minors import kubeadm
from sides import example
from typer.testing import CliRunner

from hardway.cli.app import app
from hardway.errors import UsageError
from hardway.versions import DEFAULT

pytestmark = pytest.mark.parity


def refused(*argv: str) -> str:
    """What is said to a mistake."""
    done = CliRunner().invoke(app, ["parity", *argv])

    assert isinstance(done.exception, UsageError)
    return done.exception.render()


def test_another_kubeadm_is_no_judge() -> None:
    """One of another minor would differ, and one that does not run is none."""
    lab = str(example("lab"))

    said = refused("-f", lab, "--kubeadm", str(kubeadm("v1.34.4")))
    assert "is v1.34.4" in said
    assert f"Kubernetes {DEFAULT}" in said
    assert "is no kubeadm that runs here" in refused("-f", lab, "--kubeadm", lab)
    assert "is no kubeadm that runs here: exit code 0, and it said ''" in refused("-f", lab, "--kubeadm", "/bin/true")
    assert "is no kubeadm that runs here: exit code 1, " in refused("-f", lab, "--kubeadm", "/bin/false")
    assert "there is no such file" in refused("-f", lab, "--kubeadm", "nowhere")


def test_options_that_mean_nothing_are_told() -> None:
    """Each belongs to one of the two comparisons."""
    assert "leave --kubeadm out" in refused("--cluster", "--kubeadm", "kubeadm")
    assert "no node is asked" in refused("--ask-sudo-password")


def test_the_file_is_read_once_and_as_kubeadm_reads_it() -> None:
    """It can be a pipe, which is empty when it is read again; and a word may be a date that there is not."""
    text = example("lab").read_text().replace("clusterName: my-first-cluster", "clusterName: 2024-02-30")
    argv = ["parity", "--json", "-f", "/dev/stdin", "--kubeadm", str(kubeadm(DEFAULT))]
    done = subprocess.run(
        [sys.executable, "-m", "hardway.cli", *argv], input=text, capture_output=True, text=True, check=False
    )

    assert done.returncode == 0, done.stderr
    found = json.loads(done.stdout)
    assert found["undeclared"] == 0
    assert "Secret kube-system/bootstrap-token-(to join)" in {item["item"] for item in found["items"]}


def test_a_run_that_is_ended_leaves_nothing(tmp_path: Path) -> None:
    """Roots with keys in them lie below the temporary directory; SIGTERM takes them away, as an interrupt does."""
    argv = ["parity", "-f", str(example("lab")), "--kubeadm", str(kubeadm(DEFAULT))]
    with subprocess.Popen(
        [sys.executable, "-m", "hardway.cli", *argv],
        env={**os.environ, "TMPDIR": str(tmp_path)},
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    ) as run:
        while not any(tmp_path.iterdir()):
            assert run.poll() is None
            time.sleep(0.05)
        run.send_signal(signal.SIGTERM)

    assert run.returncode == 128 + signal.SIGTERM
    assert list(tmp_path.iterdir()) == []
