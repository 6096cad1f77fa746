"""Cures can be pasted: they name what exists, and what the shell would take apart is quoted."""

import base64
import shlex
import subprocess
from dataclasses import replace
from datetime import timedelta
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from clusters import lab_cluster
from pki_samples import bash

from hardway.model import freeze_document
from hardway.parity.certificates import now
from hardway.parity.live import cures, cures_of_files, runtime, tokens
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import Finding
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.pki import catalog
from hardway.renderers.files import Entry, file

CLUSTER = lab_cluster()
MASTER, WORKER = CLUSTER.first_control_plane, CLUSTER.node("worker-1")
FILE = "my cluster.yaml"
MOMENT = now() + timedelta(hours=1)
OURS, ANYBODYS = (Judge(CLUSTER, Tools(FILE, ours), MOMENT) for ours in (True, False))
PKI = "/etc/kubernetes/pki"


@cache
def ending() -> str:
    """A certificate that ends soon, as PEM."""
    argv = (
        "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -keyout /dev/null -subj /CN=a -days 5"
    )
    return subprocess.run(shlex.split(argv), capture_output=True, text=True, check=True).stdout


CA_KEYS = {spec.key: file("") for spec in catalog.authorities(CLUSTER)}


def embedding(certificate: str) -> str:
    """A kubeconfig whose current context leads to a user with this certificate."""
    pem = base64.b64encode(certificate.encode()).decode()
    return (
        "clusters:\n- cluster: {}\n  name: a\ncontexts:\n- context:\n    cluster: a\n    user: me\n  name: me@a\n"
        f"current-context: me@a\nusers:\n- name: me\n  user:\n    client-certificate-data: {pem}\n"
    )


def renewals(here: Judge, path: str, node: Any = MASTER, **more: Entry) -> list[str]:
    """Cures for one file whose certificate ends soon, where the keys of CAs are there; more files by their paths."""
    text = ending()
    if path.endswith(".conf"):
        text = embedding(text)
    seen = SeenNode(node.name, {path: file(text), **(CA_KEYS | more)}, {}, {}, ())
    return [f.cure for f in runtime.ends(here, node, seen)]


@pytest.mark.parametrize(
    ("path", "name"),
    [
        (f"{PKI}/apiserver.crt", "apiserver"),
        (f"{PKI}/etcd/server.crt", "etcd-server"),
        (f"{PKI}/etcd/healthcheck-client.crt", "etcd-healthcheck-client"),
        ("/etc/kubernetes/super-admin.conf", "super-admin.conf"),
    ],
)
def test_what_the_catalogue_names_is_renewed(path: str, name: str) -> None:
    """By kubeadm's name for it."""
    assert renewals(OURS, path) == [f"hardway certs renew -f 'my cluster.yaml' {name} --node master-1"]
    assert renewals(ANYBODYS, path) == [f"kubeadm certs renew {name}"]


@pytest.mark.parametrize(
    ("path", "name", "reader"),
    [
        (f"{PKI}/apiserver-kubelet-client.crt", "apiserver-kubelet-client", "kube-apiserver"),
        (f"{PKI}/etcd/peer.crt", "etcd-peer", "etcd"),
        ("/etc/kubernetes/controller-manager.conf", "controller-manager.conf", "kube-controller-manager"),
        ("/etc/kubernetes/admin.conf", "admin.conf", ""),
    ],
)
def test_what_reads_a_renewed_certificate_begins_anew(path: str, name: str, reader: str) -> None:
    """kubeadm renews and restarts nothing, hardway does; where the manifest is not there nothing can be restarted."""
    pods = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
    manifests = {f"{CLUSTER.paths.manifests}/{pod}.yaml": file("") for pod in pods}
    (cure,) = renewals(ANYBODYS, path, **manifests)
    (ours,) = renewals(OURS, path, **manifests)
    again = f" && {cures_of_files.restart(f'{CLUSTER.paths.manifests}/{reader}.yaml')}" if reader else ""

    assert cure == f"kubeadm certs renew {name}{again}"
    assert ours == f"hardway certs renew -f 'my cluster.yaml' {name} --node master-1"
    assert renewals(ANYBODYS, path) == [f"kubeadm certs renew {name}"]


