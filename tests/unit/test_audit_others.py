"""The audit of clusters that others have made: what hardway would not build is audited, and read as the cluster has it."""

import base64
import json
import shlex
import subprocess
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest
import yaml
from clusters import lab_cluster
from transports import OnlyAnswers
from typer.testing import CliRunner

from hardway import versions
from hardway.cli.app import app
from hardway.config import InvalidConfiguration, loads
from hardway.engine.transport import OnLine, Result, Transport
from hardway.model import Cluster, EtcdLocal, Node, Role, thaw
from hardway.parity.certificates import Surroundings
from hardway.parity.compare import ABSENT
from hardway.parity.live import asked, fetch, machines, rootless, source, wanted
from hardway.parity.live.audit import Audit, audit_cluster
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.seen import Failure, SeenCluster, SeenNode
from hardway.parity.objects import item_name
from hardway.renderers.files import file

LAB = lab_cluster()
MOMENT = datetime(2026, 5, 1, tzinfo=UTC)
EMPTY = Surroundings({}, MOMENT, MOMENT)
STORED: dict[str, Any] = {
    "apiVersion": "kubeadm.k8s.io/v1beta3",
    "kind": "ClusterConfiguration",
    "kubernetesVersion": "v1.30.4",
    "controlPlaneEndpoint": "api.corp.lan:6443",
}
KUBELET = {"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration"}
INVENTORY = """\
apiVersion: hardway.dev/v1alpha1
kind: Inventory
nodes:
- {name: master-1, address: 192.0.2.1, roles: [control-plane]}
"""


def node_of(name: str, *addresses: str, master: bool = False, age: int = 1) -> dict[str, Any]:
    """A Node of the API."""
    return {
        "metadata": {
            "name": name,
            "creationTimestamp": f"2026-01-0{age}",
            "labels": {"node-role.kubernetes.io/control-plane": ""} if master else {},
        },
        "status": {"addresses": [{"type": "InternalIP", "address": address} for address in addresses]},
    }


def pod_of(node: str, component: str, image: str = "", endpoint: str = "") -> dict[str, Any]:
    """A Pod that a kubelet runs from a manifest."""
    annotations = {machines.MIRROR: "0"} | ({machines.ENDPOINT: endpoint} if endpoint else {})
    return {
        "metadata": {"name": f"{component}-{node}", "annotations": annotations},
        "spec": {"nodeName": node, "containers": [{"name": component, "image": image}]},
    }


FIRST = node_of("master-1", "192.0.2.1", master=True)


def api(
    stored: Mapping[str, Any] | str,
    *nodes: dict[str, Any],
    pods: tuple[dict[str, Any], ...] = (),
    kubelet: Mapping[str, Any] | str = "",
) -> SeenCluster:
    """What the API tells."""

    def config(name: str, key: str, value: Mapping[str, Any] | str) -> dict[str, Any]:
        text = value if isinstance(value, str) else yaml.dump(dict(value))
        return {"metadata": {"name": name}, "data": {key: text}}

    documents = {"kubeadm-config": config("kubeadm-config", "ClusterConfiguration", stored)}
    if kubelet:
        documents["kubelet-config"] = config("kubelet-config", "kubelet", kubelet)
    return SeenCluster(documents, nodes or (FIRST,), pods=pods)


def audited(
    tmp_path: Path, seen: SeenCluster, inventory: str = INVENTORY, *, ours: bool = False
) -> tuple[Cluster, list[Finding]]:
    """The model of a cluster of which an Inventory is given, and what was odd; `ours`: as if it were a cluster.yaml."""
    target = tmp_path / "inventory.yaml"
    target.write_text(inventory)
    return source.actual(Tools(str(target), ours), source.given(target), seen)


