"""Our preflight says what kubeadm's says: the same names, errors as errors and warnings as warnings."""

import os
import subprocess
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from built import real_kubeadm
from hardway.chapters.preflight_table import questions
from hardway.config.load import loads
from hardway.model import Cluster, Node
from hardway.steps import Severity
from hardway.steps.shell import quote

pytestmark = [
    pytest.mark.parity,
    pytest.mark.skipif(os.geteuid() != 0, reason="preflight asks for root, and so do namespaces"),
]

DOCUMENTS = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: 10.30.0.1, bindPort: 6443}
nodeRegistration: {name: master-1.kubernetes.example.com}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
controlPlaneEndpoint: 10.30.0.1:6443
networking: {serviceSubnet: "SERVICES"}
etcd: {local: {dataDir: ETCD}}
"""
INVENTORY = """---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 10.30.0.1, roles: [control-plane]}
  - {name: worker-1, address: 10.30.0.2, roles: [worker]}
"""
JOIN = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
nodeRegistration: {name: worker-1.kubernetes.example.com}
discovery:
  bootstrapToken: {apiServerEndpoint: "10.30.0.1:6443", token: abcdef.0123456789abcdef, unsafeSkipCAVerification: true}
"""


@dataclass(frozen=True)
class World:
    """A state of a machine, made in namespaces of its own."""

    prepare: str = ""
    services: str = "10.96.0.0/16"
    environ: str = ""


FORWARDING6 = "ERROR FileContent--proc-sys-net-ipv6-conf-default-forwarding"
WORLDS = {
    "bare": World(),
    "forwarding": World("echo 1 >/proc/sys/net/ipv4/ip_forward"),
    "dual stack": World("echo 1 >/proc/sys/net/ipv4/ip_forward", "10.96.0.0/16,fd00:96::/112"),
    "leftovers": World(
        "mkdir -p /etc/kubernetes/manifests /etc/kubernetes/pki ETCD/member\n"
        "touch /etc/kubernetes/manifests/{etcd,kube-scheduler}.yaml /etc/kubernetes/pki/ca.crt"
        " /etc/kubernetes/{bootstrap-kubelet,kubelet}.conf"
    ),
    "busy": World(
        "for port in 6443 10250 2380; do\n"
        '  python3 -c "import socket,time; s = socket.create_server((\\"\\", $port)); time.sleep(20)" &\n'
        "done\nsleep 1"
    ),
    "proxy": World(environ="HTTPS_PROXY=http://proxy:3128 NO_PROXY=localhost"),
    "proxy with exceptions": World(environ="HTTPS_PROXY=http://proxy:3128 NO_PROXY=10.0.0.0/8"),
}


def ask_all(cluster: Cluster, node: Node) -> str:
    """bash that prints every no of ours in kubeadm's form."""
    lines = []
    for check in questions(cluster, node):
        word = "ERROR" if check.severity is Severity.ERROR else "WARNING"
        lines.append(f"( set -u\n{check.script.rstrip()}\n) >/dev/null || echo {quote(f'[{word} {check.key}]')}\n")
    return "".join(lines)


def names(text: str) -> set[str]:
    """`ERROR Port-6443` and the like."""
    found = (line.strip().partition("]")[0].removeprefix("[") for line in text.splitlines())
    return {name for name in found if name.startswith(("ERROR ", "WARNING "))}


@pytest.mark.parametrize("role", ["init", "join"])
@pytest.mark.parametrize("name", WORLDS)
def test_the_same_names_as_kubeadm(name: str, role: str, tmp_path: Path) -> None:
    """In every state of the machine: what kubeadm refuses or warns of, we do."""
    world = WORLDS[name]
    documents = DOCUMENTS.replace("SERVICES", world.services).replace("ETCD", f"{tmp_path}/etcd")
    # The kubelet comes with the image here, so that its version is asked for.
    cluster = replace(loads(documents + INVENTORY), downloads=MappingProxyType({}))
    node = cluster.nodes[0 if role == "init" else 1]
    (tmp_path / "kubeadm.yaml").write_text(documents if role == "init" else JOIN)
    (tmp_path / "ours.sh").write_text(ask_all(cluster, node))
    script = (
        "mkdir -p /etc/kubernetes\nmount -t tmpfs none /etc/kubernetes\nip link set lo up\n"
        f"{world.prepare.replace('ETCD', f'{tmp_path}/etcd')}\n"
        f"env {world.environ} {real_kubeadm()} {role} phase preflight --dry-run --config {tmp_path}/kubeadm.yaml"
        f" >{tmp_path}/theirs 2>&1\n"
        f"env {world.environ} bash {tmp_path}/ours.sh >{tmp_path}/ours\n"
        "kill $(jobs -p) 2>/dev/null\ntrue\n"
    )
    subprocess.run(
        ["unshare", "--net", "--mount", "--propagation=private", "bash", "-c", script],
        check=True,
        stdin=subprocess.DEVNULL,
        timeout=60,
    )
    theirs, ours = names((tmp_path / "theirs").read_text()), names((tmp_path / "ours").read_text())

    # kubeadm 1.30 asks the runtime through crictl, and not at all where crictl is missing. Who joins is asked for
    # forwarding in the endpoint's family only; we ask for all of the cluster's.
    ours -= {"ERROR CRI"} | ({FORWARDING6} if role == "join" else set())
    assert theirs - {"ERROR CRI"} == ours
