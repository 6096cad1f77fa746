"""Configuration and start of the kubelet (article chapters 22 and 28, kubeadm phase `kubelet-start`).

Source: kubeadm v1.30.4 `app/phases/kubelet/{config,flags}.go`, `app/cmd/phases/join/kubelet.go`.
"""

from collections.abc import Iterator
from typing import Any

from hardway.chapters.chapter import Chapter
from hardway.chapters.control_plane import manifests_directory
from hardway.model import Cluster, Document, Node, freeze_document, thaw
from hardway.steps import Check, Command, Directory, File, Service, Step, Wait, yaml
from hardway.steps.shell import INPUTS, input_file

CRI_SOCKET_ANNOTATION = "kubeadm.alpha.kubernetes.io/cri-socket"
HEALTHZ_LIMIT = 240
BOOTSTRAP_LIMIT = 300
"""Seconds, as kubeadm waits."""

RESOLVED = "/run/systemd/resolve/resolv.conf"

HEALTHZ = Check(
    "the kubelet to be healthy",
    "curl -sf -m 5 -o /dev/null http://127.0.0.1:10248/healthz || { echo 'no answer on port 10248'; exit 1; }\n",
    hint="journalctl -u kubelet",
)


def kubelet_configuration(cluster: Cluster, node: Node) -> Document:
    """config.yaml of one node: what is stored in the cluster, and the resolver of this machine."""
    value: dict[str, Any] = thaw(cluster.kubelet_configuration)
    if node.facts.resolved and "resolvConf" not in value:
        # systemd-resolved's stub in /etc/resolv.conf points to 127.0.0.53, which is another place in a pod.
        value["resolvConf"] = RESOLVED
    return freeze_document(value)


def kubelet_flags(cluster: Cluster, node: Node) -> str:
    """kubeadm-flags.env."""
    registration = node.registration
    defaults = {
        "container-runtime-endpoint": registration.cri_socket,
        "pod-infra-container-image": cluster.pause_image,
    }
    if registration.taints and not node.is_control_plane:
        # Masters get theirs from mark-control-plane.
        defaults["register-with-taints"] = ",".join(
            f"{taint.key}{'=' + taint.value if taint.value else ''}:{taint.effect}" for taint in registration.taints
        )
    merged = {**defaults, **dict(registration.kubelet_extra_args)}
    line = " ".join(f"--{name}={merged[name]}" for name in sorted(merged))
    return f'KUBELET_KUBEADM_ARGS="{line}"\n'


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    kubelet = cluster.paths.kubelet
    joining = node != cluster.first_control_plane
    yield Directory("kubelet-start/directory", kubelet, 0o700, why="keys and pod volumes live below it")
    if node.is_control_plane:
        # The kubelet watches this directory from its start; one that appears later is noticed twenty seconds later.
        yield manifests_directory(cluster)
    if joining:
        yield from _bootstrap(cluster, node)
    yield File(
        "kubelet-start/flags",
        f"{kubelet}/kubeadm-flags.env",
        kubelet_flags(cluster, node),
        why="flags that depend on this machine",
    )
    yield File(
        "kubelet-start/config",
        f"{kubelet}/config.yaml",
        yaml.dump(kubelet_configuration(cluster, node), sort_keys=True),
        why="what all kubelets of the cluster share",
    )
    yield Service(
        "kubelet-start/start",
        ("kubelet.service",),
        (
            f"{kubelet}/kubeadm-flags.env",
            f"{kubelet}/config.yaml",
            "/usr/lib/systemd/system/kubelet.service",
            "/usr/lib/systemd/system/kubelet.service.d/10-kubeadm.conf",
            "/etc/default/kubelet/extra-args.env",
        ),
    )
    if joining:
        yield from _joined(cluster, node)
    yield Wait("kubelet-start/healthz", HEALTHZ, HEALTHZ_LIMIT)


def _joined_already(cluster: Cluster) -> str:
    return f"[ -s {cluster.paths.kubernetes}/kubelet.conf ]"


