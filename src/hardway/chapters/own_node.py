"""A machine and the Node of its kubelet: under which name it has joined, and whether the API still knows it.

Asked on the machine itself with the kubelet's own identity, which every kind of node has. Source: kubelet v1.30.4
`pkg/kubelet/kubelet_node_status.go` (registerWithAPIServer); kubeadm v1.30.4 `app/phases/kubelet/flags.go`
(GetNodeNameAndHostname: a node is called as its host, or as `--node-name` says).
"""

from hardway.chapters.discovery import verified_curl
from hardway.chapters.kubectl import NODE_LIMIT
from hardway.errors import REFUSED
from hardway.model import Cluster, Node
from hardway.pki.kubeconfigs import rotated_certificate
from hardway.steps import Check, Command
from hardway.steps.shell import quote

REGISTERING = 10
"""Seconds in which a kubelet that has yet to register does it, once the API answers: it tries at least every seven."""


def as_kubelet(cluster: Cluster, node: Node) -> str:
    """curl with the kubelet's own identity; workers have no other one."""
    pem = quote(rotated_certificate(cluster, node))
    return f"{verified_curl(quote(cluster.paths.ca))} -f --cert {pem} --key {pem}"


def own_url(cluster: Cluster, node: Node) -> str:
    """Where the API has the Node, quoted."""
    return quote(f"{cluster.endpoint.url}/api/v1/nodes/{node.name}")


def register_again(cluster: Cluster, node: Node) -> Command:
    """Restart a kubelet whose Node somebody has deleted.

    It belongs before the step that starts the kubelet: on a fresh machine no kubelet runs then, and nobody is asked.
    """
    curl, url = as_kubelet(cluster, node), own_url(cluster, node)
    return Command(
        "kubelet-start/register-again",
        "restart the kubelet, whose Node was deleted",
        "(\n"
        f'registered() {{ said="$({curl} -o /dev/null {url} 2>&1)"; }}\n'
        # One that has not come to it yet needs no restart.
        f"deadline=$((SECONDS + {REGISTERING}))\n"
        'until registered || [ "$SECONDS" -ge "$deadline" ]; do sleep 0.2; done\n'
        "registered || systemctl restart kubelet\n"
        f"deadline=$((SECONDS + {NODE_LIMIT}))\n"
        "until registered; do\n"
        '  [ "$SECONDS" -lt "$deadline" ] || { echo "the node did not register: $said" >&2; exit 1; }\n'
        "  sleep 0.2\ndone\n)\n",
        Check(
            "the API to know the Node of a kubelet that runs",
            f"systemctl is-active --quiet kubelet && [ -s {quote(rotated_certificate(cluster, node))} ] || exit 0\n"
            # Whoever gets no answer, or another one, cannot say that it is gone.
            f"code=\"$({curl} -o /dev/null -w '%{{http_code}}' {url} 2>/dev/null)\"\n"
            "[ \"$code\" != 404 ] || { echo 'it was deleted, and a kubelet registers only when it starts'; exit 1; }\n",
        ),
        why="a kubelet registers once, when it starts; a Node that is deleted later stays away",
    )


def joined_under_this_name(cluster: Cluster, node: Node, chapter: str) -> Command:
    """Refuse a machine whose kubelet has joined under another name: of the chapters that would make it lose its own.

    One names the machine, the other writes the kubelet's flags without `--hostname-override`, and may be applied alone.
    The name is in the certificate: under another one the kubelet may not speak for its Node any more.
    """
    conf = quote(f"{cluster.paths.kubernetes}/kubelet.conf")
    asked = (
        "(\n"
        f"[ -s {conf} ] || exit 0\n"
        "command -v openssl >/dev/null ||\n"
        "  { echo 'it has joined a cluster, and without openssl nobody can tell under which name' >&2; "
        f"exit {REFUSED}; }}\n"
        f"pem=\"$(sed -n 's/^ *client-certificate: *//p' {conf})\"\n"
        'subject="$(\n'
        f'  if [ -n "$pem" ]; then cat "$pem"; else sed -n \'s/^ *client-certificate-data: *//p\' {conf} | base64 -d; fi |\n'
        "    openssl x509 -noout -subject -nameopt multiline\n"
        ')" || exit 0\n'
        'joined="$(sed -n \'s/^ *commonName *= *system:node://p\' <<<"$subject")"\n'
        f'[ -n "$joined" ] && [ "$joined" != {quote(node.name)} ] || exit 0\n'
        # A name without dots gets the cluster's domain in the Inventory.
        "case \"$joined\" in *.*) ways='call it so in the Inventory, or reset it and let it join anew' ;;\n"
        "  *) ways='reset it and let it join anew (with kubeadm: --node-name)' ;; esac\n"
        'echo "its kubelet has joined as $joined: $ways" >&2\n'
        f"exit {REFUSED}\n)\n"
    )
    return Command(
        f"{chapter}/joined-as",
        f"take the machine for {node.name}",
        asked,
        Check("the machine to be no Node of another name", asked),
        # It only asks; so its own text is its guard.
        idempotent=True,
        why="a kubelet that has joined under another name would be cut off from its Node",
    )
