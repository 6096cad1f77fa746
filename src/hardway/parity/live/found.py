"""What a node has, in the words of `wanted`."""

from collections.abc import Mapping
from datetime import datetime
from typing import Any

import yaml

from hardway.model import Cluster
from hardway.parity.certificates import Surroundings
from hardway.parity.live import kubeconfigs, pems
from hardway.parity.live.seen import SeenNode
from hardway.parity.normalise import entry_fields, flag_fields
from hardway.parity.values import Fields, prefixed
from hardway.renderers.files import Entry, Kind

MISSHAPEN = (*pems.UNREADABLE, yaml.YAMLError, AttributeError, LookupError, TypeError, RecursionError)
"""What a value says that is not of the shape that it should be."""


def surroundings(node: SeenNode, moment: datetime) -> Surroundings:
    """The public files of a node, for `certificate_fields`."""
    public = {path: entry.content for path, entry in node.files.items() if path.endswith((".crt", ".pub"))}
    return Surroundings(public, moment, moment)


def fields(cluster: Cluster, node: SeenNode, path: str, around: Surroundings) -> Fields:
    """One file or directory that is there, whatever is in it."""
    entry = node.files[path]
    state: Fields = entry_fields(path, Entry(Kind.DIRECTORY, entry.mode, entry.owner), around)
    state["file.kind"] = entry.kind.value
    if entry.kind is not Kind.FILE:
        return state
    try:
        return _content_fields(cluster, node, path, around, state)
    except MISSHAPEN as error:
        return state | {"document": f"cannot be read: {type(error).__name__}"}


def _content_fields(cluster: Cluster, node: SeenNode, path: str, around: Surroundings, state: Fields) -> Fields:
    entry = node.files[path]
    kubernetes = cluster.paths.kubernetes
    if path == f"{kubernetes}/kubelet.conf":
        return state | kubeconfigs.kubelet_conf_fields(entry.content, around)
    if path.endswith(".conf"):
        return state | kubeconfigs.kubeconfig_fields(entry.content, around)
    if path.endswith(".crt"):
        return state | {"pem": pems.label(entry.content)} | pems.signed_fields(entry.content, around)
    if path.endswith(".pem"):
        pair = pems.pair(node.keys.get(path), entry.content)
        return state | pems.signed_fields(entry.content, around) | {"pair": pair}
    if path.endswith(".key"):
        beside = around.files.get(f"{path[:-4]}.crt") or around.files.get(f"{path[:-4]}.pub")
        return state | pems.key_fields(node.keys.get(path), beside)
    if path.endswith(".pub"):
        key = node.keys.get(f"{path[:-4]}.key")
        return state | {"pem": pems.label(entry.content), "pair": pems.pair(key, entry.content)}
    return entry_fields(path, entry, around)


def running_fields(pod: Mapping[str, Any]) -> Fields:
    """What a static pod's containers run, as its manifest or its mirror in the API says."""
    found: Fields = {}
    spec = pod.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    for container in containers if isinstance(containers, list) else ():
        if isinstance(container, dict):
            where = f"containers[{container.get('name')}]"
            command = container.get("command")
            found[f"{where}.image"] = f'"{container.get("image")}"'
            found |= prefixed(flag_fields(command if isinstance(command, list) else []), f"{where}.command")
    return found
