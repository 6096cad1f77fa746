"""Numbered bash scripts per node and chapter, to be read, typed or run by hand (article tab Bash).

The text comes from the same lowering that the engine applies. No node is asked; facts come from the inventory.
"""

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from hardway.model import Cluster, Node
from hardway.steps import Await, Primitive, Run, Write, lower_all
from hardway.steps.shell import INPUTS, body, for_each, input_file, octal, quote
from hardway.workflows.inputs import RUN_INPUTS, RunInput, find, given, names, question
from hardway.workflows.stage import Stage


@dataclass(frozen=True)
class Script:
    """One file of the rendered site."""

    path: str
    """Below the site's directory, e.g. `master-1/03-certs.sh`."""
    text: str
    mode: int = 0o755


def render(cluster: Cluster, stages: Iterable[Stage]) -> tuple[Script, ...]:
    """The whole site: scripts and variables of every node, and the order across nodes."""
    listed = tuple(stages)
    scripts: list[Script] = []
    order: list[str] = []
    counters: dict[str, int] = {}
    for node in cluster.nodes:
        scripts.append(Script(f"{node.host_name}/variables.env", variables(cluster, node), 0o644))
    for stage in listed:
        for node in stage.on(cluster):
            primitives = tuple(lower_all(stage.chapter.steps(cluster, node)))
            if not primitives:
                continue
            counters[node.name] = counters.get(node.name, 0) + 1
            file = f"{node.host_name}/{counters[node.name]:02d}-{stage.chapter.name.replace('/', '-')}.sh"
            scripts.append(Script(file, script(cluster, stage, node, primitives)))
            order.append(file)
    scripts.append(Script("inputs.sh", inputs_script(cluster)))
    scripts.append(Script("order.txt", "".join(f"{line}\n" for line in order), 0o644))
    return tuple(scripts)


def variables(cluster: Cluster, node: Node) -> str:
    """variables.env of a node, in the article's names (chapters 5, 9, 12)."""
    endpoint = cluster.endpoint
    values: Mapping[str, str] = {
        "HOST_NAME": node.host_name,
        "CLUSTER_NAME": cluster.name,
        "BASE_DOMAIN": cluster.base_domain,
        "CLUSTER_DOMAIN": cluster.networking.dns_domain,
        "FULL_HOST_NAME": node.name,
        "MACHINE_LOCAL_ADDRESS": node.address,
        "INTERNAL_API": endpoint.host,
        "CLUSTER_API_ENDPOINT": endpoint.host,
        "KUBE_API_SERVER": endpoint.url,
    }
    lines = [f"# Variables of {node.name}, named as in the article", "# shellcheck shell=bash"]
    lines += [f"export {name}={quote(value)}" for name, value in values.items()]
    return "\n".join(lines) + "\n"


def script(cluster: Cluster, stage: Stage, node: Node, primitives: tuple[Primitive, ...]) -> str:
    """One chapter on one node."""
    chapter = stage.chapter
    first = cluster.control_planes and node == cluster.first_control_plane
    phase = chapter.init_phase if first else chapter.joins_by(cluster) or chapter.init_phase
    about = [f"# {chapter.title}", f"# Node: {node.name}"]
    if chapter.article:
        about.append(f"# Article: chapter {', '.join(str(number) for number in chapter.article)}")
    if phase:
        about.append(f"# kubeadm: kubeadm {'init' if first else 'join'} phase {phase}")
    for wait in stage.after:
        for other in wait.on(cluster):
            about.append(f"# First: chapter {wait.chapter} on {other.name}")
    needed = sorted({name for p in primitives if isinstance(p, Run) for name in p.inputs if not find(name).optional})
    about += [f"# Reads: {input_file(name)} (made by inputs.sh)" for name in needed]
    parts = ["#!/usr/bin/env bash", *about, "set -euo pipefail", ""]
    if needed:
        parts += [
            for_each(
                "input",
                [quote(input_file(name)) for name in needed],
                '[ -s "$input" ] || { echo "missing: $input (see inputs.sh)" >&2; exit 1; }\n',
            ),
        ]
    previous = ""
    for primitive in primitives:
        if primitive.step != previous:
            parts.append(f"# {primitive.step}")
            previous = primitive.step
        parts.append(text(primitive))
    return "\n".join(parts)


