"""Renewal of a master's certificates, and what has to start anew to use them (`kubeadm certs renew`).

kubeadm renews and tells people to restart the static pods. Here each is ended by containerd and started again by the
kubelet, and has to be well before the next one is touched.
"""

from collections.abc import Iterable, Iterator
from typing import TypeAlias

from hardway.chapters import etcd, wait_control_plane
from hardway.model import Cluster, Node
from hardway.pki.catalog import CertSpec
from hardway.pki.kubeconfigs import KubeconfigSpec
from hardway.pki.renewal import renew, renew_kubeconfig
from hardway.steps import Check, Wait
from hardway.steps.shell import quote

LIMIT = 180
"""Seconds for a static pod to be well again."""

GRACE = 30
"""Seconds that a container has to end, as the kubelet gives a static pod (terminationGracePeriodSeconds)."""

READERS: dict[str, tuple[str, ...]] = {
    "etcd": ("etcd-server", "etcd-peer"),
    "kube-apiserver": ("apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-client"),
    "kube-controller-manager": ("controller-manager.conf",),
    "kube-scheduler": ("scheduler.conf",),
}
"""Static pod to the certificates that it reads when it starts, in the order in which they are restarted.

Nothing has to be restarted for admin.conf, super-admin.conf and etcd-healthcheck-client: tools read them each time.
"""


def restarted(names: Iterable[str]) -> tuple[str, ...]:
    """The static pods that read any of these certificates."""
    wanted = set(names)
    return tuple(pod for pod, read in READERS.items() if wanted & set(read))


Request: TypeAlias = tuple[str, CertSpec | KubeconfigSpec, CertSpec]
"""kubeadm's name, what the catalogue says of it, and the fields that the new certificate gets."""


def renewed(requests: Iterable[Request]) -> str:
    """bash that renews; nothing is restarted."""
    return "".join(
        renew_kubeconfig(spec.path, fields) if isinstance(spec, KubeconfigSpec) else renew(fields)
        for _, spec, fields in requests
    )


def script(cluster: Cluster, node: Node, requests: Iterable[Request]) -> str:
    """bash that renews on a master that is well, and restarts what must be, one pod after the other."""
    listed = list(requests)
    pods = restarted(name for name, _, _ in listed)
    return _ready(cluster, node) + renewed(listed) + "".join(_restart(cluster, node, pod) for pod in pods)


def _ready(cluster: Cluster, node: Node) -> str:
    """bash that fails with a reason unless etcd and API server of the node are well."""
    return "".join(_must(check) for check in _health(cluster, node, ("etcd", "kube-apiserver")))


def _restart(cluster: Cluster, node: Node, pod: str) -> str:
    """bash: end the container, and wait until the kubelet runs another one that is well."""
    labels = f'labels."io.kubernetes.container.name"=={pod},labels."io.kubernetes.pod.namespace"==kube-system'
    running = (
        f"ctr -n k8s.io containers list -q {quote(labels)} | grep -xF -f - <(ctr -n k8s.io tasks list"
        " | awk '$3 == \"RUNNING\" { print $1 }') || true"
    )
    gone = f"the container of {pod} on {node.name} did not come back within {LIMIT} s"
    return (
        f'old="$({running})"\n'
        f'for id in $old; do ctr -n k8s.io tasks kill -s SIGTERM "$id"; done\n'
        f"deadline=$((SECONDS + {LIMIT})) patience=$((SECONDS + {GRACE}))\n"
        f'until new="$({running})"; [ -n "$new" ] && [ "$new" != "$old" ]; do\n'
        # An API server waits a minute for its watches to end; the kubelet gives a static pod half of it.
        '  if [ "$SECONDS" -ge "$patience" ]; then\n'
        '    for id in $old; do ctr -n k8s.io tasks kill -s SIGKILL "$id" 2>/dev/null || true; done\n'
        "  fi\n"
        f'  [ "$SECONDS" -lt "$deadline" ] || {{ echo {quote(gone)} >&2; exit 1; }}\n'
        "  sleep 0.5\ndone\n" + "".join(_until(check, pod) for check in _health(cluster, node, (pod,)))
    )


def _health(cluster: Cluster, node: Node, pods: Iterable[str]) -> Iterator[Check]:
    wanted = set(pods)
    if "etcd" in wanted:
        yield from etcd.checks(cluster, node)
    if "kube-apiserver" in wanted:
        yield from (step.check for step in wait_control_plane.steps(cluster, node) if isinstance(step, Wait))


def _must(check: Check) -> str:
    return (
        f'if ! said="$(\nset +e\n{check.script})"; then\n'
        f'  echo {quote(f"nothing was renewed on this node: waited for {check.name}: ")}"$said" >&2\n'
        "  exit 1\nfi\n"
    )


def _until(check: Check, pod: str) -> str:
    return (
        f"deadline=$((SECONDS + {LIMIT}))\n"
        f'until said="$(\nset +e\n{check.script})"; do\n'
        f'  [ "$SECONDS" -lt "$deadline" ] || {{ echo {quote(f"{pod}: waited for {check.name}: ")}"$said" >&2; exit 1; }}\n'
        "  sleep 0.5\ndone\n"
    )
