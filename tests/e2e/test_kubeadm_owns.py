"""The real kubeadm takes the cluster for one of its own: it looks after what hardway made."""

import json
import re
import shlex

import pytest
import yaml

from built import real_kubeadm
from e2e.harness import Harness, eventually
from hardway.parity.objects import SHARED

pytestmark = pytest.mark.lab

MASTER = "master-3"
RESTART = """\
cd /etc/kubernetes
for name in etcd kube-apiserver kube-controller-manager kube-scheduler; do
  mv "manifests/$name.yaml" .
  until ! pgrep -f "^$name " >/dev/null; do sleep 0.2; done
  mv "$name.yaml" manifests/
  until pgrep -f "^$name " >/dev/null; do sleep 0.2; done
done
"""
"""What kubeadm asks for after a renewal; a static pod restarts when its manifest goes and comes back."""


@pytest.fixture(scope="module")
def owned(cluster: Harness) -> Harness:
    """The cluster, with kubeadm on a master."""
    cluster.put(real_kubeadm(), MASTER)
    return cluster


def test_certificates(owned: Harness) -> None:
    """It knows each certificate and renews all; the components run with the new ones, and hardway has nothing to change."""
    table = owned.lab.exec(MASTER, "kubeadm certs check-expiration")
    listed = json.loads(owned.hardway("certs", "check-expiration", "--node", MASTER, "--json").stdout)
    renewed = owned.lab.exec(MASTER, "kubeadm certs renew all")
    owned.lab.exec(MASTER, RESTART)
    for port, name in ((6443, "apiserver"), (2379, "etcd/server")):
        served = f"openssl s_client -connect 127.0.0.1:{port} </dev/null 2>/dev/null | openssl x509 -noout -serial"
        stored = owned.lab.exec(MASTER, f"openssl x509 -noout -serial -in /etc/kubernetes/pki/{name}.crt")
        eventually(lambda at=served, serial=stored: owned.lab.exec(MASTER, at) == serial, 60, f"the new {name}.crt")
    owned.settle(MASTER)

    known = set(re.findall(r"^([a-z][-a-z.]*) +[A-Z][a-z]{2} ", table, re.MULTILINE))
    assert known == {item["name"] for item in listed}
    assert renewed.count(" renewed\n") == len([item for item in listed if item["authority"]])
    assert owned.voters() == {"master-1", "master-2", "master-3"}
    owned.assert_nothing_to_do()
    owned.hardway("check")


def test_tokens(owned: Harness) -> None:
    """Each lists and deletes the other's."""
    ours = json.loads(owned.hardway("token", "create", "--ttl", "10m", "--json").stdout)["token"]
    theirs = owned.lab.exec(MASTER, "kubeadm token create --ttl 10m").strip()
    listed = owned.lab.exec(MASTER, "kubeadm token list")
    known = [item["token"] for item in json.loads(owned.hardway("token", "list", "--json").stdout)]
    owned.lab.exec(MASTER, f"kubeadm token delete {ours}")
    owned.hardway("token", "delete", theirs)

    assert ours in listed
    assert theirs in known
    assert not {ours, theirs} & {
        item["token"] for item in json.loads(owned.hardway("token", "list", "--json").stdout)
    }


def test_the_authorities_are_uploaded(owned: Harness) -> None:
    """kubeadm finds all files that masters share; the token that owns them can be deleted, and they go with it."""
    said = owned.lab.exec(MASTER, "kubeadm init phase upload-certs --upload-certs 2>/dev/null")
    secret = json.loads(owned.kubectl("-n kube-system get secret kubeadm-certs -o json"))
    tokens = [item["token"] for item in json.loads(owned.hardway("token", "list", "--json").stdout)]
    owned.hardway("token", "delete", *tokens)
    gone = "-n kube-system get secret kubeadm-certs --ignore-not-found -o name"
    eventually(lambda: owned.kubectl(gone) == "", 60, "the garbage collector")

    assert re.search(r"^[0-9a-f]{64}$", said, re.MULTILINE)
    assert set(secret["data"]) == {path.replace("/", "-") for path in SHARED}


def test_documents_are_migrated(owned: Harness) -> None:
    """kubeadm reads the documents of cluster.yaml, and those that are stored in the cluster."""
    documents = [d for d in yaml.safe_load_all(owned.file.read_text()) if d["apiVersion"].startswith("kubeadm")]
    for document in documents:
        if document["kind"] == "JoinConfiguration":
            # hardway finds the cluster by the Inventory; kubeadm has to be told.
            document["discovery"] = {"file": {"kubeConfigPath": "/etc/kubernetes/admin.conf"}}
    written = shlex.quote(yaml.safe_dump_all(documents))
    migrated = owned.lab.exec(
        MASTER,
        f"cat >/root/old.yaml <<<{written}\n"
        "kubeadm config migrate --old-config /root/old.yaml --new-config /root/new.yaml >&2\ncat /root/new.yaml",
    )
    kinds = {document["kind"] for document in yaml.safe_load_all(migrated)}
    stored = owned.kubectl("-n kube-system get cm kubeadm-config -o 'jsonpath={.data.ClusterConfiguration}'")
    read = owned.lab.exec(
        MASTER, f"kubeadm config validate --config /dev/stdin <<<{shlex.quote(stored)} 2>&1 || true"
    )

    assert kinds == {document["kind"] for document in documents}
    assert read.strip() == "ok"
