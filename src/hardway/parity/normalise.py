"""A node's files in words, each by what it is: two files are equal when their fields are."""

import re
from collections.abc import Iterable
from typing import Any

import yaml

from hardway.config.scalars import value_of
from hardway.parity.certificates import Surroundings, certificate_fields, digest, key_fields, pair_fields
from hardway.parity.kubeconfigs import kubeconfig_fields
from hardway.parity.values import Fields, flatten, leaf, prefixed
from hardway.renderers.files import Entry, Kind, Tree, below


def describe(tree: Tree, around: Surroundings, given: Tree, folders: Iterable[str]) -> dict[str, Fields]:
    """Path to fields, for everything in the folders that was not `given` or did not stay as it was, or at all."""
    where = tuple(folders)
    found = below(tree, *where)
    gone = {path: {"file.kind": "gone"} for path in below(given, *where) if path not in found}
    return {
        path: entry_fields(path, entry, around) for path, entry in found.items() if given.get(path) != entry
    } | gone


def entry_fields(path: str, entry: Entry, around: Surroundings) -> Fields:
    """One file, directory or link."""
    fields = {"file.kind": entry.kind.value, "file.mode": f"{entry.mode:04o}", "file.owner": entry.owner}
    if entry.kind is Kind.LINK:
        fields["file.target"] = entry.content.decode()
    if entry.kind is Kind.FILE:
        fields |= content_fields(path, entry.content, around)
    return fields


def content_fields(path: str, content: bytes, around: Surroundings) -> Fields:
    """What a file says, by the kind that its path tells."""
    stem, _, suffix = path.rpartition(".")
    match suffix:
        case "crt":
            return certificate_fields(content, around)
        case "key":
            return key_fields(content, around.files.get(f"{stem}.crt", around.files.get(f"{stem}.pub")))
        case "pem":
            return pair_fields(content, around)
        case "pub":
            return key_fields(content, around.files.get(f"{stem}.key"))
        case "conf":
            return kubeconfig_fields(content, around)
        case "yaml" if path.rsplit("/", 2)[-2] == "manifests":
            return static_pod_fields(_document(content))
        case "yaml":
            return flatten(_document(content))
        case "env":
            return environment_fields(content.decode(errors="replace"))
        case _:
            return {"content": digest(content)}


def static_pod_fields(value: Any) -> Fields:
    """A manifest with the flags of each command as a map, and their order; what is no list of words stays as it is."""
    pod = value if isinstance(value, dict) else {"document": value}
    spec = pod.get("spec")
    containers = spec.get("containers") if isinstance(spec, dict) else None
    fields: Fields = {}
    for container in containers if isinstance(containers, list) else ():
        if isinstance(container, dict) and isinstance(container.get("command", []), list):
            command = container.pop("command", [])
            fields |= prefixed(flag_fields(command), f"containers[{container.get('name')}].command")
    return flatten(pod) | fields


def flag_fields(command: Iterable[Any]) -> Fields:
    """Program and flags of a command line; a flag that stands twice keeps both values, a value that is no word its type."""
    flags: dict[str, str] = {}
    order = []
    words = []
    for item in command:
        word = item if isinstance(item, str) else leaf(item)
        name, equals, value = word.partition("=")
        if name.startswith("--"):
            key = name.removeprefix("--")
            order.append(key)
            # etcd lists its members by their ids, which are drawn by lot.
            value = ",".join(sorted(value.split(","))) if key == "initial-cluster" else value
            shown = value if equals else "(no value)"
            flags[key] = f"{flags[key]} and {shown}" if key in flags else shown
        else:
            words.append(word)
    return {
        "words": " ".join(words),
        "order": " ".join(order),
        **{f"flags.{name}": value for name, value in flags.items()},
    }


def environment_fields(text: str) -> Fields:
    """kubeadm-flags.env: the variables, and the flags in them."""
    fields: Fields = {}
    for number, line in enumerate(text.splitlines()):
        found = re.fullmatch(r'([A-Z_]+)="(.*)"', line)
        if found:
            fields |= prefixed(flag_fields(found[2].split(" ")), found[1])
        else:
            fields[f"line {number}"] = line
    fields["end"] = "newline" if text.endswith("\n") else "no newline"
    return fields


def _document(content: bytes) -> Any:
    try:
        return value_of(content)
    # Of a `!!timestamp` that there is none of, yaml says ValueError.
    except (yaml.YAMLError, ValueError) as error:
        return {"document": f"not YAML: {type(error).__name__}", "content": digest(content)}
