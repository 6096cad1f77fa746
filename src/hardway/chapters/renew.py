"""New certificates on a master, and a fresh start for the static pods that read them (`kubeadm certs renew`).

Not in the article. Source: kubeadm v1.30.4 `app/phases/certs/renewal`. kubeadm renews and tells people to restart the
static pods; here each is ended, the kubelet starts it again, and it has to be well before the next one is touched.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace

from hardway.chapters import etcd, wait_control_plane
from hardway.chapters.chapter import Chapter
from hardway.chapters.control_plane import healthy
from hardway.model import Cluster, Node
from hardway.pki.catalog import CertSpec
from hardway.pki.kubeconfigs import KubeconfigSpec
from hardway.pki.renewal import printing, renew, renew_kubeconfig
from hardway.steps import Check, Command, Step, Wait
from hardway.steps.checks import all_of
from hardway.steps.shell import quote

BEFORE = 20
"""Seconds for a master to be well before anything on it is touched."""
LIMIT = 330
"""Seconds for a static pod to be well again; the kubelet rests up to five minutes after a crash."""
GRACE = 10
"""Seconds for a container to end by itself. The API server has ended its requests long before: it would wait a minute
for watches, which their clients simply open again."""

READERS: dict[str, tuple[str, ...]] = {
    "etcd": ("etcd-server", "etcd-peer"),
    "kube-apiserver": ("apiserver", "apiserver-kubelet-client", "apiserver-etcd-client", "front-proxy-client"),
    "kube-controller-manager": ("controller-manager.conf",),
    "kube-scheduler": ("scheduler.conf",),
}
"""Static pod to the certificates that it reads when it starts.

Nothing has to be restarted for admin.conf, super-admin.conf and etcd-healthcheck-client: tools read them each time.
"""

TOGETHER = (("etcd",), ("kube-apiserver",), ("kube-controller-manager", "kube-scheduler"))
"""The order in which static pods are restarted: each needs those before it."""


@dataclass(frozen=True)
class Request:
    """One certificate that is to be renewed on one master."""

    name: str
    """As kubeadm names it: `apiserver`, `admin.conf`."""
    spec: CertSpec | KubeconfigSpec
    """What the catalogue says of it."""
    fields: CertSpec
    """What the new certificate says."""
    old: str
    """SHA-256 of the PEM text that it replaces."""


def restarted(names: Iterable[str]) -> tuple[str, ...]:
    """The static pods that read any of these certificates, in the order in which they are restarted."""
    wanted = set(names)
    return tuple(pod for pods in TOGETHER for pod in pods if wanted & set(READERS[pod]))


def chapter(requests: Mapping[str, tuple[Request, ...]], *, force: bool = False) -> Chapter:
    """Renew these certificates, by the name of their master. `force`: also where the cluster is not well."""

    def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
        mine = requests.get(node.name, ())
        if not mine:
            return
        pods = restarted(request.name for request in mine)
        if pods and not force:
            yield Wait("renew/well", _well(cluster, node), BEFORE)
        for request in mine:
            yield _renew(request)
        for group in TOGETHER:
            due = {pod: tuple(r for r in mine if r.name in READERS[pod]) for pod in group if pod in pods}
            for pod, read in due.items():
                yield _end(node, pod, read)
            for pod, read in due.items():
                yield Wait(f"renew/{pod}", _back(cluster, node, pod, read), LIMIT)

    return Chapter("renew", "Renewal of certificates", (), steps=steps)


def _renew(request: Request) -> Command:
    spec = request.spec
    text = renew_kubeconfig(spec.path, request.fields) if isinstance(spec, KubeconfigSpec) else renew(request.fields)
    return Command(
        f"renew/{request.name}",
        f"renew {request.name}",
        text,
        Check(f"{request.name} to be a new one", _is_new(request)),
        why="a new key and certificate with the fields of the one that will end",
    )


def _is_new(request: Request) -> str:
    return (
        f'[ "$({printing(request.spec)} 2>/dev/null | sha256sum)" != "{request.old}  -" ] ||\n'
        f"  {{ echo {quote(f'{request.name} is the one that is to be renewed')}; exit 1; }}\n"
    )


def _end(node: Node, pod: str, read: tuple[Request, ...]) -> Command:
    return Command(
        f"renew/restart-{pod}",
        f"restart {pod}",
        _functions(pod, read)
        + 'old="$(stale)"\n'
        + 'for id in $old; do ctr -n k8s.io tasks kill -s SIGTERM "$id" || true; done\n'
        + f"deadline=$((SECONDS + {GRACE}))\n"
        + 'while [ -n "$(stale)" ]; do\n'
        + '  if [ "$SECONDS" -ge "$deadline" ]; then\n'
        + '    for id in $old; do ctr -n k8s.io tasks kill -s SIGKILL "$id" || true; done\n  fi\n'
        + "  sleep 0.2\ndone\n",
        Check(
            f"{pod} not to run with an old certificate",
            "".join(map(_is_new, read))
            + _functions(pod, read)
            + "[ -z \"$(stale)\" ] || { echo 'it began before its certificates were renewed'; exit 1; }\n",
        ),
        why=f"{pod} on {node.host_name} reads them only when it starts",
    )


def _functions(pod: str, read: Iterable[Request]) -> str:
    """bash: `running` prints the ids of the pod's running containers, `stale` those that are older than what they read."""
    labels = f'labels."io.kubernetes.container.name"=={pod},labels."io.kubernetes.pod.namespace"==kube-system'
    files = " ".join(
        quote(request.spec.path if isinstance(request.spec, KubeconfigSpec) else request.spec.certificate)
        for request in read
    )
    return (
        "running() {\n"
        f"  ctr -n k8s.io containers list -q {quote(labels)} |\n"
        "    grep -xF -f - <(ctr -n k8s.io tasks list | awk '$3 == \"RUNNING\" { print $1 }') || true\n"
        "}\n"
        "stale() {\n  local id created file\n"
        "  for id in $(running); do\n"
        # It may be gone by now.
        '    created="$(ctr -n k8s.io containers info "$id" 2>/dev/null | sed -n \'s/^ *"CreatedAt": "\\(.*\\)",*$/\\1/p\' || true)"\n'
        f"    for file in {files}; do\n"
        # Both are UTC in RFC 3339, so the order of the text is the order of the time.
        '      if [ -n "$created" ] && [[ "$created" < "$(date -u -r "$file" +%Y-%m-%dT%H:%M:%S.%NZ)" ]]; then\n'
        '        echo "$id"\n        break\n      fi\n'
        "    done\n  done\n}\n"
    )


