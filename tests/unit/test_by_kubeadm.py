"""Chapters that kubeadm carries out: what is asked, what is run, and what cannot be meant."""

import re
import subprocess
from dataclasses import replace
from pathlib import Path

import pytest

from hardway.chapters.by_kubeadm import phase
from hardway.config import loads
from hardway.errors import UsageError
from hardway.model import Cluster, Patches
from hardway.steps import Await, Run, lower_all
from hardway.workflows.apply import APPLY
from hardway.workflows.by import carried_out, chosen

LAB = (Path(__file__).resolve().parents[2] / "examples/lab/cluster.yaml").read_text()
ZONE = "my-first-cluster.example.com"


@pytest.fixture(scope="module")
def cluster() -> Cluster:
    """The lab's, with kubeadm on every node."""
    return loads(LAB.replace("skip: [crictl, kubeadm]", "skip: [crictl]"))


def phases(cluster: Cluster, choice: str) -> dict[tuple[str, str], str]:
    """Node and chapter to the title of kubeadm's step."""
    return {
        (node.host_name, stage.chapter.name): step.title
        for stage in carried_out(APPLY, chosen(APPLY, cluster, choice))
        for node in stage.on(cluster)
        for step in lower_all(stage.chapter.steps(cluster, node))
        if isinstance(step, Run) and step.step.endswith("/kubeadm")
    }


def test_all_phases(cluster: Cluster) -> None:
    """Everything that a phase makes, on each kind of node."""
    found = phases(cluster, "kubeadm=all")

    assert [title for (node, _), title in found.items() if node == "master-1"] == [
        "run kubeadm init phase certs all",
        "run kubeadm init phase kubeconfig all",
        "run kubeadm init phase control-plane all",
        "run kubeadm init phase etcd local",
        "run kubeadm init phase kubelet-start",
        "run kubeadm init phase bootstrap-token",
        "run kubeadm init phase upload-certs --upload-certs --skip-certificate-key-print",
        "run kubeadm init phase upload-config all",
        "run kubeadm init phase mark-control-plane",
        "run kubeadm init phase addon coredns",
        "run kubeadm init phase addon kube-proxy",
        "run kubeadm init phase kubelet-finalize all",
    ]
    assert [title for (node, _), title in found.items() if node == "master-2"] == [
        "run kubeadm join phase control-plane-prepare download-certs",
        "run kubeadm join phase control-plane-prepare certs",
        "run kubeadm join phase control-plane-prepare kubeconfig",
        "run kubeadm join phase kubelet-start",
        "run kubeadm join phase control-plane-join etcd",
        "run kubeadm join phase control-plane-prepare control-plane",
        "run kubeadm join phase control-plane-join mark-control-plane",
    ]
    assert [title for (node, _), title in found.items() if node == "worker-1"] == [
        "run kubeadm join phase kubelet-start"
    ]


def test_some_phases_on_some_nodes(cluster: Cluster) -> None:
    """A chapter alone means all its nodes, @NODE one of them; the others keep their own steps."""
    found = phases(cluster, f"kubeadm=etcd,certs@master-2.{ZONE},kubelet-start@worker-1")

    assert set(found) == {("master-1", "etcd"), ("master-2", "certs"), ("worker-1", "kubelet-start")}


def test_keys_come_with_their_certificates(cluster: Cluster) -> None:
    """kubeadm takes a key without a certificate for a mistake, so nobody makes one before it."""
    stages = carried_out(APPLY, chosen(APPLY, cluster, "kubeadm=certs@master-2"))
    keys = next(stage.chapter for stage in stages if stage.chapter.name == "keys")
    made = {
        node.host_name: [step.id for step in keys.steps(cluster, node)] for node in cluster.joining_control_planes
    }

    assert "certs/keys" not in made["master-2"]
    assert "certs/keys" in made["master-3"]
    assert "kubeconfig/keys" in made["master-2"]


def test_waits_stay(cluster: Cluster) -> None:
    """What a chapter waits for at its end is waited for, whoever did the work."""
    own = {stage.chapter.name: stage.chapter for stage in APPLY}
    for stage in carried_out(APPLY, chosen(APPLY, cluster, "kubeadm=all")):
        for node in stage.on(cluster):
            if phase(stage.chapter, cluster, node):
                before, after = (
                    [item for item in lower_all(chapter.steps(cluster, node)) if isinstance(item, Await)]
                    for chapter in (own[stage.chapter.name], stage.chapter)
                )
                assert before == after


def test_scripts_hold_no_secret_and_are_sound(cluster: Cluster, tmp_path: Path) -> None:
    """Documents name run inputs, which bash fills in; shellcheck finds nothing."""
    texts = []
    for stage in carried_out(APPLY, chosen(APPLY, cluster, "kubeadm=all")):
        for node in stage.on(cluster):
            for item in lower_all(stage.chapter.steps(cluster, node)):
                if isinstance(item, Run) and item.step.endswith("/kubeadm"):
                    texts.append(f"{item.script}\nasked() {{\n{item.unless.script}}}\n")
                    assert set(re.findall(r"\(run input ([^)]*)\)", item.script)) <= set(item.inputs)
    file = tmp_path / "all.sh"
    file.write_text("#!/bin/bash\nset -euo pipefail\n" + "\n".join(texts))
    done = subprocess.run(
        ["shellcheck", "-S", "warning", "-e", "SC2034", str(file)], capture_output=True, text=True, check=False
    )

    assert done.stdout == ""


def test_kubeadm_is_told_of_patches(cluster: Cluster) -> None:
    """Of each node's own directory, where chapter configure-components has put the files; without patches of none."""
    first, *others = cluster.nodes
    nodes = (
        replace(first, patches=Patches("/srv/first")),
        *(replace(node, patches=Patches("/srv/others")) for node in others),
    )
    for found, words in ((replace(cluster, nodes=nodes), {"/srv/first", "/srv/others"}), (cluster, set[str]())):
        said = set()
        for stage in carried_out(APPLY, chosen(APPLY, found, "kubeadm=control-plane,kubelet-start")):
            for node in stage.on(found):
                for item in lower_all(stage.chapter.steps(found, node)):
                    if isinstance(item, Run) and item.step.endswith("/kubeadm"):
                        directories = re.findall(r'"patches": {"directory": "([^"]*)"}', item.script)
                        assert directories == ([node.patches.directory] if words else [])
                        said |= set(directories)
        assert said == words


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        ("certs", "does not say who does what"),
        ("ansible=certs", "does not say who does what"),
        ("kubeadm=", "does not say who does what"),
        ("kubeadm=sysctls", "kubeadm has no phase for chapter `sysctls`"),
        ("kubeadm=cert", "kubeadm has no phase for chapter `cert`"),
        ("kubeadm=etcd@master-2", "kubeadm has no phase for chapter `etcd` on master-2"),
        ("kubeadm=certs@nowhere", "there is no node `nowhere`"),
    ],
)
def test_what_cannot_be_meant(cluster: Cluster, choice: str, words: str) -> None:
    """It is told before any node is asked."""
    with pytest.raises(UsageError, match=re.escape(words)):
        chosen(APPLY, cluster, choice)


def test_a_node_without_kubeadm() -> None:
    """The lab's example leaves it out; the hint says where."""
    with pytest.raises(UsageError, match="there is no kubeadm") as raised:
        chosen(APPLY, loads(LAB), "kubeadm=certs")

    assert "downloads.skip" in raised.value.hint
