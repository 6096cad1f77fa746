"""The same cluster made by kubeadm and by our chapters, both alive, once per version and test run."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

from minors import EVERY

from hardway.config import load
from hardway.features import V1BETA3
from hardway.lab.binaries import ensure_kubernetes, ensure_programs
from hardway.model import Cluster
from hardway.parity import documents
from hardway.parity.documents import Documents
from hardway.parity.oracle import Oracle
from hardway.parity.stored.report import both
from hardway.parity.stored.sides import PROGRAMS, Side
from hardway.versions import DEFAULT, release

LONG = tuple(version for version in EVERY if version != DEFAULT)
"""`make test` asks the default one."""
SERVERS = {"v1.29.6": "v1.29.5"}
"""Of these versions only kubeadm can be built from Go modules: modules of other programs are refused. To the servers of
another patch release of the minor."""
CONTROLLERS = "bootstrapsigner,tokencleaner,csrsigning,csrapproving"
"""Those that a join needs; the others would make objects by themselves, such as pods that nobody runs."""

V1BETA3_DOCUMENTS = f"""\
apiVersion: {V1BETA3}
kind: InitConfiguration
localAPIEndpoint: {{bindPort: 7443}}
patches: {{directory: /srv/patches}}
nodeRegistration:
  kubeletExtraArgs: {{node-labels: "tier=first,zone=a"}}
---
apiVersion: {V1BETA3}
kind: JoinConfiguration
caCertPath: JOINING
controlPlane: {{localAPIEndpoint: {{bindPort: 7443}}}}
patches: {{directory: /srv/patches}}
nodeRegistration:
  kubeletExtraArgs: {{node-labels: zone=b, client-ca-file: JOINING}}
---
apiVersion: {V1BETA3}
kind: ClusterConfiguration
kubernetesVersion: VERSION
clusterName: stored
certificatesDir: PKI
controlPlaneEndpoint: api.stored.example.com:7443
networking: {{podSubnet: "PODS", serviceSubnet: "SERVICES", dnsDomain: cluster.example.com}}
apiServer:
  certSANs: [other.example.com]
  extraArgs: {{profiling: "false"}}
controllerManager:
  extraArgs: {{controllers: "{CONTROLLERS}"}}
