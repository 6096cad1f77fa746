"""Files to the byte and objects field by field the same as the real kubeadm's, over very different clusters."""

from pathlib import Path

import pytest
import yaml
from kubeadm_dry_run import DryRun, Setup, dry_run, normal

from hardway.chapters import (
    addons_coredns,
    addons_kube_proxy,
    bootstrap_token,
    control_plane,
    etcd,
    kubelet_start,
    kubelet_wait_bootstrap,
    mark_control_plane,
    upload_config,
)
from hardway.model import Cluster, thaw
from hardway.steps import ApiObjects, Write, lower_all
from hardway.steps.goyaml import dump_go

pytestmark = pytest.mark.parity

INIT = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: "ADDRESS"}
nodeRegistration: {name: NAME}
---
"""
PLAIN = (
    INIT
    + """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
controlPlaneEndpoint: api.example.com:6443
"""
)
TUNED = """\
apiVersion: kubeadm.k8s.io/v1beta3
kind: InitConfiguration
localAPIEndpoint: {advertiseAddress: "ADDRESS", bindPort: 7443}
nodeRegistration:
  name: NAME
  criSocket: unix:///run/crio/crio.sock
  taints: [{key: example.com/only, value: "yes", effect: NoExecute}]
  kubeletExtraArgs: {v: "4", node-labels: 'a=b,c="d"', pod-infra-container-image: example.com/pause:1}
---
apiVersion: kubeadm.k8s.io/v1beta3
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
clusterName: tuned
certificatesDir: /etc/kubernetes/certs
controlPlaneEndpoint: api.example.com
imageRepository: registry.example.com/k8s
networking: {serviceSubnet: "10.20.0.0/16,fd10::/112", podSubnet: "10.21.0.0/16,fd11::/56", dnsDomain: k8s.example.com}
apiServer:
  timeoutForControlPlane: 2m5s
  certSANs: [b.example.com, a.example.com]
  extraArgs:
    authorization-mode: ABAC,Nonsense
    audit-policy-file: /etc/kubernetes/audit/policy.yaml
    service-account-issuer: "https://issuer.example.com"
    event-ttl: 1h0m0s
    goaway-chance: "0.01"
    feature-gates: "A=true,B=false and a long text with many words that reaches over the width of a line, twice even"
    anonymous-auth: ""
    tls-min-version: "'quoted: #text"
  extraVolumes:
    - {name: audit, hostPath: /etc/kubernetes/audit, mountPath: /etc/kubernetes/audit, readOnly: true, pathType: Directory}
    - {name: ca-certs, hostPath: /opt/certs, mountPath: /etc/ssl/certs}
controllerManager:
  extraArgs: {bind-address: 0.0.0.0, flex-volume-plugin-dir: /opt/flex, cluster-signing-duration: 720h0m0s, allocate-node-cidrs: "false"}
  extraVolumes: [{name: z10, hostPath: /z, mountPath: /z}, {name: z9, hostPath: /y, mountPath: /y, pathType: File}]
scheduler:
  extraArgs: {bind-address: "::", v: "2", config: /etc/kubernetes/scheduler.yaml}
dns: {imageTag: v1.10.0}
etcd:
  local:
    dataDir: /data/etcd
    imageTag: 3.5.10-0
    extraArgs:
      listen-metrics-urls: https://127.0.0.1:2399,http://10.30.0.1:2381
      quota-backend-bytes: "8589934592"
      advertise-client-urls: https://etcd.example.com:2379
      auto-compaction-retention: "8"
