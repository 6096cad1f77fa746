"""The questions to a cluster that lives: one script for each node, two for a master. Nothing is changed."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

from hardway.chapters import bootstrap_token
from hardway.engine import facts
from hardway.engine.ask import first_that_answers
from hardway.engine.script import PATH
from hardway.engine.transport import Connect
from hardway.errors import HardwayError, StepFailed
from hardway.model import Cluster, Node, thaw
from hardway.parity.live import asked, fetch, found, wanted
from hardway.parity.live.cures import ADMINS
from hardway.parity.live.seen import Answers, Failure, SeenCluster, SeenNode, answer, heard, seen_cluster, seen_node
from hardway.parity.objects import item_name


@dataclass
class Read:
    """What came back."""

    nodes: dict[str, SeenNode] = field(default_factory=dict)
    facts: dict[str, Any] = field(default_factory=dict)
    lost: dict[str, HardwayError] = field(default_factory=dict)


@dataclass(frozen=True)
class Objects:
    """What the API has of what it should have."""

    there: dict[str, Any]
    """By `item_name`."""
    failed: tuple[Failure, ...]
    names: dict[str, list[str]]
    """What was asked for, by namespace."""
    unknown: frozenset[str]
    """Those of which it was not said whether they are there, by `item_name`."""


async def _ask(node: Node, what: str, script: str, connect: Connect) -> tuple[Answers, list[str]]:
    """One script on one node; StepFailed when it did not come to its end."""
    transport = await connect(node)
    lines: list[str] = []
    # kubectl keeps what it learns of the API in its HOME.
    home = 'home="$(mktemp -d)" || exit\ntrap \'rm -rf "$home"\' EXIT\n'
    frame = (
        f'export LC_ALL=C HOME="$home" PATH={PATH}\nset -uo pipefail\naudit() {{\n{script}\n}}\naudit </dev/null\n'
    )
    try:
        result = await transport.run(f"(\n{facts.SCRIPT}\n)\n{home}{frame}", lines.append)
    finally:
        await transport.close()
    answers = heard(lines)
    if "end" not in answers:
        raise StepFailed(f"it was not possible to {what}", node.name, output=result.stderr)
    return answers, lines


async def first_master(cluster: Cluster, connect: Connect) -> tuple[Node, SeenCluster]:
    """The first master that answers for the cluster: one that was reset, or cannot be read, is passed over."""

    async def ask(node: Node) -> tuple[Node, SeenCluster]:
        try:
            answers, _ = await _ask(node, "ask the API", fetch.cluster_script(), connect)
            seen = seen_cluster(answers)
        except found.MISSHAPEN:
            raise StepFailed("the API's answer cannot be read", node.name) from None
        needed = next((failure for failure in seen.failed if failure.question in ("nodes", "config")), None)
        if needed:
            what = f"the API does not tell its {asked.ITEMS[needed.question]}"
            raise StepFailed(what, node.name, asked.why(needed, {}), needed.reason)
        if not seen.nodes:
            raise StepFailed("the API knows no Node", node.name)
        return node, seen

    return await first_that_answers(
        cluster.control_planes,
        ask,
        "no master answers for the cluster",
        "the Inventory names at least one master that has kubectl and /etc/kubernetes/admin.conf; without the"
        f" ClusterRoleBinding {ADMINS} that can do nothing, but super-admin.conf can",
        passed_over=HardwayError,
    )


async def read_nodes(cluster: Cluster, connect: Connect) -> Read:
    """All nodes at once; one that cannot be read is no reason to stop."""
    read = Read()

    async def one(node: Node) -> None:
        try:
            answers, lines = await _ask(node, "read the node", fetch.node_script(cluster, node), connect)
            seen, its = seen_node(node.name, answers), facts.parse(node, facts.collect(lines))
        except HardwayError as error:
            read.lost[node.name] = error
        except (LookupError, ValueError) as error:
            read.lost[node.name] = StepFailed(f"its answer cannot be read: {type(error).__name__}", node.name)
        else:
            read.nodes[node.name], read.facts[node.name] = seen, its

    await asyncio.gather(*(one(node) for node in cluster.kubernetes_nodes))
    return read


async def objects_of(cluster: Cluster, node: Node, connect: Connect) -> Objects:
    """The objects that the cluster should have, as far as they are there."""
    names: dict[str, list[str]] = {}
    items: dict[str, set[str]] = {}
    # The last one is there after an upgrade from a minor that makes it.
    values = (*(value for _, value in wanted.objects(cluster)), bootstrap_token.kubelet_client())
    info = {"kind": "ConfigMap", "metadata": {"namespace": "kube-public", "name": "cluster-info"}}
    for value in (info, *map(thaw, values)):
        namespace = value["metadata"].get("namespace", "")
        names.setdefault(namespace, []).append(f"{value['kind']}/{value['metadata']['name']}".lower())
        items.setdefault(namespace, set()).add(item_name(value))
    there: dict[str, Any] = {}
    failed: list[Failure] = []
    unknown: set[str] = set()
    try:
        answers, _ = await _ask(node, "ask the API for its objects", fetch.objects_script(names), connect)
    except HardwayError as error:
        answers = {}
        failed = [Failure(fetch.about(namespace), error.what) for namespace in names]
    for namespace in names:
        brought, why = answer(answers, fetch.about(namespace))
        there |= {item_name(item): item for item in brought}
        failed += why
        if any(failure.question == fetch.about(namespace) for failure in failed):
            unknown |= items[namespace] - there.keys()
    return Objects(there, tuple(failed), names, frozenset(unknown))
