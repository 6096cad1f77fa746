"""Deviations in what a cluster stores are found, each at its item and field; what only chance decides is none."""

import base64
import copy
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from typing import Any

import pytest
from living import living

from hardway.parity.compare import compare
from hardway.parity.stored.dump import Stored
from hardway.parity.stored.sides import INIT_MOMENT, JOIN_MOMENT
from hardway.parity.stored.words import CLUSTER_INFO, JWS, KEYS, SEALED, described, signature
from hardway.parity.values import Fields

pytestmark = pytest.mark.parity

WORKER = "worker-1.stored.example.com"
TOKEN = "bootstrap-token-"
TO_JOIN = "Secret kube-system/bootstrap-token-(to join)"
INFO = "ConfigMap kube-public/cluster-info"
Objects = list[dict[str, Any]]
Change = Callable[[Objects], None]


@cache
def unchanged(moment: str) -> dict[str, Fields]:
    """Our side as it is."""
    return described(living().ours.stored[moment])


def changed(change: Change, moment: str) -> Stored:
    """Our side with another list of objects."""
    stored = living().ours.stored[moment]
    objects = copy.deepcopy(list(stored.objects))
    change(objects)
    assert objects != list(stored.objects)
    return replace(stored, objects=tuple(objects))


def found(change: Change, moment: str = JOIN_MOMENT) -> set[tuple[str, str]]:
    """Items and fields that differ after the change."""
    return {(d.item, d.field) for d in compare(described(changed(change, moment)), unchanged(moment))}


def one(objects: Objects, kind: str, name: str) -> dict[str, Any]:
    """The first object of the kind whose name begins so."""
    return next(value for value in objects if value["kind"] == kind and value["metadata"]["name"].startswith(name))


def token(objects: Objects) -> dict[str, Any]:
    """One that may sign."""
    return next(
        value
        for value in objects
        if value["metadata"]["name"].startswith(TOKEN) and "usage-bootstrap-signing" in value["data"]
    )


def put(kind: str, name: str, *path: str | int, value: Any) -> Change:
    """Another value at a place in an object."""

    def change(objects: Objects) -> None:
        place: Any = one(objects, kind, name)
        for key in path[:-1]:
            place = place[key]
        place[path[-1]] = value

    return change


def encoded(text: str) -> str:
    """As Secrets hold it."""
    return base64.b64encode(text.encode()).decode()


def of_token(key: str, text: str) -> Change:
    """Another value in one of several tokens."""
    return lambda objects: token(objects)["data"].update({key: encoded(text)})


def without_jws(objects: Objects) -> None:
    """One signature less."""
    data = one(objects, "ConfigMap", CLUSTER_INFO[1])["data"]
    del data[next(key for key in data if key.startswith(JWS))]


def swapped(objects: Objects) -> None:
    """Two sealed files under each other's names."""
    data = one(objects, "Secret", SEALED[1])["data"]
    data["ca.key"], data["sa.key"] = data["sa.key"], data["ca.key"]


