"""What kubeadm stores for a random configuration is what the model holds; what kubeadm refuses is refused."""

import json
import subprocess
import textwrap
from pathlib import Path
from typing import Any

import pytest
import yaml
from configuration_documents import CLUSTER, KUBE_PROXY, KUBELET
from hypothesis import HealthCheck, given, settings

from built import real_kubeadm
from hardway.config import load, loads
from hardway.model import thaw

pytestmark = pytest.mark.parity
relaxed = settings(
    max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow]
)

PLAIN = {
    "apiVersion": "kubeadm.k8s.io/v1beta3",
    "kind": "ClusterConfiguration",
    "kubernetesVersion": "v1.30.4",
    "controlPlaneEndpoint": "api.example.com:6443",
}


def init_at(address: str) -> dict[str, Any]:
    """InitConfiguration of the only node."""
    return {
        "apiVersion": "kubeadm.k8s.io/v1beta3",
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": address},
        "nodeRegistration": {"name": "master-1.example.org", "criSocket": "unix:///run/containerd/containerd.sock"},
    }


INIT = init_at("192.0.2.11")


def address_for(cluster: dict[str, Any]) -> str:
    """The node's, of the family that its services begin with."""
    services = (cluster.get("networking") or {}).get("serviceSubnet") or ""
    return "2001:db8::11" if services.startswith("fd") else "192.0.2.11"


def text_of(documents: list[dict[str, Any]]) -> str:
    """As JSON, which is YAML that leaves nothing to guess."""
    return "\n---\n".join(json.dumps(document, ensure_ascii=False) for document in documents)


def kubeadm(folder: Path, documents: list[dict[str, Any]], *command: str) -> subprocess.CompletedProcess[str]:
    """The real kubeadm with these documents."""
    file = folder / "kubeadm.yaml"
    file.write_text(text_of(documents))
    return subprocess.run(
        [str(real_kubeadm()), *command, "--config", str(file)], capture_output=True, text=True, check=False
    )


def stored(folder: Path, documents: list[dict[str, Any]], name: str, key: str, *command: str) -> Any:
    """The text that kubeadm would put into a ConfigMap, read again."""
    done = kubeadm(folder, documents, "init", "phase", *command, "--dry-run")
    assert done.returncode == 0, done.stderr
    for block in done.stdout.split("[dryrun] Attached object:\n")[1:]:
        value = yaml.safe_load(textwrap.dedent("".join(line for line in block.splitlines(True) if line[0] == "\t")))
        if value["kind"] == "ConfigMap" and value["metadata"]["name"] == name:
            return yaml.safe_load(value["data"][key])
    raise AssertionError(done.stdout)


def model(documents: list[dict[str, Any]]) -> Any:
    """Our cluster of the same documents."""
    init = documents[0]
    node = {
        "name": init["nodeRegistration"]["name"],
        "address": init["localAPIEndpoint"]["advertiseAddress"],
        "roles": ["control-plane"],
    }
    inventory = {
        "apiVersion": "hardway.dev/v1alpha1",
        "kind": "Inventory",
        "baseDomain": "example.com",
        "nodes": [node],
    }
    return loads(text_of([*documents, inventory]))


@relaxed
@given(cluster=CLUSTER)
def test_cluster_configuration(tmp_path: Path, cluster: dict[str, Any]) -> None:
    """ClusterConfiguration: defaults, order of endpoints and ports, lower-case names, what is left out."""
    init = init_at(address_for(cluster))
    ours = model([init, cluster]).cluster_configuration
    expected = stored(tmp_path, [init, cluster], "kubeadm-config", "ClusterConfiguration", "upload-config", "kubeadm")

    assert expected == thaw(ours)


@relaxed
@given(kubelet=KUBELET)
def test_kubelet_configuration(tmp_path: Path, kubelet: dict[str, Any]) -> None:
    """KubeletConfiguration: kubeadm's defaults and Go's zero values, in every field and below it."""
    given = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration", **kubelet}
    ours = model([INIT, PLAIN, given]).kubelet_configuration
    expected = stored(tmp_path, [INIT, PLAIN, given], "kubelet-config", "kubelet", "upload-config", "kubelet")
    if "resolvConf" not in kubelet:
        expected.pop("resolvConf", None)

    assert expected == thaw(ours)


@relaxed
@given(proxy=KUBE_PROXY)
def test_kube_proxy_configuration(tmp_path: Path, proxy: dict[str, Any]) -> None:
    """KubeProxyConfiguration: the same."""
    given = {"apiVersion": "kubeproxy.config.k8s.io/v1alpha1", "kind": "KubeProxyConfiguration", **proxy}
    ours = model([INIT, PLAIN, given]).kube_proxy_configuration
    expected = stored(tmp_path, [INIT, PLAIN, given], "kube-proxy", "config.conf", "addon", "kube-proxy")

    assert expected == thaw(ours)


@pytest.mark.parametrize("example", ["lab", "my-first-cluster"])
def test_examples(tmp_path: Path, example: str) -> None:
    """What our examples store is what kubeadm would store for them."""
    file = Path(__file__).resolve().parents[2] / "examples" / example / "cluster.yaml"
    ours = load(file)
    first = ours.first_control_plane
    documents = [value for value in yaml.safe_load_all(file.read_text()) if value["kind"] != "Inventory"]
    for document in documents:
        if document["kind"] == "InitConfiguration":
            document["localAPIEndpoint"] = {"advertiseAddress": first.address}
            document["nodeRegistration"] |= {"name": first.name, "criSocket": first.registration.cri_socket}
    documents = [value for value in documents if value["kind"] != "JoinConfiguration"]

    kubeadms = [
        stored(tmp_path, documents, "kubeadm-config", "ClusterConfiguration", "upload-config", "kubeadm"),
        stored(tmp_path, documents, "kubelet-config", "kubelet", "upload-config", "kubelet"),
        stored(tmp_path, documents, "kube-proxy", "config.conf", "addon", "kube-proxy"),
    ]
    kubeadms[1].pop("resolvConf", None)
    assert kubeadms == [
        thaw(ours.cluster_configuration),
        thaw(ours.kubelet_configuration),
        thaw(ours.kube_proxy_configuration),
    ]
