"""Everything that a cluster stores: all objects of all kinds, and the names of all keys in etcd."""

import json
from dataclasses import dataclass, field
from typing import Any

from hardway.model import Cluster, Endpoint, EtcdExternal
from hardway.parity.certificates import Surroundings
from hardway.parity.stored.machines import Living
from hardway.steps.shell import quote, words

LIMIT = 120
"""Seconds for the cluster to come to rest."""
TALK = ("events", "events.events.k8s.io", "componentstatuses")
"""Kinds that are not read: what components say of themselves, which nobody asks them to."""


@dataclass(frozen=True)
class Stored:
    """The cluster at one moment."""

    objects: tuple[dict[str, Any], ...] = field(repr=False)
    keys: tuple[str, ...]
    """Of etcd."""
    around: Surroundings = field(repr=False)
    """The first master's files, and since when the cluster was made."""
    certificate_key: str = field(repr=False)


def dump(master: Living, cluster: Cluster, around: Surroundings, certificate_key: str) -> Stored:
    """Read it all on the first master."""
    kubectl = _kubectl(cluster)
    left_out = " ".join(f"-e {name}" for name in TALK)
    text = master.run(
        f'kinds="$({kubectl} api-resources --verbs=list -o name | grep -vx {left_out} | paste -sd,)"\n'
        f'{kubectl} get "$kinds" --all-namespaces -o json\n',
        "read all objects",
    )
    keys = master.run(f"{_etcdctl(cluster)} get / --prefix --keys-only\n", "read the keys of etcd").decode()
    return Stored(
        tuple(json.loads(text)["items"]), tuple(line for line in keys.splitlines() if line), around, certificate_key
    )


def signed(master: Living, cluster: Cluster, tokens: tuple[str, ...]) -> None:
    """Wait until cluster-info has a signature of every token."""
    jws = '{{range $key, $_ := .data}}{{$key}}{{"\\n"}}{{end}}'
    names = words(f"jws-kubeconfig-{token.partition('.')[0]}" for token in tokens)
    _until(
        master,
        f'keys="$({_kubectl(cluster)} -n kube-public get configmap cluster-info -o {quote("go-template=" + jws)})"\n'
        f'for name in {names}; do grep -qx "$name" <<<"$keys" || exit 1; done\n',
        "signatures of cluster-info",
    )


def serves(master: Living, cluster: Cluster, endpoint: Endpoint) -> None:
    """Wait until another master's API server is ready."""
    _until(master, f"{_kubectl(cluster)} --server={endpoint.url} get --raw /readyz\n", f"readiness of {endpoint.url}")


def _until(master: Living, question: str, what: str) -> None:
    deadline = f"deadline=$((SECONDS + {LIMIT}))\n"
    late = 'if [ "$SECONDS" -ge "$deadline" ]; then cat /run/said >&2; exit 1; fi'
    master.run(f"{deadline}until (\n{question}) >/run/said 2>&1; do\n  {late}\n  sleep 0.2\ndone\n", what)


def _kubectl(cluster: Cluster) -> str:
    return f"kubectl --kubeconfig={quote(f'{cluster.paths.kubernetes}/admin.conf')}"


def _etcdctl(cluster: Cluster) -> str:
    etcd, pki = cluster.etcd, f"{cluster.paths.pki}/etcd"
    if isinstance(etcd, EtcdExternal):
        urls, files = etcd.endpoints, etcd.files
    else:
        client = f"{pki}/healthcheck-client"
        urls, files = (
            (Endpoint(cluster.first_control_plane.address, 2379).url,),
            (f"{pki}/ca.crt", f"{client}.crt", f"{client}.key"),
        )
    flags = [f"--{name}={path}" for name, path in zip(("cacert", "cert", "key"), files, strict=True)]
    return words(["etcdctl", f"--endpoints={','.join(urls)}", *flags])
