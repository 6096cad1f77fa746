"""The audit reads: the script that it runs on a node leaves the node's files as they were."""

import os
from pathlib import Path

import pytest
from pki_samples import bash
from test_audit_damages import lay, of_kubelet, small

from hardway.chapters import certs, etcd, kubeconfig, kubelet_start
from hardway.chapters.control_plane import CONTROL_PLANE
from hardway.model import Cluster
from hardway.parity.live import fetch
from hardway.parity.live.seen import heard, seen_node

State = dict[str, tuple[object, ...]]


@pytest.fixture
def cluster(tmp_path: Path) -> Cluster:
    """A master's files as they should be, and some that hardly should be there."""
    made = small(tmp_path)
    master = made.nodes[0]
    (tmp_path / "wrong").mkdir()
    for chapter in (certs.CERTS, kubeconfig.KUBECONFIG, CONTROL_PLANE, etcd.ETCD, kubelet_start.KUBELET_START):
        lay(tmp_path, iter(chapter.steps(made, master)))
    of_kubelet(tmp_path, made, master)
    folder = tmp_path / "etc"
    (folder / "manifests/kube-apiserver.yaml.bak").write_bytes(
        (folder / "manifests/kube-apiserver.yaml").read_bytes()
    )
    (folder / "manifests/token.yaml").write_text("token: abcdef.0123456789abcdef\n")
    (folder / "pki/nonsense.key").write_bytes(b"\xff\xfe")
    (folder / "broken.conf").symlink_to(folder / "nowhere")
    (folder / "two words.conf").write_text("users: [{token: a}]\n")
    return made


def state(root: Path) -> State:
    """All that can be told of what lies below a directory, but when it was read."""
    found: State = {}
    for folder, folders, files in os.walk(root):
        for name in (".", *folders, *files):
            path = Path(folder) / name
            about = path.lstat()
            content: object = None
            if path.is_symlink():
                content = path.readlink()
            elif path.is_file():
                content = path.read_bytes()
            found[str(path)] = (
                content,
                *(about.st_mode, about.st_uid, about.st_gid, about.st_ino, about.st_nlink),
                *(about.st_mtime_ns, about.st_ctime_ns),
            )
    return found


def test_reading_a_node_changes_nothing(tmp_path: Path, cluster: Cluster) -> None:
    """Content, mode, owner and all times but that of reading; no file comes or goes, and none is made anew."""
    master = cluster.nodes[0]
    # Where programs would leave what they keep for themselves.
    (tmp_path / "home").mkdir()
    (tmp_path / "tmp").mkdir()
    homes = f"export HOME={tmp_path}/home TMPDIR={tmp_path}/tmp\n"
    script = f"audit() {{\n{fetch.node_script(cluster, master)}\n}}\naudit </dev/null\n"
    before = state(tmp_path)

    done = bash(tmp_path, homes + script, mode="set -uo pipefail")
    seen = seen_node(master.name, heard(done.stdout.splitlines()))

    assert len(seen.files) > 30
    assert seen.keys
    assert seen.withheld
    assert state(tmp_path) == before
