"""kubectl on a master, as several chapters use it."""

from collections.abc import Iterable

from hardway.model import Cluster
from hardway.steps.lower import FIELD_MANAGER
from hardway.steps.shell import quote, words

NODE_LIMIT = 60
"""Seconds for a node that has started its kubelet to register."""
HAS_JOINED = 'grep -qxF -e "$name True" -e "$name False" <<<"$nodes"'
"""bash that asks what `nodes_asked` found for node $name.

A node that has fallen silent is `Unknown`: its machine may have been made anew, and then has to join again.
"""


def kubectl(cluster: Cluster, user: str = "admin") -> str:
    """kubectl with admin.conf or super-admin.conf, ready for more words."""
    return f"kubectl --kubeconfig={quote(f'{cluster.paths.kubernetes}/{user}.conf')}"


def apply(cluster: Cluster) -> str:
    """Server-side apply of what comes on standard input."""
    return f"{kubectl(cluster)} apply --server-side --force-conflicts --field-manager={FIELD_MANAGER} -f -"


def on_node(cluster: Cluster, argv: Iterable[str]) -> str:
    """bash that repeats a change of a Node until the node has registered."""
    return (
        f"deadline=$((SECONDS + {NODE_LIMIT}))\n"
        f'until said="$({kubectl(cluster)} {words(argv)} 2>&1)"; do\n'
        '  [ "$SECONDS" -lt "$deadline" ] || { printf \'%s\\n\' "$said" >&2; exit 1; }\n'
        "  sleep 0.2\ndone\n"
    )


def nodes_asked(cluster: Cluster) -> str:
    """bash that sets $nodes: a line per Node with its name and whether it is Ready; it fails where the API does."""
    path = '{range .items[*]}{.metadata.name} {.status.conditions[?(@.type=="Ready")].status}{"\\n"}{end}'
    return f'nodes="$({kubectl(cluster)} get nodes -o {quote("jsonpath=" + path)} 2>/dev/null)"'