@pytest.mark.parametrize("minor", versions.minors())
def test_every_patch_release_is_audited(tmp_path: Path, minor: str) -> None:
    """By what the minor makes; images have the tag of the stored version."""
    version = f"v{minor}.99"
    told = {"kubernetesVersion": version, "apiVersion": f"kubeadm.k8s.io/v1beta{3 if minor < '1.31' else 4}"}
    cluster, findings = audited(tmp_path, api(STORED | told))
    neighbour = next(release for release in versions.RELEASES if release.minor == minor)

    assert cluster.release == replace(neighbour, kubernetes=version)
    assert cluster.image("kube-apiserver") == f"registry.k8s.io/kube-apiserver:{version}"
    assert [(f.grade, f.field, f.found) for f in findings] == [(Grade.NOTE, "kubernetesVersion", version)]


def test_a_listed_release_is_no_note(tmp_path: Path) -> None:
    """Of an ordinary cluster of a version that hardway builds nothing is told."""
    assert audited(tmp_path, api(STORED))[1] == []


def test_a_build_of_ones_own_has_tags_without_plus(tmp_path: Path) -> None:
    """As kubeadm writes them."""
    cluster, _ = audited(tmp_path, api(STORED | {"kubernetesVersion": "v1.30.7+corp.1"}))

    assert cluster.image("kube-proxy") == "registry.k8s.io/kube-proxy:v1.30.7_corp.1"


ETCD = tuple(
    pod_of(f"master-{number}", "etcd", f"mirror.corp/etcd:3.5.1{5 if number else 2}-0") for number in range(3)
)


def test_the_tag_of_etcd_is_what_a_patch_release_runs(tmp_path: Path) -> None:
    """What most masters run; another one than the listed release has is a note, and a chosen tag is what is asked for."""
    other, findings = audited(tmp_path, api(STORED | {"kubernetesVersion": "v1.30.9"}, pods=ETCD))
    listed, none = audited(tmp_path, api(STORED, pods=ETCD))
    chosen = STORED | {"kubernetesVersion": "v1.30.9", "etcd": {"local": {"imageTag": "3.5.11-0"}}}
    given, _ = audited(tmp_path, api(chosen, pods=ETCD))

    assert other.stacked_etcd.image == "registry.k8s.io/etcd:3.5.15-0"
    assert [(f.grade, f.found) for f in findings if f.field == "image"] == [(Grade.NOTE, "3.5.15-0")]
    assert (listed.stacked_etcd.image, none) == ("registry.k8s.io/etcd:3.5.12-0", [])
    assert given.stacked_etcd.image == "registry.k8s.io/etcd:3.5.11-0"


UNBUILT: dict[str, dict[str, Any]] = {
    "no endpoint": {"controlPlaneEndpoint": None},
    "name of a cloud's cluster": {"controllerManager": {"extraArgs": {"cluster-name": "corp"}}},
    "advertise-address": {"apiServer": {"extraArgs": {"advertise-address": "192.0.2.1"}}},
    "rootless": {"featureGates": {"RootlessControlPlane": True}},
    "a gate that is gone": {"featureGates": {"IPv6DualStack": True}},
    "a node among the services": {"networking": {"serviceSubnet": "192.0.0.0/16"}},
    "bits behind the mask": {"networking": {"serviceSubnet": "10.96.0.1/12", "podSubnet": "10.244.0.1/16"}},
    "pods among the services": {"networking": {"podSubnet": "10.96.0.0/16"}},
    "many services": {"networking": {"serviceSubnet": "10.0.0.0/8"}},
    "a field of another release": {"proxies": {"disabled": True}},
    "a field of a field": {"apiServer": {"certSANs": ["a"], "timeout": "4m0s"}},
    "another API version": {"apiVersion": "kubeadm.k8s.io/v1beta4", "encryptionAlgorithm": "RSA-3072"},
    "fields of the other one": {"encryptionAlgorithm": "RSA-3072"},
    "etcd of others": {"etcd": {"external": {"endpoints": ["https://Etcd_1:2379"], "caFile": "/root/ca.crt"}}},
    "a mask of nodes": {
        "networking": {"podSubnet": "10.244.0.0/16"},
        "controllerManager": {"extraArgs": {"node-cidr-mask-size-ipv4": "12"}},
    },
}


