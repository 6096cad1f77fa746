"""Behind a proxy and with images of one's own: what kubeadm does of it is done here, too."""

import subprocess
from pathlib import Path

import pytest
from sides import example, kubeadm

from hardway.config import load, loads
from hardway.model import Cluster
from hardway.model.images import images
from hardway.parity import documents
from hardway.parity.oracle import Oracle
from hardway.parity.report import compare_file
from hardway.renderers import sandbox
from hardway.renderers.files import file
from hardway.steps.shell import quote

pytestmark = pytest.mark.parity

PROXY = """
proxy:
  http: http://proxy.example.com:3128
  https: http://proxy.example.com:3128
  noProxy: [.corp.example.com]
"""


def behind_proxy() -> str:
    """The lab's cluster.yaml with proxies."""
    return example("lab").read_text() + PROXY


def test_static_pods_and_kube_proxy_behind_a_proxy(tmp_path: Path) -> None:
    """kubeadm copies the variables that it finds into three static pods and kube-proxy; so do we, and no others."""
    path = tmp_path / "cluster.yaml"
    path.write_text(behind_proxy())
    report = compare_file(path, kubeadm("lab"))
    pods = Oracle(kubeadm("lab"), documents.read(path.read_text()), load(path)).init().tree

    assert [str(difference) for difference in report.undeclared] == []
    for name in ("apiserver", "controller-manager", "scheduler"):
        assert b"name: NO_PROXY" in pods[f"/etc/kubernetes/manifests/kube-{name}.yaml"].content
    assert b"PROXY" not in pods["/etc/kubernetes/manifests/etcd.yaml"].content


@pytest.mark.parametrize("text", ["", "imageRepository: registry.example.com/k8s\n"])
def test_images_are_those_that_kubeadm_lists(text: str, tmp_path: Path) -> None:
    """The list of images equals `kubeadm config images list`."""
    whole = example("lab").read_text().replace("kubernetesVersion:", f"{text}kubernetesVersion:")
    cluster = loads(whole)
    config = tmp_path / "kubeadm.yaml"
    config.write_text(documents.for_init(documents.read(whole), cluster.first_control_plane))
    listed = subprocess.run(
        [kubeadm("lab"), "config", "images", "list", "--config", config], capture_output=True, text=True, check=True
    )

    assert images(cluster) == tuple(listed.stdout.split())


def warnings(cluster: Cluster, text: str, environment: dict[str, str]) -> list[str]:
    """What kubeadm's preflight says of proxies in such an environment."""
    first = cluster.first_control_plane
    exports = "".join(f"export {name}={quote(value)}\n" for name, value in environment.items())
    script = f"{exports}kubeadm init phase preflight --config /root/k.yaml --ignore-preflight-errors=all >/root/out 2>&1 || true\n"
    start = {"/root/k.yaml": file(documents.for_init(documents.read(text), first), 0o600)}
    done = sandbox.run(sandbox.machine(first, {"kubeadm": kubeadm("lab")}), script, start, what="preflight")
    said = done.tree["/root/out"].content.decode()
    assert "[preflight]" in said
    return [line for line in said.splitlines() if "[WARNING HTTPProxy" in line]


def test_kubeadm_has_nothing_to_say_about_the_exceptions() -> None:
    """kubeadm's preflight warns of proxies for the API, Services and pods; with the derived NO_PROXY it does not."""
    text = behind_proxy().replace("serviceSubnet:", "podSubnet: 10.244.0.0/16\n  serviceSubnet:")
    # `all` on the command line stands alone.
    text = text.replace("ignorePreflightErrors: [FileExisting-crictl]", "imagePullPolicy: IfNotPresent")
    cluster = loads(text)
    environment = dict(cluster.proxy.environment)

    assert warnings(cluster, text, environment) == []
    assert len(warnings(cluster, text, environment | {"NO_PROXY": ""})) == 3
