"""Who carries out a chapter: its own steps, or kubeadm's phase (`--by kubeadm=CHAPTER[@NODE],...`)."""

from collections.abc import Iterable
from dataclasses import replace

from hardway.chapters.by_kubeadm import by_kubeadm, can_run, phase, without_keys
from hardway.chapters.certs import CERTS
from hardway.chapters.keys import KEYS
from hardway.errors import UsageError
from hardway.model import Cluster, Node
from hardway.workflows.stage import Stage

ALL = "all"
Choice = dict[str, frozenset[str]]
"""Chapter to the full names of the nodes on which kubeadm does it."""


def chosen(stages: Iterable[Stage], cluster: Cluster, text: str) -> Choice:
    """What `kubeadm=CHAPTER[@NODE],...` says, with `all` for every chapter that can be meant.

    UsageError for another tool, an unknown chapter or node, a chapter that kubeadm has no phase for, and a node that
    gets no kubeadm.
    """
    tool, _, items = text.partition("=")
    if tool != "kubeadm" or not items:
        raise UsageError(
            f"`{text}` does not say who does what", "--by", hint="for example --by kubeadm=certs,etcd@master-1"
        )
    possible = _possible(stages, cluster)
    found: dict[str, set[str]] = {}
    for item in items.split(","):
        name, _, place = item.partition("@")
        nodes = {_node(cluster, place).name} if place else {node.name for node in cluster.nodes}
        if name != ALL and name not in possible:
            known = ", ".join(possible)
            raise UsageError(
                f"kubeadm has no phase for chapter `{name}`", "--by", hint=f"it has for: {known}, or all of them"
            )
        for chapter in possible if name == ALL else [name]:
            found.setdefault(chapter, set()).update(nodes & possible[chapter])
        if name != ALL and not nodes & possible[name]:
            raise UsageError(f"kubeadm has no phase for chapter `{name}` on {place}", "--by", hint="leave out @NODE")
    for node in cluster.nodes:
        if any(node.name in nodes for nodes in found.values()) and not can_run(cluster, node):
            raise UsageError(
                "there is no kubeadm", node.name, hint="remove kubeadm from downloads.skip of the Inventory"
            )
    return {name: frozenset(nodes) for name, nodes in found.items()}


def _possible(stages: Iterable[Stage], cluster: Cluster) -> dict[str, set[str]]:
    """Chapter to the nodes on which kubeadm has a phase for it, in the order of the guide."""
    found: dict[str, set[str]] = {}
    for stage in stages:
        for node in stage.on(cluster):
            if phase(stage.chapter, cluster, node):
                found.setdefault(stage.chapter.name, set()).add(node.name)
    return found


def _node(cluster: Cluster, name: str) -> Node:
    try:
        return cluster.node(name)
    except KeyError:
        raise UsageError(
            f"there is no node `{name}`",
            "--by",
            hint=f"the nodes are: {', '.join(n.host_name for n in cluster.nodes)}",
        ) from None


def carried_out(stages: Iterable[Stage], choice: Choice) -> tuple[Stage, ...]:
    """The stages, with kubeadm's phases in place of the chosen chapters' steps."""
    made = []
    for stage in stages:
        chapter = stage.chapter
        if nodes := choice.get(chapter.name):
            chapter = by_kubeadm(chapter, nodes)
        elif chapter.name == KEYS.name and (nodes := choice.get(CERTS.name)):
            chapter = without_keys(chapter, nodes)
        made.append(replace(stage, chapter=chapter))
    return tuple(made)
