"""The audit of a live cluster: what leaves a node, how findings are graded, and what only a running cluster tells."""

import base64
import subprocess
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from clusters import lab_cluster

from hardway.errors import UsageError
from hardway.model import BootstrapToken, freeze_document
from hardway.parity.certificates import Surroundings
from hardway.parity.compare import ABSENT, Difference
from hardway.parity.live import fetch, judge, left, members, pems, runtime, source, tokens, wanted
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import Finding, Grade, ordered, shown
from hardway.parity.live.grades import grade
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import Key, Secret, SeenCluster, SeenNode, heard, seen_node
from hardway.parity.objects import TOKEN
from hardway.renderers.files import Entry, Kind, file

ARGS, PAUSE = "KUBELET_KUBEADM_ARGS", "pod-infra-container-image"
SERVER, CLIENT = "1.3.6.1.5.5.7.3.1", "1.3.6.1.5.5.7.3.2"
USAGE, ADMIN = "digital_signature, key_encipherment", "CN=kubernetes-admin"
SUBJECT = "users[a].client-certificate-data.subject"
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
        "- name: run\n  user:\n    exec:\n      command: hunter2hunter2\n      env:\n      - name: hunter2hunter2\n"
    )
    # Nor from where nobody expects one.
    folder = tmp_path / "manifests"
    folder.mkdir()
    text = (tmp_path / "admin.conf").read_text()
    for name, content in {
        "admin.conf": text,
        "admin.conf.bak": text,
        "apiserver.key.bak": key.decode(),
        "apiserver.key": key.decode(),
        "secret.yaml": f"data:\n  tls.key: {secret}\n",
        "bearer.json": '{"token" : "hunter2hunter2"}',
        "archive.tar.gz": "\0hunter2hunter2",
        "mine.yaml": "metadata: {name: mine}\nspec: {volumes: [{projected: {sources: [{serviceAccountToken: {}}]}}]}\n",
    }.items():
        (folder / name).write_text(content)
    (tmp_path / "pki/raw.key").write_text("hunter2hunter2")
    (tmp_path / "pki/cut.crt").write_text(f"-----BEGIN CERTIFICATE-----\n{key.decode()}")
    script = f"set -uo pipefail\naudit() {{\n{node_script(tmp_path)}\n}}\naudit </dev/null\n"
    done = subprocess.run(["bash"], input=script, text=True, capture_output=True, check=False)
    answers = heard(done.stdout.splitlines())
    seen = seen_node(MASTER.name, answers)
    config = seen.files[f"{tmp_path}/admin.conf"].content.decode()
    everything = done.stdout + "".join(entry.content.decode() for entry in seen.files.values())

    assert answers["end"] == [""]
    hidden = {f"{folder}/{name}" for name in ("admin.conf.bak", "apiserver.key.bak", "secret.yaml", "bearer.json")}
    assert seen.withheld == hidden
    assert b"mine" in seen.files[f"{folder}/mine.yaml"].content
    assert seen.keys[f"{tmp_path}/pki/raw.key"] == Key("", "")
    assert config.count("(not sent)") == 3
    assert seen.files[f"{folder}/admin.conf"].content.decode() == config
    for part in (secret[100:140], key.decode().splitlines()[3], "hunter2", "0123456789abcdef\n"):
        assert part not in everything
    assert seen.keys[f"{tmp_path}/pki/sa.key"].label == "RSA PRIVATE KEY"
    assert seen.keys[f"{tmp_path}/pki/sa.key"].public == pems.public_hash(public)
    assert "server: https://[fd00::1]:6443\n" in config
    assert config.count(f"RSA PRIVATE KEY|{pems.public_hash(public)}") == 1
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
        (
            Difference("/var/lib/kubelet/kubeadm-flags.env", f"{ARGS}.flags.{PAUSE}", "pause:3.10.1", "pause:3.10"),
            Grade.NOTE,
        ),
        (
            Difference("/var/lib/kubelet/kubeadm-flags.env", f"{ARGS}.flags.{PAUSE}", "pause:3.10", ABSENT),
            Grade.WARNING,
        ),
        (
            Difference(
                "/etc/kubernetes/pki/apiserver-kubelet-client.crt",
                "subject",
                "CN=a, O=b",
                "CN=kube-apiserver-kubelet-client",
            ),
            Grade.NOTE,
        ),
        # cfssl gives both usages, openssl no extension that it was not asked for.
        (Difference("/pki/apiserver.crt", "ExtendedKeyUsage", SERVER, f"{SERVER}, {CLIENT}"), Grade.NOTE),
        (Difference("/pki/apiserver.crt", "ExtendedKeyUsage", SERVER, "2.5.29.37.0"), Grade.NOTE),
        (Difference("/pki/apiserver.crt", "ExtendedKeyUsage", SERVER, ABSENT), Grade.NOTE),
        (Difference("/pki/apiserver.crt", "ExtendedKeyUsage", SERVER, CLIENT), Grade.ERROR),
        (Difference("/pki/etcd/peer.crt", "ExtendedKeyUsage", f"{SERVER}, {CLIENT}", SERVER), Grade.ERROR),
        (Difference("/pki/apiserver.crt", "KeyUsage", USAGE, "digital_signature"), Grade.NOTE),
        (Difference("/pki/apiserver.crt", "KeyUsage", USAGE, ABSENT), Grade.NOTE),
        (Difference("/pki/apiserver.crt", "KeyUsage", USAGE, "key_agreement"), Grade.ERROR),
        (Difference("/pki/ca.crt", "KeyUsage", f"{USAGE}, key_cert_sign", ABSENT), Grade.NOTE),
        (Difference("/pki/ca.crt", "KeyUsage", f"{USAGE}, key_cert_sign", USAGE), Grade.ERROR),
        (Difference("/pki/apiserver.crt", "BasicConstraints", "CA False, path length None", ABSENT), Grade.NOTE),
        (Difference("/pki/apiserver.crt", "BasicConstraints", "CA False, path length None", "CA True, path length 0"), Grade.ERROR),
        (Difference("/pki/ca.crt", "BasicConstraints", "CA True, path length None", ABSENT), Grade.ERROR),
        (Difference("/pki/apiserver.crt", "subject", "CN=kube-apiserver", "C=NL, CN=kube-apiserver, O=k8s"), Grade.NOTE),
        (Difference("/pki/apiserver.crt", "subject", "CN=kube-apiserver", "O=k8s"), Grade.ERROR),
        (Difference("/etc/scheduler.conf", SUBJECT, "CN=system:kube-scheduler", "CN=system:kube-scheduler, O=k8s"), Grade.NOTE),
        (Difference("/etc/scheduler.conf", SUBJECT, "CN=a", "CN=a, O=system:masters"), Grade.ERROR),
        (Difference("/etc/scheduler.conf", SUBJECT, "CN=a", "CN=a, O=kubeadm:cluster-admins"), Grade.ERROR),
        (Difference("/etc/scheduler.conf", SUBJECT, "CN=a", "CN=a, CN=system:admin"), Grade.ERROR),
        # What an upgrade to 1.29 leaves on the other masters.
        (Difference("/etc/admin.conf", SUBJECT, f"{ADMIN}, O=kubeadm:cluster-admins", f"{ADMIN}, O=system:masters"), Grade.WARNING),
        (Difference("/etc/admin.conf", SUBJECT, f"{ADMIN}, O=kubeadm:cluster-admins", "CN=me, O=system:masters"), Grade.ERROR),
        (Difference("/etc/kubernetes/manifests/mine.yaml", "item", ABSENT, "present"), Grade.NOTE),
        (Difference("ClusterRoleBinding kubeadm:get-nodes", "item", "present", ABSENT), Grade.ERROR),
        (Difference("Deployment kube-system/coredns", "spec.replicas", "2", "5"), Grade.NOTE),
    ],
)  # fmt: skip
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
        Secret("bootstrap-token-abcdef", TOKEN),
        Secret("bootstrap-token-ghijkl", TOKEN, "2026-05-02T00:00:00Z"),
    )
    masters = [
        {"ID": str(number), "name": node.name, "peerURLs": [f"https://{node.address}:2380"]}
        for number, node in enumerate(CLUSTER.control_planes, 1)
    ]
    gone = {"ID": "255", "name": "gone", "peerURLs": ["https://192.0.2.9:2380"]}
    api = SeenCluster({}, (), secrets=secrets, members=(*masters, gone))
    told = [(f.item, f.cure) for f in [*tokens.tokens(JUDGE, api, None), *members.members(JUDGE, {}, api)]]
    remove = told.pop()[1]

    assert told == [
        ("Secret kube-system/bootstrap-token-abcdef", "hardway token delete -f cluster.yaml abcdef"),
    ]
    assert " exec etcd-master-1." in remove
    assert remove.endswith(" member remove ff")