def test_what_an_external_ca_has_signed_is_shown() -> None:
    """`kubeadm certs renew` passes over it and exits 0."""
    path = f"{PKI}/apiserver.crt"
    seen = SeenNode(MASTER.name, {path: file(ending())}, {}, {}, ())

    for here in (OURS, ANYBODYS):
        assert [f.cure for f in runtime.ends(here, MASTER, seen)] == [cures.show_certificate(path)]


PEM = "/var/lib/kubelet/pki/kubelet-client-current.pem"


@pytest.mark.parametrize("path", [f"{PKI}/ca.crt", f"{PKI}/etcd/ca.crt", "/etc/kubernetes/kubelet.conf", PEM])
def test_what_nobody_renews_has_no_cure(path: str) -> None:
    """CAs, and what kubelets renew."""
    assert renewals(OURS, path) == renewals(ANYBODYS, path) == [""]


@pytest.mark.parametrize("name", ["pki/dex.crt", "ssl/my own.crt", "me.conf"])
def test_what_is_somebody_elses_is_shown(tmp_path: Path, name: str) -> None:
    """kubeadm knows no renewal of that name. The cure says whose certificate it is and when it ends."""
    path = tmp_path / name
    (cure,) = renewals(OURS, str(path))
    path.parent.mkdir(exist_ok=True)
    path.write_text(embedding(ending()) if name.endswith(".conf") else ending())
    shown = bash(tmp_path, cure)

    assert "renew" not in cure
    assert shown.returncode == 0, shown.stderr
    assert "subject=CN = a\n" in shown.stdout
    assert "notAfter=" in shown.stdout


def test_a_certificate_that_has_not_begun_is_a_matter_of_clocks() -> None:
    """The cure is a command, and what is meant a comment."""
    early = replace(OURS, moment=now() - timedelta(days=1))
    told = renewals(early, f"{PKI}/apiserver.crt")

    assert shlex.split(told[0], comments=True) == ["timedatectl"]


def test_a_worker_renews_nothing() -> None:
    """A copy of a master's kubeconfig has no CA's key beside it."""
    (cure,) = renewals(OURS, "/etc/kubernetes/admin.conf", WORKER)

    assert "renew" not in cure


def test_requests_are_approved_with_the_file_that_was_given() -> None:
    """Of a kubelet that waits for its serving certificate, and of a request that nobody answers."""
    kubelet = freeze_document({"serverTLSBootstrap": True})
    here = replace(OURS, cluster=replace(CLUSTER, kubelet_configuration=kubelet))
    units = {"kubelet": ("enabled", "active"), "containerd": ("enabled", "active")}
    waits = runtime.kubelets(here, MASTER, SeenNode(MASTER.name, {}, {}, units, ()), None)
    request = {
        "metadata": {"name": "csr-1", "creationTimestamp": now().isoformat()},
        "spec": {"signerName": "kubernetes.io/kubelet-serving"},
    }
    asks = tokens.requests(here, SeenCluster({}, (), requests=(request,)), MOMENT)

    assert [shlex.split(f.cure) for f in (*waits, *asks)] == [["hardway", "csr", "approve", "-f", FILE]] * 2


def restarted(name: str) -> Finding:
    """What is told of a static pod that runs another image than its manifest says."""
    path = f"{CLUSTER.paths.manifests}/{name}"
    manifest = "metadata: {name: mine}\nspec: {containers: [{name: a, image: b}]}\n"
    pod = {
        "metadata": {"name": f"mine-{MASTER.name}"},
        "spec": {"nodeName": MASTER.name, "containers": [{"name": "a", "image": "c"}]},
        "status": {"conditions": [{"type": "Ready", "status": "True"}]},
    }
    seen = SeenNode(MASTER.name, {path: file(manifest)}, {}, {}, ())
    (finding,) = runtime.pods(OURS, MASTER, seen, SeenCluster({}, (), pods=(pod,)))
    return finding


@pytest.mark.parametrize("name", ["mine.yaml", "my own.yaml", "a;b.yaml"])
def test_a_manifest_of_any_name_goes_away_and_comes_back(name: str) -> None:
    """Each path is one word."""
    path = f"{CLUSTER.paths.manifests}/{name}"
    words = shlex.split(restarted(name).cure)

    assert words == ["mv", path, "/root/", "&&", "sleep", "20", "&&", "mv", f"/root/{name}", path]
