"""`hardway parity --cluster` on a cluster that lives: nothing where nothing is wrong, and cures that mend what is."""

import json
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import yaml

from built import real_kubeadm
from e2e.harness import Harness, eventually
from schemas import assert_follows_its_schema

pytestmark = pytest.mark.lab

ZONE = "my-first-cluster.example.com"
BALANCED = "node.kubernetes.io/exclude-from-external-load-balancers"
ROTATION = "kubeadm:node-autoapprove-certificate-rotation"
ADMINS = "kubeadm:cluster-admins"
SERVER = "/etc/kubernetes/manifests/kube-apiserver.yaml"
CERTIFICATE = "/etc/kubernetes/pki/apiserver.crt"
NAMELESS = f"""\
cd /etc/kubernetes/pki
names="$(openssl x509 -in {CERTIFICATE} -noout -ext subjectAltName | sed '1d; s/IP Address/IP/g; s/DNS:kubernetes.default, //')"
{{
  printf 'basicConstraints=critical,CA:FALSE\\nkeyUsage=critical,digitalSignature,keyEncipherment\\n'
  printf 'extendedKeyUsage=serverAuth\\nsubjectAltName=%s\\n' "$names"
}} >/run/spoilt.cnf
openssl req -new -key apiserver.key -subj /CN=kube-apiserver |
  openssl x509 -req -CA ca.crt -CAkey ca.key -set_serial 1 -days 100 -extfile /run/spoilt.cnf -out apiserver.crt 2>&1
"""
"""Takes one name away from the API server's certificate."""
STRANGER = "https://192.0.2.9:2380"
"""Where a member of etcd is said to be that never starts."""
AUTH = "--enable-bootstrap-token-auth"


def audited(it: Harness, file: Path | None = None) -> tuple[int, list[dict[str, Any]]]:
    """Exit code, and all findings but notes."""
    argv = ["parity", "--cluster", "--json"]
    command = [sys.executable, "-m", "hardway.cli", *argv, "-f", str(file or it.file)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120)
    assert done.stdout, done.stderr
    assert_follows_its_schema(argv, done.stdout)
    value = json.loads(done.stdout)
    assert len(value["nodes"]) == 4
    assert value["items"] > 150
    return done.returncode, [finding for finding in value["findings"] if finding["severity"] != "note"]


def inventory(it: Harness, folder: Path) -> Path:
    """What somebody would write for a cluster that is not ours: one master, and the way to it."""
    whole = next(d for d in yaml.safe_load_all(it.file.read_text()) if d["kind"] == "Inventory")
    file = folder / "inventory.yaml"
    kept = {key: whole[key] for key in ("apiVersion", "kind", "ssh")}
    file.write_text(yaml.safe_dump({**kept, "nodes": whole["nodes"][:1]}))
    return file


def spoil(it: Harness) -> None:
    """By hand: a mode, a certificate, a member of etcd, a label, a flag and two bindings, one of them admin.conf's."""
    it.lab.exec("master-2", "chmod 644 /etc/kubernetes/admin.conf")
    it.lab.exec("master-3", NAMELESS)
    it.etcdctl(f"member add gone --learner --peer-urls={STRANGER}")
    it.kubectl(f"label node master-2.{ZONE} {BALANCED}-")
    it.lab.exec("master-3", f"sed -i s/{AUTH}=true/{AUTH}=false/ {SERVER}")
    # A pod that does not run yet as its manifest says would be a finding more, and one that starts anew another one.
    command = f"-n kube-system get pod kube-apiserver-master-3.{ZONE} -o 'jsonpath={{.spec.containers[0].command}}'"
    eventually(lambda: f"{AUTH}=false" in it.kubectl(command), 90, "the API server to run with the flag")
    it.settle()
    it.kubectl(f"delete clusterrolebinding {ROTATION} {ADMINS}")


def mend(it: Harness, findings: list[dict[str, Any]]) -> None:
    """Type every cure where it says, once."""
    for cure, node in dict.fromkeys((finding["cure"], finding["node"].split(".")[0]) for finding in findings):
        if cure.startswith("hardway "):
            words = shlex.split(cure)[1:]
            place = words.index("-f")
            it.hardway(*words[:place], *words[place + 2 :])
        else:
            it.lab.exec("master-1" if node == "cluster" else node, cure)


def restore(it: Harness) -> None:
    """Undo what `spoil` has done, whatever an audit has told of it; where the cures have, nothing is left to do."""
    for row in it.etcdctl("member list -w simple").splitlines():
        if STRANGER in row:
            it.etcdctl(f"member remove {row.split(',')[0]}")
    it.lab.exec("master-2", "chmod 600 /etc/kubernetes/admin.conf")
    # The bindings come first: without them the other chapters can do nothing with admin.conf.
    it.hardway("apply", "--only", "bootstrap-token", "--node", "master-1")
    it.hardway("apply")
    # An API server that was mended starts anew; who comes next finds all of them at work.
    listening = ("check", "--only", "ports")
    eventually(lambda: it.hardway(*listening, check=False).returncode == 0, 120, "all ports to be served")


def becomes_clean(it: Harness, file: Path) -> None:
    """Wait for an audit without findings; the last ones are told when there is none."""

    def is_clean() -> bool:
        code, found = audited(it, file)
        if found:
            raise ValueError("; ".join(f"{f['node']}: {f['item']}: {f['field']}: {f['found']}" for f in found))
        return code == 0

    eventually(is_clean, 150, "a clean audit")


@pytest.mark.parametrize("whose", ["ours", "anybody's"])
def test_what_was_spoilt_is_found_and_its_cures_mend_it(cluster: Harness, tmp_path: Path, whose: str) -> None:
    """A clean cluster has no findings; seven things spoilt by hand are seven findings, no more; their cures leave none.

    The same holds when hardway knows no more of the cluster than how to reach one master; kubeadm mends it then.
    """
    file = cluster.file if whose == "ours" else inventory(cluster, tmp_path)
    if whose != "ours":
        cluster.put(real_kubeadm(), "master-3")
    cluster.settle()
    # Components that the cures of another test have restarted may not be ready yet, which is a finding.
    becomes_clean(cluster, file)
    try:
        spoil(cluster)
        code, found = audited(cluster, file)
        places = [(f["severity"], f["node"].split(".")[0], f["item"], f["field"].rpartition(".")[2]) for f in found]
        assert code == 1
        assert sorted(places) == [
            ("error", "cluster", f"ClusterRoleBinding {ADMINS}", "item"),
            ("error", "cluster", f"ClusterRoleBinding {ROTATION}", "item"),
            ("error", "cluster", "etcd", "member"),
            ("error", "master-2", "/etc/kubernetes/admin.conf", "mode"),
            ("error", "master-3", CERTIFICATE, "default"),
            ("warning", "master-2", f"Node master-2.{ZONE}", BALANCED.removeprefix("node.kubernetes.")),
            ("warning", "master-3", SERVER, AUTH.removeprefix("--")),
        ]
        assert [f["expected"] for f in found if f["field"] == "file.mode"] == ["0600"]

        mend(cluster, found)
        becomes_clean(cluster, file)
    finally:
        restore(cluster)
