"""The chapters from static pods to add-ons: what they promise about every cluster, without a node."""

import subprocess
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import yaml
from clusters import ipv6_cluster, lab_cluster, minimal_cluster

from hardway.chapters import (
    addons_coredns,
    addons_kube_proxy,
    approve_serving,
    bootstrap_token,
    control_plane,
    etcd,
    etcd_join,
    kubelet_join,
    kubelet_start,
    kubelet_wait_bootstrap,
    mark_control_plane,
    token_cleanup,
    upload_config,
    user_manifests,
    wait_control_plane,
)
from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, EtcdLocal, HostVolume, Node, Registration, Taint, freeze_document
from hardway.steps import ApiObjects, Await, Check, Command, Run, Service, StaticPod, Step, Write, lower_all
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import input_file

FIRST: tuple[Chapter, ...] = (
    control_plane.CONTROL_PLANE,
    etcd.ETCD,
    kubelet_start.KUBELET_START,
    wait_control_plane.WAIT_CONTROL_PLANE,
    bootstrap_token.BOOTSTRAP_TOKEN,
    upload_config.UPLOAD_CONFIG,
    mark_control_plane.MARK_CONTROL_PLANE,
    addons_coredns.ADDON_COREDNS,
    addons_kube_proxy.ADDON_KUBE_PROXY,
    approve_serving.APPROVE_SERVING,
    token_cleanup.TOKEN_CLEANUP,
    user_manifests.USER_MANIFESTS,
)
JOINING = (
    kubelet_start.KUBELET_START,
    etcd_join.ETCD_JOIN,
    control_plane.CONTROL_PLANE,
    kubelet_wait_bootstrap.KUBELET_WAIT_BOOTSTRAP,
    wait_control_plane.WAIT_CONTROL_PLANE,
    mark_control_plane.MARK_CONTROL_PLANE,
)
WORKER = (kubelet_start.KUBELET_START, kubelet_wait_bootstrap.KUBELET_WAIT_BOOTSTRAP)

CLUSTERS: dict[str, Callable[[], Cluster]] = {
    "lab": lab_cluster,
    "minimal": minimal_cluster,
    "ipv6": ipv6_cluster,
}


def serving(cluster: Cluster) -> Cluster:
    """With everything that makes more steps."""
    definition = {"apiVersion": "x/v1", "kind": "CustomResourceDefinition", "metadata": {"name": "a.b"}}
    return replace(
        cluster,
        kubelet_configuration=freeze_document({"serverTLSBootstrap": True}),
        manifests=(freeze_document(definition), freeze_document({**definition, "kind": "ConfigMap"})),
    )


@pytest.fixture(params=CLUSTERS)
def cluster(request: pytest.FixtureRequest) -> Cluster:
    return serving(CLUSTERS[request.param]())


def everything(cluster: Cluster) -> Iterator[tuple[Chapter, Node, Step]]:
    """Every step of these chapters on every node."""
    for node in cluster.kubernetes_nodes:
        mine = FIRST if node == cluster.first_control_plane else JOINING if node.is_control_plane else WORKER
        for chapter in mine:
            for step in chapter.steps(cluster, node):
                yield chapter, node, step


def scripts(cluster: Cluster) -> Iterator[tuple[str, str]]:
    """Every bash text with a name for it."""
    for chapter, node, step in everything(cluster):
        for item in lower_all([step]):
            if isinstance(item, Run):
                yield f"{node.host_name} {item.step}", item.script
                yield f"{node.host_name} {item.step}, guard", item.unless.script
            elif isinstance(item, Await):
                yield f"{node.host_name} {item.step}, wait", item.check.script
        for check in chapter.checks(cluster, node):
            yield f"{node.host_name} {check.name}", check.script


