"""Documents that kubeadm v1.30.4 stores, and what surrounds a cluster.yaml, in literal expectations."""

from pathlib import Path

import pytest
import yaml

from hardway.chapters import approve_serving
from hardway.config import InvalidConfiguration, advice, load, loads
from hardway.config.inventory import Inventory
from hardway.model import thaw
from hardway.steps.goyaml import dump_go

ROOT = Path(__file__).resolve().parents[2]
LAB = (ROOT / "examples/lab/cluster.yaml").read_text()

CLUSTER = """\
apiServer:
  timeoutForControlPlane: 4m0s
apiVersion: kubeadm.k8s.io/v1beta3
certificatesDir: /etc/kubernetes/pki
clusterName: my-first-cluster
controlPlaneEndpoint: api.my-first-cluster.example.com:6443
controllerManager: {}
dns: {}
etcd:
  local:
    dataDir: /var/lib/etcd
imageRepository: registry.k8s.io
kind: ClusterConfiguration
kubernetesVersion: v1.30.4
networking:
  dnsDomain: cluster.local
  serviceSubnet: 10.96.0.0/16
scheduler: {}
"""
KUBELET = """\
apiVersion: kubelet.config.k8s.io/v1beta1
authentication:
  anonymous:
    enabled: false
  webhook:
    cacheTTL: 0s
    enabled: true
  x509:
    clientCAFile: /etc/kubernetes/pki/ca.crt
authorization:
  mode: Webhook
  webhook:
    cacheAuthorizedTTL: 0s
    cacheUnauthorizedTTL: 0s
cgroupDriver: systemd
clusterDNS:
- 10.96.0.10
clusterDomain: cluster.local
containerRuntimeEndpoint: ""
cpuManagerReconcilePeriod: 0s
evictionHard:
  imagefs.available: 1Gi
  memory.available: 100Mi
  nodefs.available: 1Gi
evictionPressureTransitionPeriod: 0s
fileCheckFrequency: 0s
healthzBindAddress: 127.0.0.1
healthzPort: 10248
httpCheckFrequency: 0s
imageMaximumGCAge: 0s
imageMinimumGCAge: 0s
kind: KubeletConfiguration
logging:
  flushFrequency: 0
  options:
    json:
      infoBufferSize: "0"
    text:
      infoBufferSize: "0"
  verbosity: 0
memorySwap: {}
nodeStatusReportFrequency: 0s
nodeStatusUpdateFrequency: 0s
rotateCertificates: true
runtimeRequestTimeout: 0s
serverTLSBootstrap: true
shutdownGracePeriod: 0s
shutdownGracePeriodCriticalPods: 0s
staticPodPath: /etc/kubernetes/manifests
streamingConnectionIdleTimeout: 0s
syncFrequency: 0s
volumeStatsAggPeriod: 0s
"""


def test_stored_documents_of_the_lab() -> None:
    """The texts that `kubeadm init phase upload-config all --dry-run` prints for examples/lab."""
    cluster = loads(LAB)

    assert dump_go(cluster.cluster_configuration) == CLUSTER
    assert dump_go(cluster.kubelet_configuration) == KUBELET
    conntrack = thaw(cluster.kube_proxy_configuration)["conntrack"]
    assert conntrack == {
        "maxPerCore": 0,
        "min": 0,
        "tcpBeLiberal": False,
        "tcpCloseWaitTimeout": None,
        "tcpEstablishedTimeout": None,
        "udpStreamTimeout": "0s",
        "udpTimeout": "0s",
    }


@pytest.mark.parametrize(
    ("given", "stored"),
    [
        ("'[10.30.0.17]:8443'", "'[10.30.0.17]:8443'"),
        ("'[api.example.com]:8443'", "'[api.example.com]:8443'"),
        ("'[fd00::17]:8443'", "'[fd00::17]:8443'"),
        ("api.example.com", "api.example.com:6443"),
        ("'fd00::17'", "'[fd00::17]:6443'"),
    ],
)
def test_the_endpoint_is_stored_as_it_is_written(given: str, stored: str) -> None:
    """Unless kubeadm adds the port; the model knows the host without brackets."""
    cluster = loads(LAB.replace("api.my-first-cluster.example.com:6443", given))
    expected = yaml.safe_load(stored)

    assert thaw(cluster.cluster_configuration)["controlPlaneEndpoint"] == expected
    assert cluster.endpoint.host == expected.rpartition(":")[0].strip("[]")


@pytest.mark.parametrize(
    ("line", "value"),
    [
        ("certificateKey: {}", "0123456789abcdef" * 4 + "f"),
        ("bootstrapTokens: [{{token: {}}}]", "abcdef.0123456789ABCDEF"),
        ("bootstrapToken: [{{token: {}}}]", "abcdef.0123456789abcdef"),
        ("certifcateKey: '{}'", "0123456789abcdef" * 4),
        ("certificateKey: {}", "123456789012345678901234567890"),
    ],
)
def test_secrets_are_not_shown(line: str, value: str) -> None:
    """A line that is wrong is shown without the token or key in it."""
    text = LAB.replace("kind: InitConfiguration\n", "kind: InitConfiguration\n" + line.format(value) + "\n")
    with pytest.raises(InvalidConfiguration) as caught:
        loads(text)

    assert value not in caught.value.render()
    assert "****" in caught.value.render()


