"""What the API of somebody's cluster can have wrong, one thing at a time."""

import base64
import copy
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from clusters import stored_cluster

from hardway.chapters.mark_control_plane import LABELS
from hardway.model import freeze_document, thaw
from hardway.parity.certificates import now
from hardway.parity.live import judge, registration, wanted
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import Grade
from hardway.parity.live.grades import JOINING
from hardway.parity.live.judge import Judge
from hardway.parity.objects import item_name

E, W, N = Grade.ERROR, Grade.WARNING, Grade.NOTE
CLUSTER = stored_cluster()
JUDGE = Judge(CLUSTER, Tools("inventory.yaml", ours=False), now())
Objects = dict[str, Any]
Damage = Callable[[Objects], Any]


def whole() -> Objects:
    """Everything that should be there, with what the server adds."""
    found: Objects = {}
    for _, value in wanted.objects(CLUSTER):
        # The first of one name is the whole object, the next a part of it.
        found.setdefault(item_name(thaw(value)), copy.deepcopy(thaw(value)))
    for value in found.values():
        value["metadata"] |= {"uid": "1", "resourceVersion": "2", "creationTimestamp": "2026-01-01T00:00:00Z"}
    return found


def told(there: Objects) -> set[tuple[Grade, str, str]]:
    """Severity, item and field of all findings."""
    return {(f.grade, f.item, f.field) for f in judge.objects(JUDGE, there, b"")}


DNS, PROXY = "Deployment kube-system/coredns", "DaemonSet kube-system/kube-proxy"


def image(item: str) -> Damage:
    """Another image in an add-on."""
    return lambda o: o[item]["spec"]["template"]["spec"]["containers"][0].update(image="example.com/mine:1")


def gone(*items: str) -> Damage:
    """Some objects are not there."""
    return lambda o: [o.pop(item) for item in items]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        (lambda o: None, set()),
        (gone("ClusterRoleBinding kubeadm:cluster-admins"), {(E, "ClusterRoleBinding kubeadm:cluster-admins", "item")}),
        (gone("ClusterRoleBinding kubeadm:kubelet-bootstrap"), {
            (E, "ClusterRoleBinding kubeadm:kubelet-bootstrap", "item"),
        }),
        # Kubernetes' page of kubeadm join says how to take these away, and a cure would open them again.
        *((gone(item), {(W, item, "item")}) for item in JOINING),
        (lambda o: o["RoleBinding kube-public/kubeadm:bootstrap-signer-clusterinfo"].pop("subjects"), {
            (W, "RoleBinding kube-public/kubeadm:bootstrap-signer-clusterinfo", f"subjects{field}")
            for field in (".order", *(f"[system:anonymous].{name}" for name in ("apiGroup", "kind", "name")))
        }),
        (gone("ClusterRoleBinding kubeadm:node-autoapprove-certificate-rotation"), {
            (E, "ClusterRoleBinding kubeadm:node-autoapprove-certificate-rotation", "item"),
        }),
        (lambda o: o["ClusterRole kubeadm:get-nodes"]["rules"][0]["verbs"].append("delete"), {
            (E, "ClusterRole kubeadm:get-nodes", "rules[0].verbs[1]"),
        }),
        (lambda o: o["ClusterRoleBinding kubeadm:get-nodes"]["subjects"][0].update(name="system:unauthenticated"), {
            (E, "ClusterRoleBinding kubeadm:get-nodes", "subjects.order"),
            (E, "ClusterRoleBinding kubeadm:get-nodes", "subjects[system:unauthenticated].apiGroup"),
            (E, "ClusterRoleBinding kubeadm:get-nodes", "subjects[system:unauthenticated].kind"),
            (E, "ClusterRoleBinding kubeadm:get-nodes", "subjects[system:unauthenticated].name"),
        }),
        (gone("ConfigMap kube-system/kubelet-config"), {(E, "ConfigMap kube-system/kubelet-config", "item")}),
        (lambda o: o["ConfigMap kube-system/coredns"]["data"].update(Corefile=".:53 { forward . 192.0.2.1 }\n"), {
            (N, "ConfigMap kube-system/coredns", "data.Corefile.text"),
        }),
        (image(DNS), {(N, DNS, "spec.template.spec.containers[coredns].image")}),
        (image(PROXY), {(W, PROXY, "spec.template.spec.containers[kube-proxy].image")}),
        (gone(DNS), {(W, DNS, "item")}),
        (gone("ServiceAccount kube-system/coredns"), {(E, "ServiceAccount kube-system/coredns", "item")}),
        (lambda o: o["Service kube-system/kube-dns"]["spec"].update(clusterIP="10.96.0.11"), {
            (E, "Service kube-system/kube-dns", "spec.clusterIP"),
        }),
        # Cilium takes the place of the DaemonSet; nobody deletes the ConfigMap.
        (gone(PROXY), {(N, PROXY, "item")}),
        (gone(PROXY, "ConfigMap kube-system/kube-proxy"), {(N, PROXY, "item")}),
        (gone("ConfigMap kube-system/kube-proxy"), {(E, "ConfigMap kube-system/kube-proxy", "item")}),
    ],
)  # fmt: skip
def test_a_damaged_object_is_found(damage: Damage, expected: set[tuple[Grade, str, str]]) -> None:
    """Each with the severity that it deserves: what joins nodes and lets people in, then what somebody may have chosen."""
    there = whole()
    damage(there)
    found = told(there)

    assert expected <= found
    assert {item for _, item, _ in found} == {item for _, item, _ in expected}


