"""What the kubelet of a joining node starts with (article chapters 22 and 28, kubeadm join phase `kubelet-start`).

Source: kubeadm v1.30.4 `app/cmd/phases/join/kubelet.go`, `app/discovery`. A node that has its kubelet.conf needs none
of this ever again: whatever is decided here is decided once.
"""

from collections.abc import Iterator

from hardway.chapters.discovery import verified_curl
from hardway.errors import REFUSED
from hardway.model import Cluster, Endpoint, Node
from hardway.steps import Check, Command, Step
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import input_file, literal, quote

TOKEN_USER = "tls-bootstrap-token-user"
API_LIMIT = 60
CA, TOKEN = literal("certificate-authority-data: $ca"), literal("token: $token")
"""What stands in a bootstrap kubeconfig for the values that exist only at run time."""


def bootstrap_kubeconfig(cluster: Cluster) -> str:
    """Path of the kubeconfig with the token; it lives only while the node joins."""
    return f"{cluster.paths.kubernetes}/bootstrap-kubelet.conf"


def bootstrap(cluster: Cluster, node: Node) -> Iterator[Step]:
    """Before the kubelet starts: its token, unless the name is taken."""
    token, target = f"token/{node.name}", bootstrap_kubeconfig(cluster)
    conf = quote(f"{cluster.paths.kubernetes}/kubelet.conf")
    yield Command(
        "kubelet-start/bootstrap-kubeconfig",
        f"write {target}",
        "(\numask 077\n"
        'work="$(mktemp -d)"\n'
        "trap 'rm -rf \"$work\"' EXIT\n"
        f'token="$(cat {input_file(token)})"\n'
        + _refuse_a_taken_name(cluster, node)
        + f'ca="$(base64 -w0 {quote(cluster.paths.ca)})"\n'
        f'cat >"$work/kubeconfig" <<EOF\n{_kubeconfig(cluster, node)}EOF\n'
        # Made beside the target, then moved: half a kubeconfig is never there.
        f'install -m 0600 "$work/kubeconfig" {quote(target + ".new")}\n'
        f"mv {quote(target + '.new')} {quote(target)}\n)\n",
        Check("this node to have joined", f"[ -s {conf} ] || {{ echo 'not joined yet'; exit 1; }}\n"),
        inputs=(token,),
        why="the kubelet asks for its first certificate with it",
    )


def _kubeconfig(cluster: Cluster, node: Node) -> str:
    """kubeadm's text for a here-document without quotes: $ca and $token stand for what exists only at run time."""
    features, context = cluster.release.features, f"{TOKEN_USER}@kubernetes"
    local = features.kubelet_local_mode and node.is_control_plane
    server = Endpoint(node.address, node.bind_port).url if local else cluster.endpoint.url
    text = dump_go(
        {
            "apiVersion": "v1",
            "clusters": [
                {
                    "cluster": {"certificate-authority-data": "$ca", "server": server},
                    "name": cluster.name,
                }
            ],
            "contexts": [{"context": {"cluster": cluster.name, "user": TOKEN_USER}, "name": context}],
            "current-context": context,
            "kind": "Config",
            **({"preferences": {}} if features.empty_values_written else {}),
            "users": [{"name": TOKEN_USER, "user": {"token": "$token"}}],
        }
    )
    # What users name as they like is no bash. The CA stands before all names, the token after them.
    before, _, after = literal(text).partition(CA)
    names, _, rest = after.rpartition(TOKEN)
    # A token of digits alone would be read as a number.
    return f'{before}certificate-authority-data: $ca{names}token: "$token"{rest}'


def _refuse_a_taken_name(cluster: Cluster, node: Node) -> str:
    """A Ready node of this name is another machine, and two kubelets must not share an identity.

    A new token is not known to every API server at once, so a refusal is asked about again for a while.
    """
    url = quote(f"{cluster.endpoint.url}/api/v1/nodes/{node.name}")
    ca = quote(cluster.paths.ca)
    return (
        'printf \'Authorization: Bearer %s\' "$token" >"$work/authorization"\n'
        f"deadline=$((SECONDS + {API_LIMIT}))\n"
        f'until code="$({verified_curl(ca)} -H @"$work/authorization" -o "$work/node" -w \'%{{http_code}}\' {url}'
        ' 2>"$work/log")" &&\n'
        '  case "$code" in 200 | 404) ;; *) false ;; esac; do\n'
        '  if [ "$SECONDS" -ge "$deadline" ]; then\n'
        f"    echo {quote(f'{cluster.endpoint.url} does not tell whether {node.name} is taken:')}"
        ' "HTTP $code $(cat "$work/log")" >&2\n'
        "    exit 1\n  fi\n"
        "  sleep 0.2\ndone\n"
        'if [ "$code" = 200 ] &&\n'
        '  jq -e \'.status.conditions[]? | select(.type == "Ready" and .status == "True")\' "$work/node" >/dev/null; then\n'
        f"  echo {quote(f'a node named {node.name} is Ready already')} >&2\n"
        f"  echo {quote(f'hint: kubectl delete node {node.name}, or choose another name')} >&2\n"
        f"  exit {REFUSED}\nfi\n"
    )
