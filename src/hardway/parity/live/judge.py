"""What is there beside what should be there: findings, pure."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from hardway.model import Cluster, Endpoint, Node, thaw
from hardway.parity.certificates import Surroundings
from hardway.parity.compare import ABSENT, Difference, compare_fields
from hardway.parity.live import cures, cures_of_files, differences, found, kubeconfigs, left, pems, wanted
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import CLUSTER, Finding, Grade
from hardway.parity.live.grades import JOINING, grade
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.parity.objects import item_name
from hardway.parity.values import Fields, flatten

ADDONS = {
    "addon/coredns": ("Deployment kube-system/coredns", "ConfigMap kube-system/coredns"),
    # Who takes its place leaves its ConfigMap behind, and must not run beside it.
    "addon/kube-proxy": ("DaemonSet kube-system/kube-proxy",),
}
"""Chapters that may be skipped, and what tells that they were not."""
_WHERE_NODES_JOIN = "present, where nodes join by tokens"


@dataclass(frozen=True)
class Judge:
    """What every question needs."""

    cluster: Cluster
    tools: Tools
    moment: datetime

    @property
    def servers(self) -> frozenset[str]:
        """Where the API is known to answer; a balancer on the machine itself may be one."""
        cluster = self.cluster
        endpoints = [cluster.endpoint, *(Endpoint(n.address, n.bind_port) for n in cluster.control_planes)]
        hosts = ("127.0.0.1", "::1", "localhost", *cluster.api_server.cert_sans)
        ports = {endpoint.port for endpoint in endpoints}
        return frozenset(e.url for e in (*endpoints, *(Endpoint(host, port) for host in hosts for port in ports)))

    def finding(self, difference: Difference, node: str, chapter: str, cure: str) -> Finding:
        """A difference with its grade."""
        return Finding(
            grade(difference, self.servers),
            node,
            chapter,
            difference.item,
            difference.field,
            difference.ours,
            difference.kubeadm,
            cure,
        )


def files(judge: Judge, node: Node, seen: SeenNode) -> Iterator[Finding]:
    """Files and directories of one node."""
    around = found.surroundings(seen, judge.moment)
    expected = wanted.files(judge.cluster, node, around)
    for path, item in sorted(expected.items()):
        if path not in seen.files:
            if not item.optional:
                difference = Difference(path, "item", "present", ABSENT)
                cure = cures_of_files.of_file(judge.tools, judge.cluster, node, item, difference, seen.files)
                yield judge.finding(difference, node.name, item.chapter, cure)
            continue
        there = found.fields(judge.cluster, seen, path, around)
        for difference in compare_fields(path, item.fields, _comparable(item.fields, there)):
            if _is_as_good(around, difference):
                continue
            cure = cures_of_files.of_file(judge.tools, judge.cluster, node, item, difference, seen.files)
            yield judge.finding(difference, node.name, item.chapter, cure)
    yield from left.files(judge.cluster, node, seen, expected)


def _is_as_good(around: Surroundings, difference: Difference) -> bool:
    """kubeadm itself makes both."""
    if difference.field.endswith("signer"):
        # Two of the three CAs may be one.
        wish, has = (around.files.get(path) for path in (difference.ours, difference.kubeadm))
        return wish is not None and has is not None and pems.identity(wish) == pems.identity(has)
    # 0600 where kubeadm has made the file, 0644 where it has downloaded it; who was first is stored nowhere.
    public = difference.item.endswith("/sa.pub") and difference.field == "file.mode"
    return public and {difference.ours, difference.kubeadm} <= {"0600", "0644"}


def _comparable(expected: Fields, there: Fields) -> Fields:
    """Of a kubeconfig only what is asked for, because people add contexts; of etcd's flags not those of its first start."""
    undecided = tuple(f".flags.{name}" for name in wanted.UNDECIDED)
    is_kubeconfig = "current-context" in expected or "server" in expected
    # The kubelet's own certificates; a serving one has names.
    is_own = "subject" in expected and "BasicConstraints" not in expected
    return {
        name: value
        for name, value in there.items()
        if name in expected or not (is_kubeconfig or is_own or name.endswith((".command.order", *undecided)))
    }


