"""Steps as a tree of files: what chapters leave on a node, without a node.

Files are laid out as they are; certificates, keys and kubeconfigs are issued by the very text that a node would run,
in a root of its own on this machine (`sandbox`). What talks to a cluster or to systemd is left out.
"""

from collections.abc import Container, Iterable, Iterator, Mapping

from hardway.model import Node
from hardway.renderers import sandbox
from hardway.renderers.files import Tree
from hardway.steps import (
    Await,
    Certificate,
    Command,
    Directory,
    File,
    KeyPair,
    Kubeconfig,
    Primitive,
    Run,
    StaticPod,
    Step,
    Write,
    lower,
)
from hardway.steps.shell import body, octal, quote

OFFLINE_COMMANDS = ("certs/keys", "kubeconfig/keys", "etcd/local", "kubelet-finalize")
"""Commands that make files from files; all others need a cluster, a unit or the network."""


def makes_files(step: Step) -> bool:
    """The step needs nothing but the node's own files."""
    match step:
        case File() | Directory() | StaticPod() | Certificate() | KeyPair() | Kubeconfig():
            return True
        case Command():
            return step.id in OFFLINE_COMMANDS
        case _:
            return False


def render(
    node: Node, steps: Iterable[Step], start: Tree | None = None, scripts: Mapping[str, str] | None = None
) -> Tree:
    """The files of `start` (for example the CAs of a joining master) and what the steps add to them.

    `scripts`: texts of commands that stand in for programs that need a cluster.
    StepFailed names the step whose text failed or whose guard was not content afterwards. Needs root.
    """
    lines = list(script(step for step in steps if makes_files(step)))
    return sandbox.run(sandbox.machine(node, scripts=scripts), "".join(lines), start, what=node.name).tree


def script(steps: Iterable[Step], unasked: Container[str] = ()) -> Iterator[str]:
    """bash that carries out the steps that are due, and asks the guard of each afterwards.

    `unasked`: ids of steps whose guards are content only when other nodes have done their part.
    """
    for step in steps:
        for primitive in lower(step):
            yield from _carried_out(primitive, primitive.step not in unasked)


def _carried_out(primitive: Primitive, asked: bool) -> Iterator[str]:
    match primitive:
        case Write():
            user, group = primitive.owner.split(":")
            yield body(
                primitive.content,
                f"install -m {octal(primitive.mode)} -o {quote(user)} -g {quote(group)} /dev/stdin {quote(primitive.path)}",
            )
        case Run():
            step = quote(primitive.step)
            # Not in a command substitution: bash 5.2 mangles here-documents in those.
            guard = f"(\nset +o pipefail\n{primitive.unless.script.rstrip()}\n) </dev/null >/run/reason 2>/dev/null"
            # The last command of an `||` is no condition: `set -e` counts inside.
            yield f"{guard} || {{\nprintf '%s\\n' {step}\n(\n{primitive.script.rstrip()}\n) </dev/null\n"
            if not asked:
                yield "}\n"
                return
            yield f"{guard} || {{\n"
            yield f"  printf '%s: not content afterwards: %s\\n' {step} \"$(cat /run/reason)\" >&2\n  exit 1\n}}\n}}\n"
        case Await():
            yield f"deadline=$((SECONDS + {primitive.limit:.0f}))\n"
            yield f"until (\nset +o pipefail\n{primitive.check.script.rstrip()}\n) </dev/null >/run/reason 2>/dev/null; do\n"
            yield f'  [ "$SECONDS" -lt "$deadline" ] || {{ printf \'%s: %s\\n\' {quote(primitive.step)} '
            yield f'"$(cat /run/reason)" >&2; exit 1; }}\n  sleep {primitive.interval:g}\ndone\n'
