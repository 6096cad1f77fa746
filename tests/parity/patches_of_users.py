"""Patches as people write them, and such as they should not: of all three types, for static pods and the kubelet.

Those of add-ons are among `USUAL`, for whole clusters.
"""

import json
from typing import Any

from hypothesis import strategies as st

from hardway.patches.names import KINDS

Strategy = st.SearchStrategy[Any]
NAMES = ("etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler")
"""Static pods; the container has the same name."""


def some(options: dict[str, Strategy], fixed: dict[str, Strategy] | None = None, *, most: int = 3) -> Strategy:
    """A few of these fields; directives are rare."""
    usual = [name for name in options if not name.startswith("$")]
    names = st.lists(st.sampled_from([*usual * 3, *options]), max_size=most, unique=True)
    return names.flatmap(
        lambda chosen: st.fixed_dictionaries({**(fixed or {}), **{name: options[name] for name in chosen}})
    )


QUANTITY = st.sampled_from(["250m", "0.5", "1", 2, "2048Mi", "1Gi", "1e3", "100Mi", 0.25])
RESOURCES = st.fixed_dictionaries(
    {},
    optional={
        "requests": st.dictionaries(st.sampled_from(["cpu", "memory"]), QUANTITY, max_size=2),
        "limits": st.none() | st.dictionaries(st.sampled_from(["cpu", "memory"]), QUANTITY, max_size=2),
    },
)
ENV = st.fixed_dictionaries(
    {"name": st.sampled_from(["GOGC", "A", "B"])},
    optional={
        "value": st.sampled_from(["80", "", "two words", None]),
        "valueFrom": st.just({"fieldRef": {"fieldPath": "status.hostIP"}}),
    },
)
PORT = st.fixed_dictionaries(
    {"containerPort": st.sampled_from([6443, 2381, 9000, 9001])},
    optional={
        "name": st.sampled_from(["https", "probe-port"]),
        "hostPort": st.sampled_from([9000, 0]),
        "protocol": st.sampled_from(["TCP", "UDP"]),
    },
)
MOUNT = st.fixed_dictionaries(
    {
        "mountPath": st.sampled_from(["/etc/kubernetes/pki", "/etc/ssl/certs", "/var/lib/etcd", "/x", "/y"]),
        "name": st.sampled_from(["k8s-certs", "ca-certs", "x"]),
    },
    optional={"readOnly": st.booleans(), "subPath": st.sampled_from(["a", ""])},
)
VOLUME = st.fixed_dictionaries(
    {"name": st.sampled_from(["k8s-certs", "ca-certs", "etcd-data", "x", "y"])},
    optional={
        "hostPath": st.fixed_dictionaries(
            {"path": st.sampled_from(["/x", "/etc/x"])}, optional={"type": st.sampled_from(["", "File", None])}
        )
        | st.none(),
        "emptyDir": st.sampled_from([{}, {"sizeLimit": "1024Mi"}, {"medium": "Memory"}]),
        "$retainKeys": st.sampled_from([["name", "emptyDir"], ["name", "hostPath"]]),
        "configMap": st.just({"name": "a", "items": [{"key": "k", "path": "p"}]}),
    },
)
PROBE = st.none() | some(
    {
        "timeoutSeconds": st.sampled_from([30, 0, None]),
        "failureThreshold": st.sampled_from([10, 1]),
        "httpGet": st.sampled_from([None, {"port": 1, "path": "/x"}, {"port": "named"}, {"host": None}]),
        "exec": st.just({"command": ["true"]}),
        "$retainKeys": st.sampled_from([["exec"], ["timeoutSeconds", "httpGet"]]),
        "$patch": st.sampled_from(["replace", "delete"]),
    },
)
SECURITY = st.none() | some(
    {
        "runAsUser": st.sampled_from([0, 1000]),
        "readOnlyRootFilesystem": st.booleans(),
        "capabilities": st.sampled_from([{"drop": ["ALL"]}, {"add": [], "drop": None}]),
        "seccompProfile": st.sampled_from([{"type": "Unconfined"}, None, {"localhostProfile": "p"}]),
        "$patch": st.sampled_from(["replace", "delete"]),
    },
)


