"""What a machine is asked about its own Node, run for real: with openssl, and with stand-ins for curl and systemctl."""

import base64
import os
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest
from clusters import ZONE, lab_cluster

from hardway.chapters import own_node
from hardway.chapters.base_os import BASE_OS
from hardway.chapters.kubelet_start import KUBELET_START
from hardway.errors import REFUSED
from hardway.model import Cluster, Paths
from hardway.operations import joining
from hardway.steps import Command

NAME = f"worker-1.{ZONE}"


@pytest.fixture
def at(tmp_path: Path) -> Cluster:
    """The lab's cluster with its files below a directory of the test."""
    for folder in ("etc/pki", "kubelet/pki", "bin"):
        (tmp_path / folder).mkdir(parents=True)
    paths = Paths(f"{tmp_path}/etc", f"{tmp_path}/etc/pki", f"{tmp_path}/etc/manifests", f"{tmp_path}/kubelet")
    return replace(lab_cluster(), paths=paths)


def bash(text: str, folder: Path, mode: str = "set -euo pipefail") -> tuple[int, str]:
    """Run a text with the programs of the folder before all others; its exit code and what it says."""
    done = subprocess.run(
        ["/bin/bash", "-c", f"{mode}\n{text}"],
        capture_output=True,
        text=True,
        check=False,
        stdin=subprocess.DEVNULL,
        env={"PATH": f"{folder}/bin:{os.environ['PATH']}"},
    )
    return done.returncode, (done.stdout + done.stderr).strip()


def certificate(folder: Path, name: str) -> bytes:
    """A certificate with its key, as a kubelet stores them."""
    pem = folder / "made.pem"
    argv = [
        "openssl",
        "req",
        "-x509",
        "-newkey",
        "rsa:2048",
        "-nodes",
        "-days",
        "1",
        "-subj",
        f"/O=system:nodes/CN={name}",
    ]
    subprocess.run([*argv, "-keyout", folder / "key", "-out", pem], check=True, capture_output=True)
    return pem.read_bytes() + (folder / "key").read_bytes()


def kubelet_conf(cluster: Cluster, pem: bytes, *, embedded: bool) -> None:
    """kubelet.conf as kubeadm's init writes it, or as the kubelet does."""
    folder = Path(cluster.paths.kubelet).parent
    current = folder / "kubelet/pki/kubelet-client-current.pem"
    data = base64.b64encode(pem).decode()
    user = (
        f"    client-certificate-data: {data}\n    client-key-data: {data}\n"
        if embedded
        else f"    client-certificate: {current}\n    client-key: {current}\n"
    )
    if not embedded:
        current.write_bytes(pem)
    (folder / "etc/kubelet.conf").write_text(f"users:\n- name: default-auth\n  user:\n{user}")


def joined_as(cluster: Cluster) -> tuple[int, str]:
    """The answer of the step about worker-1, the same from its guard and from its script."""
    folder = Path(cluster.paths.kubelet).parent
    step = own_node.joined_under_this_name(cluster, cluster.node(NAME), "base-os")
    asked = bash(step.unless.script, folder, "set -u")
    assert bash(step.script, folder) == asked
    return asked


@pytest.mark.parametrize("embedded", [True, False])
@pytest.mark.parametrize(
    ("joined", "ways"),
    [
        (NAME, ""),
        ("worker-1", "reset it and let it join anew (with kubeadm: --node-name)"),
        (f"worker-10.{ZONE}", "call it so in the Inventory, or reset it and let it join anew"),
        (f"{NAME}.", "call it so in the Inventory, or reset it and let it join anew"),
    ],
)
def test_a_machine_that_joined_under_another_name_is_refused(
    at: Cluster, tmp_path: Path, joined: str, ways: str, embedded: bool
) -> None:
    """The kubelet's certificate tells, wherever kubelet.conf has it; the remedies are named."""
    kubelet_conf(at, certificate(tmp_path, f"system:node:{joined}"), embedded=embedded)

    assert joined_as(at) == ((REFUSED, f"its kubelet has joined as {joined}: {ways}") if ways else (0, ""))


def test_who_has_not_joined_or_cannot_tell_is_not_refused(at: Cluster, tmp_path: Path) -> None:
    """No kubelet.conf, a certificate that cannot be read, and one that is no Node's."""
    assert joined_as(at) == (0, "")
    kubelet_conf(at, b"broken", embedded=False)
    assert joined_as(at)[0] == 0
    (tmp_path / "kubelet/pki/kubelet-client-current.pem").unlink()
    assert joined_as(at)[0] == 0
    kubelet_conf(at, certificate(tmp_path, "somebody"), embedded=True)
    assert joined_as(at) == (0, "")


def test_nobody_is_renamed_unasked(at: Cluster, tmp_path: Path) -> None:
    """Without openssl the name of a machine that has joined is not known, so it is refused, too."""
    kubelet_conf(at, b"", embedded=False)
    (tmp_path / "etc/kubelet.conf").write_text("users:\n")
    step = own_node.joined_under_this_name(at, at.node(NAME), "base-os")
    done = subprocess.run(
        ["/bin/bash", "-c", step.unless.script], capture_output=True, text=True, check=False, env={"PATH": "/nowhere"}
    )

    assert (done.returncode, "without openssl" in done.stderr) == (REFUSED, True)


