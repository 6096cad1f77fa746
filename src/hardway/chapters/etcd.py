"""The static pod of etcd (article chapter 21, kubeadm phase `etcd local`).

Source: kubeadm v1.30.4 `app/phases/etcd/local.go`.
"""

from collections.abc import Iterator
from typing import Any

from hardway.chapters.chapter import Chapter
from hardway.chapters.control_plane import manifests_directory
from hardway.chapters.static_pods import (
    LIVENESS_FAILURES,
    READINESS_FAILURES,
    Probe,
    flags,
    host_volume,
    pod,
    startup_failures,
)
from hardway.gotypes.urls import Place, place
from hardway.model import Cluster, Document, Node, argument
from hardway.patches.apply import patched
from hardway.steps import Check, Command, Directory, Step
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import heredoc, quote

INITIAL_CLUSTER = "@initial-cluster@"
"""Stands in the manifest for the members, which are decided once, when this member starts for the first time."""


# An inconsistent member must not serve (etcd data inconsistency of 3.5.0-3.5.2); and progress is told often enough for
# the API server to bookmark its watches.
EXPERIMENTAL_FLAGS = {
    "experimental-initial-corrupt-check": "true",
    "experimental-watch-progress-notify-interval": "5s",
}
FINAL_FLAGS = {"feature-gates": "InitialCorruptCheck=true", "watch-progress-notify-interval": "5s"}


def manifest(cluster: Cluster, node: Node, initial_cluster: str) -> Document:
    """The manifest of etcd on one master, with its patches; a joining member says that the cluster exists."""
    return patched(node, "etcd", _manifest(cluster, node, initial_cluster), cluster.release.features)


def _manifest(cluster: Cluster, node: Node, initial_cluster: str) -> Document:
    certs, ip = f"{cluster.paths.pki}/etcd", f"[{node.address}]" if ":" in node.address else node.address
    defaults = {
        "advertise-client-urls": f"https://{ip}:2379",
        "cert-file": f"{certs}/server.crt",
        "client-cert-auth": "true",
        "data-dir": cluster.stacked_etcd.data_dir,
        **(FINAL_FLAGS if cluster.stacked_etcd.final_flags else EXPERIMENTAL_FLAGS),
        "initial-advertise-peer-urls": peer_url(node),
        "initial-cluster": initial_cluster,
        "key-file": f"{certs}/server.key",
        "listen-client-urls": f"https://{node.loopback}:2379,https://{ip}:2379",
        "listen-metrics-urls": f"http://{node.loopback}:2381",
        "listen-peer-urls": f"https://{ip}:2380",
        "name": node.name,
        "peer-cert-file": f"{certs}/peer.crt",
        "peer-client-cert-auth": "true",
        "peer-key-file": f"{certs}/peer.key",
        "peer-trusted-ca-file": f"{certs}/ca.crt",
        "snapshot-count": "10000",
        "trusted-ca-file": f"{certs}/ca.crt",
    }
    if node != cluster.first_control_plane:
        defaults["initial-cluster-state"] = "existing"
    features, probe = cluster.release.features, _probe(cluster, node)
    return pod(
        features,
        "etcd",
        cluster.stacked_etcd.image,
        flags(features, defaults, cluster.stacked_etcd.extra_args),
        [
            host_volume("etcd-data", cluster.stacked_etcd.data_dir, read_only=False),
            host_volume("etcd-certs", f"{cluster.paths.pki_mounted}/etcd", read_only=False),
        ],
        probe,
        _ready_probes(probe, node) if features.etcd_readyz else _health_probes(probe, node),
        {"cpu": "100m", "memory": "100Mi"},
        {"kubeadm.kubernetes.io/etcd.advertise-client-urls": f"https://{ip}:2379"},
        environment=dict(cluster.stacked_etcd.extra_envs),
        sort_mounts=False,
    )


def _health_probes(probe: Probe, node: Node) -> dict[str, dict[str, Any]]:
    return {
        "livenessProbe": probe.to_value("/health?exclude=NOSPACE&serializable=true", LIVENESS_FAILURES),
        "startupProbe": probe.to_value("/health?serializable=false", startup_failures(node)),
    }


def _ready_probes(probe: Probe, node: Node) -> dict[str, dict[str, Any]]:
    return {
        "livenessProbe": probe.to_value("/livez", LIVENESS_FAILURES),
        "readinessProbe": probe.to_value("/readyz", READINESS_FAILURES, delay=0, period=1),
        "startupProbe": probe.to_value("/readyz", startup_failures(node)),
    }


def peer_url(node: Node) -> str:
    """Where the other members reach this member; it identifies the member."""
    return f"https://[{node.address}]:2380" if ":" in node.address else f"https://{node.address}:2380"


def client_url(node: Node) -> str:
    """Where etcdctl reaches this member."""
    return f"https://[{node.address}]:2379" if ":" in node.address else f"https://{node.address}:2379"


