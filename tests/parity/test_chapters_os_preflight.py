"""Our preflight says what kubeadm's says: the same names, errors as errors and warnings as warnings."""

import os
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType

import pytest

from built import real_kubeadm
from hardway.chapters.preflight_table import questions
from hardway.config.load import loads
from hardway.model import Cluster, Node
from hardway.renderers import sandbox
from hardway.steps import Severity
from hardway.steps.shell import quote

pytestmark = pytest.mark.parity

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

    said: Mapping[str, set[str]]
    """By role, what kubeadm says because the machine is so: that it does proves the state to be there."""
    prepare: str = ""
    services: str = "10.96.0.0/16"
    environ: str = ""


FORWARDING4 = "ERROR FileContent--proc-sys-net-ipv4-ip_forward"
FORWARDING6 = "ERROR FileContent--proc-sys-net-ipv6-conf-default-forwarding"
FORWARD = "echo 1 >/proc/sys/net/ipv4/ip_forward"
FOLDER = "ERROR FileAvailable--etc-kubernetes-"
WORLDS = {
    "bare": World({"init": {FORWARDING4}, "join": {FORWARDING4}}),
    "forwarding": World({"init": set(), "join": set()}, FORWARD),
    "dual stack": World(
        {"init": {FORWARDING6}, "join": set()},
        f"{FORWARD}\necho 0 >/proc/sys/net/ipv6/conf/default/forwarding",
        "10.96.0.0/16,fd00:96::/112",
    ),
    "leftovers": World(
        {
            "init": {
                FORWARDING4,
                f"{FOLDER}manifests-etcd.yaml",
                f"{FOLDER}manifests-kube-scheduler.yaml",
                "ERROR DirAvailable-ETCD",
            },
            "join": {
                FORWARDING4,
                f"{FOLDER}kubelet.conf",
                f"{FOLDER}bootstrap-kubelet.conf",
                f"{FOLDER}pki-ca.crt",
            },
        },
        "mkdir -p /etc/kubernetes/manifests /etc/kubernetes/pki ETCD/member\n"
        "touch /etc/kubernetes/manifests/{etcd,kube-scheduler}.yaml /etc/kubernetes/pki/ca.crt"
        " /etc/kubernetes/{bootstrap-kubelet,kubelet}.conf",
    ),
    "busy": World(
        {
            "init": {FORWARDING4, "ERROR Port-6443", "ERROR Port-10250", "ERROR Port-2380"},
            "join": {FORWARDING4, "ERROR Port-10250"},
        },
        "for port in 6443 10250 2380; do\n"
        "  python3 -c \"import signal, socket; s = socket.create_server(('', $port)); signal.pause()\" &\n"
        '  until (: </dev/tcp/127.0.0.1/$port) 2>/dev/null; do kill -0 "$!"; sleep 0.1; done\n'
        "done",
    ),
    "proxy": World(
        {
            "init": {FORWARDING4, "WARNING HTTPProxy", "WARNING HTTPProxyCIDR"},
            "join": {FORWARDING4, "WARNING HTTPProxy"},
        },
        environ="HTTPS_PROXY=http://proxy:3128 NO_PROXY=localhost",
    ),
    "proxy with exceptions": World(
        {"init": {FORWARDING4}, "join": {FORWARDING4}},
        environ="HTTPS_PROXY=http://proxy:3128 NO_PROXY=10.0.0.0/8",
    ),
}
SUBJECTS = {name for world in WORLDS.values() for said in world.said.values() for name in said}
"""What tells these states apart."""


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
    assert os.geteuid() == 0, "preflight asks for root, and so do namespaces"
    world, data = WORLDS[name], f"{tmp_path}/etcd"
    documents = DOCUMENTS.replace("SERVICES", world.services).replace("ETCD", data)
    # The kubelet comes with the image here, so that its version is asked for.
    cluster = replace(loads(documents + INVENTORY), downloads=MappingProxyType({}))
    node = cluster.nodes[0 if role == "init" else 1]
    (tmp_path / "kubeadm.yaml").write_text(documents if role == "init" else JOIN)
    (tmp_path / "ours.sh").write_text(ask_all(cluster, node))
    script = (
        "mkdir -p /etc/kubernetes\nmount -t tmpfs none /etc/kubernetes\nip link set lo up\n"
        # A new network forwards if this machine does, and the proxies of whoever runs the tests are not the world's.
        "echo 0 >/proc/sys/net/ipv4/ip_forward\nunset HTTPS_PROXY https_proxy NO_PROXY no_proxy\n"
        f"{world.prepare.replace('ETCD', data)}\n"
        f"env {world.environ} {real_kubeadm()} {role} phase preflight --dry-run --config {tmp_path}/kubeadm.yaml"
        # kubeadm fails where it finds an error.
        f" >{tmp_path}/theirs 2>&1 || true\n"
        f"env {world.environ} bash {tmp_path}/ours.sh >{tmp_path}/ours\n"
    )
    # What a world has started ends with the script.
    subprocess.run([*sandbox.ALONE, "bash", "-euc", script], check=True, stdin=subprocess.DEVNULL, timeout=60)
    answers = [(tmp_path / side).read_text().replace(data.replace("/", "-"), "ETCD") for side in ("theirs", "ours")]
    theirs, ours = map(names, answers)

    assert "[preflight] Running pre-flight checks" in answers[0]
    assert theirs & SUBJECTS == world.said[role], answers[0]
    # kubeadm 1.30 asks the runtime through crictl, and not at all where crictl is missing. Who joins is asked for
    # forwarding in the endpoint's family only; we ask for all of the cluster's.
    ours -= {"ERROR CRI"} | ({FORWARDING6} if role == "join" else set())
    assert theirs - {"ERROR CRI"} == ours
