"""What our chapters make of the same cluster.yaml: their own text, carried out in a root of its own.

Requests to the API are recorded: a stand-in for kubectl writes down what it is asked, and nothing is sent.
"""

import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import PurePosixPath
from typing import Any

from hardway.chapters.etcd import client_url, peer_url
from hardway.config.scalars import values_of
from hardway.engine.inputs import mint
from hardway.model import Cluster, Node
from hardway.parity.certificates import now
from hardway.parity.oracle import Made
from hardway.renderers import sandbox, tree
from hardway.renderers.files import Tree, below, file
from hardway.steps import ApiObjects, Certificate, Command, File, KeyPair, Kubeconfig, Run, StaticPod, Step, lower
from hardway.steps import Directory as DirectoryStep
from hardway.steps.shell import INPUTS, input_file, quote
from hardway.workflows.init import INIT
from hardway.workflows.join import JOIN, WORKER
from hardway.workflows.stage import Stage

CALLS = "/calls"

KUBECTL = f"""\
#!/bin/bash
# Writes down what it is asked, and answers as a server would that has everything.
mkdir -p {CALLS}
calls=({CALLS}/*.argv)
[ -e "${{calls[0]}}" ] || calls=()
printf -v here '{CALLS}/%04d' "${{#calls[@]}}"
printf '%s\\0' "$CHAPTER" "$@" >"$here.argv"
previous=
for word in "$@"; do
  if [ "$previous" = -f ]; then
    if [ "$word" = - ]; then cat; else cat "$word"; fi >"$here.in"
  fi
  previous="$word"
done
case " $* " in
  *" get "*) echo recorded ;;
  *" create -o "*) printf recorded ;;
esac
"""


CURL = f"""\
#!/bin/bash
# Answers as the API server that is asked for cluster-info once every token has signed it.
for token in {INPUTS}/token-*; do
  IFS=. read -r id _ <"$token"
  printf '"jws-kubeconfig-%s"\\n' "$id"
done
"""


@dataclass(frozen=True)
class Call:
    """One request, and the chapter that made it."""

    chapter: str
    argv: tuple[str, ...]
    text: str


def init(cluster: Cluster, start: Tree | None = None) -> Made:
    """The first master's files, without what needs a running kubelet; `start` are CAs that are there already."""
    node = cluster.first_control_plane
    return _files(node, _steps(cluster, node, INIT, without=FINALIZE), start or {})


def finalize(cluster: Cluster, start: Tree) -> Made:
    """The first master's files once its kubelet has stored its certificate."""
    node = cluster.first_control_plane
    stages = tuple(stage for stage in INIT if stage.chapter.name == FINALIZE)
    return _files(node, _steps(cluster, node, stages), start)


def join_control_plane(cluster: Cluster, node: Node, start: Tree) -> Made:
    """A joining master's files; of its etcd the first master is a member, and this one a learner that never started."""
    return _files(node, _steps(cluster, node, JOIN), start, {"etcdctl": _etcdctl(cluster, node)})


def _etcdctl(cluster: Cluster, node: Node) -> str:
    first = cluster.first_control_plane
    members = (
        f"8e9e05c52164694d, started, {first.name}, {peer_url(first)}, {client_url(first)}, false",
        f"91bc3c398fb3c146, unstarted, , {peer_url(node)}, , true",
    )
    return "#!/bin/bash\n# Answers `member list -w simple`.\n" + "".join(f"echo {quote(line)}\n" for line in members)


def join_worker(cluster: Cluster, node: Node, start: Tree) -> Made:
    """A worker's files; `start` is the CA with its directories, as kubeadm's discovery leaves them."""
    return _files(node, _steps(cluster, node, WORKER), start)


FINALIZE = "kubelet-finalize"


@dataclass(frozen=True)
class Requests:
    """What the first master asks of the API."""

    calls: tuple[Call, ...] = field(repr=False)
    certificate_key: str = field(repr=False)
    begun: datetime
    ended: datetime


def requests(cluster: Cluster, start: Tree) -> Requests:
    """Every request of the first master, in order.

    `start` are the first master's files: the requests hold the CA, and the CAs' keys encrypted.
    """
    node = cluster.first_control_plane
    key = secrets.token_hex(32)
    inputs = {input_file("certificate-key"): file(key + "\n", 0o600)}
    for other in cluster.kubernetes_nodes:
        inputs[input_file(f"token/{other.name}")] = file(mint("token") + "\n", 0o600)
    for token in cluster.bootstrap_tokens:
        inputs[input_file(token.run_input)] = file((token.value or mint("token")) + "\n", 0o600)
    lines = []
    for stage in INIT:
        for step in stage.chapter.steps(cluster, node) if node in stage.on(cluster) else ():
            if not asks_api(step):
                continue
            for primitive in lower(step):
                assert isinstance(primitive, Run)
                lines.append(f"export CHAPTER={quote(stage.chapter.name)}\n(\n{primitive.script.rstrip()}\n)\n")
    machine = sandbox.machine(node, scripts={"kubectl": KUBECTL, "curl": CURL})
    begun = now()
    done = sandbox.run(machine, "".join(lines), {**start, **inputs}, what="requests to the API")
    return Requests(tuple(_calls(done.tree)), key, begun, now())


def asks_api(step: Step) -> bool:
    """The step changes objects of the API through kubectl."""
    match step:
        case ApiObjects():
            return True
        case Command():
            return "kubectl " in step.script and not tree.makes_files(step)
        case _:
            return False


def chapters_of_paths(cluster: Cluster, node: Node) -> dict[str, str]:
    """Path of a file to the chapter that first makes it on the node; directories above it are made with it."""
    found: dict[str, str] = {}
    for stage in (*INIT, *JOIN, *WORKER):
        if node in stage.on(cluster):
            for step in stage.chapter.steps(cluster, node):
                for made in _paths(step, cluster):
                    for path in (made, *map(str, PurePosixPath(made).parents)):
                        found.setdefault(path, stage.chapter.name)
    return found


def _paths(step: Step, cluster: Cluster) -> tuple[str, ...]:
    match step:
        case File() | StaticPod() | DirectoryStep():
            return (step.path,)
        case Certificate():
            return (step.spec.certificate, step.spec.key)
        case KeyPair():
            return (step.spec.private_key, step.spec.public_key)
        case Kubeconfig():
            return (step.spec.path,)
        case Command() if step.id == "etcd/local":
            return (f"{cluster.paths.manifests}/etcd.yaml",)
        case _:
            return ()


def _steps(cluster: Cluster, node: Node, stages: Iterable[Stage], without: str = "") -> list[Step]:
    return [
        step
        for stage in stages
        if stage.chapter.name != without and node in stage.on(cluster)
        for step in stage.chapter.steps(cluster, node)
    ]


def _files(node: Node, steps: Iterable[Step], start: Tree, scripts: Mapping[str, str] | None = None) -> Made:
    begun = now()
    made = tree.render(node, steps, start, scripts)
    return Made(made, begun, now())


def _calls(made: Tree) -> list[Call]:
    calls = below(made, CALLS)
    found = []
    for path in sorted(calls):
        if path.endswith(".argv"):
            chapter, *argv = calls[path].content.decode().rstrip("\0").split("\0")
            text = calls.get(path.removesuffix("argv") + "in")
            found.append(Call(chapter, tuple(argv), text.content.decode() if text else ""))
    return found


def objects_of(call: Call) -> list[dict[str, Any]]:
    """The objects that a request carries."""
    return [value for value in values_of(call.text) if value]
