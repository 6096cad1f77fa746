"""JoinConfiguration.caCertPath: nodes that join have the CA there, as kubeadm's have, and leave nothing of it behind."""

import dataclasses
import subprocess
from pathlib import Path

import pytest

from hardway.chapters import joining_ca, kubeadm_documents
from hardway.chapters.kubelet_start import KUBELET_START
from hardway.chapters.preflight import PREFLIGHT
from hardway.config import loads
from hardway.errors import REFUSED
from hardway.model import Cluster, EtcdExternal, Node
from hardway.steps import Command, Run, lower

LAB = (Path(__file__).resolve().parents[2] / "examples/lab/cluster.yaml").read_text()
JOIN = "kind: JoinConfiguration\n"
IN_OTHER_DIRECTORY = LAB.replace(
    "kind: ClusterConfiguration\n", "kind: ClusterConfiguration\ncertificatesDir: /srv/pki\n"
)


def joining(text: str, path: str) -> str:
    """The documents with that caCertPath."""
    return text.replace(JOIN, f"{JOIN}caCertPath: '{path}'\n")


def steps_of(cluster: Cluster, node: Node) -> list[str]:
    return [step.id for step in KUBELET_START.steps(cluster, node)]


def below(root: Path, cluster: Cluster) -> Cluster:
    """The cluster with its directories below a root of the test's own, and a CA."""
    (root / "pki").mkdir()
    (root / "pki/ca.crt").write_text("the CA")
    paths = dataclasses.replace(
        cluster.paths, kubernetes=f"{root}/etc", pki=f"{root}/pki", joining_ca=f"{root}/a b/deep/ca.crt"
    )
    return dataclasses.replace(cluster, paths=paths)


def carried_out(cluster: Cluster, node: Node) -> subprocess.CompletedProcess[str]:
    """The copy as the engine makes it: asked, made where it is due, and asked again."""
    (step,) = joining_ca.copied(cluster, node)
    (primitive,) = lower(step)
    assert isinstance(primitive, Run)
    asked = f"(set -u\n{primitive.unless.script})"
    return bash(f"{asked} >/dev/null && exit 0\n(set -euo pipefail\n{primitive.script}) || exit\n{asked}\n")


def bash(text: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (LAB, ""),
        (joining(LAB, "/etc/kubernetes/./pki/ca.crt"), ""),
        (joining(LAB, "/srv/trust/ca.crt"), "/srv/trust/ca.crt"),
        (IN_OTHER_DIRECTORY, "/etc/kubernetes/pki/ca.crt"),
        (joining(IN_OTHER_DIRECTORY, "/srv/pki/ca.crt"), ""),
    ],
    ids=["defaults", "the default in a longer form", "another one", "another certificatesDir", "both alike"],
)
def test_a_copy_where_it_is_another_file(text: str, path: str) -> None:
    """On nodes that join, masters and workers; kubeadm's default does not follow certificatesDir."""
    cluster = loads(text)
    first, *others = cluster.kubernetes_nodes

    assert joining_ca.path_of_copy(cluster) == path
    assert "kubelet-start/ca" not in steps_of(cluster, first)
    assert {"kubelet-start/ca" in steps_of(cluster, node) for node in others} == {bool(path)}


def test_it_is_as_kubeadm_writes_it(tmp_path: Path) -> None:
    """0644 in directories that anybody may enter, once; what a master has there stays, as with kubeadm."""
    cluster = below(tmp_path, loads(LAB))
    copy = Path(cluster.paths.joining_ca)
    for node in (cluster.workers[0], cluster.joining_control_planes[0]):
        done = carried_out(cluster, node)
        assert (done.returncode, done.stderr) == (0, "")
    assert (copy.read_text(), copy.stat().st_mode & 0o777) == ("the CA", 0o644)
    assert {folder.stat().st_mode & 0o777 for folder in (copy.parent, copy.parent.parent)} == {0o755}
    copy.write_text("of others")

    assert carried_out(cluster, cluster.joining_control_planes[0]).returncode == 0
    assert copy.read_text() == "of others"


def test_a_worker_with_another_file_there_is_refused(tmp_path: Path) -> None:
    """kubeadm's preflight wants none; once a worker has joined nothing is asked any more."""
    cluster = below(tmp_path, loads(LAB))
    copy = Path(cluster.paths.joining_ca)
    copy.parent.mkdir(parents=True)
    copy.write_text("of others")
    done = carried_out(cluster, cluster.workers[0])

    assert done.returncode == REFUSED
    assert f"{copy} is there, and is not the CA of this cluster\nhint: " in done.stderr
    assert copy.read_text() == "of others"
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/kubelet.conf").write_text("joined")
    assert carried_out(cluster, cluster.workers[0]).returncode == 0


def test_a_node_that_leaves_takes_the_copy_with_it(tmp_path: Path) -> None:
    """Nothing else that lies there, and no CA with which API servers know an external etcd."""
    cluster = below(tmp_path, loads(LAB))
    node, master = cluster.workers[0], cluster.joining_control_planes[0]
    copy = Path(cluster.paths.joining_ca)
    external = dataclasses.replace(cluster, etcd=EtcdExternal(("https://10.0.0.7:2379",), f"{copy}"))

    for found, leaving, content, stays in (
        (cluster, node, "the CA", False),
        (cluster, node, "of others", True),
        (external, node, "the CA", False),
        (external, master, "the CA", True),
    ):
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(content)
        assert bash(f"set -euo pipefail\n{joining_ca.removed(found, leaving)}").returncode == 0
        assert copy.exists() is stays
    assert joining_ca.removed(loads(LAB), node) == ""


def test_kubeadm_is_told_of_it_and_asked_for() -> None:
    """A phase of kubeadm's writes to the same place; preflight asks a worker for both files by kubeadm's name."""
    cluster = loads(joining(LAB, "/srv/trust/ca.crt"))
    worker, master = cluster.workers[0], cluster.joining_control_planes[0]
    names = {check.name for check in PREFLIGHT.checks(cluster, worker)}

    assert kubeadm_documents.of_join(cluster, worker, ())["caCertPath"] == "/srv/trust/ca.crt"
    assert {f"{path} to be absent" for path in ("/srv/trust/ca.crt", "/etc/kubernetes/pki/ca.crt")} <= names
    assert not [check for check in PREFLIGHT.checks(cluster, master) if "/ca.crt" in check.name]


def test_the_texts_are_clean_bash(tmp_path: Path) -> None:
    """shellcheck finds nothing."""
    cluster = loads(joining(LAB, "/srv/a b/ca.crt"))
    for number, node in enumerate(cluster.kubernetes_nodes[1:]):
        (step,) = joining_ca.copied(cluster, node)
        assert isinstance(step, Command)
        text = f"{step.script}{step.unless.script}{joining_ca.removed(cluster, node)}"
        (tmp_path / f"{number}.sh").write_text(text)
    done = subprocess.run(
        ["shellcheck", "-s", "bash", *tmp_path.iterdir()], capture_output=True, text=True, check=False
    )

    assert done.stdout == ""