def test_what_is_signed_and_what_outlives_its_end() -> None:
    """A living token needs its signature in cluster-info, a dead one should be gone, kubeadm-certs should go with one."""
    item = "bootstrap-token-"
    secrets = (
        Secret(f"{item}signed", TOKEN, "2026-05-02T00:00:00Z", signs=True),
        Secret(f"{item}unsign", TOKEN, "2026-05-02T00:00:00Z", signs=True),
        Secret(f"{item}silent", TOKEN, "2026-05-02T00:00:00Z"),
        Secret(f"{item}passed", TOKEN, "2026-04-30T23:00:00Z", signs=True),
        Secret(f"{item}recent", TOKEN, "2026-04-30T23:59:00Z", signs=True),
        Secret(f"{item}no-utc", TOKEN, "2026-05-02T00:00:00"),
        Secret("kubeadm-certs", "Opaque"),
    )
    info = {"data": {"jws-kubeconfig-signed": "a..b"}}
    told = {(f.grade, f.item, f.field) for f in tokens.tokens(JUDGE, SeenCluster({}, (), secrets=secrets), info)}

    assert told == {
        (Grade.ERROR, "ConfigMap kube-public/cluster-info", "data.jws-kubeconfig-unsign"),
        (Grade.WARNING, f"Secret kube-system/{item}passed", "data.expiration"),
        (Grade.WARNING, f"Secret kube-system/{item}no-utc", "data.expiration"),
        (Grade.WARNING, "Secret kube-system/kubeadm-certs", "metadata.ownerReferences"),
    }


