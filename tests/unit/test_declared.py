"""A declared difference covers what its reason speaks of, and no more."""

from dataclasses import replace

import pytest

from hardway.config import loads
from hardway.model import Cluster, Node, Role
from hardway.parity.compare import ABSENT, Difference
from hardway.parity.declared import declaration
from hardway.parity.report import CLUSTER

RESOLV_CONF = Difference("/var/lib/kubelet/config.yaml", "resolvConf", ABSENT, '"/run/systemd/resolve/resolv.conf"')
TOKEN = "Secret kube-system/bootstrap-token-(to join)"


def cluster(version: str, more: str = "") -> Cluster:
    """Two masters, the second without systemd-resolved."""
    api = "kubeadm.k8s.io/v1beta4" if version > "v1.31" else "kubeadm.k8s.io/v1beta3"
    return loads(f"""\
apiVersion: {api}
kind: InitConfiguration
{more}
---
apiVersion: {api}
kind: ClusterConfiguration
kubernetesVersion: {version}
controlPlaneEndpoint: api.example.com
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {{name: master-1, address: 10.0.0.11, roles: [control-plane], facts: {{resolved: true}}}}
  - {{name: master-2, address: 10.0.0.12, roles: [control-plane]}}
""")


def test_a_resolver_is_missed_only_where_there_is_none() -> None:
    """Not on a machine with systemd-resolved, and not with a kubeadm that does not store it."""
    old, new = cluster("v1.30.4"), cluster("v1.37.2")

    assert declaration(RESOLV_CONF, old, "master-2")
    assert not declaration(RESOLV_CONF, old, "master-1")
    assert not declaration(RESOLV_CONF, new, "master-2")


@pytest.mark.parametrize(
    ("ours", "kept"), [("2:00:00 after issue", True), (ABSENT, False), ("1:00:00 before issue", False)]
)
def test_a_token_for_joining_lives_two_hours(ours: str, kept: bool) -> None:
    """One that never ends, or has ended, is no declared difference."""
    difference = Difference(TOKEN, "data.expiration", ours, "1 day, 0:00:00 after issue")

    assert bool(declaration(difference, cluster("v1.30.4"), CLUSTER)) is kept


def test_more_tokens_than_kubeadm_s_only_beside_the_user_s() -> None:
    """Where nobody has named tokens, those of all nodes are one and the same."""
    difference = Difference(f"{TOKEN} (2)", "item", "present", ABSENT)

    assert not declaration(difference, cluster("v1.30.4"), CLUSTER)
    assert declaration(difference, cluster("v1.30.4", "bootstrapTokens: [{ttl: 90m}]"), CLUSTER)


@pytest.mark.parametrize(
    ("directory", "copy", "kept"),
    [
        ("/etc/kubernetes/pki", "/etc/kubernetes/pki/ca.crt", False),
        ("/srv/p*i", "/etc/kubernetes/pki/ca.crt", True),
        ("/etc/kubernetes/pki", "/srv/ca.crt", True),
        ("/srv/pki", "/srv/pki/ca.crt", False),
    ],
)
def test_a_worker_has_its_ca_where_the_kubelet_looks_for_it(directory: str, copy: str, kept: bool) -> None:
    """That directory and that file alone, and only where kubeadm writes to another place."""
    made = cluster("v1.30.4")
    worker = Node("worker-1.example.com", "worker-1", "10.0.0.21", frozenset({Role.WORKER}))
    made = replace(made, nodes=(*made.nodes, worker), paths=replace(made.paths, pki=directory, joining_ca=copy))

    for item in (directory, f"{directory}/ca.crt"):
        assert bool(declaration(Difference(item, "item", "present", ABSENT), made, "worker-1")) is kept
        assert not declaration(Difference(item, "item", ABSENT, "present"), made, "worker-1")
        assert not declaration(Difference(item, "item", "present", ABSENT), made, "master-2")
    for item in (f"{directory}/ca.key", f"{directory}/other/ca.crt", "/srv/pxi/ca.crt"):
        assert not declaration(Difference(item, "item", "present", ABSENT), made, "worker-1")
