"""Questions of an audit that fail: each is told, nothing is made of silence, and one spoilt node stops nobody else."""

import base64
import json
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from clusters import lab_cluster
from transports import OnlyAnswers

from hardway.engine import facts
from hardway.engine.transport import OnLine, Result, Transport
from hardway.errors import StepFailed, Unreachable
from hardway.model import EtcdExternal, Node, thaw
from hardway.parity.live import asked, fetch, wanted
from hardway.parity.live.audit import Audit, audit_cluster
from hardway.parity.live.finding import CLUSTER, Grade
from hardway.parity.live.seen import Failure, SeenCluster, SeenNode, heard, seen_cluster
from hardway.parity.objects import item_name

LAB = lab_cluster()


def encoded(value: object) -> str:
    """As a script tells it."""
    text = value if isinstance(value, str) else json.dumps(value)
    return base64.b64encode(text.encode()).decode()


ETCD = "    - --trusted-ca-file=/pki/etcd/ca.crt\n"


def asking(
    tmp_path: Path, kubectl: str = "exit 0", curl: str = "echo '{}'", confs: str = "admin", etcd: str = ETCD
) -> SeenCluster:
    """What the script for the cluster brings where kubectl and curl are these."""
    (tmp_path / "manifests").mkdir()
    (tmp_path / "manifests/etcd.yaml").write_text(etcd)
    for name in confs.split():
        (tmp_path / f"{name}.conf").touch()
    for name, text in {"kubectl": kubectl, "curl": curl}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    text = fetch.cluster_script().replace("/etc/kubernetes", str(tmp_path))
    script = f"set -uo pipefail\nPATH={tmp_path}:$PATH\naudit() {{\n{text}\n}}\naudit </dev/null\n"
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, check=False)
    answers = heard(done.stdout.splitlines())
    assert answers["end"] == [""]
    return seen_cluster(answers)


@pytest.mark.parametrize(("allowed", "expected"), [("admin", "admin"), ("super-admin", "super-admin")])
def test_the_api_is_asked_without_the_binding_of_administrators(tmp_path: Path, allowed: str, expected: str) -> None:
    """Where admin.conf is refused, super-admin.conf is taken."""
    node = '{"metadata": {"name": "\'"${name%.conf}"\'"}}'
    kubectl = f'name="${{1##*/}}"\n[ "$name" = {allowed}.conf ] && echo \'{{"items": [{node}]}}\''
    seen = asking(tmp_path, kubectl, confs="admin super-admin")

    assert [node["metadata"]["name"] for node in seen.nodes] == [expected]
    assert seen.failed == ()


def test_a_question_that_fails_is_told(tmp_path: Path) -> None:
    """With the exit code and the first line that explains it, without secrets; the answers to others stay."""
    seen = asking(
        tmp_path,
        'case "$*" in\n'
        '*"get secrets"*) printf "%s\\n" "Warning: old" "E1127 10:00:00 1 a.go:1] x" "" "Error: no key at https://u:hunter2@kms" y >&2\n'
        "  exit 3 ;;\n"
        '*"get csr"*) echo "no JSON" ;;\n'
        '*) echo \'{"items": [{"metadata": {"name": "a"}}]}\' ;;\nesac',
        curl="exit 56",
    )

    assert [node["metadata"]["name"] for node in seen.nodes] == ["a"]
    assert set(seen.failed) == {
        Failure("secrets", "Error: no key at https://*********@kms (exit code 3)", f"{tmp_path}/admin.conf"),
        Failure("csrs", "the answer is not JSON"),
        Failure("members", "no reason given (exit code 56)"),
    }


def test_nobody_may_ask(tmp_path: Path) -> None:
    """Where there is no kubeconfig nothing is known."""
    seen = asking(tmp_path, confs="")

    assert {failure.question for failure in seen.failed} == set(fetch.QUESTIONS)
    assert {failure.reason for failure in seen.failed} == {"there is no kubeconfig of an administrator (exit code 1)"}


def test_members_are_not_known_without_the_manifest(tmp_path: Path) -> None:
    """Nothing is told of an etcd that is somebody else's."""
    seen = asking(tmp_path, etcd="")
    master = LAB.first_control_plane
    (told,) = asked.questions(LAB, master, seen.failed, {})
    external = replace(LAB, etcd=EtcdExternal(("https://192.0.2.5:2379",)))

    assert (told.grade, told.node, told.item) == (Grade.ERROR, master.name, "members of etcd")
    assert "/manifests/etcd.yaml names no --trusted-ca-file" in told.found
    assert told.cure.startswith("curl -sS --cacert /etc/kubernetes/pki/etcd/ca.crt ")
    assert list(asked.questions(external, master, seen.failed, {})) == []