def test_a_token_without_an_end_may_be_what_the_user_wants() -> None:
    """InitConfiguration asks for it by its id; of another one, and of one that was asked for with an end, it is told."""
    item = "bootstrap-token-"
    ends = {"wanted": "", "limits": "", "others": "", "passed": "2026-04-30T23:00:00Z"}
    secrets = tuple(Secret(f"{item}{name}", TOKEN, end) for name, end in ends.items())
    wanted = (BootstrapToken("wanted.0123456789abcdef", ttl=0), BootstrapToken("limits.0123456789abcdef"))
    judge = replace(JUDGE, cluster=replace(JUDGE.cluster, bootstrap_tokens=wanted))
    told = [f.item for f in tokens.tokens(judge, SeenCluster({}, (), secrets=secrets), None)]

    assert told == [f"Secret kube-system/{item}{name}" for name in ("limits", "others", "passed")]


def test_members_that_do_not_vote_or_are_somewhere_else() -> None:
    """A learner is to be promoted, a peer URL to be changed, a master without a member has to be looked at."""
    first, second, _ = CLUSTER.control_planes
    has = (
        {"ID": "1", "name": first.name, "peerURLs": [f"https://{first.address}:2380"], "isLearner": True},
        {"ID": "2", "name": second.name, "peerURLs": ["https://192.0.2.9:2380"]},
    )
    told = [(f.grade, f.node, f.field) for f in members.members(JUDGE, {}, SeenCluster({}, (), members=has))]

    assert told == [
        (Grade.WARNING, first.name, "member"),
        (Grade.ERROR, second.name, "member.peerURLs"),
        (Grade.ERROR, CLUSTER.control_planes[2].name, "member"),
    ]


def test_members_that_never_started() -> None:
    """They have no name, however many they are; of two with one name the master's own is the one with its address."""
    masters = [
        {"ID": str(n), "name": m.name, "peerURLs": [f"https://{m.address}:2380"]}
        for n, m in enumerate(CLUSTER.control_planes)
    ]
    twin = {"ID": "20", "name": MASTER.name, "peerURLs": ["https://192.0.2.9:2380"]}
    new = [{"ID": str(number), "name": "", "peerURLs": [f"https://192.0.2.{number}:2380"]} for number in (30, 31)]
    api = SeenCluster({}, (), members=(twin, *masters, *new))
    told = [f.cure.rpartition(" ")[2] for f in members.members(JUDGE, {}, api)]

    assert told == ["14", "1e", "1f"]


