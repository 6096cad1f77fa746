"""Configuration and start of the kubelet (article chapters 22 and 28, kubeadm phase `kubelet-start`).

Source: kubeadm v1.30.4 `app/phases/kubelet/{config,flags}.go`, `app/componentconfigs/kubelet.go`.
"""

import json
from collections.abc import Iterator
from typing import Any

from hardway.chapters import joining_ca, kubelet_join, own_node
from hardway.chapters.chapter import Chapter
from hardway.chapters.control_plane import manifests_directory
from hardway.chapters.static_pods import flags
from hardway.model import Cluster, Document, Node, Taint, freeze_document, thaw
from hardway.patches.apply import KUBELET, patched
from hardway.steps import Check, Directory, File, Service, Step, Wait
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import quote

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
    if node != cluster.first_control_plane and "clusterDNS" not in value:
        # An empty list is not stored: a node that joins finds none, and kubeadm gives it the default.
        value["clusterDNS"] = [cluster.networking.dns_address]
    return freeze_document(value)


def instance_configuration(node: Node) -> str:
    """instance-config.yaml: what config.yaml of this machine has beyond what all share (`WriteInstanceConfigToDisk`)."""
    return f"containerRuntimeEndpoint: {json.dumps(node.registration.cri_socket, ensure_ascii=False)}\n"


def written_configuration(cluster: Cluster, node: Node) -> Document:
    """config.yaml as it lies on the machine: with the user's patches, and what instance-config.yaml says over them."""
    value = patched(node, KUBELET, kubelet_configuration(cluster, node), cluster.release.features)
    if not cluster.release.features.node_local_cri_socket:
        return value
    return freeze_document({**value, "containerRuntimeEndpoint": node.registration.cri_socket})


def kubelet_flags(cluster: Cluster, node: Node) -> str:
    """kubeadm-flags.env: what depends on this machine, sorted; kubeletExtraArgs win."""
    registration, features = node.registration, cluster.release.features
    defaults = {}
    if not features.node_local_cri_socket:
        defaults["container-runtime-endpoint"] = registration.cri_socket
    if features.pause_image_flag:
        # Keeps the kubelet from removing the image of the sandboxes.
        defaults["pod-infra-container-image"] = cluster.pause_image
    # No hostname-override: chapter 5 has given the machine the node's name.
    if registration.taints and not node.is_control_plane:
        # Masters get theirs from mark-control-plane.
        defaults["register-with-taints"] = ",".join(_text(taint) for taint in registration.taints)
    line = " ".join(flags(features, defaults, registration.kubelet_extra_args))
    return f"KUBELET_KUBEADM_ARGS={json.dumps(line, ensure_ascii=False)}\n"


def _text(taint: Taint) -> str:
    return f"{taint.key}{'=' + taint.value if taint.value else ''}:{taint.effect}"


def healthz(cluster: Cluster, node: Node) -> Check:
    """The kubelet says of itself that it is well."""
    value = written_configuration(cluster, node)
    bound = str(value.get("healthzBindAddress") or "127.0.0.1")
    port = value.get("healthzPort") or 10248
    host = (
        "127.0.0.1" if bound == "0.0.0.0" else "[::1]" if bound == "::" else f"[{bound}]" if ":" in bound else bound
    )
    return Check(
        "the kubelet to be healthy",
        f"curl -sf -m 5 -o /dev/null {quote(f'http://{host}:{port}/healthz')} || {{ echo 'no answer on port {port}'; exit 1; }}\n",
        hint="journalctl -u kubelet",
    )


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    kubelet = cluster.paths.kubelet
    env, config = f"{kubelet}/kubeadm-flags.env", f"{kubelet}/config.yaml"
    joining = node != cluster.first_control_plane
    yield own_node.joined_under_this_name(cluster, node, "kubelet-start")
    yield Directory("kubelet-start/directory", kubelet, 0o700, why="keys and pod volumes live below it")
    if node.is_control_plane:
        # The kubelet watches this directory from its start; one that appears later is noticed twenty seconds later.
        yield manifests_directory(cluster)
    if joining:
        yield from kubelet_join.bootstrap(cluster, node)
        yield from joining_ca.copied(cluster, node)
    yield File("kubelet-start/flags", env, kubelet_flags(cluster, node), why="flags that depend on this machine")
    if cluster.release.features.node_local_cri_socket:
        yield File(
            "kubelet-start/instance-config",
            f"{kubelet}/instance-config.yaml",
            instance_configuration(node),
            why="kubeadm upgrade merges it into the configuration that all kubelets share",
        )
    yield File(
        "kubelet-start/config",
        config,
        dump_go(written_configuration(cluster, node)),
        why="what all kubelets of the cluster share",
    )
    yield own_node.register_again(cluster, node)
    yield Service(
        "kubelet-start/start",
        ("kubelet.service",),
        (
            env,
            config,
            "/usr/lib/systemd/system/kubelet.service",
            "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
            "/etc/default/kubelet/extra-args.env",
            # A kubelet that has lost its identity looks for this file only when it starts.
            *((kubelet_join.bootstrap_kubeconfig(cluster),) if joining else ()),
        ),
        why="it runs the static pods, and registers the node",
    )
    yield Wait("kubelet-start/healthz", healthz(cluster, node), HEALTHZ_LIMIT)


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield healthz(cluster, node)


KUBELET_START = Chapter(
    "kubelet-start",
    "Configuration and start of the kubelet",
    (22, 28),
    "kubelet-start",
    "kubelet-start",
    steps=steps,
    checks=checks,
)
