"""Labels and taints of a master (article chapter 27, phase `mark-control-plane`).

Source: kubeadm v1.30.4 `app/phases/markcontrolplane`. Other labels and taints of the node stay as they are.
"""

from collections.abc import Iterator

from hardway.chapters.chapter import Chapter
from hardway.chapters.kubectl import kubectl, on_node
from hardway.model import Cluster, Node, Taint
from hardway.steps import Check, Command, Step
from hardway.steps.shell import quote, words

LABELS = ("node-role.kubernetes.io/control-plane", "node.kubernetes.io/exclude-from-external-load-balancers")
DEFAULT_TAINTS = (Taint("node-role.kubernetes.io/control-plane", "NoSchedule"),)


def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
    registered = node.registration.taints
    taints = [
        f"{taint.key}={taint.value}:{taint.effect}"
        for taint in (DEFAULT_TAINTS if registered is None else registered)
    ]
    script = on_node(cluster, ["label", "--overwrite", "node", node.name, *(f"{name}=" for name in LABELS)])
    if taints:
        script += f"{kubectl(cluster)} {words(['taint', '--overwrite', 'node', node.name, *taints])}\n"
    path = '{.metadata.labels}{range .spec.taints[*]}{" "}{.key}={.value}:{.effect};{end}'
    wanted = [*(f'"{name}":""' for name in LABELS), *(f" {taint};" for taint in taints)]
    yield Command(
        "mark-control-plane",
        f"label and taint {node.name}",
        script,
        Check(
            "the node to carry the labels and taints of a master",
            # One question for both lists.
            f'node="$({kubectl(cluster)} get node {node.name} -o {quote("jsonpath=" + path)} 2>/dev/null)"\n'
            f"for word in {words(wanted)}; do\n"
            '  case "$node" in *"$word"*) ;; *) echo "it lacks $word"; exit 1 ;; esac\ndone\n',
        ),
        idempotent=True,
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