@pytest.mark.parametrize("what", UNBUILT)
def test_what_hardway_would_not_build_is_a_note(tmp_path: Path, what: str) -> None:
    """The cluster is there: it is audited, and everything that its nodes and its API should have can be told."""
    masters = tuple(node_of(f"master-{n}", f"192.0.2.{n}", master=True, age=n) for n in (1, 2))
    stored = {name: value for name, value in (STORED | UNBUILT[what]).items() if value is not None}
    cluster, findings = audited(tmp_path, api(stored, *masters))

    assert [node.name for node in cluster.control_planes] == ["master-1", "master-2"]
    assert {(f.grade, f.node, f.cure) for f in findings} <= {(Grade.NOTE, CLUSTER, "")}
    assert findings
    assert all(wanted.files(cluster, node, EMPTY) for node in cluster.nodes)
    assert wanted.objects(cluster)


def test_an_objection_is_told_where_it_stands(tmp_path: Path) -> None:
    """With the ConfigMap, the field and hardway's words."""
    _, (found,) = audited(tmp_path, api(STORED | UNBUILT["rootless"]))

    assert (found.item, found.field) == ("ConfigMap kube-system/kubeadm-config", "featureGates.RootlessControlPlane")
    assert found.found == "hardway builds clusters with RootlessControlPlane=false only"


@pytest.mark.parametrize(
    "what", ["no endpoint", "a gate that is gone", "many services", "a field of another release"]
)
def test_a_cluster_yaml_is_refused_as_ever(what: str) -> None:
    """What is audited is not therefore built."""
    given = {name: value for name, value in (STORED | UNBUILT[what]).items() if value is not None}
    with pytest.raises(InvalidConfiguration):
        loads(yaml.dump(given) + "---\n" + INVENTORY + "baseDomain: example.com\n")


def test_a_cluster_without_an_endpoint_has_that_of_its_master(tmp_path: Path) -> None:
    """Its address and port, and nothing is stored of them."""
    stored = {name: value for name, value in STORED.items() if name != "controlPlaneEndpoint"}
    pods = (pod_of("master-1", "kube-apiserver", endpoint="192.0.2.1:7443"),)
    cluster, _ = audited(tmp_path, api(stored, pods=pods))
    served = {item_name(thaw(value)): thaw(value) for _, value in wanted.objects(cluster)}

    assert cluster.endpoint.url == "https://192.0.2.1:7443"
    assert "controlPlaneEndpoint" not in cluster.cluster_configuration
    assert (
        "controlPlaneEndpoint" not in served["ConfigMap kube-system/kubeadm-config"]["data"]["ClusterConfiguration"]
    )


@pytest.mark.parametrize(
    ("stored", "said"),
    [
        (STORED | {"kubernetesVersion": "v1.28.15"}, "Kubernetes `v1.28.15` is not known here"),
        (STORED | {"featureGates": "none"}, "must be a map of names to values"),
        (STORED | {"apiVersion": "kubeadm.k8s.io/v1beta2"}, "does not read `kubeadm.k8s.io/v1beta2`"),
        (STORED | {"networking": {"serviceSubnet": "10.96.0.0/30"}}, "is too small"),
        (STORED | {"controlPlaneEndpoint": "a b"}, "is not a host with a port"),
        (STORED | {"networking": []}, "must be a map of fields"),
        ("{", "not YAML"),
        ("", "there is no ClusterConfiguration"),
    ],
)
def test_what_cannot_be_read_is_refused(tmp_path: Path, stored: Any, said: str) -> None:
    """It leaves nothing to compare with; it is shown in the ConfigMap, not in the user's file."""
    with pytest.raises(InvalidConfiguration, match=said) as caught:
        audited(tmp_path, api(stored))

    assert caught.value.file == "ConfigMap kube-system/kubeadm-config"