def test_every_text_is_clean_bash(cluster: Cluster) -> None:
    """shellcheck has nothing to say about any script, guard, wait or check."""
    texts = dict(scripts(cluster))
    whole = "\n".join(f"f{number}() {{ :\n{text}\n}}" for number, text in enumerate(dict.fromkeys(texts.values())))
    done = subprocess.run(
        ["shellcheck", "-s", "bash", "-S", "style", "-e", "SC2317,SC2329,SC2034", "-"],
        input=f"#!/bin/bash\n{whole}\n",
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout == ""


def test_equal_input_gives_equal_steps(cluster: Cluster) -> None:
    """Chapters are functions: no clock, no randomness, and ids that stand once in their chapter."""
    assert list(everything(cluster)) == list(everything(cluster))
    for chapter in FIRST:
        ids = [step.id for step in chapter.steps(cluster, cluster.first_control_plane)]
        assert len(ids) == len(set(ids)), chapter.name


def test_what_is_written_carries_its_reason(cluster: Cluster) -> None:
    """Every file and every command says why it is there."""
    silent = {
        item.step for _, _, step in everything(cluster) for item in lower_all([step]) if not getattr(item, "why", "-")
    }

    assert silent == set()


def test_secrets_are_read_from_run_inputs_only() -> None:
    """A step that reads a token declares it, and only the steps that need one do."""
    cluster = serving(lab_cluster())
    declared = {
        (node.host_name, step.id): step.inputs
        for _, node, step in everything(cluster)
        if isinstance(step, Command) and step.inputs
    }
    joining = [node for node in cluster.kubernetes_nodes if node != cluster.first_control_plane]

    assert declared == {
        ("master-1", "bootstrap-token/tokens"): tuple(f"token/{node.name}" for node in joining),
        **{(node.host_name, "kubelet-start/bootstrap-kubeconfig"): (f"token/{node.name}",) for node in joining},
    }


def test_manifests_are_for_root_only(cluster: Cluster) -> None:
    """Static pods can carry secrets in flags: 0600 in a directory of 0700."""
    written = [
        item
        for _, _, step in everything(cluster)
        if isinstance(step, StaticPod)
        for item in lower_all([step])
        if isinstance(item, Write)
    ]

    assert {item.mode for item in written} == {0o600}
    assert control_plane.manifests_directory(cluster).mode == 0o700


def test_extra_volumes_replace_those_of_the_same_name() -> None:
    """As in kubeadm: the user's volume takes the place of ours, and the lists stay sorted."""
    cluster = lab_cluster()
    mine = replace(cluster.api_server, extra_volumes=(HostVolume("ca-certs", "/opt/certs", "/etc/ssl/certs"),))
    pod = control_plane.kube_apiserver(replace(cluster, api_server=mine), cluster.first_control_plane)
    volumes = yaml.safe_load(dump_go(pod))["spec"]["volumes"]

    assert [volume["name"] for volume in volumes] == sorted({volume["name"] for volume in volumes})
    assert next(v["hostPath"]["path"] for v in volumes if v["name"] == "ca-certs") == "/opt/certs"


def test_a_joining_member_says_that_the_cluster_exists() -> None:
    """Only the first member begins a cluster; the rest of the manifest differs by name and address alone."""
    cluster = lab_cluster()
    first, second = cluster.control_planes[:2]
    ours = dump_go(etcd.manifest(cluster, first, "x")).replace(first.name, "NAME").replace(first.address, "ADDRESS")
    theirs = (
        dump_go(etcd.manifest(cluster, second, "x")).replace(second.name, "NAME").replace(second.address, "ADDRESS")
    )

    assert "initial-cluster-state" not in ours
    assert ours.splitlines() == [line for line in theirs.splitlines() if "initial-cluster-state=existing" not in line]


def test_members_of_the_first_start_are_not_compared() -> None:
    """The guard of the manifest is content with any members, and with nothing else that differs."""
    cluster = lab_cluster()
    node = cluster.joining_control_planes[0]
    check = next(s.unless for s in etcd_join.steps(cluster, node) if isinstance(s, Command) and s.id == "etcd/local")
    flag = "--initial-cluster="

    assert [line for line in check.script.splitlines() if flag in line and "sed" not in line] == []
    assert "--name=master-2" in check.script


@pytest.mark.parametrize(
    ("taints", "is_master", "expected"),
    [
        (None, False, ""),
        ((), False, ""),
        (
            (Taint("a", "NoSchedule"), Taint("b", "NoExecute", "x")),
            False,
            "--register-with-taints=a:NoSchedule,b=x:NoExecute",
        ),
        ((Taint("a", "NoSchedule"),), True, ""),
    ],
)
def test_only_workers_register_with_taints(taints: tuple[Taint, ...] | None, is_master: bool, expected: str) -> None:
    """Masters get theirs from mark-control-plane, as in kubeadm."""
    cluster = lab_cluster()
    node = replace(cluster.nodes[1 if is_master else 3], registration=Registration(taints=taints))
    words = kubelet_start.kubelet_flags(cluster, node).strip().strip('"').split()

    assert "".join(word for word in words if "taints" in word) == expected


def test_kubelet_flags_are_sorted_and_extra_args_win() -> None:
    """One line that both systemd and kubeadm read; quotes in values are escaped as Go does."""
    cluster = lab_cluster()
    extra = (("node-labels", 'a="b"'), ("container-runtime-endpoint", "unix:///x"), ("v", "2"))
    node = replace(cluster.nodes[3], registration=Registration(kubelet_extra_args=extra))

    assert kubelet_start.kubelet_flags(cluster, node) == (
        'KUBELET_KUBEADM_ARGS="--container-runtime-endpoint=unix:///x --node-labels=a=\\"b\\"'
        ' --pod-infra-container-image=registry.k8s.io/pause:3.9 --v=2"\n'
    )


def test_each_machine_gets_its_own_resolver() -> None:
    """resolvConf depends on the machine; the cluster stores the first master's, as kubeadm does."""
    cluster = lab_cluster()
    nodes = tuple(replace(n, facts=replace(n.facts, resolved=n == cluster.nodes[0])) for n in cluster.nodes)
    cluster = replace(cluster, nodes=nodes)
    stored = next(
        item["data"]["kubelet"]  # type: ignore[index, call-overload]
        for step in upload_config.steps(cluster, cluster.first_control_plane)
        if isinstance(step, ApiObjects)
        for item in step.objects
        if item["metadata"]["name"] == "kubelet-config"  # type: ignore[index, call-overload]
    )

    assert "resolvConf" in kubelet_start.kubelet_configuration(cluster, cluster.nodes[0])
    assert "resolvConf" not in kubelet_start.kubelet_configuration(cluster, cluster.nodes[3])
    assert "resolvConf: /run/systemd/resolve/resolv.conf" in str(stored)


def test_the_health_port_follows_the_configuration() -> None:
    """A kubelet that answers elsewhere is asked there."""
    settings = freeze_document({"healthzBindAddress": "0.0.0.0", "healthzPort": 10999})

    assert (
        "http://127.0.0.1:10999/healthz"
        in kubelet_start.healthz(
            replace(lab_cluster(), kubelet_configuration=settings), lab_cluster().nodes[0]
        ).script
    )


def test_the_kubelet_restarts_for_every_file_that_it_reads() -> None:
    """Its configuration, its flags, its units, and on joining nodes the bootstrap kubeconfig."""
    cluster = lab_cluster()
    watched = {
        node.host_name: next(s for s in kubelet_start.steps(cluster, node) if isinstance(s, Service)).watches
        for node in (cluster.nodes[0], cluster.nodes[3])
    }

    assert set(watched["worker-1"]) - set(watched["master-1"]) == {kubelet_join.bootstrap_kubeconfig(cluster)}
    assert {"/var/lib/kubelet/config.yaml", "/var/lib/kubelet/kubeadm-flags.env"} < set(watched["master-1"])


@pytest.mark.parametrize("name", ["a$(id -u)`id -un`", r"team$x \\ '$ca'", "token: $token", "plain"])
def test_a_name_of_a_cluster_is_no_bash(tmp_path: Path, name: str) -> None:
    """A joining node writes it into its kubeconfig as root; kubeadm takes any."""
    cluster = replace(lab_cluster(), name=name)
    (step,) = kubelet_join.bootstrap(cluster, cluster.nodes[-1])
    assert isinstance(step, Command)
    begin = step.script.index('cat >"$work/kubeconfig"')
    text = step.script[begin : step.script.index("EOF\n", step.script.index("users:", begin)) + 4]
    values = {"work": str(tmp_path), "ca": "Q0E=", "token": "012345.0123456789012345"}
    subprocess.run(["bash", "-euc", text], env=values, check=True)

    written = yaml.safe_load((tmp_path / "kubeconfig").read_text())
    assert written["clusters"][0]["name"] == written["contexts"][0]["context"]["cluster"] == name
    assert written["clusters"][0]["cluster"]["certificate-authority-data"] == values["ca"]
    assert written["users"][0]["user"] == {"token": values["token"]}


def test_only_the_binding_of_administrators_is_made_by_the_super_admin() -> None:
    """admin.conf may do nothing before kubeadm:cluster-admins is bound, and everything afterwards."""
    cluster = lab_cluster()
    first, *others = bootstrap_token.steps(cluster, cluster.first_control_plane)

    assert isinstance(first, ApiObjects)
    assert [item["metadata"] for item in first.objects] == [{"name": "kubeadm:cluster-admins"}]
    assert (first.kubeconfig, first.fallback) == ("/etc/kubernetes/admin.conf", "/etc/kubernetes/super-admin.conf")
    for item in lower_all(others):
        assert isinstance(item, Run)
        assert "/super-admin.conf" not in item.script + item.unless.script
        assert "/admin.conf" in item.script
        assert "/admin.conf" in item.unless.script


def test_a_single_master_makes_no_tokens() -> None:
    """Where nobody joins there is nothing to mint and nothing to delete but the certificate key."""
    cluster = minimal_cluster()
    node = cluster.first_control_plane

    assert [step.id for step in bootstrap_token.steps(cluster, node)] == [
        "bootstrap-token/cluster-admins",
        "bootstrap-token/rbac",
        "bootstrap-token/cluster-info",
    ]
    assert all(input_file("token/x")[:-1] not in str(step) for step in token_cleanup.steps(cluster, node))


def test_skipped_addons_are_left_out() -> None:
    """skipPhases of kubeadm: one addon, or all of them."""
    cluster = lab_cluster()
    node = cluster.first_control_plane

    def ids(*skipped: str) -> list[str]:
        mine = replace(cluster, skip_phases=skipped)
        return [s.id for c in (addons_coredns, addons_kube_proxy) for s in c.steps(mine, node)]

    assert ids() == ["addon/coredns/own", "addon/coredns", "addon/kube-proxy"]
    assert ids("addon/kube-proxy") == ["addon/coredns/own", "addon/coredns"]
    assert ids("addon") == []


def test_nobody_approves_where_nobody_asks() -> None:
    """Without serverTLSBootstrap there are no requests."""
    cluster = lab_cluster()

    assert list(approve_serving.steps(cluster, cluster.first_control_plane)) == []


def test_taints_of_the_registration_win() -> None:
    """kubeadm's nodeRegistration.taints: other taints, or none at all."""
    cluster = lab_cluster()

    def script(taints: tuple[Taint, ...] | None) -> str:
        node = replace(cluster.first_control_plane, registration=Registration(taints=taints))
        (step,) = mark_control_plane.steps(cluster, node)
        assert isinstance(step, Command)
        return step.script

    assert " node-role.kubernetes.io/control-plane=:NoSchedule" in script(None)
    assert " taint " not in script(())
    assert " example.com/x=y:NoExecute" in script((Taint("example.com/x", "NoExecute", "y"),))


def test_guards_say_why() -> None:
    """A check that says no on a machine without anything says so in one line, and changes nothing."""
    cluster = replace(lab_cluster(), etcd=EtcdLocal(data_dir="/nonexistent/etcd", image="x"))
    node = cluster.joining_control_planes[0]
    checks: list[Check] = [s.unless for s in etcd_join.steps(cluster, node) if isinstance(s, Command)]
    for check in checks:
        done = subprocess.run(
            ["bash", "-c", f"set -u\n(\n{check.script})"], capture_output=True, text=True, check=False, timeout=20
        )
        assert (done.returncode, len(done.stdout.splitlines())) == (1, 1), check.name
