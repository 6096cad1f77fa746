"""What somebody adds to the objects of kubeadm's: told, unless it is what the API server writes by itself."""

import copy
import subprocess
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
from clusters import stored_cluster

from hardway.model import thaw
from hardway.parity.certificates import Surroundings, now
from hardway.parity.live import differences, judge, wanted
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.judge import Judge
from hardway.parity.objects import item_name
from hardway.versions import RELEASES, Release

E, W, N = Grade.ERROR, Grade.WARNING, Grade.NOTE
CLUSTER = stored_cluster()
OURS = Judge(CLUSTER, Tools("cluster.yaml", ours=True), now())
ANYBODYS = Judge(CLUSTER, Tools("inventory.yaml", ours=False), now())
PROXY, SERVICE = "DaemonSet kube-system/kube-proxy", "Service kube-system/kube-dns"
DNS, COREFILE = "Deployment kube-system/coredns", "ConfigMap kube-system/coredns"
POD = "spec.template.spec"
Objects = dict[str, Any]
Damage = Callable[[Objects], Any]


def merged(value: Any, more: Any) -> Any:
    """A document with another one laid over it; lists item by item."""
    if isinstance(value, dict) and isinstance(more, dict):
        return value | {key: merged(value.get(key), item) for key, item in more.items()}
    if isinstance(value, list) and isinstance(more, list):
        return [merged(item, more[n] if n < len(more) else None) for n, item in enumerate(value)]
    return value if more is None else more