def test_no_login_is_shown() -> None:
    """Neither of a proxy nor of any URL, nor what a variable keeps secret; an image stays as it is."""
    image = '"registry.example.com/kube-apiserver@sha256:' + "a" * 64 + '"'

    def value(field: str, value: str) -> str:
        finding = shown(Finding(Grade.NOTE, "a", "", "", field, ABSENT, value))
        return finding.found

    env = "spec.containers[kube-apiserver].env"
    assert value(f"{env}[HTTPS_PROXY].value", '"http://user:hunter/2@proxy:3128"') == '"http://***@proxy:3128"'
    assert value(f"{env}[https_proxy].value", '"user:hunter2@proxy:3128"') == '"***@proxy:3128"'
    assert value(f"{env}[NO_PROXY].value", '"10.0.0.0/8,.svc"') == '"10.0.0.0/8,.svc"'
    assert value(f"{env}[AWS_SECRET_ACCESS_KEY].value", '"hunter2"') == "(not shown)"
    assert value("flags.etcd-servers", "https://u:p@a:1,https://u:p@b:1") == "https://***@a:1,https://***@b:1"
    assert value("image", image) == image


def kubelet(*more: str, env: str = "--node-ip=10.30.0.11", **seen: Any) -> list[tuple[Grade, str, str]]:
    """What is told of a kubelet that runs with kubeadm's flags and these, and of its node."""
    base = ("--bootstrap-kubeconfig=/etc/kubernetes/bootstrap-kubelet.conf", "--config=/var/lib/kubelet/config.yaml")
    running = ("/usr/bin/kubelet", *base, "--kubeconfig=/etc/kubernetes/kubelet.conf", *more)
    files = {"/var/lib/kubelet/kubeadm-flags.env": file(f'KUBELET_KUBEADM_ARGS="{env}"\n')}
    units = {"kubelet": ("enabled", "active"), "containerd": ("enabled", "active"), **seen.pop("units", {})}
    there = {"status": {"nodeInfo": {"kubeletVersion": seen.pop("version", "v1.30.4")}}}
    node = SeenNode(MASTER.name, files, {}, units, running, **seen)
    return [(f.grade, f.item, f.field) for f in runtime.kubelets(JUDGE, MASTER, node, there)]


def test_how_the_kubelet_runs() -> None:
    """With kubeadm's drop-in and flags, enabled like its container runtime, in a version that the API server bears."""
    ip = "--node-ip=10.30.0.11"

    assert kubelet(ip) == []
    assert kubelet(ip, reload=True) == [(Grade.WARNING, "kubelet.service", "NeedDaemonReload")]
    assert kubelet() == [(Grade.WARNING, "kubelet.service", "flags.node-ip")]
    assert kubelet(ip, "--node-ip=10.30.0.99") == []
    assert kubelet(ip, "--v=4") == [(Grade.NOTE, "kubelet.service", "flags.v")]
    assert kubelet(ip, "--config=/root/mine.yaml") == [(Grade.WARNING, "kubelet.service", "flags.config")]
    assert kubelet(ip, units={"containerd": ("disabled", "active")}) == [
        (Grade.ERROR, "containerd.service", "enabled")
    ]
    for version, grade_ in (("v1.30.9", "note"), ("v1.27.1", "note"), ("v1.26.0", "error"), ("v1.31.0", "error")):
        assert kubelet(ip, version=version) == [(Grade(grade_), "kubelet", "version")]


def test_masters_with_different_authorities() -> None:
    """The one whose CA is another one than that of most is wrong, also if it is the first."""
    path = "/etc/kubernetes/pki/front-proxy-ca.crt"
    seen = {
        node.name: SeenNode(node.name, {path: file("one" if number else "other")}, {}, {}, ())
        for number, node in enumerate(CLUSTER.control_planes)
    }

    assert [(f.grade, f.node, f.item) for f in members.shared(JUDGE, seen)] == [(Grade.ERROR, MASTER.name, path)]


def authority_of(*names: str) -> bytes:
    """A certificate for each name, in one text."""
    argv = "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -days 5 -subj"
    return b"".join(subprocess.run([*argv.split(), name], capture_output=True, check=True).stdout for name in names)