def test_a_problem_is_shown_where_it_stands() -> None:
    """File and line, path, message, the line with its mark, and a hint."""
    text = LAB.replace("  kind: bridge", "  kind: brigde")
    number = text[: text.index("brigde")].count("\n") + 1
    with pytest.raises(InvalidConfiguration) as caught:
        loads(text, file="mine.yaml")

    assert caught.value.render() == (
        "error: mine.yaml: 1 problem\n\n"
        f"mine.yaml:{number}: Inventory.network.kind: must be `none` or `bridge`, not `brigde`\n"
        f"  {number} |   kind: brigde\n"
        f"  {' ' * len(str(number))} |         ^^^^^^"
    )


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("name: worker-1", f"name: {'w' * 30}", "has 59 characters, at most 52 fit"),
        ("name: worker-1", "name: master-1.my-first-cluster.example.com", "stands twice"),
        ("name: worker-1", "name: master-1.example.org", "another node is called `master-1`, too"),
        ("address: 10.30.0.21", "address: 0.0.0.0", "is not the address of a machine"),
        ("roles: [load-balancer]", "roles: [load-balancer, control-plane]", "would share port 6443"),
        ("roles: [worker]", "roles: [worker, worker]", "a role stands twice"),
        ("roles: [worker]", "roles: []", "must not be empty"),
        ("skip: [crictl, kubeadm]", "skip: [cricket]", "must be `runc`"),
        ("podCIDR: 10.244.0.0/16", "podCIDR: 10.244.0.0/23", "has no room for 4 nodes' shares of /24"),
        ("roles: [worker]}", "roles: [worker], podCIDR: 10.244.0.0/24, taints: [{key: a}]}", "`effect` is missing"),
        ("baseDomain: example.com", "baseDomain: example.com\nfiles: {/etc/a: missing.yaml}", "cannot be read"),
        ("baseDomain: example.com", "baseDomain: example.com\nfiles: {/etc/a: /dev/zero}", "it is not a file"),
        ("baseDomain: example.com", "baseDomain: example.com\nmanifests: [missing.yaml]", "cannot be read"),
        ("baseDomain: example.com", "baseDomain: example.com\ntokenTtl: 2 hours", "is not a duration"),
        ("kind: JoinConfiguration", "kind: JoinConfiguration\nskipPhases: [preflight]", "cannot be left out"),
    ],
)
def test_mistakes_in_the_inventory(old: str, new: str, message: str) -> None:
    """Each is found before anything is touched."""
    with pytest.raises(InvalidConfiguration) as caught:
        loads(LAB.replace(old, new))

    assert message in caught.value.render()


@pytest.mark.parametrize(
    ("old", "new", "said"),
    [
        ("name: master-1", "name: master-1", ()),
        (
            "roles: [worker]",
            "roles: [control-plane]",
            ("4 masters bear no more failures than 3: etcd needs more than half of its members",),
        ),
        (
            "cgroupDriver: systemd",
            "cgroupDriver: cgroupfs",
            (
                "kubelets use cgroup driver cgroupfs, containerd systemd: containerd.cri of the Inventory can change it",
            ),
        ),
        (
            "serviceSubnet: 10.96.0.0/16",
            "serviceSubnet: 29.64.0.0/16",
            (
                "service network 29.64.0.0/16 is public address space: its real hosts cannot be reached from the cluster",
            ),
        ),
        (
            "baseDomain: example.com",
            "baseDomain: example.com\napproveServingCertificates: false",
            ("nobody here approves the kubelets' serving certificates: until somebody does, logs and exec fail",),
        ),
    ],
)
def test_advice(old: str, new: str, said: tuple[str, ...]) -> None:
    """What is allowed and probably not meant is said, not refused."""
    assert advice(loads(LAB.replace(old, new))) == said


def test_lab_of_another_network(tmp_path: Path) -> None:
    """Labs that run side by side use the same example with another subnet and another name."""
    file = tmp_path / "cluster.yaml"
    file.write_text(LAB.replace("10.30.0.", "10.31.0.").replace("/lab/lab/", "/lab/other/"))
    cluster = load(file)

    assert [node.address for node in cluster.nodes] == [f"10.31.0.{n}" for n in (11, 12, 13, 21, 8, 9)]
    assert cluster.balancer.address == "10.31.0.10"


def test_reference_names_every_field() -> None:
    """docs/inventory.md tells of every field of the Inventory, and of none that does not exist."""
    reference = (ROOT / "docs/inventory.md").read_text()
    fields = [field.alias for field in Inventory.model_fields.values() if field.alias not in ("apiVersion", "kind")]

    assert [name for name in fields if f"`{name}" not in reference] == []


@pytest.mark.parametrize(("chosen", "steps"), [("true", 1), ("false", 0)])
def test_somebody_else_may_approve(chosen: str, steps: int) -> None:
    """approveServingCertificates: false leaves the chapter empty."""
    cluster = loads(LAB.replace("baseDomain:", f"approveServingCertificates: {chosen}\nbaseDomain:"))

    assert len(list(approve_serving.steps(cluster, cluster.first_control_plane))) == steps
