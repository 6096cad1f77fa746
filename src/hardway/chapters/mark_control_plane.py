"""Labels and taints of a master (article chapter 27, phase `mark-control-plane`)."""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.model import Cluster, Node, Taint
from hardway.steps import Check, Command, Step

LABELS = ("node-role.kubernetes.io/control-plane", "node.kubernetes.io/exclude-from-external-load-balancers")
DEFAULT_TAINTS = (Taint("node-role.kubernetes.io/control-plane", "NoSchedule"),)
LIMIT = 60


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    kubectl = f"kubectl --kubeconfig={cluster.paths.kubernetes}/admin.conf"
    taints = DEFAULT_TAINTS if node.registration.taints is None else node.registration.taints
    label = f"{kubectl} label --overwrite node {node.name} {' '.join(f'{name}=' for name in LABELS)}\n"
    taint = (
        f"{kubectl} taint --overwrite node {node.name} "
        + " ".join(f"{taint.key}={taint.value}:{taint.effect}" for taint in taints)
        + "\n"
        if taints
        else ""
    )
    wanted = [f'"{name}":""' for name in LABELS]
    wanted += [f"{taint.key}={taint.value}:{taint.effect};" for taint in taints]
    yield Command(
        "mark-control-plane",
        f"label and taint {node.name}",
        f"deadline=$((SECONDS + {LIMIT}))\n"
        f"until {kubectl} get node {node.name} >/dev/null 2>&1; do\n"
        '  [ "$SECONDS" -lt "$deadline" ] || { echo \'the node did not register\' >&2; exit 1; }\n'
        "  sleep 0.2\ndone\n" + label + taint,
        Check(
            "the node to carry the labels and taints of a master",
            # One question for both lists.
            f'node="$({kubectl} get node {node.name} -o '
            '\'jsonpath={.metadata.labels}{range .spec.taints[*]}{" "}{.key}={.value}:{.effect};{end}\' 2>/dev/null)"\n'
            f"for word in {' '.join(chr(39) + word + chr(39) for word in wanted)}; do\n"
            '  case "$node" in *"$word"*) ;; *) echo "it lacks $word"; exit 1 ;; esac\ndone\n',
        ),
        why="keeps ordinary pods away from masters, and masters out of cloud load balancers",
    )


MARK_CONTROL_PLANE = Chapter(
    "mark-control-plane",
    "Labels and taints",
    (27,),
    "mark-control-plane",
    "control-plane-join mark-control-plane",
    steps=steps,
)