def data_directory(cluster: Cluster) -> Directory:
    """etcd's data: readable by root alone, as etcd itself demands; so are its new parents (`app/util/etcd/etcddata.go`)."""
    return Directory(
        "etcd/data",
        cluster.stacked_etcd.data_dir,
        0o700,
        why="etcd warns of, and later refuses, a wider mode",
        narrow_parents=True,
    )


def write_manifest(cluster: Cluster, node: Node, members: str, decide: str) -> Command:
    """Write the manifest unless it is there with some members.

    `decide` is bash that sets `$initial_cluster` where no manifest says it yet; `members` is what it sets, in words.
    """
    path = f"{cluster.paths.manifests}/etcd.yaml"
    # A dot file is ignored by the kubelet until it is moved into place.
    new = quote(f"{cluster.paths.manifests}/.etcd.yaml")
    text = dump_go(manifest(cluster, node, INITIAL_CLUSTER))
    file = quote(path)
    return Command(
        "etcd/local",
        f"write {path} with {members}",
        "(\numask 077\n"
        f"initial_cluster=\"$(sed -n 's/^ *- --initial-cluster=//p' {file} 2>/dev/null || true)\"\n"
        f'if [ -z "$initial_cluster" ]; then\n{decide}fi\n'
        + heredoc(f'sed "s#{INITIAL_CLUSTER}#$initial_cluster#" >{new}', text)
        + f"mv {new} {file}\n)\n",
        Check(
            f"{path} to be as wanted but for its members",
            f"[ -s {file} ] || {{ echo 'not written yet'; exit 1; }}\n"
            f"[ \"$(stat -c '%a' {file})\" = 600 ] || {{ echo 'its mode is not 0600'; exit 1; }}\n"
            + heredoc(f"if ! cmp -s <({_MASK} {file}) -", _masked(text))
            + "then echo 'it differs'; exit 1; fi\n",
        ),
        why="the members of the first start are decided once; etcd ignores them ever after",
    )


# kubeadm upgrade writes a joined member's manifest anew as if it were alone: those two flags are never compared.
_MASK = "sed " + quote("s#--initial-cluster=.*##; /--initial-cluster-state=/d")


def _masked(text: str) -> str:
    """What `_MASK` leaves of a manifest."""
    lines = [line for line in text.splitlines() if "--initial-cluster-state=" not in line]
    return "".join(f"{line.partition('--initial-cluster=')[0]}\n" for line in lines)


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    yield manifests_directory(cluster)
    yield data_directory(cluster)
    alone = f"{node.name}={peer_url(node)}"
    yield write_manifest(cluster, node, "this member alone", f"  initial_cluster={quote(alone)}\n")


def etcdctl(cluster: Cluster, *members: Node) -> str:
    """etcdctl for these members, with the identity that kubeadm uses for it."""
    certs = quote(f"{cluster.paths.pki}/etcd")
    return (
        f"etcdctl --cacert {certs}/ca.crt --cert {certs}/healthcheck-client.crt"
        f" --key {certs}/healthcheck-client.key --endpoints {quote(','.join(map(client_url, members)))}"
    )


def voter(cluster: Cluster, node: Node) -> str:
    """bash that exits 1 with a reason unless this node's etcd answers and is a started voter."""
    return (
        # Nobody listening is told at once; etcdctl would try until its time is over.
        f"(exec 3<>/dev/tcp/{node.address}/2379) 2>/dev/null || {{ echo 'nobody listens on port 2379'; exit 1; }}\n"
        f'members="$({etcdctl(cluster, node)} --command-timeout 5s member list -w simple 2>&1)" ||\n'
        "  { echo \"${members##*$'\\n'}\"; exit 1; }\n"
        f'grep -F {quote(f", {peer_url(node)}, ")} <<<"$members" | grep -q ", started, .*, false$" ||\n'
        "  { echo 'it is no started voter'; exit 1; }\n"
    )


def checks(cluster: Cluster, node: Node) -> Iterator[Check]:
    yield Check(
        "etcd of this node to be a healthy voter",
        voter(cluster, node),
        hint="crictl ps -a --name etcd, or journalctl -u kubelet, tells why it does not run",
    )


def _probe(cluster: Cluster, node: Node) -> Probe:
    """kubeadm asks where the first listen-metrics-urls says (`GetEtcdProbeEndpoint`)."""
    loopback = node.loopback.strip("[]")
    named = cluster.release.features.named_probe_ports
    first = argument(cluster.stacked_etcd.extra_args, "listen-metrics-urls").split(",")[0]
    # What is no URL does not stop kubeadm; etcd then says what is wrong with it.
    url = place(first) or Place("", "", None)
    scheme = "HTTPS" if url.scheme == "https" else "HTTP"
    return Probe(url.host or loopback, url.port or 2381, scheme, named)


ETCD = Chapter("etcd", "Static pod of etcd", (21,), "etcd local", steps=steps, checks=checks)