featureGates: {EtcdLearnerMode: true}
---
apiVersion: kubelet.config.k8s.io/v1beta1
kind: KubeletConfiguration
maxPods: 200
systemReserved: {cpu: "1", memory: 1Gi}
evictionHard: {memory.available: "5%", nodefs.available: 10%}
containerLogMaxSize: 50Mi
featureGates: {NodeSwap: false}
---
apiVersion: kubeproxy.config.k8s.io/v1alpha1
kind: KubeProxyConfiguration
mode: ipvs
ipvs: {strictARP: true, excludeCIDRs: [10.0.0.0/8]}
"""

SETUPS = {
    "plain": Setup(PLAIN),
    "tuned": Setup(TUNED),
    "tuned, with systemd-resolved": Setup(TUNED, resolved=True),
    "ipv6, with systemd-resolved": Setup(
        PLAIN + "networking: {serviceSubnet: 'fd10::/112', podSubnet: 'fd11::/56'}\n"
        "scheduler: {extraArgs: {bind-address: '::1'}}\n",
        "fd00::1",
        resolved=True,
    ),
}


@pytest.fixture(scope="module", params=SETUPS)
def both(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> tuple[Cluster, DryRun]:
    """Our model, and what kubeadm makes of the same documents."""
    setup = SETUPS[request.param]
    return setup.cluster(), dry_run(setup, tmp_path_factory.mktemp("dry-run"))


def test_static_pods_are_kubeadms_to_the_byte(both: tuple[Cluster, DryRun]) -> None:
    """Flags and their order, volumes, probes, annotations, images; quoting and indentation too."""
    cluster, expected = both
    node = cluster.first_control_plane
    ours = {
        Path(item.path).name: item.content.decode()
        for item in lower_all(control_plane.steps(cluster, node))
        if isinstance(item, Write)
    }
    ours["etcd.yaml"] = dump_go(etcd.manifest(cluster, node, f"{node.name}={etcd.peer_url(node)}"))

    assert {name: expected.files[name] for name in ours} == ours


def test_kubelet_files_are_kubeadms_to_the_byte(both: tuple[Cluster, DryRun]) -> None:
    """config.yaml and kubeadm-flags.env."""
    cluster, expected = both
    ours = {
        Path(item.path).name: item.content.decode()
        for item in lower_all(kubelet_start.steps(cluster, cluster.first_control_plane))
        if isinstance(item, Write)
    }

    assert sorted(ours) == ["config.yaml", "kubeadm-flags.env"]
    assert {name: expected.files[name] for name in ours} == ours


@pytest.mark.parametrize("chapter", [upload_config, bootstrap_token, addons_coredns, addons_kube_proxy])
def test_objects_are_kubeadms(both: tuple[Cluster, DryRun], chapter: object) -> None:
    """Every object that a chapter applies is the one that kubeadm creates, texts in ConfigMaps and hashes included."""
    cluster, expected = both
    found = [
        thaw(item)
        for step in chapter.steps(cluster, cluster.first_control_plane)  # type: ignore[attr-defined]
        if isinstance(step, ApiObjects)
        for item in step.objects
    ]
    # kubeadm makes this binding while it waits for the API, which a dry run does not.
    # The first that is said of an object makes it.
    ours = {(o["kind"], o["metadata"]["name"]): normal(o) for o in reversed(found)}
    ours.pop(("ClusterRoleBinding", "kubeadm:cluster-admins"), None)

    assert ours
    assert {key: expected.objects[key] for key in ours} == ours


def test_nothing_that_kubeadm_creates_is_missing(both: tuple[Cluster, DryRun]) -> None:
    """Objects of kubeadm that are no ApiObjects step are the token and cluster-info, which exist at run time only."""
    cluster, expected = both
    ours = {
        (item["kind"], item["metadata"]["name"])  # type: ignore[index, call-overload]
        for chapter in (upload_config, bootstrap_token, addons_coredns, addons_kube_proxy)
        for step in chapter.steps(cluster, cluster.first_control_plane)
        if isinstance(step, ApiObjects)
        for item in step.objects
    }
    missing = sorted(key for key in expected.objects if key not in ours)

    assert missing[0] == ("ConfigMap", "cluster-info")
    assert [kind for kind, _ in missing[1:]] == ["Secret"]
    assert yaml.safe_load(expected.objects["ConfigMap", "cluster-info"]["data"]["kubeconfig"])["kind"] == "Config"


def test_the_node_is_marked_as_kubeadm_does(both: tuple[Cluster, DryRun]) -> None:
    """Labels, taints and the annotation of the first master."""
    cluster, expected = both
    node = cluster.first_control_plane
    taints = mark_control_plane.DEFAULT_TAINTS if node.registration.taints is None else node.registration.taints
    annotate, mark = expected.patches

    assert annotate["metadata"]["annotations"] == {
        kubelet_wait_bootstrap.CRI_SOCKET_ANNOTATION: node.registration.cri_socket
    }
    assert mark["metadata"]["labels"] == dict.fromkeys(mark_control_plane.LABELS, "")
    assert [(t["key"], t.get("value", ""), t["effect"]) for t in mark["spec"]["taints"]] == [
        (taint.key, taint.value, taint.effect) for taint in taints
    ]
