"""The audit of a live cluster: what leaves a node, how findings are graded, and what only a running cluster tells."""

import base64
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest
from clusters import lab_cluster

from hardway.errors import UsageError
from hardway.parity.certificates import Surroundings
from hardway.parity.compare import ABSENT, Difference
from hardway.parity.live import fetch, found, judge, runtime, source, wanted
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import Finding, Grade, ordered
from hardway.parity.live.grades import grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenCluster, SeenNode, heard, seen_node
from hardway.parity.objects import TOKEN
from hardway.renderers.files import Entry, Kind, file

MOMENT = datetime(2026, 5, 1, tzinfo=UTC)
CLUSTER = lab_cluster()
MASTER = CLUSTER.first_control_plane
JUDGE = Judge(CLUSTER, Tools("cluster.yaml", ours=True), MOMENT)
NOTHING = Surroundings({}, MOMENT, MOMENT)


def node_script(folder: Path) -> str:
    """The script for a node whose directories lie in a folder."""
    paths = replace(CLUSTER.paths, kubernetes=str(folder), pki=f"{folder}/pki", kubelet=f"{folder}/kubelet")
    return fetch.node_script(replace(CLUSTER, paths=paths), MASTER)


def test_no_key_leaves_the_node(tmp_path: Path) -> None:
    """Of keys, tokens and passwords nothing is printed in any form; what is public is."""
    subprocess.run(
        ["openssl", "genrsa", "-traditional", "-out", tmp_path / "a.key", "2048"], check=True, capture_output=True
    )
    key = (tmp_path / "a.key").read_bytes()
    public = subprocess.run(
        ["openssl", "pkey", "-in", tmp_path / "a.key", "-pubout"], check=True, capture_output=True
    ).stdout
    secret = base64.b64encode(key).decode()
    (tmp_path / "pki").mkdir()
    (tmp_path / "pki/sa.key").write_bytes(key)
    (tmp_path / "pki/sa.pub").write_bytes(public)
    (tmp_path / "admin.conf").write_text(
        "apiVersion: v1\nclusters:\n- cluster:\n    server: https://[fd00::1]:6443\n  name: six\nusers:\n- name: me\n  user:\n"
        f"    client-key-data: {secret}\n    token: abcdef.0123456789abcdef\n    password: hunter2hunter2\n"
        f"- name: folded\n  user:\n    client-key-data: >-\n      {secret}\n"
        f'- name: quoted\n  user: {{"client-key-data": "{secret}"}}\n'
    )
    script = f"set -uo pipefail\naudit() {{\n{node_script(tmp_path)}\n}}\naudit </dev/null\n"
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, check=False)
    answers = heard(done.stdout.splitlines())
    seen = seen_node(MASTER.name, answers)
    config = seen.files[f"{tmp_path}/admin.conf"].content.decode()
    everything = done.stdout + "".join(entry.content.decode() for entry in seen.files.values())

    assert answers["end"] == [""]
    for part in (secret[100:140], key.decode().splitlines()[3], "hunter2", "0123456789abcdef\n"):
        assert part not in everything
    assert seen.keys[f"{tmp_path}/pki/sa.key"].label == "RSA PRIVATE KEY"
    assert seen.keys[f"{tmp_path}/pki/sa.key"].public == found.public_hash(public)
    assert "server: https://[fd00::1]:6443\n" in config
    assert config.count(f"RSA PRIVATE KEY|{found.public_hash(public)}") == 1
    assert oct(seen.files[f"{tmp_path}/admin.conf"].mode) == oct((tmp_path / "admin.conf").stat().st_mode & 0o777)


def test_the_scripts_are_sound() -> None:
    """shellcheck has nothing to say, and nothing in them writes."""
    for script in (
        fetch.node_script(CLUSTER, MASTER),
        fetch.cluster_script(),
        fetch.objects_script({"": ["node/a"]}),
    ):
        text = f"#!/bin/bash\naudit() {{\n{script}\n}}\naudit </dev/null\n"
        done = subprocess.run(
            ["shellcheck", "-e", "SC2034", "-"], input=text, text=True, capture_output=True, check=False
        )
        assert done.stdout == ""