def test_the_binding_of_administrators_is_mended_without_it() -> None:
    """admin.conf can do nothing without it."""
    item = "ClusterRoleBinding kubeadm:cluster-admins"
    there = whole()
    del there[item]
    (cure,) = (f.cure for f in judge.objects(JUDGE, there, b""))

    assert "--kubeconfig=/etc/kubernetes/super-admin.conf apply" in cure


@pytest.mark.parametrize("ours", [True, False])
def test_another_role_takes_a_new_binding(ours: bool) -> None:
    """The API changes no roleRef; subjects are put in place by applying."""
    item, here = "ClusterRoleBinding kubeadm:get-nodes", replace(JUDGE, tools=Tools("cluster.yaml", ours))
    there = whole()
    there[item]["roleRef"]["name"] = "cluster-admin"
    there[item]["subjects"] = []
    cures = {f.field.partition("[")[0].partition(".")[0]: f.cure for f in judge.objects(here, there, b"")}

    assert cures["roleRef"].endswith(" replace --force -f -")
    assert '"name": "kubeadm:get-nodes"' in cures["roleRef"]
    assert not re.search("--force( |$)", cures["subjects"])


def test_what_stands_in_for_kube_proxy_stays_alone() -> None:
    """No cure puts kube-proxy beside it, however little of kube-proxy is left."""
    there = whole()
    gone(PROXY)(there)
    del there["ServiceAccount kube-system/kube-proxy"]

    assert [(f.grade, f.item, f.cure) for f in judge.objects(JUDGE, there, b"")] == [(N, PROXY, "")]


def test_who_needs_what_strangers_may_read() -> None:
    """A finding says what it is good for, because its cure opens it again."""
    there = whole()
    gone(*JOINING)(there)
    told = [*judge.objects(JUDGE, there, b""), *judge.cluster_info(JUDGE, None, b"")]

    assert {f.expected for f in told} == {"present, where nodes join by tokens"}
    assert {f.grade for f in told} == {W}
    assert len(told) == 4


def info(server: str, authority: bytes) -> Objects:
    """cluster-info as it is stored."""
    encoded = base64.b64encode(authority).decode()
    text = f"clusters:\n- cluster:\n    certificate-authority-data: {encoded}\n    server: {server}\n  name: ''\n"
    return {"data": {"kubeconfig": text}}


