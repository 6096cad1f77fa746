"""A cluster on an etcd that somebody else runs: here the balancer's machine, with TLS and systemd."""

import json
import subprocess
from datetime import UTC, datetime
from pathlib import Path

import pytest
import yaml

from built import binaries
from e2e.harness import Harness, booted, eventually, write_cluster
from hardway.pki import sign
from hardway.pki.catalog import CertSpec, Usage

pytestmark = [pytest.mark.lab, pytest.mark.long]

NAME, NETWORK = "outside", "10.57.0"
NODES = {"master-1", "master-2", "worker-1"}
CLIENT = "/etc/kubernetes/pki/apiserver-etcd-client"
FILES = {"caFile": "/etc/etcd/ca.pem", "certFile": f"{CLIENT}.crt", "keyFile": f"{CLIENT}.key"}
UNIT = f"""\
[Service]
ExecStart=/usr/local/bin/etcd --name outside --data-dir /var/lib/etcd-outside \
 --listen-client-urls https://{NETWORK}.8:2379 --advertise-client-urls https://{NETWORK}.8:2379 \
 --client-cert-auth --trusted-ca-file /etc/etcd/ca.crt --cert-file /etc/etcd/server.crt --key-file /etc/etcd/server.key
Restart=on-failure
"""
ETCDCTL = (
    f"etcdctl --endpoints https://{NETWORK}.8:2379 --cacert /etc/etcd/ca.crt"
    " --cert /etc/etcd/client.crt --key /etc/etcd/client.key"
)


def written(folder: Path) -> Path:
    """cluster.yaml: two masters, a worker, a balancer; the Inventory brings etcd's CA, the operator brings the rest."""
    file = write_cluster(folder, NAME, NETWORK)
    documents = list(yaml.safe_load_all(file.read_text()))
    by_kind = {document["kind"]: document for document in documents}
    by_kind["ClusterConfiguration"]["etcd"] = {"external": {"endpoints": [f"https://{NETWORK}.8:2379"], **FILES}}
    inventory = by_kind["Inventory"]
    inventory["nodes"] = [node for node in inventory["nodes"] if node["name"] not in ("master-3", "lb-2")]
    inventory["files"] = {FILES["caFile"]: "ca.crt"}
    inventory["downloads"]["skip"] = ["crictl"]
    del inventory["loadBalancer"]
    file.write_text(yaml.safe_dump_all(documents))
    return file


def minted(folder: Path) -> None:
    """etcd's CA, its server's certificate and the client's, as files beside cluster.yaml."""
    ca = CertSpec("ca", "", "ca.crt", "ca.key", "etcd-outside", dns_names=("etcd-outside",), days=3650)
    server = CertSpec(
        "server", "", "server.crt", "server.key", "outside", (), (Usage.SERVER, Usage.CLIENT), (), (f"{NETWORK}.8",),
        ca.certificate, ca.key,
    )  # fmt: skip
    client = CertSpec(
        "client",
        "",
        "client.crt",
        "client.key",
        "kube-apiserver",
        (),
        (Usage.CLIENT,),
        (),
        (),
        ca.certificate,
        ca.key,
    )
    for name, content in sign.certificates((ca, server, client), {}, datetime.now(UTC)).items():
        (folder / name).write_bytes(content)


def put(it: Harness, source: Path, node: str, target: str, mode: str = "600") -> None:
    """A file of this machine onto a node; its content is in no command line."""
    script = f"mkdir -p {target.rpartition('/')[0]} && cat >{target} && chmod {mode} {target}"
    command = it.lab.ssh_command(node, [f"sudo -n sh -c '{script}'"])
    with source.open("rb") as content:
        subprocess.run(command, stdin=content, check=True, stdout=subprocess.DEVNULL)


def start_etcd(it: Harness, folder: Path) -> None:
    """etcd of others, as they would run it."""
    for name in ("etcd", "etcdctl"):
        put(it, binaries()[name], "lb-1", f"/usr/local/bin/{name}", "755")
    for name in ("ca.crt", "server.crt", "server.key", "client.crt", "client.key"):
        put(it, folder / name, "lb-1", f"/etc/etcd/{name}")
    it.lab.exec("lb-1", f"cat >/etc/systemd/system/etcd.service <<'EOF'\n{UNIT}EOF\nsystemctl start etcd\n")
    eventually(
        lambda: "is healthy" in it.lab.exec("lb-1", f"{ETCDCTL} endpoint health 2>&1"), 30, "etcd to be healthy"
    )