def test_kubelets_of_others(tmp_path: Path) -> None:
    """A field that nobody knows is passed over, as kubeadm does; where kubeadm cannot read it, joins fail."""
    known, notes = audited(tmp_path, api(STORED, kubelet=KUBELET | {"maxPods": 50, "mine": 1}))
    part, errors = audited(tmp_path, api(STORED, kubelet=KUBELET | {"maxPods": "50", "podPidsLimit": 5}))
    none, worse = audited(tmp_path, api(STORED, kubelet="{"))

    item = "ConfigMap kube-system/kubelet-config"
    assert thaw(known.kubelet_configuration)["maxPods"] == 50
    assert [(f.grade, f.item, f.field, f.cure) for f in notes] == [(Grade.NOTE, item, "mine", "")]
    assert thaw(part.kubelet_configuration)["podPidsLimit"] == 5
    assert [(f.grade, f.item, f.field) for f in errors] == [(Grade.ERROR, item, "maxPods")]
    assert errors[0].cure.endswith(" -n kube-system edit cm kubelet-config")
    assert [(f.grade, f.item, f.field) for f in worse] == [(Grade.ERROR, item, "document")]
    assert none.kubelet_configuration


def test_names_are_those_of_the_api(tmp_path: Path) -> None:
    """At whatever length, and where the short ones are equal; nothing is put behind one."""
    long = "ip-192-0-2-3.eu-central-1.compute.internal.some.corp.lan"
    names = ("a-node-with-a-name-of-29-chars", long, "node1.dc1.lan", "node1.dc2.lan")
    nodes = tuple(node_of(name, f"192.0.2.{n}", age=n) for n, name in enumerate(names, 2))
    cluster, findings = audited(tmp_path, api(STORED, FIRST, *nodes))

    assert (len(names[0]), len(long) > 52) == (30, True)
    assert [node.name for node in cluster.nodes] == ["master-1", *names]
    assert findings == []


def test_an_api_server_makes_a_master(tmp_path: Path) -> None:
    """Somebody may have taken its label away, or written something else; another Pod of that name is no API server."""
    nodes = tuple(node_of(f"node-{n}", f"192.0.2.{n}", age=n) for n in (2, 3, 4))
    others = {"metadata": {"name": "kube-apiserver-node-4"}, "spec": {"nodeName": "node-4", "containers": []}}
    pods = (pod_of("node-2", "kube-apiserver"), pod_of("node-3", "kube-apiserver"), others)
    text = INVENTORY + "- {name: node-3, address: 192.0.2.3, roles: [worker]}\n"
    cluster, findings = audited(tmp_path, api(STORED, FIRST, *nodes, pods=pods), text)

    assert [node.name for node in cluster.control_planes] == ["master-1", "node-3", "node-2"]
    assert Role.CONTROL_PLANE not in cluster.node("node-4").roles
    assert [(f.grade, f.item, f.field) for f in findings] == [
        (Grade.WARNING, "Node node-3.kubernetes.example.com", "roles")
    ]


def reached(node: Node) -> str:
    """Where SSH looks for it."""
    return node.ssh.host or node.address


def test_a_master_has_the_address_that_it_advertises(tmp_path: Path) -> None:
    """Its certificates and its etcd have that one; it is reached where it was, or where its Node is."""
    nodes = (node_of("master-1", "10.0.0.1", master=True), node_of("master-2", "192.0.2.2", master=True, age=2))
    pods = tuple(pod_of(f"master-{n}", "kube-apiserver", endpoint=f"10.0.0.{n}:644{n}") for n in (1, 2))
    inventory = INVENTORY.replace("192.0.2.1", "198.51.100.1")
    cluster, findings = audited(tmp_path, api(STORED, *nodes, pods=pods), inventory)

    assert [(node.name, node.address, reached(node), node.bind_port) for node in cluster.nodes] == [
        ("master-1", "10.0.0.1", "198.51.100.1", 6441),
        ("master-2", "10.0.0.2", "192.0.2.2", 6442),
    ]
    assert [(f.grade, f.field, f.found) for f in findings] == [(Grade.NOTE, "status.addresses", "10.0.0.1")]


