"""kubeadm's living cluster beside ours: every file of every node, and everything stored, at two moments."""

from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

from hardway.model import Cluster
from hardway.parity.documents import Documents
from hardway.parity.report import CLUSTER, ParityReport, Row, file_rows, rows_of
from hardway.parity.stored.sides import INIT_MOMENT, JOIN_MOMENT, Side, by_chapters, by_kubeadm
from hardway.parity.stored.words import described

KUBELET = "kubelet"
"""Stands for the chapter of a file that no chapter writes by itself."""


def both(cluster: Cluster, given: Documents, programs: Mapping[str, Path]) -> tuple[Side, Side]:
    """Ours and kubeadm's, made side by side; `programs` are `sides.PROGRAMS` and kubeadm. Needs root.

    The cluster has no balancer: its endpoint is a name that leads to the first master, and its port is the API server's.
    """
    with ThreadPoolExecutor(2) as pool:
        theirs = pool.submit(by_kubeadm, cluster, given, programs)
        ours = pool.submit(by_chapters, cluster, {n: path for n, path in programs.items() if n != "kubeadm"})
        return ours.result(), theirs.result()


def compare_sides(cluster: Cluster, ours: Side, theirs: Side) -> ParityReport:
    """Everything that both have made."""
    rows: list[Row] = []
    for node in cluster.kubernetes_nodes:
        found = file_rows(cluster, node, (ours.files[node.name], theirs.files[node.name]))
        rows += [replace(row, chapter=row.chapter or KUBELET) for row in found]
    for moment in (INIT_MOMENT, JOIN_MOMENT):
        described_ours, described_theirs = described(ours.stored[moment]), described(theirs.stored[moment])
        rows += rows_of(CLUSTER, dict.fromkeys(described_ours, moment), described_ours, described_theirs)
    return ParityReport(cluster.release.kubernetes, tuple(rows))