def listed(item: Strategy, key: str) -> Strategy:
    """A list whose items may say that they go away, or that the list is new."""
    special = st.one_of(
        item.map(lambda value: {key: value[key], "$patch": "delete"}),
        st.just({"$patch": "replace"}),
    )
    return st.lists(st.one_of(*[item] * 6, special), max_size=3)


def container(name: str) -> Strategy:
    """A change of the component's container, or another one."""
    return some(
        {
            "image": st.sampled_from(["registry.example.com/x:1", None]),
            "command": st.lists(st.sampled_from([name, "--v=4", "--a=b c"]), max_size=3),
            "args": st.just(["--x"]),
            "env": listed(ENV, "name"),
            "ports": listed(PORT, "containerPort"),
            "volumeMounts": listed(MOUNT, "mountPath"),
            "resources": RESOURCES,
            "livenessProbe": PROBE,
            "startupProbe": PROBE,
            "securityContext": SECURITY,
            "imagePullPolicy": st.sampled_from(["Always", None]),
            "lifecycle": st.just({"preStop": {"exec": {"command": ["sleep", "1"]}}}),
            "$setElementOrder/volumeMounts": st.just([{"mountPath": "/x"}, {"mountPath": "/etc/ssl/certs"}]),
            "$setElementOrder/env": st.permutations(["A", "B", "GOGC"]).map(
                lambda names: [{"name": one} for one in names]
            ),
            "$patch": st.sampled_from(["replace", "delete"]),
        },
        {"name": st.sampled_from([name, name, name, "side"])},
        most=4,
    )


METADATA = some(
    {
        "annotations": st.dictionaries(
            st.sampled_from(["a", "b.example.com/c", "$patch"]),
            st.sampled_from(["1", "", None, "replace"]),
            max_size=2,
        ),
        "labels": st.dictionaries(
            st.sampled_from(["tier", "component", "x"]), st.sampled_from(["y", None, "true"]), max_size=2
        ),
        "finalizers": st.lists(st.sampled_from(["a/b", "c/d"]), max_size=2),
        "$deleteFromPrimitiveList/finalizers": st.just(["a/b"]),
        "$setElementOrder/finalizers": st.just(["c/d", "a/b"]),
        "namespace": st.just("kube-system"),
    },
)


def pod(name: str) -> Strategy:
    """A strategic patch of a static pod; it is a merge patch, too, of which lists are simply taken."""
    spec = some(
        {
            "containers": listed(container(name), "name"),
            "initContainers": st.just([{"name": "first", "image": "a", "resources": None}]),
            "volumes": listed(VOLUME, "name"),
            "hostAliases": listed(
                st.fixed_dictionaries({"ip": st.sampled_from(["10.0.0.1", "10.0.0.2"]), "hostnames": st.just(["a"])}),
                "ip",
            ),
            "hostNetwork": st.sampled_from([True, False, None]),
            "dnsPolicy": st.sampled_from(["ClusterFirstWithHostNet", None]),
            "priority": st.sampled_from([1, None]),
            "priorityClassName": st.sampled_from(["", None, "system-cluster-critical"]),
            "terminationGracePeriodSeconds": st.sampled_from([0, 60]),
            "tolerations": st.lists(st.just({"operator": "Exists"}), max_size=2),
            "nodeSelector": st.sampled_from([{}, {"a": "b"}, {"a": None}]),
            "securityContext": SECURITY,
            "$setElementOrder/volumes": st.permutations(["k8s-certs", "x", "ca-certs"]).map(
                lambda names: [{"name": one} for one in names[:2]]
            ),
            "$setElementOrder/containers": st.just([{"name": "side"}, {"name": name}]),
            "$retainKeys": st.just(["containers", "volumes", "hostNetwork"]),
            "$patch": st.sampled_from(["replace", "merge", "delete"]),
        },
    )
    return some({"metadata": METADATA, "spec": spec, "$patch": st.just("delete")}, {"spec": spec}, most=1)