def test_a_master_of_ipv6_advertises_in_brackets(tmp_path: Path) -> None:
    """Of the addresses of a Node the one that is reached is of the family by which the file reaches a master."""
    nodes = (node_of("master-1", "fd00::1", master=True), node_of("node-2", "10.0.0.2", "fd00::2"))
    pods = (pod_of("master-1", "kube-apiserver", endpoint="[fd00::1]:6444"),)
    stored = STORED | {"networking": {"serviceSubnet": "fd00:10:96::/112"}}
    inventory = INVENTORY.replace("192.0.2.1", "'fd00::1'")
    cluster, findings = audited(tmp_path, api(stored, *nodes, pods=pods), inventory)

    assert [(node.address, reached(node)) for node in cluster.nodes] == [
        ("fd00::1", "fd00::1"),
        ("fd00::2", "fd00::2"),
    ]
    assert (cluster.first_control_plane.bind_port, findings) == (6444, [])


def test_two_nodes_with_one_address(tmp_path: Path) -> None:
    """Machines behind the same translation of addresses, or a name that is no longer used: one is judged, the other told."""
    nodes = tuple(node_of(f"node-{n}", "10.0.2.15", age=n) for n in (2, 3))
    cluster, (found,) = audited(tmp_path, api(STORED, FIRST, *nodes))

    assert [node.name for node in cluster.nodes] == ["master-1", "node-2"]
    assert (found.grade, found.item, found.found) == (Grade.WARNING, "Node node-3", "10.0.2.15, that of node-2")


@pytest.mark.parametrize(("name", "judged"), [("master-1", "master-1"), ("other", "new")])
def test_a_node_of_a_former_name(tmp_path: Path, name: str, judged: str) -> None:
    """The machine is judged as the Node with its name, or as the one that came last."""
    nodes = (node_of("new", "192.0.2.1", master=True, age=5), node_of("master-1", "192.0.2.1", master=True, age=2))
    cluster, (found,) = audited(tmp_path, api(STORED, *nodes), INVENTORY.replace("master-1", name))

    assert [node.name for node in cluster.nodes] == [judged]
    assert found.found == f"192.0.2.1, that of {judged}"


@pytest.mark.parametrize("address", ["'fd00::1'", "10.96.0.7", "10.111.255.254"])
def test_an_inventory_alone_may_have_any_address(tmp_path: Path, address: str) -> None:
    """Which network services have is asked, not assumed."""
    target = tmp_path / "inventory.yaml"
    target.write_text(INVENTORY.replace("192.0.2.1", address))

    assert source.given(target).cluster.first_control_plane.address == address.strip("'")


def test_an_inventory_alone_asks_for_nothing(tmp_path: Path) -> None:
    """Patches and shares of the pod network are for who builds: they may be there, and are not looked for."""
    more = "patches: {/etc/patches: nowhere}\nnetwork: {kind: bridge, podCIDR: 10.244.0.0/24}\n"
    nodes = tuple(node_of(f"node-{n}", f"192.0.2.{n}", age=n) for n in (2, 3))
    cluster, findings = audited(tmp_path, api(STORED, FIRST, *nodes), INVENTORY + more)

    assert (len(cluster.nodes), findings) == (3, [])


@pytest.mark.parametrize(
    "line",
    [
        "sshh: {user: admin}",
        "- {name: master-1, address: 192.0.2.2, roles: [worker]}",
        "- {name: b, address: 192.0.2.1, roles: [worker]}",
        "- {name: b, address: here, roles: [worker]}",
    ],
)
def test_mistakes_in_an_inventory_alone_are_refused(tmp_path: Path, line: str) -> None:
    """It is the user's own file, and says how machines are reached and told apart."""
    target = tmp_path / "inventory.yaml"
    target.write_text(INVENTORY + line + "\n")

    with pytest.raises(InvalidConfiguration) as caught:
        source.given(target)
    assert caught.value.file == str(target)


