"""What the user's documents say reaches kubeadm as it stands there: where our model has it wrong, the two sides differ."""

from dataclasses import replace

import pytest
from broad import authorities
from minors import kubeadm

from hardway.config import loads
from hardway.model import Cluster, Registration, Taint
from hardway.parity import documents
from hardway.parity.report import compare_cluster
from hardway.versions import DEFAULT

pytestmark = pytest.mark.parity

TEXT = f"""\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {{advertiseAddress: 10.30.0.11}}
nodeRegistration:
  name: Master-1.kubernetes.example.com
  criSocket: /run/other.sock
  kubeletExtraArgs: {{v: '2', max-pods: '50'}}
  taints: [{{key: a, effect: NoSchedule}}, {{key: a, effect: NoExecute, value: b}}]
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
nodeRegistration:
  criSocket: /run/other.sock
  kubeletExtraArgs: {{v: '2', max-pods: '50'}}
  taints: [{{key: a, effect: NoSchedule}}]
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: {DEFAULT}
controlPlaneEndpoint: api.example.com:6443
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {{name: master-1, address: 10.30.0.11, roles: [control-plane]}}
  - {{name: worker-1, address: 10.30.0.21, roles: [worker], kubeletExtraArgs: {{v: '4'}}}}
"""
NAME = "master-1.kubernetes.example.com"
FLAGS = "/var/lib/kubelet/kubeadm-flags.env"
ARGS = "KUBELET_KUBEADM_ARGS.flags."


def differing(cluster: Cluster) -> set[tuple[str, str, str]]:
    """Node, item and field, where a model of the documents is held against kubeadm's reading of them."""
    report = compare_cluster(cluster, documents.read(TEXT), kubeadm(DEFAULT), authorities())
    return {(row.node, d.item, d.field) for row in report.rows for d, kept in report.judged(row) if kept is None}


def misread(**fields: object) -> Cluster:
    """Our model with something else in the registration of every node."""
    cluster = loads(TEXT)
    wrong = [replace(node, registration=replace(node.registration, **fields)) for node in cluster.nodes]
    return replace(cluster, nodes=tuple(wrong))


def test_nothing_differs_where_it_is_read_rightly() -> None:
    """Names in capitals, a socket without a scheme, taints of one key, and a node's own flag over the others."""
    cluster = loads(TEXT)

    assert differing(cluster) == set()
    assert cluster.nodes[1].registration == Registration(
        "unix:///run/other.sock", (("max-pods", "50"), ("v", "4")), (Taint("a", "NoSchedule"),)
    )


@pytest.mark.parametrize(
    ("cluster", "expected"),
    [
        (
            misread(cri_socket="unix:///run/x.sock"),
            {
                ("master-1", FLAGS, f"{ARGS}container-runtime-endpoint"),
                ("worker-1", FLAGS, f"{ARGS}container-runtime-endpoint"),
                ("cluster", f"Node {NAME} annotations", "kubeadm.alpha.kubernetes.io/cri-socket"),
            },
        ),
        (
            misread(kubelet_extra_args=(("max-pods", "50"), ("v", "3"))),
            {("master-1", FLAGS, f"{ARGS}v"), ("worker-1", FLAGS, f"{ARGS}v")},
        ),
        (
            misread(taints=(Taint("a", "NoSchedule"), Taint("a", "NoExecute"))),
            {
                ("worker-1", FLAGS, f"{ARGS}register-with-taints"),
                ("cluster", f"Node {NAME} taints", "a:NoExecute"),
            },
        ),
    ],
    ids=["socket", "flags", "taints"],
)
def test_what_is_misread_differs(cluster: Cluster, expected: set[tuple[str, str, str]]) -> None:
    """On every node, and at the Node."""
    assert differing(cluster) == expected


def test_the_first_masters_name_and_address_are_those_of_its_document() -> None:
    """As they are spelled there; one JoinConfiguration is for many nodes, whose names and addresses the Inventory has."""
    given = documents.read(TEXT.replace("10.30.0.11}", "10.30.0.011}"))
    first, worker = loads(TEXT).nodes
    init = documents.for_init(given, replace(first, name="misread"))
    join = documents.for_join(given, worker, {}, "")

    assert "name: Master-1.kubernetes.example.com\n" in init
    assert "advertiseAddress: 10.30.0.011\n" in init
    assert f"name: {worker.name}\n" in join