@pytest.mark.parametrize(
    ("difference", "expected"),
    [
        (Difference("/etc/kubernetes/admin.conf", "file.mode", "0600", "0644"), Grade.ERROR),
        (Difference("/etc/kubernetes/admin.conf", "file.mode", "0600", "0400"), Grade.WARNING),
        (Difference("/etc/kubernetes/pki/ca.crt", "file.mode", "0644", "0600"), Grade.WARNING),
        (Difference("/etc/kubernetes/pki/ca.key", "item", "present", ABSENT), Grade.NOTE),
        (Difference("/etc/kubernetes/pki/sa.key", "item", "present", ABSENT), Grade.ERROR),
        (
            Difference("/etc/kubernetes/pki/apiserver.crt", "SubjectAlternativeName.DNSName a", "present", ABSENT),
            Grade.ERROR,
        ),
        (
            Difference("/etc/kubernetes/pki/apiserver.crt", "SubjectAlternativeName.DNSName a", ABSENT, "present"),
            Grade.NOTE,
        ),
        (
            Difference("/var/lib/kubelet/kubeadm-flags.env", "KUBELET_KUBEADM_ARGS.flags.node-ip", ABSENT, "::1"),
            Grade.NOTE,
        ),
        (Difference("/etc/kubernetes/manifests/mine.yaml", "item", ABSENT, "present"), Grade.NOTE),
        (Difference("ClusterRoleBinding kubeadm:get-nodes", "item", "present", ABSENT), Grade.ERROR),
        (Difference("Deployment kube-system/coredns", "spec.replicas", "2", "5"), Grade.NOTE),
    ],
)
def test_how_bad_it_is(difference: Difference, expected: Grade) -> None:
    """What is insecure or will not work is an error, what people choose is a note."""
    assert grade(difference) == expected


def test_files_that_are_as_wanted_are_no_findings() -> None:
    """A static pod and its directory to the byte; a flag changed and a mode are two findings with their cures."""
    chapter_files = {
        step.path: step
        for stage in wanted.INIT
        for step in stage.chapter.steps(CLUSTER, MASTER)
        if isinstance(step, wanted.StaticPod)
    }
    path = "/etc/kubernetes/manifests/kube-scheduler.yaml"
    from hardway.steps import Write, lower

    (write,) = lower(chapter_files[path])
    assert isinstance(write, Write)

    def of(mode: int, content: bytes) -> set[tuple[str, str, str]]:
        files = {path: Entry(Kind.FILE, mode, "root:root", content)}
        findings = judge.files(JUDGE, MASTER, SeenNode(MASTER.name, files, {}, {}, ()))
        return {(f.field, f.found, f.cure) for f in findings if f.item == path}

    cure = "hardway apply -f cluster.yaml --only control-plane --node master-1"
    changed = write.content.replace(b"--leader-elect=true", b"--leader-elect=false")
    assert of(0o600, write.content) == set()
    assert of(0o644, changed) == {
        ("file.mode", "0644", f"chmod 600 {path}"),
        ("containers[kube-scheduler].command.flags.leader-elect", "false", cure),
    }


def test_tokens_without_an_end_and_members_that_are_no_masters() -> None:
    """Each is told with what removes it; what is as it should be is not told."""
    secrets = (
        ("bootstrap-token-abcdef", TOKEN, "", ""),
        ("bootstrap-token-ghijkl", TOKEN, "2026-05-02T00:00:00Z", ""),
    )
    members = [
        {"ID": str(number), "name": node.name, "peerURLs": [f"https://{node.address}:2380"]}
        for number, node in enumerate(CLUSTER.control_planes, 1)
    ]
    gone = {"ID": "255", "name": "gone", "peerURLs": ["https://192.0.2.9:2380"]}
    api = SeenCluster({}, (), secrets=secrets, members=(*members, gone))
    told = [(f.item, f.cure) for f in [*runtime.tokens(JUDGE, api), *runtime.members(JUDGE, {}, api)]]

    assert told == [
        ("Secret kube-system/bootstrap-token-abcdef", "hardway token delete -f cluster.yaml abcdef"),
        ("etcd", "etcdctl member remove ff"),
    ]


def test_masters_with_different_authorities() -> None:
    """A master whose CA is another one is an error."""
    path = "/etc/kubernetes/pki/front-proxy-ca.crt"
    seen = {
        node.name: SeenNode(node.name, {path: file("one" if number else "other")}, {}, {}, ())
        for number, node in enumerate(CLUSTER.control_planes)
    }
    findings = list(runtime.shared(JUDGE, seen))

    assert {(f.grade, f.node, f.item) for f in findings} == {
        (Grade.ERROR, node.name, path) for node in CLUSTER.joining_control_planes
    }


def test_an_inventory_alone_is_enough(tmp_path: Path) -> None:
    """It says how the masters are reached; without one there is nothing to go by."""
    target = tmp_path / "inventory.yaml"
    target.write_text(
        "apiVersion: hardway.dev/v1alpha1\nkind: Inventory\nnodes:\n"
        "- {name: one.example.org, address: 192.0.2.1, roles: [control-plane]}\n"
    )
    cluster, ours = source.given(target)
    target.write_text("kind: Other\n")

    assert ([node.name for node in cluster.nodes], ours) == (["one.example.org"], False)
    with pytest.raises(UsageError):
        source.given(target)


def test_the_worst_comes_first() -> None:
    """Errors, warnings, notes; then by node."""
    findings = [Finding(g, n, "", "", "", "", "") for g in reversed(Grade) for n in ("b", "a")]

    assert [(f.grade.value, f.node) for f in ordered(findings)] == [
        (g, n) for g in ("error", "warning", "note") for n in ("a", "b")
    ]