@pytest.mark.parametrize(
    ("flag", "url"),
    [
        ("https://[::1]:2379,https://[fd00::1]:2379", "https://[::1]:2379"),
        ("https://127.0.0.1:2379,https://192.0.2.1:2379", "https://127.0.0.1:2379"),
        ("https://0.0.0.0:12379", "https://127.0.0.1:12379"),
        ("https://[::]:2379", "https://[::1]:2379"),
        ("", "https://127.0.0.1:2379"),
    ],
)
def test_etcd_is_asked_where_it_listens(tmp_path: Path, flag: str, url: str) -> None:
    """On the loopback address of the master's family; its certificate names no "anywhere"."""
    (tmp_path / "manifests").mkdir()
    listed = f"    - --listen-client-urls={flag}\n" if flag else ""
    manifest = (
        f"    - --advertise-client-urls=https://192.0.2.9:2379\n{listed}    - --trusted-ca-file=/pki/etcd/ca.crt\n"
    )
    (tmp_path / "manifests/etcd.yaml").write_text(manifest)
    for name, text in {"kubectl": "exit 0", "curl": f'echo "${{@: -1}}" >{tmp_path}/asked; echo "{{}}"'}.items():
        (tmp_path / name).write_text(f"#!/bin/bash\n{text}\n")
        (tmp_path / name).chmod(0o755)
    script = fetch.cluster_script().replace("/etc/kubernetes", str(tmp_path))
    text = f"set -uo pipefail\nPATH={tmp_path}:$PATH\naudit() {{\n{script}\n}}\naudit </dev/null\n"
    subprocess.run(["bash"], input=text, text=True, capture_output=True, check=True)

    assert (tmp_path / "asked").read_text() == f"{url}/v3/cluster/member/list\n"


@pytest.mark.parametrize(("address", "host"), [("fd00::1", "[::1]"), ("192.0.2.1", "127.0.0.1")])
def test_what_shows_why_etcd_does_not_answer(address: str, host: str) -> None:
    """It asks where etcd listens, too."""
    master = replace(LAB.first_control_plane, address=address)
    (told,) = asked.questions(LAB, master, [Failure(fetch.MEMBERS, "no")], {})

    assert shlex.split(told.cure)[-1] == f"https://{host}:2379/v3/cluster/member/list"


CRIO = "unix:///var/run/crio/crio.sock"


@pytest.mark.parametrize("name", ["instance-config.yaml", "config.yaml"])
def test_a_node_knows_its_own_socket(name: str) -> None:
    """Where no annotation names it: kubeadm reads instance-config.yaml."""
    master, worker = LAB.first_control_plane, LAB.workers[0]
    newer = replace(LAB, release=versions.release("v1.34.4"))
    path = f"{LAB.paths.kubelet}/{name}"
    seen = {
        master.name: SeenNode(master.name, {path: file(f"containerRuntimeEndpoint: {CRIO}\n")}, {}, {}, ()),
        worker.name: SeenNode(worker.name, {path: file("containerRuntimeEndpoint: [")}, {}, {}, ()),
    }
    sockets = {node.name: node.registration.cri_socket for node in source.with_sockets(newer, seen).nodes}

    assert sockets[master.name] == CRIO
    assert sockets[worker.name] == worker.registration.cri_socket
    assert source.with_sockets(LAB, seen) == LAB


def test_the_short_name_is_the_one_that_the_file_knows(tmp_path: Path) -> None:
    """Cures say it to `hardway apply`, which knows no other."""
    nodes = (node_of("ip-192-0-2-1.corp.lan", "192.0.2.1", master=True), node_of("node-2.corp.lan", "192.0.2.2"))
    cluster, _ = audited(tmp_path, api(STORED, *nodes), ours=True)

    assert [(node.name, node.host_name) for node in cluster.nodes] == [
        ("ip-192-0-2-1.corp.lan", "master-1"),
        ("node-2.corp.lan", "node-2"),
    ]


