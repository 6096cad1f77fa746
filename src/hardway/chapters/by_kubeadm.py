"""A chapter carried out by the phase of kubeadm that it equals (article chapters 15, 17 and 20 tell such alternatives).

What the chapter's own steps ask of the node stays the question: where the answer is yes, kubeadm is not run.
Source: kubeadm `app/cmd/phases/{init,join}`.
"""

import hashlib
import json
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from hardway.chapters.chapter import Chapter
from hardway.chapters.components import components
from hardway.chapters.kubeadm_documents import mark, of_init, of_join, user_token
from hardway.chapters.proxy import exported
from hardway.chapters.user_tokens import is_initialised
from hardway.model import Cluster, Document, Node, thaw
from hardway.steps import Await, Check, Command, Directory, Run, StaticPod, Step, Wait, Write, lower_all
from hardway.steps.shell import heredoc, input_file, octal, quote

ONLY_QUESTIONS = ("preflight", "wait-control-plane", "discovery")
"""Chapters beside a phase that makes nothing."""
BEFORE_ADMIN = ("download-certs", "certs", "kubeconfig", "kubelet-start")
"""Chapters of a joining node that have only the bootstrap token; afterwards it is spent, and admin.conf is there."""
QUIET_UPLOAD = "init phase upload-certs --upload-certs --skip-certificate-key-print"
"""Without the first flag the phase does nothing, without the second it prints the key."""


def phase(chapter: Chapter, cluster: Cluster, node: Node) -> str:
    """The phase that can do the chapter on this node, such as `init phase certs all`; empty where there is none."""
    if chapter.name in ONLY_QUESTIONS or not node.is_kubernetes:
        return ""
    if chapter.name == "upload-certs":
        return QUIET_UPLOAD
    if node == cluster.first_control_plane:
        return f"init phase {chapter.init_phase}" if chapter.init_phase else ""
    join_phase = chapter.joins_by(cluster)
    return f"join phase {join_phase}" if join_phase else ""


def step_id(chapter: str) -> str:
    """Name of the step that runs a chapter's phase."""
    return f"{chapter}/kubeadm"


def can_run(cluster: Cluster, node: Node) -> bool:
    """Chapter 8 puts kubeadm on the node."""
    return any(component.name == "kubeadm" for component in components(cluster, node))


def by_kubeadm(chapter: Chapter, nodes: frozenset[str]) -> Chapter:
    """The chapter with one step that runs the phase on these nodes, and its own waits; elsewhere its own steps stay."""

    def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
        own, asked = tuple(chapter.steps(cluster, node)), phase(chapter, cluster, node)
        if not asked or not own or node.name not in nodes:
            yield from own
            return
        inputs = _inputs(chapter, cluster, node, own)
        # kubeadm leaves a directory that is there, such as a mounted disk, as it is.
        yield from (step for step in own if isinstance(step, Directory))
        yield Command(
            step_id(chapter.name),
            f"run kubeadm {asked}",
            _script(cluster, node, asked, inputs),
            Check(f"what `kubeadm {asked}` makes to be there", _questions(own)),
            inputs=inputs,
            why="this chapter was given to kubeadm (--by)",
        )
        yield from (step for step in own if _is_in_any_order(step) or isinstance(step, Wait))

    return replace(chapter, steps=steps)


def _is_in_any_order(step: Step) -> bool:
    """kubeadm before 1.32 writes a container's variables in another order each time: afterwards they get ours."""
    return isinstance(step, StaticPod) and len(_variables(step.manifest)) > 1


def _variables(manifest: Document) -> list[Any]:
    return [one for container in thaw(manifest)["spec"]["containers"] for one in container.get("env") or ()]


def without_keys(chapter: Chapter, nodes: frozenset[str]) -> Chapter:
    """A chapter that makes no private keys for certificates on these nodes: kubeadm wants none without its certificate."""

    def steps(cluster: Cluster, node: Node) -> Iterator[Step]:
        return (step for step in chapter.steps(cluster, node) if node.name not in nodes or step.id != "certs/keys")

    return replace(chapter, steps=steps)