def objects(judge: Judge, there: Mapping[str, Mapping[str, Any]], authority: bytes) -> Iterator[Finding]:
    """Objects of the API; `there` by `item_name`."""
    around = Surroundings({judge.cluster.paths.ca: authority}, judge.moment, judge.moment)
    skipped = {chapter: items[0] for chapter, items in ADDONS.items() if not there.keys() & set(items)}
    for chapter, item in skipped.items():
        yield Finding(Grade.NOTE, CLUSTER, chapter, item, "item", "present, unless it was skipped", ABSENT)
    for chapter, value in wanted.objects(judge.cluster):
        if chapter in skipped:
            continue
        ours = thaw(value)
        name = item_name(ours)
        cure = cures.of_object(judge.tools, judge.cluster, chapter, value)
        if name not in there:
            wish = _WHERE_NODES_JOIN if name in JOINING else "present"
            yield judge.finding(Difference(name, "item", wish, ABSENT), CLUSTER, chapter, cure)
            continue
        for difference in differences.of_object(name, ours, there[name], around):
            is_bound = difference.field.startswith("roleRef")
            more = difference.ours == ABSENT or difference.field.endswith(".order")
            mends = not is_bound and (not more or difference.field.startswith(_ONE_VALUE))
            # The API refuses another role for a binding that is there.
            in_place = cure if mends else cures.anew(value, made_again=is_bound)
            yield judge.finding(difference, CLUSTER, chapter, in_place)


_ONE_VALUE = ("rules", "subjects")
"""Lists that applying puts in place whole; of other things it leaves alone what others have added."""


def cluster_info(judge: Judge, there: Mapping[str, Any] | None, authority: bytes) -> Iterator[Finding]:
    """What a joining node believes: the endpoint, and the CA that the nodes have."""
    text = str(((there or {}).get("data") or {}).get("kubeconfig", ""))
    around = Surroundings({"/ca.crt": authority}, judge.moment, judge.moment)
    has = kubeconfigs.kubeconfig_fields(text.encode(), around) if text else {}
    first = judge.cluster.first_control_plane
    cure = (
        cures.hardway(judge.tools, "bootstrap-token", first)
        if judge.tools.ours
        else f"{cures.with_configuration(judge.cluster, first)} | kubeadm init phase bootstrap-token --config /dev/stdin"
    )
    item = "ConfigMap kube-public/cluster-info"
    if there is None:
        yield Finding(Grade.WARNING, CLUSTER, "bootstrap-token", item, "item", _WHERE_NODES_JOIN, ABSENT, cure)
        return
    for field, wish in (
        ("clusters[].cluster.server", f'"{judge.cluster.endpoint.url}"'),
        ("clusters[].certificate-authority-data", "content of /ca.crt"),
    ):
        if has.get(field) != wish:
            yield Finding(
                Grade.ERROR, CLUSTER, "bootstrap-token", item, f"data.kubeconfig.{field}", wish,
                has.get(field, ABSENT), cure,
            )  # fmt: skip


def declared(judge: Judge, given: Cluster) -> Iterator[Finding]:
    """cluster.yaml beside what the cluster has stored."""
    for name, is_given, ours, theirs, chapter in (
        ("kubeadm-config", True, given.cluster_configuration, judge.cluster.cluster_configuration, "upload-config"),
        (
            "kubelet-config", given.kubelet_configuration_given, given.kubelet_configuration,
            judge.cluster.kubelet_configuration, "upload-config",
        ),
        (
            "kube-proxy", given.kube_proxy_configuration_given, given.kube_proxy_configuration,
            judge.cluster.kube_proxy_configuration, "addon/kube-proxy",
        ),
    ):  # fmt: skip
        if not is_given:
            # A document that cluster.yaml leaves out is the cluster's own affair.
            continue
        item = f"ConfigMap kube-system/{name}"
        for difference in compare_fields(item, flatten(thaw(ours)), flatten(thaw(theirs))):
            if difference.field == "resolvConf" and difference.ours == ABSENT:
                # kubeadm adds the first master's resolver to what it stores.
                continue
            cure = cures.hardway(judge.tools, chapter, judge.cluster.first_control_plane)
            yield Finding(
                Grade.WARNING, CLUSTER, chapter, item, difference.field,
                f"{difference.ours} ({judge.tools.file})", difference.kubeadm, cure,
            )  # fmt: skip


def by_node(seen: SeenCluster) -> dict[str, Mapping[str, Any]]:
    """Nodes of the API by their names."""
    return {str(node["metadata"]["name"]): node for node in seen.nodes}