"""
V1BETA4_DOCUMENTS = f"""\
apiVersion: kubeadm.k8s.io/v1beta4
kind: InitConfiguration
localAPIEndpoint: {{bindPort: 7443}}
patches: {{directory: /srv/patches}}
timeouts: {{controlPlaneComponentHealthCheck: 5m5s, discovery: 3m0s, etcdAPICall: 90s}}
nodeRegistration:
  kubeletExtraArgs: [{{name: node-labels, value: "tier=first,zone=a"}}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: JoinConfiguration
caCertPath: JOINING
controlPlane: {{localAPIEndpoint: {{bindPort: 7443}}}}
patches: {{directory: /srv/patches}}
timeouts: {{controlPlaneComponentHealthCheck: 3m0s, tlsBootstrap: 4m0s}}
nodeRegistration:
  kubeletExtraArgs: [{{name: node-labels, value: zone=b}}, {{name: client-ca-file, value: JOINING}}]
---
apiVersion: kubeadm.k8s.io/v1beta4
kind: ClusterConfiguration
kubernetesVersion: VERSION
clusterName: stored
certificatesDir: PKI
controlPlaneEndpoint: api.stored.example.com:7443
encryptionAlgorithm: ECDSA-P256
certificateValidityPeriod: 2160h
networking: {{podSubnet: "PODS", serviceSubnet: "SERVICES", dnsDomain: cluster.example.com}}
apiServer:
  certSANs: [other.example.com]
  extraArgs: [{{name: profiling, value: "false"}}]
controllerManager:
  extraArgs: [{{name: controllers, value: "{CONTROLLERS}"}}]
"""
OTHERS = """\
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
conntrack: {maxPerCore: 0, min: 0}
---
apiVersion: hardway.dev/v1alpha1
kind: Inventory
baseDomain: example.com
patches: {/srv/patches: patches}
nodes:
  - {name: master-1, address: "NETWORK11", roles: [control-plane]}
  - {name: master-2, address: "NETWORK12", roles: [control-plane]}
  - name: worker-1
    address: "NETWORK21"
    roles: [worker]
    taints: [{key: dedicated, value: batch, effect: NoSchedule}, {key: slow, effect: PreferNoSchedule}]
"""
V1BETA3_ETCD = """\
etcd:
  local:
    extraArgs: {snapshot-count: "5000", max-snapshots: "3"}
    serverCertSANs: [etcd.example.com, 192.0.2.7]
    peerCertSANs: [peer.example.com]
"""
V1BETA4_ETCD = """\
etcd:
  local:
    extraArgs: [{name: snapshot-count, value: "5000"}, {name: max-snapshots, value: "3"}]
    extraEnvs: [{name: ETCD_LOG_LEVEL, value: warn}, {name: GOGC, value: "80"}]
    serverCertSANs: [etcd.example.com, 192.0.2.7]
    peerCertSANs: [peer.example.com]
"""
PATCH = """\
metadata: {annotations: {example.com/owner: "an \\"owner\\""}}
spec:
  containers:
  - name: kube-scheduler
    resources: {requests: {cpu: 150m}}
"""
"""Of the scheduler on every master."""
EXTERNAL_ETCD = """\
etcd:
  external:
    endpoints: ["https://10.77.0.31:2379"]
    caFile: /etc/kubernetes/pki/etcd/ca.crt
    certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt
    keyFile: /etc/kubernetes/pki/apiserver-etcd-client.key
"""
"""Where kubeadm's manual puts the files."""
CGROUP_V1 = """\
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
failCgroupV1: false
"""
NETWORKS: Mapping[str, Mapping[str, str]] = {
    "IPv4": {"NETWORK": "10.77.0.", "PODS": "10.1.0.0/16", "SERVICES": "10.96.0.0/12"},
    "IPv6": {"NETWORK": "fd77::", "PODS": "fd10:1::/56", "SERVICES": "fd10:96::/112"},
    "dual": {"NETWORK": "fd77::", "PODS": "fd10:1::/56,10.1.0.0/16", "SERVICES": "fd10:96::/112,10.96.0.0/12"},
}
"""Name to what the documents say of addresses."""
DEFAULT_PLACES = {"PKI": "/etc/kubernetes/pki", "JOINING": "/etc/kubernetes/pki/ca.crt"}
PLACES: Mapping[str, Mapping[str, str]] = {
    "IPv6": {"PKI": "/etc/kubernetes/certs", "JOINING": "/etc/kubernetes/trust/ca.crt"}
}
"""Name of a network to what its cluster says of certificates; a kubelet that joins is told where kubeadm puts the CA."""


@dataclass(frozen=True)
class Living:
    """Both sides of one version."""

    cluster: Cluster
    documents: Documents
    oracle: Oracle
    ours: Side
    kubeadm: Side


def living(version: str = DEFAULT, network: str = "IPv4", etcd: str = "stacked") -> Living:
    """Made once."""
    return _living(version, network, etcd)


def programs(version: str) -> Mapping[str, Path]:
    """PROGRAMS and kubeadm; they are built where the cache has none."""
    names, others = {*PROGRAMS, "kubeadm"}, SERVERS.get(version)
    if not others:
        return ensure_programs(version, sorted(names), lambda line: None)
    own = {"kubeadm", "etcd", "etcdctl"}
    return {
        **ensure_programs(version, sorted(own), lambda line: None),
        **ensure_kubernetes(others, sorted(names - own), lambda line: None),
    }


@cache
def _living(version: str, network: str, etcd: str) -> Living:
    features = release(version).features
    old = features.config_apis[-1] == V1BETA3
    head, local = (V1BETA3_DOCUMENTS, V1BETA3_ETCD) if old else (V1BETA4_DOCUMENTS, V1BETA4_ETCD)
    # From 1.35 on a kubelet refuses cgroup v1, which this machine may have, unless it is told otherwise.
    kubelet = CGROUP_V1 if "failCgroupV1" in features.kubelet_fields else ""
    etcd_words = EXTERNAL_ETCD if etcd == "external" else local
    text = head.replace("VERSION", version) + etcd_words + OTHERS + kubelet
    for word, value in {**NETWORKS[network], **PLACES.get(network, DEFAULT_PLACES)}.items():
        text = text.replace(word, value)
    found = programs(version)
    with TemporaryDirectory() as folder:
        path = Path(folder) / "cluster.yaml"
        path.write_text(text)
        (Path(folder) / "patches").mkdir()
        (Path(folder) / "patches/kube-scheduler.yaml").write_text(PATCH)
        cluster, given = load(path), documents.read(text)
    ours, theirs = both(cluster, given, found)
    return Living(cluster, given, Oracle(found["kubeadm"], given, cluster), ours, theirs)
