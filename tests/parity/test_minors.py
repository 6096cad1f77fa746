"""Files and objects are kubeadm's for every minor that can be built (design section 7, promise 2)."""

import re
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest
import yaml
from living import living
from minors import ASKED, READ, kubeadm
from sides import EXAMPLES, example, report

from hardway.config import load
from hardway.features import V1BETA3
from hardway.model.images import images
from hardway.parity import documents
from hardway.parity.declared import DECLARED
from hardway.parity.oracle import CONFIG
from hardway.parity.report import ParityReport, compare_file
from hardway.parity.stored.report import compare_sides
from hardway.renderers import sandbox
from hardway.renderers.files import file
from hardway.versions import DEFAULT, release

pytestmark = pytest.mark.parity

COMPONENTS = """\
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
serverTLSBootstrap: true
maxPods: 120
logging: {verbosity: 3}
clusterDNS: []
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0, min: 0}
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
nodes:
  - {name: master-1, address: 10.0.0.11, roles: [control-plane], facts: {resolved: true, caDirectories: [
      /etc/pki, /etc/ca-certificates, /usr/share/ca-certificates, /etc/pki/ca-trust, /etc/pki/tls/certs]}}
  - {name: master-2, address: 10.0.0.12, roles: [control-plane]}
  - {name: worker-1, address: 10.0.0.21, roles: [worker], facts: {resolved: true}, taints: [
      {key: dedicated, value: batch, effect: NoSchedule}]}
"""
V1BETA3_DOCUMENTS = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
bootstrapTokens:
  - {token: abcdef.0123456789abcdef, ttl: 90m, description: "a $(id) `x` \\ \u00e9\n  name: x\n"}
  - {token: "012345.0123456789012345", ttl: 0s, usages: [authentication, signing], description: "true"}
  - {ttl: 95m30s, usages: [authentication], description: random, groups: ["system:bootstrappers:a"]}
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
  kubeletExtraArgs: {v: "2", max-pods: "50"}
  taints: [{key: a, value: b, effect: NoSchedule}, {key: c, effect: NoExecute}]
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: JoinConfiguration
nodeRegistration: {kubeletExtraArgs: {v: "3", max-pods: "60"}}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: VERSION
clusterName: minors
controlPlaneEndpoint: api.example.com:8443
certificatesDir: /srv/k8s/pki
featureGates: {PublicKeysECDSA: true}
networking: {podSubnet: 10.1.0.0/16, dnsDomain: cluster.example.com}
apiServer:
  timeoutForControlPlane: 5m5s
  certSANs: [Other.example.com, 192.0.2.7]
  extraArgs: {authorization-mode: "Node,RBAC,Webhook,Nonsense", anonymous-auth: "true"}
  extraVolumes: [{name: audit, hostPath: /var/log/audit, mountPath: /var/log/audit, pathType: DirectoryOrCreate}]
controllerManager: {extraArgs: {flex-volume-plugin-dir: /opt/flex, bind-address: 0.0.0.0}}
etcd:
  local:
    dataDir: /srv/a/b/etcd
    extraArgs: {listen-metrics-urls: "http://127.0.0.1:2391"}
    serverCertSANs: [etcd.example.com]
"""
V1BETA4_DOCUMENTS = """\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
bootstrapTokens:
  - {token: abcdef.0123456789abcdef, groups: ["system:bootstrappers:b", "system:bootstrappers:a"]}
  - {token: "012345.0123456789012345", ttl: -1h, usages: [authentication]}
  - {ttl: 45m30s}
nodeRegistration:
  criSocket: unix:///run/containerd/containerd.sock
  imagePullSerial: false
  kubeletExtraArgs: [{name: v, value: "2"}, {name: max-pods, value: "50"}, {name: node-labels, value: a=b}]