KUBELET: Strategy = some(
    {
        "maxPods": st.sampled_from([50, 0, None]),
        "clusterDNS": st.lists(st.just("10.96.0.53"), max_size=2),
        "evictionHard": st.sampled_from([{"nodefs.available": "5%"}, {"memory.available": None}, None, {}]),
        "featureGates": st.sampled_from([{"B": True}, {"A": None}, {"$patch": "replace", "C": False}]),
        "authentication": st.sampled_from(
            [{"anonymous": {"enabled": True}}, {"webhook": None}, {"x509": {"$patch": "delete"}}]
        ),
        "logging": st.just({"verbosity": 3}),
        "memorySwap": st.just({"swapBehavior": "LimitedSwap"}),
        "shutdownGracePeriod": st.sampled_from(["1m0s", "90s"]),
        "staticPodURLHeader": st.sampled_from([{"c": ["d"]}, {"a": ["x"]}, {"a": None}]),
        "registerWithTaints": st.just([{"key": "a", "effect": "NoSchedule"}]),
        "memoryThrottlingFactor": st.sampled_from([0.8, 1]),
        "tlsCipherSuites": st.just(["a", "b"]),
        "$setElementOrder/clusterDNS": st.just(["10.96.0.53"]),
        "$deleteFromPrimitiveList/clusterDNS": st.just(["10.96.0.10"]),
    },
)

POD_PLACES = [
    "/spec/containers/0/command/-",
    "/spec/containers/0/command/1",
    "/spec/containers/0/command/99",
    "/spec/containers/0/image",
    "/spec/containers/0/resources/limits",
    "/spec/containers/0/livenessProbe",
    "/spec/containers/0/livenessProbe/timeoutSeconds",
    "/spec/containers/0/env",
    "/spec/containers/1",
    "/spec/containers/-",
    "/spec/volumes/0",
    "/spec/volumes/0/hostPath/type",
    "/spec/hostNetwork",
    "/spec/dnsPolicy",
    "/spec/nowhere/x",
    "/metadata/labels/tier",
    "/metadata/annotations/a~1b",
    "/metadata/name",
    "",
]
KUBELET_PLACES = [
    "/maxPods",
    "/clusterDNS/0",
    "/clusterDNS/-",
    "/evictionHard",
    "/featureGates/A",
    "/nowhere/x",
    "/kind",
]
VALUES: Strategy = st.sampled_from(
    ["a", "--v=9", 5, True, None, {}, [], ["x"], {"name": "side"}, {"memory": "1Gi"}, {"a": "b"}, 1.5]
)


def operations(places: list[str]) -> Strategy:
    """A JSON patch."""
    place = st.sampled_from(places)
    with_value = st.fixed_dictionaries(
        {"op": st.sampled_from(["add", "add", "replace", "test"]), "path": place, "value": VALUES}
    )
    removing = st.fixed_dictionaries({"op": st.just("remove"), "path": place})
    moving = st.fixed_dictionaries({"op": st.sampled_from(["move", "copy"]), "from": place, "path": place})
    return st.lists(st.one_of(with_value, with_value, with_value, removing, moving), min_size=1, max_size=2)


def values(target: str, kind: str) -> Strategy:
    """The documents of one patch file."""
    if target == "kubeletconfiguration":
        one = operations(KUBELET_PLACES) if kind == "json" else KUBELET
    else:
        one = operations(POD_PLACES) if kind == "json" else pod(target)
    return st.one_of(st.lists(one, min_size=1, max_size=1), st.lists(one, min_size=1, max_size=2))


TARGETS = (*NAMES, "kubeletconfiguration")
FILES: Strategy = st.tuples(st.sampled_from(TARGETS), st.sampled_from((*KINDS, "strategic"))).flatmap(
    lambda chosen: st.tuples(st.just(chosen[0]), st.just(chosen[1]), values(*chosen))
)
"""Target, type and documents of a file."""

