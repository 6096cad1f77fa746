"""A Node of the API beside what its machine should be registered as. Pure."""

from collections.abc import Iterator, Mapping
from typing import Any

from hardway.chapters.kubelet_wait_bootstrap import CRI_SOCKET_ANNOTATION
from hardway.chapters.mark_control_plane import DEFAULT_TAINTS, LABELS
from hardway.model import Node
from hardway.parity.compare import ABSENT
from hardway.parity.live import cures
from hardway.parity.live.finding import Finding, Grade
from hardway.parity.live.judge import Judge


def registration(judge: Judge, node: Node, there: Mapping[str, Any]) -> Iterator[Finding]:
    """Labels, annotation and taints of a Node."""
    labels = there["metadata"].get("labels") or {}
    annotations = there["metadata"].get("annotations") or {}
    mark = "mark-control-plane"

    def told(severity: Grade, chapter: str, field: str, expected: str, found: str, cure: str) -> Finding:
        return Finding(severity, node.name, chapter, f"Node {node.name}", field, expected, found, cure)

    if node.is_control_plane:
        for label in LABELS:
            if labels.get(label) != "":
                has = f'"{labels[label]}"' if label in labels else ABSENT
                cure = cures.of_node(judge.tools, node, mark, "label", f"{label}=")
                yield told(Grade.WARNING, mark, f"metadata.labels.{label}", '""', has, cure)
    elif LABELS[0] in labels:
        field, has = f"metadata.labels.{LABELS[0]}", f'"{labels[LABELS[0]]}"'
        yield told(Grade.WARNING, mark, field, ABSENT, has, f"{cures.KUBECTL} label node {node.name} {LABELS[0]}-")
    if CRI_SOCKET_ANNOTATION not in annotations and not judge.cluster.release.features.node_local_cri_socket:
        socket = node.registration.cri_socket
        chapter = "upload-config" if node == judge.cluster.first_control_plane else "kubelet-wait-bootstrap"
        cure = cures.of_node(judge.tools, node, chapter, "annotate", f"{CRI_SOCKET_ANNOTATION}={socket}")
        yield told(Grade.WARNING, chapter, f"metadata.annotations.{CRI_SOCKET_ANNOTATION}", socket, ABSENT, cure)
    chosen = node.registration.taints
    due = chosen if chosen is not None else DEFAULT_TAINTS if node.is_control_plane else ()
    tainted = {(t["key"], t["effect"], t.get("value", "")) for t in there["spec"].get("taints") or []}
    for taint in due:
        if (taint.key, taint.effect, taint.value) not in tainted:
            text = f"{taint.key}={taint.value}:{taint.effect}"
            # Small clusters let their masters carry pods.
            severity = Grade.NOTE if chosen is None else Grade.WARNING
            cure = cures.of_node(judge.tools, node, mark, "taint", text) if node.is_control_plane else ""
            yield told(severity, mark, "spec.taints", text, ABSENT, cure)
    ready = [c["status"] for c in there.get("status", {}).get("conditions", ()) if c["type"] == "Ready"]
    if ready != ["True"]:
        yield told(Grade.ERROR, "kubelet-start", "status.Ready", "True", (ready or ["Unknown"])[0], cures.LOOK)