def _inputs(chapter: Chapter, cluster: Cluster, node: Node, own: tuple[Step, ...]) -> tuple[str, ...]:
    """What the chapter's own steps need, and on a joining node what kubeadm needs to believe the cluster."""
    names = [name for step in own if isinstance(step, Command) for name in step.inputs if name != "ca"]
    if node != cluster.first_control_plane and chapter.name in BEFORE_ADMIN:
        names += [f"token/{node.name}", "ca-pin"]
    if chapter.name == "download-certs":
        names.append("certificate-key")
    return tuple(dict.fromkeys(names))


def _questions(own: tuple[Step, ...]) -> str:
    """Every question of the chapter's own steps, one after the other; the first no is the answer."""
    asked = []
    unordered = {step.id for step in own if _is_in_any_order(step)}
    for item in lower_all(own):
        match item:
            case Write():
                asked.append(_is_there(item, in_any_order=item.step in unordered))
            case Run():
                asked.append(f"(\n{item.unless.script.rstrip()}\n) || exit 1\n")
            case Await():
                continue
    return "".join(asked)


def _is_there(item: Write, *, in_any_order: bool) -> str:
    """bash that says whether the file is as wanted; `in_any_order` of its lines."""
    path, mode = quote(item.path), f"{octal(item.mode).lstrip('0')} {item.owner}"
    content = b"".join(sorted(item.content.splitlines(keepends=True))) if in_any_order else item.content
    read = f"LC_ALL=C sort {path} 2>/dev/null | sha256sum" if in_any_order else f"sha256sum <{path}"
    digest = hashlib.sha256(content).hexdigest()
    return (
        f"[ \"$(stat -c '%a %U:%G' {path} 2>/dev/null)\" = {quote(mode)} ] &&\n"
        f'  [ "$({read})" = {quote(f"{digest}  -")} ] ||\n'
        f"  {{ echo {quote(f'{item.path} is missing or another one')}; exit 1; }}\n"
    )


def _script(cluster: Cluster, node: Node, asked: str, inputs: tuple[str, ...]) -> str:
    """Write the documents into memory, run the phase, and forget them; what is secret comes from run inputs."""
    documents = of_init(cluster, node, inputs) if asked.startswith("init ") else [of_join(cluster, node, inputs)]
    text = "\n---\n".join(_json(document) for document in documents) + "\n"
    # Builtins of bash fill in the secrets: no command line shows them.
    filled = "".join(
        f'documents="${{documents//{quote(mark(name))}/"$(<{input_file(name)})"}}"\n'
        for name in inputs
        if mark(name) in text
    )
    return (
        # The directory is root's alone; kubeadm makes its own with the umask of an administrator.
        "(\numask 022\n"
        'work="$(mktemp -d -p /run)"\n'
        "trap 'rm -rf \"$work\"' EXIT\n"
        + heredoc('cat >"$work/kubeadm.yaml"', text)
        + (f'documents="$(<"$work/kubeadm.yaml")"\n{_once(cluster, text)}{filled}' if filled else "")
        + ('printf \'%s\\n\' "$documents" >"$work/kubeadm.yaml"\n' if filled else "")
        + exported(cluster)
        + f'kubeadm {asked} --config "$work/kubeadm.yaml"\n)\n'
    )


def _once(cluster: Cluster, text: str) -> str:
    """bash that takes the user's tokens out of $documents where the cluster was initialised before."""
    entries = [_json(user_token(token)) for token in cluster.bootstrap_tokens]
    listed = next((one for one in (", ".join([*entries, ""]), ", ".join(entries)) if one and one in text), "")
    if not listed:
        return ""
    cut = 'documents="${documents/"$once"/}"'
    return f"once={quote(listed)}\n{is_initialised(cluster)}\n" + f'[ -z "$initialised" ] || {cut}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)