timeouts: {controlPlaneComponentHealthCheck: 5m5s, discovery: 3m0s}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
nodeRegistration: {kubeletExtraArgs: [{name: v, value: "3"}, {name: node-ip, value: 10.0.0.12}]}
timeouts: {controlPlaneComponentHealthCheck: 2m30s}
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: VERSION
clusterName: minors
controlPlaneEndpoint: api.example.com:8443
encryptionAlgorithm: ALGORITHM
certificatesDir: /etc/kubernetes/pki/
certificateValidityPeriod: 2160h30m
caCertificateValidityPeriod: 43800h
networking: {podSubnet: 10.1.0.0/16, dnsDomain: cluster.example.com}
apiServer:
  certSANs: [Other.example.com, 192.0.2.7]
  extraArgs:
    - {name: service-account-issuer, value: https://new.example.com}
    - {name: service-account-issuer, value: https://also.example.com}
    - {name: authorization-mode, value: "Node,RBAC,Webhook"}
    - {name: anonymous-auth, value: "true"}
  extraEnvs: [{name: GOGC, value: "80"}, {name: A, value: b}]
  extraVolumes: [{name: audit, hostPath: /var/log/audit, mountPath: /var/log/audit, pathType: DirectoryOrCreate}]
controllerManager:
  extraArgs: [{name: flex-volume-plugin-dir, value: /opt/flex}, {name: bind-address, value: 0.0.0.0}]
scheduler: {extraEnvs: [{name: GOGC, value: "60"}]}
etcd:
  local:
    dataDir: /data/etcd
    extraArgs: [{name: listen-metrics-urls, value: "http://127.0.0.1:2391"}]
    extraEnvs: [{name: ETCD_LOG_LEVEL, value: warn}]
    serverCertSANs: [etcd.example.com]
proxy: {disabled: true}
"""


def text(version: str, api: str) -> str:
    """A cluster.yaml of this version that says much of what its API can say."""
    head = V1BETA3_DOCUMENTS if api == V1BETA3 else V1BETA4_DOCUMENTS
    # The newest algorithm of each minor, so that all of them are asked.
    algorithm = release(version).features.key_algorithms[-1]
    return head.replace("VERSION", version).replace("ALGORITHM", algorithm) + COMPONENTS


@cache
def compared(version: str, api: str) -> ParityReport:
    """Our files and objects beside those of the version's kubeadm."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(text(version, api))
        return compare_file(path, kubeadm(version))


@cache
def alone() -> ParityReport:
    """The example with one node."""
    lines = example("lab").read_text().splitlines(keepends=True)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text("".join(line for line in lines if not re.search(r"name: (master-[23]|worker)", line)))
        return compare_file(path, kubeadm(DEFAULT))


def test_nothing_differs_in_a_cluster_of_one_node() -> None:
    """kubeadm's token is all that it has besides, because nobody joins."""
    report = alone()

    assert [str(difference) for difference in report.undeclared] == []
    assert {row.node for row in report.rows} == {"cluster", "master-1"}


@pytest.mark.parametrize(("version", "api"), READ)
def test_nothing_differs_but_what_is_declared(version: str, api: str) -> None:
    """Every field of every file and object is that kubeadm's, in each API version that it reads."""
    report = compared(version, api)

    assert [str(difference) for difference in report.undeclared] == []
    assert len(report.rows) > 90
    assert [row.item for row in report.rows if not row.chapter] == []


def test_every_declaration_is_needed() -> None:
    """A declared difference that is none any more has to leave the list."""
    reports = [*(report(name) for name in EXAMPLES), compared(DEFAULT, V1BETA3), alone()]

    # Where kubeadm puts the CA only its whole `join` tells.
    both = living(DEFAULT, "IPv6")
    reports.append(compare_sides(both.cluster, both.ours, both.kubeadm))
    used = {declared for report in reports for _, declared in report.declared}
    assert [one for one in DECLARED if one not in used] == []


@pytest.mark.parametrize("version", ASKED)
def test_images_are_those_that_kubeadm_lists(version: str) -> None:
    """`kubeadm config images list` for the example's documents, in its order; the pins of the table among them."""
    documents_of = documents.read(example("lab").read_text())
    features = release(version).features
    for value in documents_of:
        if value["kind"] == "ClusterConfiguration":
            value |= {"kubernetesVersion": version}
        if value["apiVersion"] == V1BETA3:
            value["apiVersion"] = features.config_apis[-1]
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(yaml.safe_dump_all(documents_of))
        cluster = load(path)
    node = cluster.first_control_plane
    done = sandbox.run(
        sandbox.machine(node, {"kubeadm": kubeadm(version)}),
        f"kubeadm config images list --config {CONFIG} 2>/dev/null\n",
        {CONFIG: file(documents.for_init(documents_of, node), 0o600)},
    )

    assert list(images(cluster)) == done.output.split()