def test_workers_have_the_first_certificate_of_the_masters() -> None:
    """They have got it from cluster-info; a text before it, more certificates and a last line do not matter."""
    path, (ours, another) = "/etc/kubernetes/pki/ca.crt", (authority_of("/CN=a"), authority_of("/CN=b"))
    contents = [ours + another, b"CN = a\n" + ours, ours.rstrip(), *[ours] * 9]
    seen = {
        node.name: SeenNode(node.name, {path: file(content)}, {}, {}, ())
        for node, content in zip(CLUSTER.nodes, contents, strict=False)
    }

    assert list(members.shared(JUDGE, seen)) == []
    assert members.authority(JUDGE, seen) in (ours + another, b"CN = a\n" + ours, ours.rstrip())


def test_no_worker_outvotes_a_master_or_gets_its_key() -> None:
    """What masters have is the cluster's CA, however many workers have another; only a master needs the key."""
    path, worker = "/etc/kubernetes/pki/ca.crt", CLUSTER.node("worker-1")
    more = replace(worker, name="worker-2.example.com", host_name="worker-2", address="10.30.0.22")
    here = replace(JUDGE, cluster=replace(CLUSTER, nodes=(worker, more, *CLUSTER.control_planes)))

    def told(**contents: str) -> tuple[dict[str, bool], bytes]:
        nodes = [here.cluster.node(name.replace("_", "-")) for name in contents]
        texts = zip(nodes, contents.values(), strict=True)
        seen = {node.name: SeenNode(node.name, {path: file(text)}, {}, {}, ()) for node, text in texts}
        found = {f.node.partition(".")[0]: "and its key" in f.cure for f in members.shared(here, seen)}
        return found, members.authority(here, seen)

    assert told(worker_1="b", worker_2="b", master_1="a") == ({"worker-1": False, "worker-2": False}, b"a")
    assert told(worker_1="b", master_1="a", master_2="a", master_3="b")[0] == {"worker-1": False, "master-3": True}
    assert told(worker_1="b")[1] == b"b"


def test_the_key_to_everything_lies_in_one_place() -> None:
    """super-admin.conf on a second master or on a worker."""
    path = "/etc/kubernetes/super-admin.conf"

    def told(*names: str) -> list[str]:
        seen = {node.name: SeenNode(node.name, {path: file("")}, {}, {}, ()) for node in CLUSTER.nodes}
        return [
            f.node.split(".")[0]
            for f in left.emergency(CLUSTER, {CLUSTER.node(n).name: seen[CLUSTER.node(n).name] for n in names})
        ]

    assert told() == told("master-3") == []
    assert told("master-1", "master-2") == ["master-2"]
    assert told("worker-1") == ["worker-1"]


def test_an_inventory_alone_is_enough(tmp_path: Path) -> None:
    """It says how the masters are reached; without one there is nothing to go by."""
    target = tmp_path / "inventory.yaml"
    target.write_text(
        "apiVersion: hardway.dev/v1alpha1\nkind: Inventory\nnodes:\n"
        "- {name: one.example.org, address: 192.0.2.1, roles: [control-plane]}\n"
    )
    given = source.given(target)
    target.write_text("apiVersion: a\nkind: Other\n")

    assert ([node.name for node in given.cluster.nodes], given.ours) == (["one.example.org"], False)
    with pytest.raises(UsageError):
        source.given(target)


def test_the_worst_comes_first() -> None:
    """Errors, warnings, notes; then by node."""
    findings = [Finding(g, n, "", "", "", "", "") for g in reversed(Grade) for n in ("b", "a")]

    assert [(f.grade.value, f.node) for f in ordered(findings)] == [
        (g, n) for g in ("error", "warning", "note") for n in ("a", "b")
    ]


def api_of(*addresses: str) -> SeenCluster:
    """A cluster whose Nodes have these addresses."""
    stored = "apiVersion: kubeadm.k8s.io/v1beta3\nkind: ClusterConfiguration\nkubernetesVersion: v1.30.4\n"
    config = {
        "metadata": {"name": "kubeadm-config"},
        "data": {"ClusterConfiguration": stored + "controlPlaneEndpoint: a:6443\n"},
    }
    nodes = tuple(
        {
            "metadata": {"name": f"node-{address[-1]}.example.com", "creationTimestamp": f"2026-01-0{address[-1]}", "labels": {}},
            "status": {"addresses": [{"type": "InternalIP", "address": address}]},
        }
        for address in addresses
    )  # fmt: skip
    return SeenCluster({"kubeadm-config": config}, nodes)


