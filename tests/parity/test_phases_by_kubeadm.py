"""Chapters that kubeadm carries out: each minor has the phases, and what they make is what the chapters ask for."""

import subprocess
from collections.abc import Iterator
from dataclasses import replace

import pytest
from minors import ASKED, READ, kubeadm
from test_minors import text

from hardway.chapters.by_kubeadm import phase
from hardway.config import loads
from hardway.features import V1BETA4
from hardway.model import Cluster, Node
from hardway.renderers import sandbox, tree
from hardway.steps import Step, Write, lower_all
from hardway.versions import release
from hardway.workflows.apply import APPLY
from hardway.workflows.by import carried_out, chosen
from hardway.workflows.init import INIT
from hardway.workflows.stage import Stage

pytestmark = pytest.mark.parity

OF_FILES = ("certs", "kubeconfig", "control-plane", "etcd", "kubelet-start")
PROXIES = "proxy: {http: 'http://proxy.example.com:3128', https: 'http://proxy.example.com:3129'}"


def cluster(version: str, api: str, gates: str = "") -> Cluster:
    """Much of what the API can say, behind two proxies."""
    told = text(version, api).replace("baseDomain: example.com", f"baseDomain: example.com\n{PROXIES}")
    assert told.count(PROXIES) == 1
    return loads(told.replace("clusterName: minors", f"clusterName: minors\n{gates}"))


def assert_every_phase_is_known(cluster: Cluster) -> None:
    """kubeadm prints the usage of exactly that command; of one that it does not know it prints its parent's."""
    kubeadm_of_it = kubeadm(cluster.release.kubernetes)
    phases = {
        found
        for stage in APPLY
        for node in stage.on(cluster)
        if (found := phase(stage.chapter, cluster, node).partition(" --")[0])
    }
    assert any(one.startswith("join ") for one in phases)
    for words in sorted(phases):
        done = subprocess.run(
            [kubeadm_of_it, *words.split(), "--help"], capture_output=True, text=True, check=True, env={}
        )
        usage = done.stdout.partition("Usage:\n")[2].splitlines()[0].strip()
        assert usage.startswith(f"kubeadm {words} "), f"{cluster.release.kubernetes}: {usage}"


@pytest.mark.parametrize("version", ASKED)
def test_every_phase_is_one_of_that_kubeadm(version: str) -> None:
    """Phases are called by the names that they have in that minor."""
    assert_every_phase_is_known(cluster(version, release(version).features.config_apis[-1]))


def test_the_phase_of_a_joining_etcd_follows_its_gate() -> None:
    """v1.34 has two phases for it, of which only one does something: ControlPlaneKubeletLocalMode decides."""
    for gate, words in (("true", "join phase etcd-join"), ("false", "join phase control-plane-join etcd")):
        found = cluster("v1.34.4", V1BETA4, f"featureGates: {{ControlPlaneKubeletLocalMode: {gate}}}")
        joining = next(stage for stage in APPLY if stage.chapter.name == "control-plane-join/etcd")

        assert phase(joining.chapter, found, found.joining_control_planes[0]) == words
        assert_every_phase_is_known(found)


def without_units(stage: Stage) -> Stage:
    """The chapter without what needs systemd or a running kubelet."""

    def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
        return filter(tree.makes_files, stage.chapter.steps(cluster, node))

    return replace(stage, chapter=replace(stage.chapter, steps=steps))


def steps_of(cluster: Cluster, by: str) -> list[Step]:
    """Those of the first master that make files from files, some of them by kubeadm."""
    stages = [without_units(stage) for stage in INIT if stage.chapter.name in ("keys", *OF_FILES)]
    stages = list(carried_out(stages, chosen(stages, cluster, by))) if by else stages
    node = cluster.first_control_plane
    return [step for stage in stages for step in stage.chapter.steps(cluster, node)]


@pytest.mark.parametrize(("version", "api"), READ)
def test_what_its_phases_make_is_what_the_chapters_ask_for(version: str, api: str) -> None:
    """With patience for startup probes, proxies and variables as the user wants them: no question of a chapter is left.

    Manifests and the kubelet's files are those of our own steps to the byte, so that nobody has to write them again.
    """
    found = cluster(version, api)
    node = found.first_control_plane
    by = "kubeadm=" + ",".join(OF_FILES)
    machine = sandbox.machine(node, {"kubeadm": kubeadm(version)})

    # A question that is not content afterwards ends the run.
    made = sandbox.run(machine, "".join(tree.script(steps_of(found, by))), what=f"chapters by kubeadm {version}")

    wanted = {item.path: item for item in lower_all(steps_of(found, "")) if isinstance(item, Write)}
    assert {"kube-apiserver.yaml", "kubeadm-flags.env"} <= {path.rpartition("/")[2] for path in wanted}
    assert {path: made.tree[path].content for path in wanted} == {path: one.content for path, one in wanted.items()}
    assert made.output.count("/kubeadm\n") == len(OF_FILES)
