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
from hardway.chapters.user_tokens import is_initialised
from hardway.features import V1BETA3
from hardway.model import BootstrapToken, Cluster, Document, Node, thaw
from hardway.steps import Await, Check, Command, Directory, Run, Step, Wait, Write, lower_all
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
    return f"join phase {chapter.join_phase}" if chapter.join_phase else ""


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
        yield from (step for step in own if isinstance(step, Wait))

    return replace(chapter, steps=steps)


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
    for item in lower_all(own):
        match item:
            case Write():
                digest, wanted = (
                    hashlib.sha256(item.content).hexdigest(),
                    f"{octal(item.mode).lstrip('0')} {item.owner}",
                )
                asked.append(
                    f"[ \"$(stat -c '%a %U:%G' {quote(item.path)} 2>/dev/null)\" = {quote(wanted)} ] &&\n"
                    f'  [ "$(sha256sum <{quote(item.path)})" = {quote(f"{digest}  -")} ] ||\n'
                    f"  {{ echo {quote(f'{item.path} is missing or another one')}; exit 1; }}\n"
                )
            case Run():
                asked.append(f"(\n{item.unless.script.rstrip()}\n) || exit 1\n")
            case Await():
                continue
    return "".join(asked)


def _mark(name: str) -> str:
    """Stands in a document for a run input."""
    return f"(run input {name})"


def _script(cluster: Cluster, node: Node, asked: str, inputs: tuple[str, ...]) -> str:
    """Write the documents into memory, run the phase, and forget them; what is secret comes from run inputs."""
    documents = _of_init(cluster, node, inputs) if asked.startswith("init ") else [_of_join(cluster, node, inputs)]
    text = "\n---\n".join(_json(document) for document in documents) + "\n"
    # Builtins of bash fill in the secrets: no command line shows them.
    filled = "".join(
        f'documents="${{documents//{quote(_mark(name))}/"$(<{input_file(name)})"}}"\n'
        for name in inputs
        if _mark(name) in text
    )
    return (
        # The directory is root's alone; kubeadm makes its own with the umask of an administrator.
        "(\numask 022\n"
        'work="$(mktemp -d -p /run)"\n'
        "trap 'rm -rf \"$work\"' EXIT\n"
        + heredoc('cat >"$work/kubeadm.yaml"', text)
        + (f'documents="$(<"$work/kubeadm.yaml")"\n{_once(cluster, text)}{filled}' if filled else "")
        + ('printf \'%s\\n\' "$documents" >"$work/kubeadm.yaml"\n' if filled else "")
        + f'kubeadm {asked} --config "$work/kubeadm.yaml"\n)\n'
    )


def _of_init(cluster: Cluster, node: Node, inputs: tuple[str, ...]) -> list[dict[str, Any]]:
    """InitConfiguration of the first master, and what all share."""
    own: dict[str, Any] = {
        "apiVersion": _api(cluster),
        "kind": "InitConfiguration",
        "localAPIEndpoint": {"advertiseAddress": node.address, "bindPort": node.bind_port},
        "nodeRegistration": _registration(cluster, node),
        **_patches(node),
    }
    if "certificate-key" in inputs:
        own["certificateKey"] = _mark("certificate-key")
    nodes = [name for name in inputs if name.startswith("token/")]
    if tokens := [
        *(_user_token(token) for token in cluster.bootstrap_tokens if token.run_input in inputs),
        *({"token": _mark(name), "ttl": f"{cluster.token_ttl}s"} for name in nodes),
    ]:
        own["bootstrapTokens"] = tokens
    shared: list[Document] = [cluster.cluster_configuration]
    if cluster.kubelet_configuration_given:
        shared.append(cluster.kubelet_configuration)
    if cluster.kube_proxy_configuration_given:
        shared.append(cluster.kube_proxy_configuration)
    return [own, *(thaw(document) for document in shared)]


def _user_token(token: BootstrapToken) -> dict[str, Any]:
    """An entry of the user's own."""
    return {
        "token": _mark(token.run_input),
        "ttl": f"{token.ttl}s",
        "usages": list(token.usages),
        "groups": list(token.groups),
        **({"description": token.description} if token.description else {}),
    }


def _once(cluster: Cluster, text: str) -> str:
    """bash that takes the user's tokens out of $documents where the cluster was initialised before."""
    entries = [_json(_user_token(token)) for token in cluster.bootstrap_tokens]
    listed = next((one for one in (", ".join([*entries, ""]), ", ".join(entries)) if one and one in text), "")
    if not listed:
        return ""
    cut = 'documents="${documents/"$once"/}"'
    return f"once={quote(listed)}\n{is_initialised(cluster)}\n" + f'[ -z "$initialised" ] || {cut}\n'


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _of_join(cluster: Cluster, node: Node, inputs: tuple[str, ...]) -> dict[str, Any]:
    """JoinConfiguration: kubeadm finds the rest in the cluster, after it has verified the CA."""
    own: dict[str, Any] = {
        "apiVersion": _api(cluster),
        "kind": "JoinConfiguration",
        "discovery": _discovery(cluster, node, inputs),
        "nodeRegistration": _registration(cluster, node),
        **_patches(node),
    }
    if node.is_control_plane:
        endpoint = {"advertiseAddress": node.address, "bindPort": node.bind_port}
        own["controlPlane"] = {"localAPIEndpoint": endpoint}
        if "certificate-key" in inputs:
            own["controlPlane"]["certificateKey"] = _mark("certificate-key")
    return own


def _discovery(cluster: Cluster, node: Node, inputs: tuple[str, ...]) -> dict[str, Any]:
    """How kubeadm finds the API and knows its CA."""
    if "ca-pin" not in inputs:
        return {"file": {"kubeConfigPath": f"{cluster.paths.kubernetes}/admin.conf"}}
    return {
        "bootstrapToken": {
            "token": _mark(f"token/{node.name}"),
            "apiServerEndpoint": cluster.endpoint.url.removeprefix("https://"),
            "caCertHashes": [_mark("ca-pin")],
        }
    }


def _registration(cluster: Cluster, node: Node) -> dict[str, Any]:
    """nodeRegistration; what the user has not chosen is kubeadm's to choose."""
    registration = node.registration
    own: dict[str, Any] = {"name": node.name, "criSocket": registration.cri_socket}
    if registration.kubelet_extra_args:
        pairs = registration.kubelet_extra_args
        own["kubeletExtraArgs"] = (
            dict(pairs) if _api(cluster) == V1BETA3 else [{"name": name, "value": value} for name, value in pairs]
        )
    if registration.taints is not None:
        own["taints"] = [
            {"key": taint.key, "value": taint.value, "effect": taint.effect} for taint in registration.taints
        ]
    return own


def _patches(node: Node) -> dict[str, Any]:
    """Chapter configure-components has put the files there."""
    return {"patches": {"directory": node.patches.directory}} if node.patches.directory else {}


def _api(cluster: Cluster) -> str:
    """The API version of all documents: that of the stored one."""
    return str(cluster.cluster_configuration["apiVersion"])