def text(primitive: Primitive) -> str:
    """One primitive as a person would type it, with its reason as a comment."""
    return "".join(_lines(primitive))


def _lines(primitive: Primitive) -> Iterator[str]:
    match primitive:
        case Write():
            if primitive.why:
                yield f"# {primitive.why}\n"
            user, group = primitive.owner.split(":")
            owner = "" if primitive.owner == "root:root" else f" -o {quote(user)} -g {quote(group)}"
            yield body(
                primitive.content, f"install -m {octal(primitive.mode)}{owner} /dev/stdin {quote(primitive.path)}"
            )
        case Run():
            yield f"# {primitive.title}{': ' + primitive.why if primitive.why else ''}\n"
            if primitive.idempotent:
                yield primitive.script
            else:
                yield f"if ! (\n{primitive.unless.script.rstrip()}\n) >/dev/null 2>&1; then\n"
                yield primitive.script.rstrip() + "\nfi\n"
        case Await():
            yield f"# wait up to {primitive.limit:g} s for {primitive.check.name}\n"
            yield f"deadline=$((SECONDS + {primitive.limit:.0f}))\n"
            yield f"until (\n{primitive.check.script.rstrip()}\n) >/dev/null 2>&1; do\n"
            yield '  if [ "$SECONDS" -ge "$deadline" ]; then\n'
            yield f"    echo {quote('gave up waiting for ' + primitive.check.name)} >&2\n    exit 1\n  fi\n"
            yield "  sleep 1\ndone\n"


def _mint(kind: RunInput) -> str:
    if kind.mint == "token":
        return 'printf \'%s.%s\\n\' "$(random 6)" "$(random 16)"'
    return "openssl rand -hex 32"


def inputs_script(cluster: Cluster) -> str:
    """inputs.sh: makes the values that exist only at run time, on the first master."""
    lines = [
        "#!/usr/bin/env bash",
        f"# Values that exist only at run time. Run it on {cluster.first_control_plane.name}: once at the start, and",
        "# again after chapter certs (it makes what is missing). Then copy what a node's scripts read to the same",
        f"# place on that node: {INPUTS} is kept in memory and readable by root only.",
        "set -euo pipefail",
        "umask 077",
        f"install -d -m 0700 {INPUTS}",
        "",
        "random() {",
        "  # The reader closes the pipe first; that is no failure.",
        "  { LC_ALL=C tr -dc 'a-z0-9' </dev/urandom || true; } | head -c \"$1\"",
        "}",
        "",
    ]
    known = given(cluster)
    for kind in RUN_INPUTS:
        for name in names(kind, cluster):
            assert find(name) == kind
            if name in known:
                continue
            target = quote(input_file(name))
            if kind.mint:
                lines.append(f"[ -s {target} ] || {_mint(kind)} >{target}")
            else:
                lines.append(f"if [ ! -s {target} ] && [ -s {quote(cluster.paths.ca)} ]; then")
                lines.append(f"  {question(cluster, name).rstrip()} >{target}")
                lines.append("fi")
    return "\n".join([*lines, *_asked_for(known)]) + "\n"


def _asked_for(known: Mapping[str, str]) -> Iterator[str]:
    """What cluster.yaml holds and no rendered text may: the reader lays it down."""
    if not known:
        return
    yield from ("", "# Secrets of cluster.yaml are not printed here: write each into its file yourself.", "lacking=0")
    for name, value in known.items():
        file = input_file(name)
        said = (
            f"missing: {file} (0600): token {value.partition('.')[0]} of InitConfiguration.bootstrapTokens, one line"
        )
        yield f"[ -s {quote(file)} ] || {{ echo {quote(said)} >&2; lacking=1; }}"
    yield 'exit "$lacking"'