USUAL = {
    "kube-apiserver.yaml": """\
# more room
spec:
  containers:
  - name: kube-apiserver
    resources:
      requests: {cpu: 0.5, memory: 1024Mi}
      limits: {memory: 4Gi}
    env: [{name: GOGC, value: "80"}]
""",
    "kube-apiserver1+json.yaml": """\
- op: add
  path: /spec/containers/0/command/-
  value: --audit-log-maxage=7
- {op: replace, path: /spec/containers/0/livenessProbe/timeoutSeconds, value: 30}
- {op: test, path: /metadata/labels/component, value: kube-apiserver}
""",
    "kube-apiserver2+merge.json": '{"metadata": {"annotations": {"a.example.com/b": "c"}}, "spec": {"priority": null}}',
    "kube-apiserver-volume+strategic.yaml": """\
spec:
  containers:
  - name: kube-apiserver
    volumeMounts:
    - {name: extra, mountPath: /extra, readOnly: true}
    - {mountPath: /usr/share/ca-certificates, $patch: delete}
  volumes:
  - name: extra
    hostPath: {path: /extra, type: ""}
---
spec:
  hostAliases: [{ip: 192.0.2.1, hostnames: [id.example.com]}]
""",
    "kube-controller-manager.json": '{"spec": {"terminationGracePeriodSeconds": 60, "securityContext": {"runAsGroup": 0}}}',
    "kube-controller-manager+json.json": '[{"op": "remove", "path": "/spec/containers/0/startupProbe"}]',
    "kube-scheduler+merge.yaml": "spec: {dnsPolicy: ClusterFirstWithHostNet, nodeSelector: {a: b}}\n",
    "kube-scheduler0.yaml": """\
metadata: {labels: {tier: null, team: infra}}
spec:
  containers:
  - {name: kube-scheduler, resources: {$patch: replace, limits: {cpu: 1}}}
  - {name: side, image: registry.example.com/side:1}
""",
    "etcd.yaml": """\
spec:
  containers:
  - name: etcd
    resources: {requests: {memory: 2048Mi, cpu: 1000m}}
    livenessProbe: {initialDelaySeconds: 30, successThreshold: 1}
""",
    "etcd-flags+json.json": '[{"op": "add", "path": "/spec/containers/0/command/-", "value": "--quota-backend-bytes=8589934592"}]',
    "kubeletconfiguration.yaml": "maxPods: 64\nevictionHard: {nodefs.available: 7%}\nclusterDNS: [10.96.0.54]\n",
    "kubeletconfiguration1+merge.yaml": "cgroupDriver: null\nlogging: {format: json}\n",
    "kubeletconfiguration2+json.yaml": "[{op: add, path: /featureGates, value: {B: false}}]\n",
    "corednsdeployment.yaml": """\
spec:
  replicas: 3
  template:
    spec:
      containers:
      - name: coredns
        resources: {limits: {memory: 512Mi}}
      tolerations: [{operator: Exists}]
""",
    "corednsdeployment+merge.yaml": "spec: {strategy: {rollingUpdate: {maxUnavailable: 25%}}, template: {spec: {affinity: null}}}\n",
    "corednsdeployment1+json.yaml": "[{op: replace, path: /spec/template/spec/containers/0/imagePullPolicy, value: Always}]\n",
    "kubeproxydaemonset.yaml": """\
spec:
  updateStrategy: {rollingUpdate: {maxUnavailable: 2}}
  template:
    spec:
      containers: [{name: kube-proxy, resources: {requests: {cpu: 100m}}, env: [{name: A, value: b}]}]
""",
    "kubeproxydaemonset+json.json": '[{"op": "remove", "path": "/spec/template/spec/nodeSelector"}]',
    "unknown.yaml": "a: b\n",
    "below/kube-scheduler+merge.json": '{"metadata": {"annotations": {"below": "yes"}}}',
    "etcd.json": "",
}
"""Files as people have them; which of them are read depends on the minor."""

NAMED: Strategy = FILES.map(
    lambda drawn: {f"{drawn[0]}9+{drawn[1]}.json": "\n---\n".join(json.dumps(value) for value in drawn[2])}
)
DIRECTORIES: Strategy = st.tuples(
    st.lists(st.sampled_from(sorted(USUAL)), min_size=1, max_size=5, unique=True).map(
        lambda names: {name: USUAL[name] for name in names}
    ),
    st.integers(0, 5).flatmap(lambda dice: NAMED if dice == 0 else st.just({})),
).map(lambda parts: parts[0] | parts[1])
"""Name below the directory to content; now and then with a file that not everybody would write."""
