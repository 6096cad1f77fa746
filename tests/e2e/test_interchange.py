"""Chapters by kubeadm and chapters by hardway, mixed: each does its own, and the cluster is the same in the end."""

import random
from pathlib import Path

import pytest

from e2e.alike import assert_alike
from e2e.harness import booted, write_cluster
from hardway.config import load
from hardway.versions import RELEASES
from hardway.workflows.apply import APPLY
from hardway.workflows.by import chosen

pytestmark = pytest.mark.lab


def mixed(file: Path, seed: int) -> str:
    """Each chapter on each node with even chances."""
    cluster = load(file)
    possible = chosen(APPLY, cluster, "kubeadm=all")
    pairs = [(name, node) for name, nodes in possible.items() for node in sorted(nodes)]
    dice = random.Random(seed)
    return "kubeadm=" + ",".join(f"{name}@{node}" for name, node in pairs if dice.random() < 0.5)


@pytest.mark.parametrize(
    "by",
    [
        "1",
        pytest.param("2", marks=pytest.mark.long),
        pytest.param("3", marks=pytest.mark.long),
        pytest.param("kubeadm=all@master-1", marks=pytest.mark.long),
        pytest.param("kubeadm=all@master-2,all@master-3,all@worker-1", marks=pytest.mark.long),
        pytest.param("kubeadm=all", marks=pytest.mark.long),
    ],
)
def test_whoever_does_it_the_cluster_is_the_same(by: str, tmp_path: Path) -> None:
    """A number is the seed of a mix. A second run finds nothing to do, whoever is asked to do it."""
    file = write_cluster(tmp_path, "mix", "10.51.0")
    file.write_text(file.read_text().replace("skip: [crictl, kubeadm]", "skip: [crictl]"))
    choice = mixed(file, int(by)) if by.isdigit() else by
    with booted(file, "mix") as it:
        it.apply_by(choice)
        it.assert_whole()
        it.assert_nothing_to_do("--by", choice)
        assert_alike(it)


@pytest.mark.long
@pytest.mark.parametrize("version", ["v1.34.4", RELEASES[-1].kubernetes])
def test_phases_of_later_minors_do_it_too(version: str, tmp_path: Path) -> None:
    """Their kubeadm carries out everything that it can, with phases that have moved since v1.30."""
    file = write_cluster(tmp_path, "mix", "10.51.0", version)
    file.write_text(file.read_text().replace("skip: [crictl, kubeadm]", "skip: [crictl]"))
    with booted(file, "mix") as it:
        it.apply_by("kubeadm=all")
        it.assert_whole()
        it.assert_nothing_to_do("--by", "kubeadm=all")
        assert_alike(it)