ROOTLESS = replace(LAB, feature_gates=MappingProxyType({rootless.GATE: True}), etcd=EtcdLocal())


@pytest.mark.parametrize(
    ("item", "field", "expected", "found", "told"),
    [
        ("/etc/kubernetes/pki/sa.key", "file.mode", "0600", "0640", False),
        ("/etc/kubernetes/pki/sa.key", "file.mode", "0600", "0644", True),
        ("/etc/kubernetes/pki/ca.key", "file.owner", "root:root", "996:994", False),
        ("/etc/kubernetes/scheduler.conf", "file.owner", "root:root", "996:994", False),
        ("/etc/kubernetes/admin.conf", "file.owner", "root:root", "996:994", True),
        ("/var/lib/etcd", "file.owner", "root:root", "996:994", False),
        ("a", "spec.securityContext.runAsUser", ABSENT, "996", False),
        ("a", "spec.containers[a].securityContext.capabilities.add[0]", ABSENT, '"NET_BIND_SERVICE"', False),
        ("a", "spec.containers[a].securityContext.capabilities.add[0]", ABSENT, '"SYS_ADMIN"', True),
        ("a", "spec.containers[a].securityContext.allowPrivilegeEscalation", ABSENT, "false", False),
        ("a", "spec.containers[a].securityContext.privileged", ABSENT, "true", True),
    ],
)
def test_what_belongs_to_users_of_their_own(item: str, field: str, expected: str, found: str, told: bool) -> None:
    """RootlessControlPlane gives files away: a cure would take them from who reads them. Without it nothing is kept back."""
    finding = Finding(Grade.ERROR, "a", "certs", item, field, expected, found)

    assert list(rootless.judged(ROOTLESS, [finding])) == ([finding] if told else [])
    assert list(rootless.judged(LAB, [finding])) == [finding]


def encoded(value: object) -> str:
    """As a script tells it."""
    return base64.b64encode(json.dumps(value).encode()).decode()


class Machine(OnlyAnswers):
    """A node with nothing but its directory, whose API tells what it is given."""

    def __init__(self, lines: list[str], files: Iterable[str]) -> None:
        self._api, self._files = lines, files

    async def run(self, script: str, on_line: OnLine) -> Result:
        about = "ask nodes" in script
        facts = ("os debian", "arch x86_64", "hostname a", "resolved inactive", "cpus 2")
        found = self._api if about else [*(f"fact {fact}" for fact in facts), *self._files]
        for line in (*found, "audit stat 755 root:root d /etc/kubernetes", "audit end"):
            on_line(line)
        return Result(0, "")


def whole(tmp_path: Path, text: str, seen: SeenCluster, *files: str) -> tuple[Audit, list[str]]:
    """The audit with a file of this text, of nodes that tell these files, and which addresses were reached."""
    target, asked_for = tmp_path / "cluster.yaml", []
    target.write_text(text)
    nodes = [node | {"status": node["status"] | {"nodeInfo": {"kubeletVersion": "v1.30.4"}}} for node in seen.nodes]
    nodes = [node | {"spec": {}} for node in nodes]
    told = {"nodes": nodes, "config": list(seen.documents.values()), "pods": list(seen.pods)}
    lines = [f"audit {word} {encoded({'items': items})}" for word, items in told.items()]

    async def connect(machine: Node) -> Transport:
        asked_for.append(reached(machine))
        return Machine(lines, files)

    return audit_cluster(target, connect), asked_for


WHOLE = yaml.dump(STORED) + "---\n" + INVENTORY + "baseDomain: example.com\n"


