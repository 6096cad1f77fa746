"""A joining node's kubelet gets its identity and registers (article chapters 22 and 28).

Up to 1.30 kubeadm waits for it inside its join phase `kubelet-start`, from 1.31 on in a phase of this name. A kubelet
runs static pods before it has a certificate, so a joining master's etcd need not wait for a controller manager that
has just begun to sign. Source: kubeadm v1.30.4 `app/cmd/phases/join/kubelet.go`, `app/phases/patchnode`.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubelet_join import bootstrap_kubeconfig
from hardway.chapters.own_node import as_kubelet, own_url
from hardway.model import Cluster, Node
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.steps import Check, Command, Step, Wait
from hardway.steps.shell import INPUTS, input_file, quote

CRI_SOCKET_ANNOTATION = "kubeadm.alpha.kubernetes.io/cri-socket"
BOOTSTRAP_LIMIT = 300
"""Seconds, as kubeadm waits."""


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    conf, target = quote(f"{cluster.paths.kubernetes}/kubelet.conf"), bootstrap_kubeconfig(cluster)
    pem, token = quote(rotated_certificate(cluster, node)), input_file(f"token/{node.name}")
    yield Wait(
        "kubelet-wait-bootstrap/tls-bootstrap",
        Check(
            "the kubelet to get its certificate (TLS bootstrap)",
            f"for file in {conf} {pem}; do\n  [ -s \"$file\" ] || {{ echo 'no certificate yet'; exit 1; }}\ndone\n",
            hint="journalctl -u kubelet; kubectl get csr",
        ),
        BOOTSTRAP_LIMIT,
    )
    if cluster.release.features.node_local_cri_socket:
        yield _registered(cluster, node, pem)
    else:
        yield _annotate(cluster, node, pem)
    yield Command(
        "kubelet-wait-bootstrap/bootstrap-cleanup",
        f"remove {target} and the run's secrets",
        f"rm -rf {quote(target)} {INPUTS}\n",
        Check(
            "the bootstrap token to be gone",
            f"for file in {quote(target)} {token}; do\n"
            '  [ ! -e "$file" ] || { echo "$file is still there"; exit 1; }\ndone\n',
        ),
        idempotent=True,
        watches=(token,),
        why="the token has served, and a secret that is not there cannot leak",
    )


def _registered(cluster: Cluster, node: Node, pem: str) -> Wait:
    """Where the CRI socket is no annotation nobody else waits for the Node, which the next chapters change."""
    return Wait(
        "kubelet-wait-bootstrap/registered",
        Check(
            "the node to be registered",
            f"[ -s {pem} ] || {{ echo 'no certificate yet'; exit 1; }}\n"
            f"{as_kubelet(cluster, node)} -o /dev/null {own_url(cluster, node)} 2>&1\n",
            hint="journalctl -u kubelet",
        ),
        BOOTSTRAP_LIMIT,
    )


def _annotate(cluster: Cluster, node: Node, pem: str) -> Command:
    """With the kubelet's own identity, as kubeadm does: it needs no kubectl."""
    socket = node.registration.cri_socket
    annotation = f'"{CRI_SOCKET_ANNOTATION}":"{socket}"'
    patch = f'{{"metadata":{{"annotations":{{{annotation}}}}}}}'
    curl, url = as_kubelet(cluster, node), own_url(cluster, node)
    return Command(
        "kubelet-wait-bootstrap/cri-socket",
        f"annotate the node with {CRI_SOCKET_ANNOTATION}",
        f"deadline=$((SECONDS + {BOOTSTRAP_LIMIT}))\n"
        f'until said="$({curl} -X PATCH -o /dev/null \\\n'
        "  -H 'Content-Type: application/merge-patch+json' \\\n"
        f"  -d {quote(patch)} \\\n"
        f'  {url} 2>&1)"; do\n'
        '  [ "$SECONDS" -lt "$deadline" ] || { echo "the node did not register: $said" >&2; exit 1; }\n'
        "  sleep 0.2\ndone\n",
        Check(
            "the node to be registered with its CRI socket",
            f"[ -s {pem} ] || {{ echo 'no certificate yet'; exit 1; }}\n"
            f"{curl} {url} 2>/dev/null | tr -d ' ' | grep -qF {quote(annotation)} ||\n"
            "  { echo 'no annotation yet'; exit 1; }\n",
        ),
        idempotent=True,
        why="kubeadm upgrade and reset read it",
    )


KUBELET_WAIT_BOOTSTRAP = Chapter(
    "kubelet-wait-bootstrap",
    "Identity of the kubelet",
    (22, 28),
    steps=steps,
)
