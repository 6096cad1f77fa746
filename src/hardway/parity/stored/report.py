"""kubeadm's living cluster beside ours: every file of every node, and everything stored, at two moments."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hardway.model import Cluster, Node
from hardway.parity.documents import Documents
from hardway.parity.made import chapters_of_paths
from hardway.parity.normalise import describe
from hardway.parity.report import CLUSTER, ParityReport, Row, folders_of, rows_of
from hardway.parity.shared import foreign
from hardway.parity.stored.sides import INIT_MOMENT, JOIN_MOMENT, Side, by_chapters, by_kubeadm
from hardway.parity.stored.words import described
from hardway.parity.values import Fields
from hardway.renderers.files import file

KUBELET = "kubelet"
"""Stands for the chapter of a file that no chapter writes by itself."""


def both(cluster: Cluster, given: Documents, programs: Mapping[str, Path]) -> tuple[Side, Side]:
    """Ours and kubeadm's, made side by side; `programs` are `sides.PROGRAMS` and kubeadm. Needs root.

    The cluster has no balancer: its endpoint is a name that leads to the first master, and its port is the API server's.
    """
    outside = {path: file(content, 0o600) for path, content in foreign(cluster).items()}
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(by_kubeadm, cluster, given, programs, outside)
        ours = pool.submit(by_chapters, cluster, {n: path for n, path in programs.items() if n != "kubeadm"}, outside)
        return ours.result(), theirs.result()


def compare_sides(cluster: Cluster, ours: Side, theirs: Side) -> ParityReport:
    """Everything that both have made."""
    rows: list[Row] = []
    for node in cluster.kubernetes_nodes:
        chapters = chapters_of_paths(cluster, node)
        files = files_in_words(cluster, node, ours), files_in_words(cluster, node, theirs)
        rows += rows_of(node.host_name, {path: chapters.get(path, KUBELET) for path in files[0]}, *files)
    for moment in (INIT_MOMENT, JOIN_MOMENT):
        stored = described(ours.stored[moment]), described(theirs.stored[moment])
        rows += rows_of(CLUSTER, dict.fromkeys(stored[0], moment), *stored)
    return ParityReport(cluster, tuple(rows))


def files_in_words(cluster: Cluster, node: Node, side: Side) -> dict[str, Fields]:
    """All files of a node; certificates that came from the first master have been made before, and are told by that."""
    made, first = side.files[node.name], side.files[cluster.first_control_plane.name]
    # What the CA is called does not depend on where a node has it: kubeadm's worker at caCertPath alone.
    ca = cluster.paths.ca
    files = {ca: first.tree[ca].content, **made.around.files}
    around = replace(made.around, files=files, leaves_begin_with_ca=cluster.release.features.leaves_begin_with_ca)
    given = side.outside if made is first else {}
    found = describe(made.tree, around, given, folders_of(cluster))
    known = {entry.content for path, entry in first.tree.items() if path.endswith(".crt") and made is not first}
    for path in found:
        if path.endswith(".crt") and made.tree[path].content in known:
            found[path] = {**found[path], "begins": "as on the first master", "ends": "as on the first master"}
    return found
