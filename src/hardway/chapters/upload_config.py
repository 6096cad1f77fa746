"""The configuration in the cluster, source of every join and upgrade (article chapter 25, phase `upload-config`).

Source: kubeadm v1.30.4 `app/phases/uploadconfig`, `app/phases/kubelet/config.go`.
"""

import hashlib
from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubectl import kubectl, on_node
from hardway.chapters.kubelet_start import kubelet_configuration
from hardway.chapters.kubelet_wait_bootstrap import CRI_SOCKET_ANNOTATION
from hardway.chapters.objects import BOOTSTRAPPERS, binding, config_map, group, role, rule
from hardway.model import Cluster, Node
from hardway.steps import ApiObjects, Check, Command, Step
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import quote

HASH_ANNOTATION = "kubeadm.kubernetes.io/component-config.hash"


def component_hash(*data: str) -> str:
    """What kubeadm writes beside a component configuration that it made itself (`componentconfigs/checksums.go`).

    `data` are the texts of the ConfigMap in the order of their keys.
    """
    return "sha256:" + hashlib.sha256("".join(data).encode()).hexdigest()


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    # kubeadm stores what it made for the first master, or what all share.
    stored = cluster.release.features.resolv_conf_stored
    kubelet = dump_go(
        kubelet_configuration(cluster, cluster.first_control_plane) if stored else cluster.kubelet_configuration
    )
    annotations = {} if cluster.kubelet_configuration_given else {HASH_ANNOTATION: component_hash(kubelet)}
    bootstrappers, nodes = group(BOOTSTRAPPERS), group("system:nodes")
    yield ApiObjects(
        "upload-config",
        (
            config_map(
                "kubeadm-config", "kube-system", {"ClusterConfiguration": dump_go(cluster.cluster_configuration)}
            ),
            role("kubeadm:nodes-kubeadm-config", [rule(["configmaps"], ["get"], ["kubeadm-config"])], "kube-system"),
            binding(
                "kubeadm:nodes-kubeadm-config", "kubeadm:nodes-kubeadm-config", [bootstrappers, nodes], "kube-system"
            ),
            config_map(
                "kubelet-config",
                "kube-system",
                {"kubelet": kubelet},
                **({"annotations": annotations} if annotations else {}),
            ),
            role("kubeadm:kubelet-config", [rule(["configmaps"], ["get"], ["kubelet-config"])], "kube-system"),
            binding("kubeadm:kubelet-config", "kubeadm:kubelet-config", [nodes, bootstrappers], "kube-system"),
        ),
        f"{cluster.paths.kubernetes}/admin.conf",
        why="kubeadm join, upgrade and reset read them",
    )
    if cluster.release.features.node_local_cri_socket:
        return
    socket = node.registration.cri_socket
    path = "{.metadata.annotations." + CRI_SOCKET_ANNOTATION.replace(".", "\\.") + "}"
    yield Command(
        "upload-config/cri-socket",
        f"annotate the node with {CRI_SOCKET_ANNOTATION}",
        on_node(cluster, ["annotate", "--overwrite", "node", node.name, f"{CRI_SOCKET_ANNOTATION}={socket}"]),
        Check(
            "the node to be registered with its CRI socket",
            f'[ "$({kubectl(cluster)} get node {node.name} -o {quote("jsonpath=" + path)} 2>/dev/null)" = {quote(socket)} ]'
            " ||\n  { echo 'no annotation yet'; exit 1; }\n",
        ),
        idempotent=True,
        why="kubeadm upgrade and reset read it",
    )


UPLOAD_CONFIG = Chapter("upload-config", "Configuration in the cluster", (25,), "upload-config all", steps=steps)