CASES: dict[str, tuple[Change, str, str]] = {
    "an object that is missing": (
        lambda objects: objects.remove(one(objects, "ClusterRoleBinding", "kubeadm:cluster-admins")),
        "ClusterRoleBinding kubeadm:cluster-admins",
        "item",
    ),
    "an object too many": (
        lambda objects: objects.append({"kind": "ConfigMap", "metadata": {"name": "x", "namespace": "y"}}),
        "ConfigMap y/x",
        "item",
    ),
    "subject of a binding": (
        put("ClusterRoleBinding", "kubeadm:get-nodes", "subjects", 0, "name", value="system:nodes"),
        "ClusterRoleBinding kubeadm:get-nodes",
        "subjects[system:nodes].name",
    ),
    "label of a Node": (
        put("Node", "master-2", "metadata", "labels", "x", value=""),
        "Node master-2.stored.example.com",
        "metadata.labels.x",
    ),
    "taint of a worker": (
        put("Node", "worker-1", "spec", "taints", 0, "effect", value="NoExecute"),
        f"Node {WORKER}",
        "spec.taints[0].effect",
    ),
    "annotation of a Node": (
        lambda objects: one(objects, "Node", "worker-1")["metadata"]["annotations"].clear(),
        f"Node {WORKER}",
        "metadata.annotations.kubeadm.alpha.kubernetes.io/cri-socket",
    ),
    "a document of kubeadm's": (
        put("ConfigMap", "kubelet-config", "data", "kubelet", value="kind: KubeletConfiguration\n"),
        "ConfigMap kube-system/kubelet-config",
        "data.kubelet.text",
    ),
    "hash of a document": (
        put("ConfigMap", "kubelet-config", "metadata", "annotations", value={}),
        "ConfigMap kube-system/kubelet-config",
        "metadata.annotations.kubeadm.kubernetes.io/component-config.hash",
    ),
    "CA of the API server": (
        put("ConfigMap", "extension-apiserver-authentication", "data", "client-ca-file", value="another"),
        "ConfigMap kube-system/extension-apiserver-authentication",
        "data.client-ca-file.text",
    ),
    "image of an add-on": (
        put("DaemonSet", "kube-proxy", "spec", "template", "spec", "containers", 0, "image", value="x"),
        "DaemonSet kube-system/kube-proxy",
        "spec.template.spec.containers[kube-proxy].image",
    ),
    "flag of a static pod": (
        lambda objects: one(objects, "Pod", "etcd-master-2")["spec"]["containers"][0]["command"].append("--x"),
        "Pod kube-system/etcd-master-2.stored.example.com",
        "spec.containers[etcd].command",
    ),
    "type of a Secret": (
        put("Secret", SEALED[1], "type", value="x"),
        "Secret kube-system/kubeadm-certs",
        "type",
    ),
    "sealed files that are swapped": (swapped, "Secret kube-system/kubeadm-certs", "data.ca.key"),
    "a token unlike the others": (of_token("usage-bootstrap-authentication", "x"), f"{TO_JOIN} (2)", "item"),
    "a token with another secret": (of_token("token-secret", "0" * 16), INFO, "data.jws-kubeconfig-"),
    "a signature too few": (without_jws, INFO, "data.jws-kubeconfig-"),
    "a signature too many": (
        put("ConfigMap", CLUSTER_INFO[1], "data", f"{JWS}abcdef", value="x"),
        INFO,
        "data.jws-kubeconfig-abcdef",
    ),
    "usage of a request": (
        put("CertificateSigningRequest", "csr", "spec", "usages", value=["any"]),
        "CertificateSigningRequest of ",
        "usages",
    ),
    "approval of a request": (
        lambda objects: one(objects, "CertificateSigningRequest", "csr")["status"].clear(),
        "CertificateSigningRequest of ",
        "conditions",
    ),
    "who asked": (
        put("CertificateSigningRequest", "csr", "spec", "username", value="system:anonymous"),
        "CertificateSigningRequest of ",
        "username",
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_the_change_is_found(case: str) -> None:
    """One change of what is stored, found at its item and field."""
    change, item, field = CASES[case]

    assert any(place.startswith(item) and name.startswith(field) for place, name in found(change)), found(change)


def test_another_key_opens_nothing() -> None:
    """kubeadm-certs opens with the certificate key of its run only: each of its files is told."""
    stored = replace(living().ours.stored[INIT_MOMENT], certificate_key="00" * 32)

    assert len(compare(described(stored), unchanged(INIT_MOMENT))) == 8


def test_a_key_of_etcd_is_found() -> None:
    """What the API does not show is seen by its key."""
    stored = living().ours.stored[INIT_MOMENT]
    more = replace(stored, keys=(*stored.keys, "/registry/odd/thing"))

    assert [(d.item, d.field) for d in compare(described(more), unchanged(INIT_MOMENT))] == [
        (KEYS, "/registry/odd/thing")
    ]


def test_events_come_as_they_like() -> None:
    """Whether a component had something to tell is no difference."""
    stored = living().ours.stored[INIT_MOMENT]
    more = replace(stored, keys=(*stored.keys, "/registry/events/kube-system/kube-dns.18d3a0f7a5f2c1b0"))

    assert compare(described(more), unchanged(INIT_MOMENT)) == ()


def test_what_chance_and_the_server_decide_is_no_difference() -> None:
    """Who holds a lease, ids, versions, managers of fields."""

    def change(objects: Objects) -> None:
        one(objects, "Lease", "kube")["spec"]["holderIdentity"] = "somebody"
        for value in objects:
            value["metadata"] |= {"uid": "x", "resourceVersion": "1", "managedFields": [], "generation": 7}

    assert found(change) == set()


def test_a_signature_is_that_of_the_controller_manager() -> None:
    """kubeadm's side was signed by the real one, with the token that it was given."""
    objects = list(living().kubeadm.stored[JOIN_MOMENT].objects)
    data = one(objects, "ConfigMap", CLUSTER_INFO[1])["data"]
    secret = token(objects)
    identity = secret["metadata"]["name"].removeprefix(TOKEN)
    key = base64.b64decode(secret["data"]["token-secret"])

    assert data[f"{JWS}{identity}"] == signature(identity, key, data["kubeconfig"])
    assert data[f"{JWS}{identity}"] != signature(identity, key, data["kubeconfig"] + " ")