METADATA = {
    "uid": "1",
    "resourceVersion": "2",
    "creationTimestamp": "2026-01-01T00:00:00Z",
    "generation": 1,
    "managedFields": [{"manager": "kubeadm", "operation": "Update"}],
}
CONTAINER = {"terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}
PODS = {
    "dnsPolicy": "ClusterFirst",
    "restartPolicy": "Always",
    "schedulerName": "default-scheduler",
    "securityContext": {},
    "serviceAccount": "kube-proxy",
    "terminationGracePeriodSeconds": 30,
    "containers": [{**CONTAINER, "env": [{"valueFrom": {"fieldRef": {"apiVersion": "v1"}}}]}],
    "volumes": [{"configMap": {"defaultMode": 420}}, {}, {"hostPath": {"type": ""}}],
}
BY_SERVER: Objects = {
    PROXY: {
        "metadata": {"annotations": {"deprecated.daemonset.template.generation": "1"}},
        "spec": {
            "revisionHistoryLimit": 10,
            "template": {"metadata": {"creationTimestamp": None}, "spec": PODS},
            "updateStrategy": {"rollingUpdate": {"maxSurge": 0, "maxUnavailable": 1}},
        },
        "status": {"numberReady": 4, "desiredNumberScheduled": 4},
    },
    DNS: {
        "metadata": {"annotations": {"deployment.kubernetes.io/revision": "1"}},
        "spec": {"progressDeadlineSeconds": 600, "revisionHistoryLimit": 10},
        "status": {"replicas": 2},
    },
    SERVICE: {
        "spec": {
            "clusterIPs": ["10.96.0.10"],
            "internalTrafficPolicy": "Cluster",
            "ipFamilies": ["IPv4"],
            "ipFamilyPolicy": "SingleStack",
            "sessionAffinity": "None",
            "type": "ClusterIP",
        },
        "status": {"loadBalancer": {}},
    },
}
"""What `kubectl get -o json` of a healthy cluster shows beyond what kubeadm has sent."""


def live(here: Judge = OURS) -> Objects:
    """Everything that should be there, as the API server tells it."""
    found: Objects = {}
    for _, value in wanted.objects(here.cluster):
        # The first of one name is the whole object, the next a part of it.
        found.setdefault(item_name(thaw(value)), copy.deepcopy(thaw(value)))
    more = copy.deepcopy(BY_SERVER)
    return {name: merged(merged(value, {"metadata": METADATA}), more.get(name)) for name, value in found.items()}


def findings(damage: Damage, here: Judge = OURS) -> list[Finding]:
    """What is told of a healthy cluster to which something was added."""
    there = live(here)
    damage(there)
    return list(judge.objects(here, there, b""))


@pytest.mark.parametrize("release", RELEASES, ids=lambda release: release.kubernetes)
def test_what_the_server_fills_in_is_not_told(release: Release) -> None:
    """Of any minor, not even as a note."""
    here = replace(OURS, cluster=replace(CLUSTER, release=release))

    assert findings(lambda o: None, here) == []


def test_what_the_server_fills_in_below_a_patch_is_not_told() -> None:
    """Probes, ports, volumes and containers of somebody's own have defaults, too; another value is told."""
    get = {"httpGet": {"port": 10256}}
    container = {
        "name": "more", "ports": [{"containerPort": 10256}], "livenessProbe": get, "startupProbe": {"grpc": {"port": 1}},
        "lifecycle": {"preStop": get},
    }  # fmt: skip
    token = {"serviceAccountToken": {"path": "token"}}
    volumes = [
        {"name": "a", "secret": {"secretName": "a"}},
        {"name": "b", "projected": {"sources": [token]}},
        {"name": "c", "downwardAPI": {"items": [{"path": "a", "fieldRef": {"fieldPath": "metadata.name"}}]}},
    ]
    probe = {"timeoutSeconds": 1, "periodSeconds": 10, "successThreshold": 1, "failureThreshold": 3}
    got = {"httpGet": {"path": "/", "scheme": "HTTP"}}
    stored = {
        **CONTAINER, "imagePullPolicy": "Always", "ports": [{"protocol": "TCP", "hostPort": 10256}], "resources": {},
        "livenessProbe": probe | got, "startupProbe": {**probe, "grpc": {"service": ""}}, "lifecycle": {"preStop": got},
    }  # fmt: skip
    filled_in = [
        {"secret": {"defaultMode": 420}},
        {"projected": {"defaultMode": 420, "sources": [{"serviceAccountToken": {"expirationSeconds": 3600}}]}},
        {"downwardAPI": {"defaultMode": 420, "items": [{"fieldRef": {"apiVersion": "v1"}}]}},
    ]
    head = {"kind": "DaemonSet", "metadata": {"name": "kube-proxy"}}
    ours = {**head, "spec": {"template": {"spec": {"containers": [container], "volumes": volumes}}}}
    more = {"spec": {"template": {"spec": {"containers": [stored], "volumes": filled_in}}}}

    def told(there: Any) -> list[str]:
        around = Surroundings({}, now(), now())
        return [d.field for d in differences.of_object(PROXY, copy.deepcopy(ours), there, around)]

    there = merged(ours, more)
    spoilt = merged(
        there, {"spec": {"template": {"spec": {"containers": [{"livenessProbe": {"periodSeconds": 3}}]}}}}
    )
    assert told(there) == []
    assert told(spoilt) == [f"{POD}.containers[more].livenessProbe.periodSeconds"]


def pod(objects: Objects) -> Any:
    """kube-proxy's."""
    return objects[PROXY]["spec"]["template"]["spec"]


def container(objects: Objects) -> Any:
    """Its only one."""
    return pod(objects)["containers"][0]


@pytest.mark.parametrize(
    ("damage", "expected"),
    [
        # A common way to switch it off.
        (lambda o: pod(o)["nodeSelector"].update({"non-calico": "true"}), {(W, PROXY, f"{POD}.nodeSelector.non-calico")}),
        (lambda o: pod(o)["nodeSelector"].update(mine=""), {(W, PROXY, f"{POD}.nodeSelector.mine")}),
        (lambda o: container(o)["command"].append("--v=9"), {(W, PROXY, f"{POD}.containers[kube-proxy].command[3]")}),
        (lambda o: container(o).update(args=["--v=9"]), {(W, PROXY, f"{POD}.containers[kube-proxy].args[0]")}),
        (lambda o: pod(o).update(hostPID=True), {(W, PROXY, f"{POD}.hostPID")}),
        (lambda o: pod(o).update(affinity={"nodeAffinity": {"a": "b"}}), {(W, PROXY, f"{POD}.affinity.nodeAffinity.a")}),
        (lambda o: pod(o).update(dnsPolicy="None"), {(W, PROXY, f"{POD}.dnsPolicy")}),
        (lambda o: pod(o).update(initContainers=[{"name": "a", **CONTAINER}]), {
            (W, PROXY, f"{POD}.initContainers.order"), (W, PROXY, f"{POD}.initContainers[a].name"),
        }),
        (lambda o: pod(o)["volumes"].append({"name": "a", "emptyDir": {}}), {
            (W, PROXY, f"{POD}.volumes.order"), (W, PROXY, f"{POD}.volumes[a].name"),
        }),
        (lambda o: o[PROXY]["spec"]["updateStrategy"]["rollingUpdate"].update(maxUnavailable="50%"), {
            (W, PROXY, "spec.updateStrategy.rollingUpdate.maxUnavailable"),
        }),
        (lambda o: container(o)["env"].append({"name": "MINE", "value": "hunter2"}), {
            (N, PROXY, f"{POD}.containers[kube-proxy].env.order"), (W, PROXY, f"{POD}.containers[kube-proxy].env[MINE].name"),
        }),
        # The shell in which kubeadm ran had it.
        (lambda o: container(o)["env"].append({"name": "https_proxy", "value": "http://me:hunter2@a"}), {
            (N, PROXY, f"{POD}.containers[kube-proxy].env.order"),
            (N, PROXY, f"{POD}.containers[kube-proxy].env[https_proxy].name"),
        }),
        (lambda o: o[SERVICE]["spec"]["selector"].update(mine="true"), {(W, SERVICE, "spec.selector.mine")}),
        (lambda o: o[SERVICE]["spec"].update(type="NodePort"), {(W, SERVICE, "spec.type")}),
        (lambda o: o["ServiceAccount kube-system/kube-proxy"].update(automountServiceAccountToken=False), {
            (W, "ServiceAccount kube-system/kube-proxy", "automountServiceAccountToken"),
        }),
        (lambda o: o["ClusterRole kubeadm:get-nodes"].update(aggregationRule={"clusterRoleSelectors": [{"a": "b"}]}), {
            (E, "ClusterRole kubeadm:get-nodes", "aggregationRule.clusterRoleSelectors[0].a"),
        }),
        (lambda o: o["ConfigMap kube-system/kubeadm-config"]["data"].update(ClusterStatus="apiEndpoints: {a: hunter2}\n"), {
            (N, "ConfigMap kube-system/kubeadm-config", "data.ClusterStatus"),
        }),
        (lambda o: o["ConfigMap kube-system/kube-proxy"].update(immutable=True), {
            (W, "ConfigMap kube-system/kube-proxy", "immutable"),
        }),
        # Labels and annotations are everybody's, and CoreDNS is the people's.
        (lambda o: [value["metadata"].update(labels={**value["metadata"].get("labels", {}), "a": "b"}) for value in o.values()], set()),
        (lambda o: o[PROXY]["spec"]["template"]["metadata"].update(annotations={"kubectl.kubernetes.io/restartedAt": "now"}), set()),
        (lambda o: o["ServiceAccount kube-system/kube-proxy"].update(secrets=[{"name": "kube-proxy-token-abcde"}]), set()),
        (lambda o: o[DNS]["spec"]["template"]["spec"]["nodeSelector"].update(mine="true"), set()),
        (lambda o: o[COREFILE]["data"].update({"Corefile-backup": "a"}), set()),
    ],
)  # fmt: skip
def test_what_somebody_adds_is_told(damage: Damage, expected: set[tuple[Grade, str, str]]) -> None:
    """Each addition, and nothing that could be a secret."""
    told = findings(damage)

    assert {(f.grade, f.item, f.field) for f in told} == expected
    assert "hunter2" not in str(told)


@pytest.mark.parametrize("here", [OURS, ANYBODYS])
def test_an_addition_goes_with_its_cure(here: Judge) -> None:
    """Applying leaves what is somebody else's: the object is replaced. A list of subjects is one value, and applied."""
    (selector,) = findings(lambda o: pod(o)["nodeSelector"].update({"non-calico": "true"}), here)
    user = {"kind": "User", "name": "a"}
    subjects = findings(lambda o: o["ClusterRoleBinding kubeadm:get-nodes"]["subjects"].append(user), here)
    checked = subprocess.run(["bash", "-n"], input=selector.cure, text=True, capture_output=True, check=False)

    assert selector.cure.endswith("kubectl --kubeconfig=/etc/kubernetes/admin.conf replace -f -")
    assert "non-calico" not in selector.cure
    assert '"kubernetes.io/os": "linux"' in selector.cure
    assert checked.returncode == 0
    assert {("replace" in f.cure, f.cure.startswith("hardway ")) for f in subjects} == {(False, here.tools.ours)}
