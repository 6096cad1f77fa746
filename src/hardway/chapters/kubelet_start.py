"""Configuration and start of the kubelet (article chapters 22 and 28, kubeadm phase `kubelet-start`).

Source: kubeadm v1.30.4 `app/phases/kubelet/{config,flags}.go`, `app/componentconfigs/kubelet.go`.
"""

import json
from collections.abc import Iterator
from typing import Any

from hardway.chapters import kubelet_join
from hardway.chapters.chapter import Chapter
from hardway.chapters.control_plane import manifests_directory
from hardway.chapters.static_pods import flags
from hardway.model import Cluster, Document, Node, Taint, freeze_document, thaw
from hardway.steps import Check, Directory, File, Service, Step, Wait
from hardway.steps.goyaml import dump_go

HEALTHZ_LIMIT = 240
"""Seconds, as kubeadm waits."""

RESOLVED = "/run/systemd/resolve/resolv.conf"


def kubelet_configuration(cluster: Cluster, node: Node) -> Document:
    """config.yaml of one node.

    kubeadm adds the resolver of the first master to what it stores in the cluster, and hands that to every node;
    where only some machines run systemd-resolved its pods then miss the file. Here each machine gets its own.
    """
    value: dict[str, Any] = thaw(cluster.kubelet_configuration)
    if node.facts.resolved and "resolvConf" not in value:
        # systemd-resolved's stub in /etc/resolv.conf points to 127.0.0.53, which is another place in a pod.
        value["resolvConf"] = RESOLVED
    return freeze_document(value)


def kubelet_flags(cluster: Cluster, node: Node) -> str:
    """kubeadm-flags.env: what depends on this machine, sorted; kubeletExtraArgs win."""
    registration = node.registration
    defaults = {
        "container-runtime-endpoint": registration.cri_socket,
        # Keeps the kubelet from removing the image of the sandboxes.
        "pod-infra-container-image": cluster.pause_image,
    }
    if node.facts.hostname and node.facts.hostname.lower() != node.name and not _renamed(node):
        defaults["hostname-override"] = node.name
    if registration.taints and not node.is_control_plane:
        # Masters get theirs from mark-control-plane.
        defaults["register-with-taints"] = ",".join(_text(taint) for taint in registration.taints)
    line = " ".join(flags(defaults, registration.kubelet_extra_args))
    return f"KUBELET_KUBEADM_ARGS={json.dumps(line, ensure_ascii=False)}\n"


def _renamed(node: Node) -> bool:
    """Chapter 5 gives the machine the node's name before anything of this file is written."""
    return True


def _text(taint: Taint) -> str:
    return f"{taint.key}{'=' + taint.value if taint.value else ''}:{taint.effect}"