def test_what_is_no_word_of_yaml_ends_no_audit() -> None:
    """The findings before it stay."""

    def told() -> Iterable[Any]:
        yield "first"
        raise AttributeError("'int' object has no attribute 'get'\nabcdef.0123456789abcdef")

    first, last = asked.all_of("a", "files", told())

    assert first == "first"
    assert (last.grade, last.node, last.item) == (Grade.ERROR, "a", "files")
    assert last.found == "no: AttributeError: 'int' object has no attribute 'get'"


STORED = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.30.4\ncontrolPlaneEndpoint: a:6443\n"
FACTS = ("os debian", "arch x86_64", "hostname a", "resolved inactive", "cpus 2")
NAMES = ("node-1.example.com", "node-2.example.com", "node-3.example.com")
PATH = "/etc/kubernetes/manifests/kube-scheduler.yaml"
SCHEDULER = (
    f"audit stat 600 root:root f {PATH}",
    f"audit content {encoded('metadata: {name: kube-scheduler}')} {PATH}",
)
Told = Mapping[str, Any]


class Machine(OnlyAnswers):
    """A node that tells what it is given: by the word that only one of the scripts has."""

    def __init__(self, told: Mapping[str, list[str]]) -> None:
        self._told = told

    async def run(self, script: str, on_line: OnLine) -> Result:
        for line in next(lines for word, lines in self._told.items() if word in script):
            on_line(line)
        return Result(0, "")


def audited(tmp_path: Path, node: Told, *more: str, objects: Iterable[str] = ()) -> Audit:
    """A master and two workers: `node` is told by the second, `more` by the API, `objects` of its objects."""
    target = tmp_path / "inventory.yaml"
    target.write_text(
        "apiVersion: hardway.dev/v1alpha1\nkind: Inventory\nbaseDomain: example.com\nnodes:\n"
        + "".join(
            f"- {{name: {name}, address: 192.0.2.{number}, roles: [{'worker' if number - 1 else 'control-plane'}]}}\n"
            for number, name in enumerate(NAMES, 1)
        )
    )
    config = {"metadata": {"name": "kubeadm-config"}, "data": {"ClusterConfiguration": STORED}}
    nodes = [
        {
            "metadata": {"name": name, "creationTimestamp": f"2026-01-0{number}"},
            "spec": {},
            "status": {
                "addresses": [{"type": "InternalIP", "address": f"192.0.2.{number}"}],
                "nodeInfo": {"kubeletVersion": "v1.30.4"},
            },
        }
        for number, name in enumerate(NAMES, 1)
    ]
    plain = [*(f"fact {fact}" for fact in FACTS), "audit stat 755 root:root d /etc/kubernetes", "audit end"]
    api = [
        f"audit nodes {encoded({'items': nodes})}",
        f"audit config {encoded({'items': [config]})}",
        *more,
        "audit end",
    ]
    second = [*plain[:-1], *node.get("lines", ()), "audit end"]
    second = [line.replace(*node.get("instead", ("", ""))) for line in second]

    async def connect(machine: Node) -> Transport:
        if machine.name == NAMES[1] and "lost" in node:
            raise node["lost"]
        return Machine(
            {
                "ask objects:": [*objects, "audit end"],
                "ask nodes": api,
                facts.KUBERNETES: second if machine.name == NAMES[1] else [*plain[:-1], *SCHEDULER, "audit end"],
            }
        )

    return audit_cluster(target, connect)


@pytest.mark.parametrize(
    ("node", "field"),
    [
        ({"instead": ("x86_64", "s390x")}, "readable"),
        ({"instead": ("fact cpus 2", "fact cpus ")}, "readable"),
        ({"instead": ("fact os debian", "")}, "readable"),
        ({"lines": ["audit stat name of a file"]}, "readable"),
        ({"lines": ["audit content AAA /etc/kubernetes/a"]}, "readable"),
        ({"lost": StepFailed("it was not possible", NAMES[1])}, "readable"),
        ({"lost": Unreachable("no connection", NAMES[1])}, "reachable"),
    ],
)  # fmt: skip
def test_one_spoilt_node(tmp_path: Path, node: Told, field: str) -> None:
    """It is an error of this node; the others are judged."""
    found = audited(tmp_path, node)

    assert sorted(found.nodes) == [NAMES[0], NAMES[2]]
    assert [(f.grade, f.node) for f in found.findings if f.item == "node" and f.field == field] == [
        (Grade.ERROR, NAMES[1])
    ]
    for name in (NAMES[0], NAMES[2]):
        assert [f for f in found.findings if f.node == name and f.item == "/etc/kubernetes/kubelet.conf"]


def test_files_of_any_shape(tmp_path: Path) -> None:
    """What a node holds ends no audit."""
    content = encoded("metadata: {name: a}\nspec: {containers: {a: 1}}\n")
    path = "/etc/kubernetes/manifests/kube-apiserver.yaml"
    found = audited(tmp_path, {"lines": [f"audit stat 600 root:root f {path}", f"audit content {content} {path}"]})

    assert sorted(found.nodes) == list(NAMES)