def _bootstrap(cluster: Cluster, node: Node) -> Iterator[Step]:
    etc, token = cluster.paths.kubernetes, f"token/{node.name}"
    url = f"{cluster.endpoint.url}/api/v1/nodes/{node.name}"
    yield Command(
        "kubelet-start/bootstrap-kubeconfig",
        f"write {etc}/bootstrap-kubelet.conf",
        # A Ready node of this name belongs to another machine: two kubelets must not share an identity.
        "umask 077\n"
        'auth="$(mktemp)"\ntrap \'rm -f "$auth"\' EXIT\n'
        f'printf \'Authorization: Bearer %s\' "$(cat {input_file(token)})" >"$auth"\n'
        f'if curl -sf -m 10 --cacert {cluster.paths.pki}/ca.crt -H @"$auth" {url} |\n'
        '  tr -d \' \\n\' | grep -q \'"type":"Ready","status":"True"\'; then\n'
        f"  echo 'a node named {node.name} is Ready already: remove it (kubectl delete node {node.name}) or choose"
        " another name' >&2\n  exit 1\nfi\n"
        f"cat >{etc}/.bootstrap-kubelet.conf <<EOF\n"
        "apiVersion: v1\nclusters:\n- cluster:\n"
        f"    certificate-authority-data: $(base64 -w0 {cluster.paths.pki}/ca.crt)\n"
        f"    server: {cluster.endpoint.url}\n"
        # kubeadm names this cluster `kubernetes`, whatever clusterName says.
        "  name: kubernetes\n"
        "contexts:\n- context:\n"
        "    cluster: kubernetes\n"
        "    user: tls-bootstrap-token-user\n"
        "  name: tls-bootstrap-token-user@kubernetes\n"
        "current-context: tls-bootstrap-token-user@kubernetes\n"
        "kind: Config\npreferences: {}\nusers:\n- name: tls-bootstrap-token-user\n  user:\n"
        f"    token: $(cat {input_file(token)})\n"
        "EOF\n"
        f"mv {etc}/.bootstrap-kubelet.conf {etc}/bootstrap-kubelet.conf\n",
        Check("this node to have joined", f"{_joined_already(cluster)} || {{ echo 'not joined yet'; exit 1; }}\n"),
        inputs=(token,),
        why="the kubelet asks for its first certificate with it",
    )


def _joined(cluster: Cluster, node: Node) -> Iterator[Step]:
    etc, pem = cluster.paths.kubernetes, f"{cluster.paths.kubelet}/pki/kubelet-client-current.pem"
    url = f"{cluster.endpoint.url}/api/v1/nodes/{node.name}"
    token = input_file(f"token/{node.name}")
    patch = f'{{"metadata":{{"annotations":{{"{CRI_SOCKET_ANNOTATION}":"{node.registration.cri_socket}"}}}}}}'
    curl = f"curl -sf -m 10 --cacert {cluster.paths.pki}/ca.crt --cert {pem} --key {pem}"
    yield Wait(
        "kubelet-start/tls-bootstrap",
        Check(
            "the kubelet to get its certificate (TLS bootstrap)",
            f"[ -s {etc}/kubelet.conf ] && [ -s {pem} ] || {{ echo 'no certificate yet'; exit 1; }}\n",
            hint="journalctl -u kubelet; kubectl get csr",
        ),
        BOOTSTRAP_LIMIT,
    )
    yield Command(
        "kubelet-start/cri-socket",
        f"annotate the node with {CRI_SOCKET_ANNOTATION}",
        f"deadline=$((SECONDS + {BOOTSTRAP_LIMIT}))\n"
        f"until {curl} -X PATCH -o /dev/null -H 'Content-Type: application/merge-patch+json' \\\n"
        f"  -d '{patch}' \\\n"
        f"  {url}; do\n"
        '  [ "$SECONDS" -lt "$deadline" ] || { echo \'the node did not register\' >&2; exit 1; }\n'
        "  sleep 0.2\ndone\n",
        Check(
            "the node to be registered with its CRI socket",
            f"[ -s {pem} ] || {{ echo 'no certificate yet'; exit 1; }}\n"
            f"{curl} {url} | grep -qF '{node.registration.cri_socket}' || {{ echo 'no annotation yet'; exit 1; }}\n",
        ),
        why="kubeadm upgrade and reset read it",
    )
    yield Command(
        "kubelet-start/bootstrap-cleanup",
        f"remove {etc}/bootstrap-kubelet.conf and the run's secrets",
        f"rm -rf {etc}/bootstrap-kubelet.conf {INPUTS}\n",
        Check(
            "the bootstrap token to be gone",
            f"[ ! -e {etc}/bootstrap-kubelet.conf ] && [ ! -e {token} ] || {{ echo 'it is still there'; exit 1; }}\n",
        ),
        idempotent=True,
        watches=(token,),
        why="the token has served, and a secret that is not there cannot leak",
    )


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield HEALTHZ


KUBELET_START = Chapter(
    "kubelet-start",
    "Configuration and start of the kubelet",
    (22, 28),
    "kubelet-start",
    "kubelet-start",
    steps=steps,
    checks=checks,
)
