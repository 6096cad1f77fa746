"""How the kubelet of a joining node gets its identity (article chapters 22 and 28, kubeadm join phase `kubelet-start`).

Source: kubeadm v1.30.4 `app/cmd/phases/join/kubelet.go`, `app/discovery`, `app/phases/patchnode`. A node that has its
kubelet.conf needs none of this ever again: whatever is decided here is decided once.
"""

from collections.abc import Iterator

from hardway.chapters.discovery import verified_curl
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.steps import Check, Command, Step, Wait
from hardway.steps.goyaml import dump_go
from hardway.steps.shell import INPUTS, input_file, quote

CRI_SOCKET_ANNOTATION = "kubeadm.alpha.kubernetes.io/cri-socket"
TOKEN_USER = "tls-bootstrap-token-user"
BOOTSTRAP_LIMIT = 300
"""Seconds, as kubeadm waits."""
API_LIMIT = 60


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
        + f'ca="$(base64 -w0 {quote(cluster.paths.pki)}/ca.crt)"\n'
        f'cat >"$work/kubeconfig" <<EOF\n{_kubeconfig(cluster)}EOF\n'
        # Made beside the target, then moved: half a kubeconfig is never there.
        f'install -m 0600 "$work/kubeconfig" {quote(target + ".new")}\n'
        f"mv {quote(target + '.new')} {quote(target)}\n)\n",
        Check("this node to have joined", f"[ -s {conf} ] || {{ echo 'not joined yet'; exit 1; }}\n"),
        inputs=(token,),
        why="the kubelet asks for its first certificate with it",
    )


def _kubeconfig(cluster: Cluster) -> str:
    """kubeadm's text, with $ca and $token in place of what exists only at run time."""
    context = f"{TOKEN_USER}@kubernetes"
    text = dump_go(
        {
            "apiVersion": "v1",
            "clusters": [
                {
                    "cluster": {"certificate-authority-data": "$ca", "server": cluster.endpoint.url},
                    "name": cluster.name,
                }
            ],
            "contexts": [{"context": {"cluster": cluster.name, "user": TOKEN_USER}, "name": context}],
            "current-context": context,
            "kind": "Config",
            "preferences": {},
            "users": [{"name": TOKEN_USER, "user": {"token": "$token"}}],
        }
    )
    # A token of digits alone would be read as a number.
    return text.replace("token: $token", 'token: "$token"')


def _refuse_a_taken_name(cluster: Cluster, node: Node) -> str:
    """A Ready node of this name is another machine, and two kubelets must not share an identity.

    A new token is not known to every API server at once, so a refusal is asked about again for a while.
    """
    url = quote(f"{cluster.endpoint.url}/api/v1/nodes/{node.name}")
    ca = quote(f"{cluster.paths.pki}/ca.crt")
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


def joined(cluster: Cluster, node: Node) -> Iterator[Step]:
    """After the kubelet has started: wait for its certificate, annotate the node, forget the token."""
    conf, target = quote(f"{cluster.paths.kubernetes}/kubelet.conf"), bootstrap_kubeconfig(cluster)
    pem, token = quote(rotated_certificate(cluster, node)), input_file(f"token/{node.name}")
    yield Wait(
        "kubelet-start/tls-bootstrap",
        Check(
            "the kubelet to get its certificate (TLS bootstrap)",
            f"for file in {conf} {pem}; do\n  [ -s \"$file\" ] || {{ echo 'no certificate yet'; exit 1; }}\ndone\n",
            hint="journalctl -u kubelet; kubectl get csr",
        ),
        BOOTSTRAP_LIMIT,
    )
    yield _annotate(cluster, node, pem)
    yield Command(
        "kubelet-start/bootstrap-cleanup",
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


def _annotate(cluster: Cluster, node: Node, pem: str) -> Command:
    """With the kubelet's own identity, as kubeadm does; workers have no other one, and need no kubectl for it."""
    socket = node.registration.cri_socket
    annotation = f'"{CRI_SOCKET_ANNOTATION}":"{socket}"'
    patch = f'{{"metadata":{{"annotations":{{{annotation}}}}}}}'
    url = quote(f"{cluster.endpoint.url}/api/v1/nodes/{node.name}")
    curl = f"{verified_curl(quote(f'{cluster.paths.pki}/ca.crt'))} -f --cert {pem} --key {pem}"
    return Command(
        "kubelet-start/cri-socket",
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
