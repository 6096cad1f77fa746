"""Ask a cluster that lives, and compare it with what its own kubeadm-config says it should be."""

import asyncio
import base64
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from hardway.chapters import bootstrap_token
from hardway.engine import facts
from hardway.engine.script import PATH
from hardway.engine.transport import Connect, open_transport
from hardway.errors import HardwayError, StepFailed, Unreachable
from hardway.model import Cluster, Node, thaw
from hardway.parity.certificates import now
from hardway.parity.live import external, fetch, judge, left, members, runtime, source, tokens, wanted
from hardway.parity.live.cures import ADMINS, Tools
from hardway.parity.live.finding import Finding, Grade, ordered
from hardway.parity.live.judge import Judge
from hardway.parity.live.seen import Answers, SeenCluster, SeenNode, heard, listed, seen_cluster, seen_node
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


@dataclass
class _Read:
    """What came back."""

    nodes: dict[str, SeenNode] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    lost: dict[str, HardwayError] = field(default_factory=dict)


async def _ask(node: Node, what: str, script: str, connect: Connect) -> tuple[Answers, list[str]]:
    """One script on one node; StepFailed when it did not come to its end."""
    transport = await connect(node)
    lines: list[str] = []
    frame = f"export LC_ALL=C HOME=/root PATH={PATH}\nset -uo pipefail\naudit() {{\n{script}\n}}\naudit </dev/null\n"
    try:
        result = await transport.run(f"(\n{facts.SCRIPT}\n)\n{frame}", lines.append)
    finally:
        await transport.close()
    answers = heard(lines)
    if "end" not in answers:
        raise StepFailed(f"it was not possible to {what}", node.name, output=result.stderr)
    return answers, lines


async def _first_master(cluster: Cluster, connect: Connect) -> tuple[Node, SeenCluster]:
    """The first master that answers for the cluster."""
    lost: list[HardwayError] = []
    for node in cluster.control_planes:
        try:
            answers, _ = await _ask(node, "ask the API", fetch.cluster_script(), connect)
            seen = seen_cluster(answers)
        except (HardwayError, ValueError) as error:
            lost.append(
                error if isinstance(error, HardwayError) else StepFailed("the API does not answer", node.name)
            )
            continue
        if seen.nodes:
            return node, seen
        lost.append(StepFailed("the API does not answer", node.name))
    if len(lost) == 1:
        raise lost[0]
    raise Unreachable(
        "no master answers for the cluster",
        output="\n".join(f"{error.where}: {error.what}" for error in lost),
        hint="the Inventory names at least one master that has kubectl and /etc/kubernetes/admin.conf; without the"
        f" ClusterRoleBinding {ADMINS} that can do nothing, but super-admin.conf can",
    )


async def _read(cluster: Cluster, connect: Connect) -> _Read:
    """All nodes at once; one that cannot be read is no reason to stop."""
    read = _Read()

    async def one(node: Node) -> None:
        try:
            answers, lines = await _ask(node, "read the node", fetch.node_script(cluster, node), connect)
        except HardwayError as error:
            read.lost[node.name] = error
            return
        read.nodes[node.name] = seen_node(node.name, answers)
        read.facts[node.name] = facts.parse(node, facts.collect(lines))

    await asyncio.gather(*(one(node) for node in cluster.kubernetes_nodes))
    return read


async def _objects(cluster: Cluster, node: Node, connect: Connect) -> dict[str, Any]:
    """The objects that the cluster should have, by `item_name`, as far as they are there."""
    names: dict[str, list[str]] = {"kube-public": ["configmap/cluster-info"]}
    # The last one is there after an upgrade from a minor that makes it.
    for value in (*(value for _, value in wanted.objects(cluster)), bootstrap_token.kubelet_client()):
        metadata = thaw(value)["metadata"]
        names.setdefault(metadata.get("namespace", ""), []).append(f"{value['kind']}/{metadata['name']}".lower())
    answers, _ = await _ask(node, "ask the API for its objects", fetch.objects_script(names), connect)
    found = (item for text in answers.get("objects", []) for item in listed(base64.b64decode(text).decode()))
    return {item_name(item): item for item in found}


async def _audit(path: Path, connect: Connect, moment: datetime) -> Audit:
    before, ours = source.given(path)
    master, api = await _first_master(before, connect)
    cluster, findings = source.actual(Tools(str(path), ours), before, api)
    read, there = await asyncio.gather(
        _read(cluster, connect), _objects(cluster, cluster_node(cluster, master), connect)
    )
    cluster = facts.with_facts(cluster, read.facts)
    here = Judge(cluster, Tools(str(path), ours), moment)
    items = 0
    nodes = judge.by_node(api)
    for node in cluster.kubernetes_nodes:
        if node.name in nodes:
            findings += judge.registration(here, node, nodes[node.name])
        if node.name in read.lost:
            error = read.lost[node.name]
            findings.append(
                Finding(
                    Grade.ERROR, node.name, "", "node", "reachable", "yes", error.what, error.hint or error.command
                )
            )
            continue
        seen = read.nodes[node.name]
        items += len(seen.files)
        findings += judge.files(here, node, seen)
        findings += runtime.ends(here, node, seen)
        findings += runtime.kubelets(here, node, seen, nodes.get(node.name))
        findings += external.files(here, node, seen)
        if node.is_control_plane:
            findings += runtime.pods(here, node, seen, api)
    authority = members.authority(here, read.nodes)
    findings += judge.objects(here, there, authority)
    findings += judge.cluster_info(here, there.get(tokens.INFO), authority)
    findings += members.shared(here, read.nodes)
    findings += members.members(here, read.nodes, api)
    findings += members.kubelet_client(here, read.nodes, there)
    findings += left.emergency(cluster, read.nodes)
    findings += tokens.tokens(here, api, there.get(tokens.INFO))
    findings += tokens.requests(here, api, moment)
    if ours:
        findings += judge.declared(here, before)
    return Audit(cluster.release.kubernetes, tuple(read.nodes), items + len(there), ordered(findings))


def cluster_node(cluster: Cluster, node: Node) -> Node:
    """The same machine in another model of the cluster."""
    return next((other for other in cluster.nodes if other.address == node.address), node)


def audit_cluster(path: Path, connect: Connect = open_transport) -> Audit:
    """Audit the cluster of a file: a cluster.yaml, or an Inventory alone in which one master is enough.

    Nothing is changed. InvalidConfiguration or UsageError for a wrong file and for a cluster without kubeadm-config;
    Unreachable when no master answers.
    """
    return asyncio.run(_audit(path, connect, now()))