def test_the_name_is_asked_first_and_of_kubelets_only() -> None:
    """Before the step that names the machine, and before the kubelet's flags; a balancer has no kubelet."""
    cluster = lab_cluster()
    for node in cluster.nodes:
        ids = [step.id for step in BASE_OS.steps(cluster, node)]
        assert ids[:2] == ["base-os/joined-as", "base-os/hostname"] or not node.is_kubernetes
        assert ("base-os/joined-as" in ids) == node.is_kubernetes
    for node in cluster.kubernetes_nodes:
        assert next(KUBELET_START.steps(cluster, node)).id == "kubelet-start/joined-as"


CURL = """\
#!/bin/bash
# The API: what the file `code` says, and what the kubelet does meanwhile.
cd "${0%/*}/.."
code="$(cat code)"
[ ! -e registering ] || { echo 200 >code; rm registering; }
for word in "$@"; do case "$word" in '%{http_code}') printf %s "$code" ;; esac; done
case "$code" in 200) ;; 000) exit 7 ;; *) echo "The requested URL returned error: $code" >&2; exit 22 ;; esac
"""
SYSTEMCTL = """\
#!/bin/bash
cd "${0%/*}/.."
case "$*" in
  "is-active --quiet kubelet") [ -e active ] ;;
  "restart kubelet") echo restarted >>restarts; [ -e stubborn ] || touch registering ;;
esac
"""


def machine(folder: Path, code: str, *marks: str) -> None:
    """A kubelet that runs, to which the API answers so."""
    for name, text in {"curl": CURL, "systemctl": SYSTEMCTL}.items():
        (folder / "bin" / name).write_text(text)
        (folder / "bin" / name).chmod(0o755)
    (folder / "code").write_text(f"{code}\n")
    for mark in ("active", "kubelet/pki/kubelet-client-current.pem", *marks):
        (folder / mark).write_text("x")


def guard(cluster: Cluster) -> tuple[int, str]:
    step = own_node.register_again(cluster, cluster.node(NAME))
    return bash(step.unless.script, Path(cluster.paths.kubelet).parent, "set -u")


@pytest.mark.parametrize("code", ["000", "200", "401", "403", "503"])
def test_only_who_hears_that_it_is_gone_is_restarted(at: Cluster, tmp_path: Path, code: str) -> None:
    """An API that does not answer yet, or says something else, is no reason."""
    machine(tmp_path, code)
    assert guard(at) == (0, "")


@pytest.mark.parametrize("lacking", ["active", "kubelet/pki/kubelet-client-current.pem"])
def test_a_fresh_machine_is_left_alone(at: Cluster, tmp_path: Path, lacking: str) -> None:
    """Without a running kubelet and its certificate nobody is asked: it has not joined."""
    machine(tmp_path, "404")
    (tmp_path / lacking).unlink()
    assert guard(at) == (0, "")


def test_a_kubelet_whose_node_was_deleted_registers_again(
    at: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is restarted once, and the step ends when the API knows the Node."""
    monkeypatch.setattr(own_node, "REGISTERING", 1)
    machine(tmp_path, "404")
    assert guard(at) == (1, "it was deleted, and a kubelet registers only when it starts")
    assert bash(own_node.register_again(at, at.node(NAME)).script, tmp_path) == (0, "")
    assert (tmp_path / "restarts").read_text() == "restarted\n"
    assert guard(at) == (0, "")


def test_a_kubelet_that_is_just_registering_is_not_restarted(at: Cluster, tmp_path: Path) -> None:
    """It is waited for."""
    machine(tmp_path, "404", "registering")
    assert bash(own_node.register_again(at, at.node(NAME)).script, tmp_path) == (0, "")
    assert not (tmp_path / "restarts").exists()


def test_a_kubelet_that_does_not_register_is_told(
    at: Cluster, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With the API's last word."""
    monkeypatch.setattr(own_node, "REGISTERING", 1)
    monkeypatch.setattr(own_node, "NODE_LIMIT", 1)
    machine(tmp_path, "404", "stubborn")
    code, said = bash(own_node.register_again(at, at.node(NAME)).script, tmp_path)

    assert (code, said) == (1, "the node did not register: The requested URL returned error: 404")


def test_it_is_asked_of_every_kubelet_before_it_is_started() -> None:
    """The first master, masters and workers; typed by hand the guard is typed with it."""
    cluster = lab_cluster()
    for node in cluster.kubernetes_nodes:
        steps = list(KUBELET_START.steps(cluster, node))
        ids = [step.id for step in steps]
        again = steps[ids.index("kubelet-start/register-again")]
        assert ids.index(again.id) + 1 == ids.index("kubelet-start/start")
        assert isinstance(again, Command)
        assert not again.idempotent


def test_the_join_command_leaves_the_name_to_who_types_it() -> None:
    """kubeadm takes the host's name, and the Inventory's are full ones."""
    (hint,) = joining.left_open(lab_cluster())

    assert f"--node-name NAME.{ZONE}" in hint


def test_the_join_command_says_where_it_makes_no_ca() -> None:
    """There is no flag for caCertPath, and a worker's kubelet reads the CA in certificatesDir."""
    cluster = lab_cluster()
    moved = replace(cluster, paths=replace(cluster.paths, pki="/srv/pki"))
    (_, hint) = joining.left_open(moved)

    assert "caCertPath: /srv/pki/ca.crt" in hint