def test_hardway_mends_only_machines_that_its_file_names(tmp_path: Path) -> None:
    """Of others `hardway apply` says that there is no such node; kubeadm knows what they need."""
    nodes = (node_of("ip-192-0-2-1.lan", "192.0.2.1", master=True), node_of("node-2.lan", "192.0.2.2", master=True))
    found, _ = whole(tmp_path, WHOLE, api(STORED, *nodes))
    cures = {
        name: {
            f.cure.split("-f")[0]
            for f in found.findings
            if f.node == name and f.item.endswith("/kubelet/config.yaml")
        }
        for name in found.nodes
    }
    named = [f.cure for f in found.findings if f.node == "ip-192-0-2-1.lan" and f.cure.startswith("hardway apply")]

    assert cures["ip-192-0-2-1.lan"] == {"hardway apply "}
    assert {cure.rpartition(" --node ")[2] for cure in named} == {"master-1"}
    assert not any(cure.startswith("hardway") for cure in cures["node-2.lan"])


def test_a_file_of_another_version_mends_nothing(tmp_path: Path) -> None:
    """hardway would take the cluster back to it; that the cluster has moved on is told."""
    found, _ = whole(tmp_path, WHOLE, api(STORED | {"kubernetesVersion": "v1.30.5"}))
    moved = [f for f in found.findings if f.field == "kubernetesVersion" and f.grade is Grade.WARNING]

    assert [(f.expected.split(" ")[0], f.found, f.cure) for f in moved] == [('"v1.30.4"', '"v1.30.5"', "")]
    assert not [f.cure for f in found.findings if f.cure.startswith("hardway")]


def test_a_cluster_of_others_is_audited_to_its_end(tmp_path: Path) -> None:
    """All nodes are reached, whatever hardway would say of their versions, names, networks and addresses."""
    names = ("master-1", "node.dc1.lan", "node.dc2.lan")
    nodes = tuple(node_of(name, f"10.96.0.{n}", master=n == 1, age=n) for n, name in enumerate(names, 1))
    stored = {name: value for name, value in STORED.items() if name != "controlPlaneEndpoint"}
    pods = (pod_of("master-1", "kube-apiserver", endpoint="10.96.0.1:6443"),)
    seen = api(stored | {"kubernetesVersion": "v1.30.14"}, *nodes, pods=pods, kubelet=KUBELET | {"mine": 1})
    found, asked_for = whole(tmp_path, INVENTORY.replace("192.0.2.1", "198.51.100.1"), seen)

    assert (found.kubernetes, found.nodes) == ("v1.30.14", names)
    assert sorted(set(asked_for)) == ["10.96.0.2", "10.96.0.3", "198.51.100.1"]
    assert [f for f in found.findings if f.field == "judged"] == []


def test_a_node_with_another_runtime_is_as_it_should_be(tmp_path: Path) -> None:
    """Its own instance-config.yaml is what kubeadm would write for it."""
    path = "/var/lib/kubelet/instance-config.yaml"
    content = base64.b64encode(f'containerRuntimeEndpoint: "{CRIO}"\n'.encode()).decode()
    files = (f"audit stat 644 root:root f {path}", f"audit content {content} {path}")
    stored = STORED | {"kubernetesVersion": "v1.34.4", "apiVersion": "kubeadm.k8s.io/v1beta4"}
    found, _ = whole(tmp_path, INVENTORY, api(stored), *files)

    assert [f for f in found.findings if f.item == path] == []


@pytest.mark.parametrize(("gates", "told"), [({rootless.GATE: True}, False), ({}, True)])
def test_a_key_of_a_user_of_its_own(tmp_path: Path, gates: dict[str, bool], told: bool) -> None:
    """Only with the gate it is not root's."""
    path = "/etc/kubernetes/pki/apiserver.key"
    seen = api(STORED | {"featureGates": gates})
    found, _ = whole(tmp_path, INVENTORY, seen, f"audit stat 600 996:994 f {path}")

    assert [f.field for f in found.findings if f.item == path and f.field == "file.owner"] == ["file.owner"] * told


def test_the_help_tells_where_kubeadm_comes_from() -> None:
    """Square brackets are markup there."""
    shown = " ".join(CliRunner().invoke(app, ["parity", "--help"], env={"COLUMNS": "300"}).output.split())

    assert "kubeadm of the cluster's version (default: built from its module)" in shown