def _back(cluster: Cluster, node: Node, pod: str, read: tuple[Request, ...]) -> Check:
    started = Check(
        pod,
        _functions(pod, read)
        + "[ -n \"$(running)\" ] || { echo 'it does not run yet'; exit 1; }\n"
        + "[ -z \"$(stale)\" ] || { echo 'it still runs with an old certificate'; exit 1; }\n",
    )
    return all_of(
        f"{pod} to be well with its new certificates",
        started,
        *_health(cluster, node, pod),
        hint="journalctl -u kubelet and /var/log/pods tell why; the other masters were left alone",
    )


def _well(cluster: Cluster, node: Node) -> Check:
    """Every member of etcd, because this one goes away for a moment, and the node's own API server."""
    return all_of(
        "all members of etcd and the API server of this node to be well",
        *_members(cluster),
        *_health(cluster, node, "kube-apiserver"),
        hint="certificates that have ended already are a reason: --force renews on all masters at once",
    )


def _members(cluster: Cluster) -> Iterator[Check]:
    """External etcd has none; the API server tells of it when it is asked whether it is ready."""
    if cluster.etcd_members:
        ctl = f"{etcd.etcdctl(cluster, *cluster.etcd_members)} --command-timeout 5s"
        yield Check(
            "etcd",
            f'said="$({ctl} endpoint health 2>&1)" || {{ grep -m1 "unhealthy" <<<"$said" || echo "${{said##*$\'\\n\'}}"; exit 1; }}\n',
        )


def _health(cluster: Cluster, node: Node, pod: str) -> Iterator[Check]:
    match pod:
        case "etcd":
            yield from etcd.checks(cluster, node)
        case "kube-apiserver":
            for step in wait_control_plane.steps(cluster, node):
                if isinstance(step, Wait):
                    yield replace(step.check, hint="")
        case _:
            yield healthy(pod)
