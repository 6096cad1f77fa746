"""Ask a cluster that lives, and compare it with what its own kubeadm-config says it should be."""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from hardway.chapters import bootstrap_token
from hardway.engine import facts
from hardway.engine.transport import Connect, open_transport
from hardway.model import Node, thaw
from hardway.parity.certificates import now
from hardway.parity.live import (
    asked,
    external,
    judge,
    left,
    members,
    registration,
    rootless,
    runtime,
    source,
    tokens,
    unfit,
)
from hardway.parity.live.cures import Tools
from hardway.parity.live.finding import CLUSTER, Finding, Grade, ordered, shown
from hardway.parity.live.judge import Judge
from hardway.parity.live.reading import Objects, Read, first_master, objects_of, read_nodes
from hardway.parity.live.seen import SeenCluster, SeenNode
from hardway.parity.live.source import Given
from hardway.parity.objects import item_name


@dataclass(frozen=True)
class Audit:
    """The outcome."""

    kubernetes: str
    nodes: tuple[str, ...]
    """Those that were read."""
    items: int
    """Files and objects that were compared."""
    findings: tuple[Finding, ...]

    def count(self, grade: Grade) -> int:
        """Findings of a grade."""
        return sum(finding.grade is grade for finding in self.findings)


def _of_node(here: Judge, node: Node, seen: SeenNode, api: SeenCluster, there: Any) -> Iterator[Finding]:
    """All that is told of a node that was read; what one question stumbles over stops no other."""
    questions = [
        ("files", judge.files(here, node, seen)),
        ("files in use", unfit.files(here, node, seen)),
        ("ends of certificates", runtime.ends(here, node, seen)),
        ("kubelet", runtime.kubelets(here, node, seen, there)),
        ("files for etcd", external.files(here, node, seen)),
    ]
    if node.is_control_plane and not asked.failed(api, "pods"):
        questions.append(("static pods", runtime.pods(here, node, seen, api)))
    for what, findings in questions:
        told = asked.judged(seen, asked.all_of(node.name, what, findings))
        yield from rootless.judged(here.cluster, told)
    yield from asked.of_node(node, seen)


def _of_cluster(here: Judge, read: Read, api: SeenCluster, objects: Objects, given: Given) -> Iterator[Finding]:
    """All that is told of the API, and of what nodes have in common."""
    there, authority = objects.there, members.authority(here, read.nodes)
    info = there.get(tokens.INFO)
    questions = [
        ("objects", judge.objects(here, there, authority)),
        ("cluster-info", judge.cluster_info(here, info, authority)),
        ("what masters share", members.shared(here, read.nodes)),
        ("members of etcd", members.members(here, read.nodes, api)),
        ("super-admin.conf", left.emergency(here.cluster, read.nodes)),
        ("tokens", tokens.tokens(here, api, info)),
        ("requests", tokens.requests(here, api, here.moment)),
    ]
    if item_name(thaw(bootstrap_token.kubelet_client())) not in objects.unknown:
        questions.append(("client of kubelets", members.kubelet_client(here, read.nodes, there)))
    if given.ours:
        told = judge.declared(here, given.cluster)
        # To store what the file says would take an upgrade back by its name alone.
        questions.append(("cluster.yaml", told if here.tools.ours else (replace(one, cure="") for one in told)))
    for what, findings in questions:
        yield from asked.known(objects.unknown, asked.all_of(CLUSTER, what, findings))


async def _audit(path: Path, connect: Connect, moment: datetime) -> Audit:
    before = source.given(path)
    tools = Tools(str(path), before.ours)
    master, api = await first_master(before.cluster, connect)
    cluster, findings = source.actual(tools, before, api)
    # Those of the file come first: the others it does not know, and neither does `hardway apply`.
    count = len(before.cluster.nodes)
    master, outside = cluster.nodes[before.cluster.nodes.index(master)], cluster.nodes[count:]
    read, objects = await asyncio.gather(read_nodes(cluster, connect), objects_of(cluster, master, connect))
    cluster = source.with_sockets(facts.with_facts(cluster, read.facts), read.nodes)
    # With a file of another version hardway would make its older or newer self of what it mends.
    same = before.cluster.release.kubernetes == cluster.release.kubernetes
    strangers = frozenset(node.name for node in outside)
    here = Judge(cluster, replace(tools, ours=tools.ours and same, outside=strangers), moment)
    beside = replace(here, tools=replace(tools, ours=False))
    nodes = judge.by_node(api)
    for node in cluster.kubernetes_nodes:
        there = nodes.get(node.name)
        judging = beside if node.name in strangers else here
        if there is not None:
            said = registration.registration(judging, node, there)
            findings += asked.all_of(node.name, f"Node {node.name}", said)
        if node.name in read.lost:
            findings.append(asked.lost(node, read.lost[node.name]))
        else:
            findings += _of_node(judging, node, read.nodes[node.name], api, there)
    findings += _of_cluster(here, read, api, objects, before)
    findings += asked.questions(cluster, master, (*api.failed, *objects.failed), objects.names)
    items = sum(len(seen.files) for seen in read.nodes.values()) + len(objects.there)
    return Audit(cluster.release.kubernetes, tuple(read.nodes), items, ordered([shown(f) for f in findings]))


def audit_cluster(path: Path, connect: Connect = open_transport) -> Audit:
    """Audit the cluster of a file: a cluster.yaml, or an Inventory alone in which one master is enough.

    Nothing is changed. InvalidConfiguration or UsageError for a wrong file and for a cluster without kubeadm-config;
    Unreachable when no master answers.
    """
    return asyncio.run(_audit(path, connect, now()))