@pytest.mark.parametrize("ours", [True, False])
def test_machines_without_a_node_and_nodes_without_a_machine(tmp_path: Path, ours: bool) -> None:
    """The first is an error; the second is told where a whole cluster.yaml should name all machines."""
    target = tmp_path / "inventory.yaml"
    target.write_text(
        "apiVersion: hardway.dev/v1alpha1\nkind: Inventory\nbaseDomain: example.com\nnodes:\n"
        "- {name: node-1.example.com, address: 192.0.2.1, roles: [control-plane]}\n"
        "- {name: node-2.example.com, address: 192.0.2.2, roles: [worker]}\n"
    )
    before = source.given(target)
    cluster, findings = source.actual(Tools(str(target), ours), before, api_of("192.0.2.1", "192.0.2.3"))
    told = [(f.grade, f.node, f.cure.split(" ")[0]) for f in findings]

    lost = (Grade.ERROR, "node-2.example.com", "hardway" if ours else "kubeadm")
    assert [node.name for node in cluster.nodes] == [f"node-{number}.example.com" for number in (1, 2, 3)]
    assert sorted(told) == sorted([lost, *([(Grade.WARNING, "node-3.example.com", "")] if ours else [])])


def test_nodes_without_an_address(tmp_path: Path) -> None:
    """Those of the Inventory are known by their names and judged; others are told, as are other addresses."""
    target = tmp_path / "inventory.yaml"
    target.write_text(
        "apiVersion: hardway.dev/v1alpha1\nkind: Inventory\nbaseDomain: example.com\nnodes:\n"
        "- {name: node-1, address: 192.0.2.1, roles: [control-plane]}\n"
        "- {name: node-2.example.com, address: 192.0.2.2, roles: [worker]}\n"
        "- {name: node-3.example.com, address: 192.0.2.3, roles: [worker]}\n"
    )
    before = source.given(target)
    api = api_of("192.0.2.1", "192.0.2.2", "192.0.2.9", "192.0.2.4")
    first, second, third, fourth = (dict(node) for node in api.nodes)
    first["metadata"] = first["metadata"] | {"name": "node-1"}
    third["metadata"] = third["metadata"] | {"name": "node-3.example.com"}
    for node in (second, fourth):
        node["status"] = {"addresses": [{"type": "Hostname", "address": "a"}, {"type": "InternalIP", "address": "a"}]}
    cluster, findings = source.actual(
        Tools(str(target), False), before, replace(api, nodes=(first, second, third, fourth))
    )
    told = {(f.grade, f.item, f.field, f.found) for f in findings}

    assert [node.name for node in cluster.nodes] == ["node-1", "node-2.example.com", "node-3.example.com"]
    assert told == {
        (Grade.ERROR, "Node node-2.example.com", "status.addresses", ABSENT),
        (Grade.WARNING, "Node node-3.example.com", "status.addresses", "192.0.2.9"),
        (Grade.ERROR, "Node node-4.example.com", "status.addresses", ABSENT),
    }


@pytest.mark.parametrize(
    ("client_ca", "needed"), [("/etc/kubernetes/pki/ca.crt", True), ("", True), ("/srv/trust/ca.crt", False)]
)
def test_a_worker_needs_the_ca_where_its_kubelet_looks_for_it(client_ca: str, needed: bool) -> None:
    """kubeadm gives a worker the file of caCertPath alone, which nobody stores; a copy there is nothing to tell."""
    x509 = {"x509": {"clientCAFile": client_ca}} if client_ca else {}
    cluster = replace(CLUSTER, kubelet_configuration=freeze_document({"authentication": x509}))
    worker, path = cluster.workers[0], f"{cluster.paths.pki}/ca.crt"
    copy = SeenNode(worker.name, {"/etc/kubernetes/trust/ca.crt": file("the CA")}, {}, {}, ())
    told = list(judge.files(Judge(cluster, JUDGE.tools, MOMENT), worker, copy))

    assert [one.item for one in told if one.item.endswith("ca.crt")] == [path] * needed