FAILED = f"1 {encoded('Error from server: no')}"
CONF = "/etc/kubernetes/admin.conf"


def test_silence_is_not_absence(tmp_path: Path) -> None:
    """Of a namespace that was not told nothing is absent; each question that failed is told with what shows why."""
    there = [thaw(value) for _, value in wanted.objects(LAB) if thaw(value)["metadata"].get("namespace") is None]
    objects = [f"audit objects: {encoded({'items': there})}", f"audit failed objects:kube-system {CONF} {FAILED}"]
    pods, certs = f"audit failed pods {CONF} {FAILED}", f"audit failed secrets {CONF} {FAILED}"
    found = audited(tmp_path, {}, pods, certs, f"audit failed members  {FAILED}", objects=objects)
    told = {f.item: f for f in found.findings if f.field == "answer"}
    absent = {f.item for f in found.findings if f.node == CLUSTER and f.field == "item"}

    assert set(told) == {
        "Pods of the control plane",
        "Secrets of kube-system",
        "members of etcd",
        "objects of kube-system",
    }
    assert {f.found for f in told.values()} == {"not asked: Error from server: no (exit code 1)"}
    assert told["Secrets of kube-system"].cure == f"kubectl --kubeconfig={CONF} get secrets -n kube-system -o name"
    cure = told["objects of kube-system"].cure
    assert " get -n kube-system --ignore-not-found " in cure
    assert " configmap/kubelet-config " in cure
    # What nobody knows is not absent; what was asked and is not there is.
    assert not [item for item in absent if "kube-system/" in item]
    assert "Role kube-public/kubeadm:bootstrap-signer-clusterinfo" in absent
    assert not [f for f in found.findings if f.item.startswith("Pod kube-system/") or f.item == "etcd"]
    assert not [item for item in absent if item in {item_name(value) for value in there}]


def test_a_part_of_an_answer_is_judged(tmp_path: Path) -> None:
    """kubectl tells what it has found beside its error."""
    value = next(
        thaw(v) for _, v in wanted.objects(LAB) if item_name(thaw(v)).endswith("kubeadm:nodes-kubeadm-config")
    )
    spoilt = value | {"rules": []}
    objects = [f"audit objects:kube-system {encoded(spoilt)}", f"audit failed objects:kube-system {CONF} {FAILED}"]
    found = audited(tmp_path, {}, objects=objects)
    pods = [f.item for f in found.findings if f.item.startswith("Pod ")]

    # The API was asked for Pods, and has none.
    assert pods == ["Pod kube-system/kube-scheduler-node-1.example.com"]
    assert {f.item for f in found.findings if "kube-system/" in f.item and f.item not in pods} == {item_name(value)}


def test_what_shows_why_the_configuration_is_not_told(tmp_path: Path) -> None:
    """That is not a cluster without kubeadm-config."""
    with pytest.raises(StepFailed, match="the API does not tell its ConfigMap kube-system/kubeadm-config") as error:
        audited(tmp_path, {}, f"audit failed config {CONF} {FAILED}")

    assert error.value.output == "Error from server: no (exit code 1)"
    assert error.value.command.endswith(" cm/kubeadm-config cm/kubelet-config cm/kube-proxy -o name")


def test_a_node_without_openssl(tmp_path: Path) -> None:
    """Keys are told by their labels, and not judged; that is told once."""
    master, key = LAB.first_control_plane, tmp_path / "pki/sa.key"
    for folder in ("pki", "bin"):
        (tmp_path / folder).mkdir()
    subprocess.run(["openssl", "ecparam", "-name", "prime256v1", "-genkey", "-noout", "-out", key], check=True)
    for name in ("cat", "base64", "cut", "find", "grep", "sed", "sha256sum", "stat", "tr"):
        (tmp_path / "bin" / name).symlink_to(f"/usr/bin/{name}")
    (tmp_path / "bin/systemctl").symlink_to("/bin/true")
    paths = replace(LAB.paths, kubernetes=str(tmp_path), pki=str(key.parent), kubelet=f"{tmp_path}/kubelet")
    script = fetch.node_script(replace(LAB, paths=paths), master)
    done = subprocess.run(
        ["/bin/bash"], input=f"audit() {{\n{script}\n}}\naudit </dev/null\n", text=True, capture_output=True, check=False,
        env={"PATH": f"{tmp_path}/bin"},
    )  # fmt: skip
    answers = heard(done.stdout.splitlines())
    seen = SeenNode(master.name, {}, {}, {}, (), lacks=frozenset(answers["lacks"]))
    (told,) = asked.of_node(master, seen)

    assert set(answers["key"]) == {f"EC_PRIVATE_KEY {key}"}
    assert (told.grade, told.found, told.cure) == (
        Grade.WARNING, "no: keys cannot be judged", "apt-get install -y openssl",
    )  # fmt: skip
