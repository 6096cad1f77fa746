"""An external etcd beside the real kubeadm of every minor: files, objects, images, and what preflight asks."""

import re
from pathlib import Path

import pytest
import yaml
from test_minors import ASKED, DEFAULT, READ, kubeadm, text

from hardway.chapters import preflight
from hardway.config import load
from hardway.errors import StepFailed
from hardway.features import V1BETA4
from hardway.model import EtcdExternal
from hardway.model.images import images
from hardway.parity import documents
from hardway.parity.oracle import CONFIG
from hardway.parity.report import compare_file
from hardway.renderers import sandbox
from hardway.renderers.files import file
from hardway.versions import release

pytestmark = pytest.mark.parity

FILES = {
    "caFile": "/etc/etcd/ca.pem",
    "certFile": "/etc/kubernetes/pki/apiserver-etcd-client.crt",
    "keyFile": "/srv/keys/client.pem",
}
ENDPOINTS = ["https://10.0.0.5:2379", "https://[fd00::5]:2379", "https://etcd.example.com"]


def written(folder: Path, version: str, api: str) -> Path:
    """The rich cluster.yaml of this version and API, on an external etcd."""
    listed = list(yaml.safe_load_all(text(version, api)))
    for value in listed:
        if value["kind"] == "ClusterConfiguration":
            value["etcd"] = {"external": {"endpoints": ENDPOINTS, **FILES}}
            if api == V1BETA4 and release(version).features.external_etcd_http_endpoints:
                value["etcd"]["external"]["httpEndpoints"] = ["http://10.0.0.5:8080"]
    (folder / "cluster.yaml").write_text(yaml.safe_dump_all(listed))
    return folder / "cluster.yaml"


@pytest.mark.parametrize(("version", "api"), READ)
def test_nothing_differs_on_an_external_etcd(version: str, api: str, tmp_path: Path) -> None:
    """Every field is kubeadm's; nobody touches the files, or makes anything of a member."""
    report = compare_file(written(tmp_path, version, api), kubeadm(version))
    items = [row.item for row in report.rows]

    assert [str(difference) for difference in report.undeclared] == []
    assert len(items) > 70
    assert not [item for item in items if "etcd" in item or item in FILES.values()]


@pytest.mark.parametrize("version", ASKED)
def test_images_are_those_that_kubeadm_lists_without_etcd(version: str, tmp_path: Path) -> None:
    """`kubeadm config images list` has no image of etcd then, and neither have we."""
    path = written(tmp_path, version, release(version).features.config_apis[-1])
    cluster = load(path)
    node = cluster.first_control_plane
    done = sandbox.run(
        sandbox.machine(node, {"kubeadm": kubeadm(version)}),
        f"kubeadm config images list --config {CONFIG} 2>/dev/null\n",
        {CONFIG: file(documents.for_init(documents.read(path.read_text()), node), 0o600)},
    )

    assert list(images(cluster)) == done.output.split()


def test_preflight_asks_kubeadms_questions(tmp_path: Path) -> None:
    """On a machine without files and network kubeadm says no to the two questions of external etcd, and asks for no port or
    directory of a member; ours have the same names."""
    path = written(tmp_path, DEFAULT, release(DEFAULT).features.config_apis[-1])
    cluster = load(path)
    node = cluster.first_control_plane
    with pytest.raises(StepFailed) as failed:
        sandbox.run(
            sandbox.machine(node, {"kubeadm": kubeadm(DEFAULT)}),
            f"kubeadm init phase preflight --config {CONFIG}\n",
            {CONFIG: file(documents.for_init(documents.read(path.read_text()), node), 0o600)},
        )
    named = re.findall(r"\[ERROR ([^\]]+)\]", failed.value.output)
    ours = [check.key for check in preflight.checks(cluster, node)]

    assert isinstance(cluster.etcd, EtcdExternal)
    assert {"ExternalEtcdVersion", "ExternalEtcdClientCertificates"} <= set(named) & set(ours)
    assert named.count("ExternalEtcdClientCertificates") == ours.count("ExternalEtcdClientCertificates") == len(FILES)
    assert not [key for key in (*named, *ours) if key in ("Port-2379", "Port-2380") or key.startswith("DirAvailable")]