def test_what_joining_nodes_believe() -> None:
    """cluster-info names the endpoint and the CA."""
    ca = b"-----BEGIN CERTIFICATE-----\n"
    right = CLUSTER.endpoint.url

    def fields(value: Objects | None) -> list[str]:
        return [f.field.rpartition(".")[2] for f in judge.cluster_info(JUDGE, value, ca) if f.grade is E]

    assert fields(info(right, ca)) == []
    assert fields(info("https://192.0.2.1:6443", ca)) == ["server"]
    assert fields(info(right, b"another")) == ["certificate-authority-data"]
    assert fields({}) == ["server", "certificate-authority-data"]
    assert fields(None) == []


def moved(stored: Objects, given: Objects | None) -> set[str]:
    """Fields in which kubelet-config has moved away from the KubeletConfiguration of cluster.yaml, if that has one."""
    known = freeze_document({"clusterDomain": "cluster.local"} | (given or {}))
    before = replace(CLUSTER, kubelet_configuration=known, kubelet_configuration_given=given is not None)
    here = replace(JUDGE, cluster=replace(CLUSTER, kubelet_configuration=freeze_document({**thaw(known), **stored})))
    return {f.field for f in judge.declared(here, before)}


def test_what_the_cluster_has_moved_away_from() -> None:
    """A document that cluster.yaml leaves out is the cluster's own affair, and a resolver that it leaves out kubeadm's."""
    resolver = {"resolvConf": "/run/systemd/resolve/resolv.conf"}

    assert moved({"maxPods": 200}, None) == set()
    assert moved({"maxPods": 200}, {"maxPods": 110}) == {"maxPods"}
    assert moved(resolver | {"maxPods": 200}, {}) == {"maxPods"}
    assert moved(resolver, {"resolvConf": "/etc/mine.conf"}) == {"resolvConf"}


@pytest.mark.parametrize("given", [True, False])
def test_a_kube_proxy_of_its_own(given: bool) -> None:
    """The same for KubeProxyConfiguration."""
    known, stored = (freeze_document({"mode": mode}) for mode in ("iptables", "nftables"))
    before = replace(CLUSTER, kube_proxy_configuration=known, kube_proxy_configuration_given=given)
    here = replace(JUDGE, cluster=replace(CLUSTER, kube_proxy_configuration=stored))

    assert [f.field for f in judge.declared(here, before)] == (["mode"] if given else [])


LABELLED = dict.fromkeys(LABELS, "")
SOCKET = {"kubeadm.alpha.kubernetes.io/cri-socket": "unix:///var/run/containerd/containerd.sock"}
TAINTS = [{"key": "node-role.kubernetes.io/control-plane", "effect": "NoSchedule"}]


@pytest.mark.parametrize(
    ("name", "metadata", "taints", "status", "expected"),
    [
        ("master-1", {"labels": LABELLED, "annotations": SOCKET}, TAINTS, "True", []),
        ("worker-1", {"labels": {}, "annotations": SOCKET}, [], "True", []),
        ("master-1", {"annotations": SOCKET}, TAINTS, "True", [(W, f"metadata.labels.{label}") for label in LABELS]),
        ("master-1", {"labels": LABELLED}, TAINTS, "True", [(W, f"metadata.annotations.{next(iter(SOCKET))}")]),
        ("master-1", {"labels": LABELLED, "annotations": SOCKET}, [], "True", [(N, "spec.taints")]),
        ("worker-1", {"labels": {}, "annotations": SOCKET}, [], "Unknown", [(E, "status.Ready")]),
        ("worker-1", {"labels": LABELLED, "annotations": SOCKET}, [], "True", [
            (W, "metadata.labels.node-role.kubernetes.io/control-plane"),
        ]),
    ],
)  # fmt: skip
def test_how_a_node_is_registered(
    name: str, metadata: Objects, taints: list[Objects], status: str, expected: list[tuple[Grade, str]]
) -> None:
    """Labels, annotation, taints; a worker that calls itself a master is told, too."""
    there = {
        "metadata": metadata,
        "spec": {"taints": taints},
        "status": {"conditions": [{"type": "Ready", "status": status}]},
    }

    assert [(f.grade, f.field) for f in registration.registration(JUDGE, CLUSTER.node(name), there)] == expected
