"""Verbs for a cluster that lives, on the cluster that the other acid tests use."""

import json
import shlex
import subprocess
from pathlib import Path

import pytest

from built import binaries, real_kubeadm
from e2e.harness import Harness, eventually

pytestmark = pytest.mark.lab

MASTERS = {"master-1", "master-2", "master-3"}
NODES = MASTERS | {"worker-1"}


def test_the_administrators_way_in(cluster: Harness, tmp_path: Path) -> None:
    """The fetched kubeconfig works from here, is private, and never takes another file's place unasked."""
    target = tmp_path / "admin.conf"
    server = f"https://{cluster.lab.machine('master-2').node.address}:6443"
    cluster.hardway("kubeconfig", "--output", str(target), "--server", server)
    kubectl = [str(binaries()["kubectl"]), f"--kubeconfig={target}"]
    done = subprocess.run([*kubectl, "get", "nodes", "-o", "name"], capture_output=True, text=True, check=True)
    target.write_text("mine")
    refused = cluster.hardway("kubeconfig", "--output", str(target), check=False)

    assert len(done.stdout.split()) == len(NODES)
    assert target.stat().st_mode & 0o777 == 0o600
    assert (refused.returncode, target.read_text()) == (6, "mine")
    assert "--force overwrites it" in refused.stderr


def test_tokens(cluster: Harness) -> None:
    """A token is created, listed and deleted; the join command holds another one and the pin of the CA."""
    token = json.loads(cluster.hardway("token", "create", "--ttl", "10m", "--json").stdout)["token"]
    listed = json.loads(cluster.hardway("token", "list", "--json").stdout)
    line = json.loads(cluster.hardway("join-command", "--control-plane", "--ttl", "10m", "--json").stdout)[
        "command"
    ].split()
    joining = line[line.index("--token") + 1]
    cluster.hardway("token", "delete", token, joining)
    left = json.loads(cluster.hardway("token", "list", "--json").stdout)

    assert token in [item["token"] for item in listed]
    assert line[:3] == ["kubeadm", "join", "api.my-first-cluster.example.com:6443"]
    assert line[line.index("--discovery-token-ca-cert-hash") + 1].startswith("sha256:")
    assert len(line[line.index("--certificate-key") + 1]) == 64
    assert {token, joining} & {item["token"] for item in left} == set()


def test_the_real_kubeadm_takes_the_join_commands(cluster: Harness) -> None:
    """It finds and believes the cluster with them, and a master's line opens the CAs, of which it issues certificates."""
    cluster.put(real_kubeadm(), "worker-1", "/root/kubeadm")
    begin = "cd /root; unshare --mount bash -euc "
    dry = "--node-name=trial --dry-run --ignore-preflight-errors=all"
    # Its dry run of a master ends at its own admin.conf, which it looks for where it did not write it.
    skipped = "--skip-phases=check-etcd,kubelet-start,control-plane-join,wait-control-plane"

    def join(*options: str, more: str = "") -> str:
        line = cluster.hardway("join-command", "--ttl", "5m", *options).stdout.strip()
        text = f"mount -t tmpfs tmpfs /etc/kubernetes; mkdir /etc/kubernetes/manifests; ./{line} {dry} {more} 2>&1"
        return cluster.lab.exec("worker-1", begin + shlex.quote(text))

    assert "This node has joined the cluster" in join()
    assert "[certs] Valid certificates and keys now exist in" in join("--control-plane", more=skipped)


def test_requests_for_serving_certificates(cluster: Harness) -> None:
    """All kubelets were approved by apply, so nothing is open and nothing is approved."""
    listed = json.loads(cluster.hardway("csr", "list", "--json").stdout)

    assert {item["state"] for item in listed} == {"Approved"}
    assert cluster.hardway("csr", "approve", "--json").stdout == ""


def test_certificates_are_renewed_one_master_at_a_time(cluster: Harness) -> None:
    """What is asked for is new, all of it on one master; static pods run with it; nothing is left to change."""
    before = shown(cluster)
    cluster.hardway("certs", "renew", "all", "--dry-run", "--json")
    assert shown(cluster) == before
    done = cluster.hardway("certs", "renew", "scheduler.conf")
    cluster.hardway("certs", "renew", "all", "--node", "master-2", "--json")
    after = shown(cluster)

    assert [line.split(":")[0] for line in done.stderr.splitlines() if ": renew " in line] == sorted(MASTERS)
    same = {key for key, serial in after.items() if serial == before[key]}
    assert same == {key for key in before if key[0] != "master-2" and key[1] != "scheduler"}
    eventually(lambda: cluster.ready_nodes() == NODES, 60, "all nodes to be Ready")
    cluster.settle()
    assert cluster.voters() == MASTERS
    for master in MASTERS:
        address = cluster.lab.machine(master).node.address
        served = f"openssl s_client -connect {address}:6443 </dev/null 2>/dev/null | openssl x509 -noout -serial"
        assert cluster.lab.exec(master, served) == after[master, "apiserver.crt"]
    cluster.assert_nothing_to_do()


def shown(cluster: Harness) -> dict[tuple[str, str], str]:
    """Serial numbers of the certificates of all masters."""
    script = (
        "cd /etc/kubernetes/pki\nfor file in apiserver*.crt front-proxy-client.crt etcd/[!c]*.crt; do\n"
        '  echo "$file $(openssl x509 -noout -serial -in "$file")"\ndone\n'
        "for file in admin controller-manager scheduler; do\n"
        "  echo \"$file $(sed -n 's/^ *client-certificate-data: //p' /etc/kubernetes/$file.conf | base64 -d"
        ' | openssl x509 -noout -serial)"\ndone\n'
    )
    found = {}
    for master in sorted(MASTERS):
        for line in cluster.lab.exec(master, script).splitlines():
            name, _, serial = line.partition(" ")
            found[master, name] = f"{serial}\n"
    return found


def test_when_certificates_end(cluster: Harness) -> None:
    """The table has every master's ten or eleven certificates and three CAs, none of them soon at its end."""
    found = json.loads(cluster.hardway("certs", "check-expiration", "--json", "--exit-code").stdout)

    assert len([item for item in found if item["authority"]]) == 31
    assert len([item for item in found if not item["authority"]]) == 9
    assert {item["externallyManaged"] for item in found} == {False}
    assert cluster.hardway("certs", "check-expiration", "--days", "400", "--exit-code", check=False).returncode == 10