def digests(it: Harness, node: str) -> list[str]:
    """Hash and mode of the three files."""
    paths = " ".join(FILES.values())
    return it.lab.exec(node, f"sha256sum {paths}; stat -c '%a %U:%G' {paths}").splitlines()


def serials(it: Harness, node: str) -> dict[str, str]:
    """Serial number of each certificate of a master, by its file."""
    one = 'echo "$file $(openssl x509 -noout -serial -in "$file")"'
    lines = it.lab.exec(node, f"cd /etc/kubernetes/pki && for file in *.crt; do {one}; done").splitlines()
    return dict(line.split(" ", 1) for line in lines)


def kept(it: Harness) -> set[str]:
    """Keys of the cluster in etcd, without what comes and goes by itself."""
    keys = it.lab.exec("lb-1", f"{ETCDCTL} get /registry --prefix --keys-only").split()
    return {key for key in keys if key.split("/")[2] not in ("events", "leases", "masterleases")}


def test_a_cluster_lives_on_an_etcd_of_others(tmp_path: Path) -> None:
    """Without the files no node is begun and nothing comes into etcd; with them the cluster comes up, a certificate is
    renewed and no other, masters come and go (one by kubeadm), and what reset leaves is etcd with all that was in it."""
    minted(tmp_path)
    with booted(written(tmp_path), NAME) as it:
        start_etcd(it, tmp_path)
        refused = it.hardway("apply", check=False)
        assert refused.returncode != 0
        assert (
            f"[ERROR ExternalEtcdClientCertificates] {FILES['keyFile']} to be there: it is missing" in refused.stderr
        )
        assert "[ERROR ExternalEtcdVersion]" in refused.stderr
        for node in NODES:
            # Chapters 5-9 come before the question: the kubelet may be installed, but has nothing to start with.
            begun = "find /etc/kubernetes /var/lib/kubelet -type f 2>/dev/null; systemctl is-active kubelet || true"
            assert it.lab.exec(node, begun) == "inactive\n"
        assert it.lab.exec("lb-1", f"{ETCDCTL} get '' --prefix --keys-only") == ""

        put(it, tmp_path / "client.crt", "master-1", FILES["certFile"], "644")
        put(it, tmp_path / "client.key", "master-1", FILES["keyFile"])
        done = it.hardway("apply", check=False)
        assert done.returncode == 0, f"{done.stderr}\n{it.diagnosis()}"
        it.assert_whole()
        assert digests(it, "master-2") == digests(it, "master-1")
        assert digests(it, "master-2")[3:] == ["644 root:root", "644 root:root", "600 root:root"]
        for node in ("master-1", "master-2"):
            assert (
                it.lab.exec(node, "ls /etc/kubernetes/manifests /var/lib/etcd 2>&1 || true").count("etcd.yaml") == 0
            )
        ours = json.loads(it.hardway("certs", "check-expiration", "--json").stdout)
        kubeadms = json.loads(it.lab.exec("master-1", "kubeadm certs check-expiration -o json"))
        names = {item["name"] for kind in ("certificates", "certificateAuthorities") for item in kubeadms[kind]}
        assert {item["name"] for item in ours} == names

        old = {node: serials(it, node) for node in ("master-1", "master-2")}
        it.hardway("certs", "renew", "apiserver", "--node", "master-1")
        new = {node: serials(it, node) for node in old}
        assert new["master-2"] == old["master-2"]
        renewed = {file for file, serial in old["master-1"].items() if new["master-1"][file] != serial}
        assert renewed == {"apiserver.crt"}
        it.hardway("node", "remove", "master-2", "--reset", "--yes")
        assert it.ready_nodes() == NODES - {"master-2"}
        assert "outside" in it.lab.exec("lb-1", f"{ETCDCTL} member list")
        it.apply_by("kubeadm=all@master-2")
        it.assert_whole()

        before = kept(it)
        told = it.hardway("reset", "--yes").stderr
        assert len(before) > 100
        assert kept(it) == before
        assert "left: the data in the external etcd" in told
        assert it.lab.exec("master-1", f"ls {FILES['caFile']} {FILES['keyFile']} 2>&1 || true").splitlines() == [
            f"ls: cannot access '{FILES['keyFile']}': No such file or directory",
            FILES["caFile"],
        ]
